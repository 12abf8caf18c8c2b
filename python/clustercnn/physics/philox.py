"""Random words that belong to a numbered thing: Philox 4x64-10 for many numbers at once.

The words are those of ``numpy.random.Philox(key=seed, counter=[0, 0, number, stream])``, one generator a number, which
NumPy can make one at a time only (Salmon et al. 2011, SC'11, doi:10.1145/2063384.2063405).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["random_words"]

_MULTIPLIERS = (np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157))
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
_ROUNDS, _WORDS = 10, 4


def random_words(seed: int, stream: int, numbers: NDArray[np.integer], *, columns: int) -> NDArray[np.uint64]:
    """Words [n, columns], each row a function of (seed, stream, its number) alone.

    Args:
        seed: 0 to 2**64 - 1.
        stream: keeps these words apart from others of the same seed.
        numbers: [n], 0 to 2**64 - 1.
        columns: words of a number.
    """
    numbers = np.asarray(numbers).astype(np.uint64)
    blocks = -(-columns // _WORDS)
    shape = (numbers.size, blocks)
    # NumPy counts up before it draws
    c = [np.broadcast_to(np.arange(1, blocks + 1, dtype=np.uint64), shape), np.zeros(shape, np.uint64)]
    c += [np.broadcast_to(numbers[:, None], shape), np.full(shape, stream, np.uint64)]
    for k in range(_ROUNDS):
        key = [np.uint64((word + k * step) % 2**64) for word, step in zip((seed, 0), _WEYL, strict=True)]
        (high0, low0), (high1, low1) = (_product(a, x) for a, x in zip(_MULTIPLIERS, (c[0], c[2]), strict=True))
        c = [high1 ^ c[1] ^ key[0], low1, high0 ^ c[3] ^ key[1], low0]
    return np.stack(c, axis=2).reshape(numbers.size, _WORDS * blocks)[:, :columns]


def _product(a: np.uint64, x: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """High and low word of a * x."""
    a_high, a_low, x_high, x_low = a >> _HALF, a & _LOW, x >> _HALF, x & _LOW
    middle = a_high * x_low + (a_low * x_low >> _HALF)  # at most 2^64 - 2^32
    other = a_low * x_high + (middle & _LOW)
    return a_high * x_high + (middle >> _HALF) + (other >> _HALF), a * x
