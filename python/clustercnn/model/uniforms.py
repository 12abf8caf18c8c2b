"""Counter-based uniform numbers in plain tensor code: the same on any device, for any batch split.

Philox 4x32-10 (Salmon et al. 2011, SC11, doi:10.1145/2063384.2063405): counter (sample, object, object >> 32, 0),
key (seed, seed >> 32).
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["philox_uniforms"]


def philox_uniforms(seed: int, first: int, n: int, k: int, device: torch.device) -> Tensor:
    """Uniform numbers in the open interval (0, 1), float32 [n, k, 4].

    Number (i, j, d) is a function of (seed, first + i, j, d) alone.

    Args:
        seed: 0 <= seed < 2**63.
        first: index of the first object.
        n: number of objects.
        k: numbers per object and dimension.
        device: where the tensor is made.
    """
    mask = 0xFFFFFFFF
    objects = torch.arange(n, device=device).view(n, 1).expand(n, k) + first  # int64
    c0 = torch.arange(k, device=device).view(1, k).expand(n, k)
    c1 = objects & mask
    c2 = objects >> 32
    c3 = torch.zeros_like(c1)
    k0 = seed & mask
    k1 = (seed >> 32) & mask
    for _ in range(10):
        # 32 x 32 -> 64 bits; int64 wraps, and masking the arithmetic shift gives the true high word
        p0 = c0 * 0xD2511F53
        p1 = c2 * 0xCD9E8D57
        c0, c1, c2, c3 = ((p1 >> 32) & mask) ^ c1 ^ k0, p1 & mask, ((p0 >> 32) & mask) ^ c3 ^ k1, p0 & mask
        k0 = (k0 + 0x9E3779B9) & mask
        k1 = (k1 + 0xBB67AE85) & mask
    words = torch.stack([c0, c1, c2, c3], dim=-1)
    # 23 bits and a half: exact in float32 and never 0 or 1
    return ((words >> 9).to(torch.float32) + 0.5) * (1.0 / 8388608.0)
