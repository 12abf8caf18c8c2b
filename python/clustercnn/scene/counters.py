"""Random numbers that belong to a sample: each a function of (seed, stream, index) alone.

A sample must not depend on the batch, thread or rank that draws it. Philox is counter-based (Salmon et al. 2011, SC'11,
doi:10.1145/2063384.2063405): seed and stream make the key, the sample's index the place in the sequence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_seed", "generator", "uniforms"]

_STREAMS = (
    "sample",
    "confuser",
    "field",
    "mosaic",
    "reference",
    "resample",
    "blemish",
    "surroundings",
)  # the order is part of what a seed means: append only


def check_seed(seed: int) -> int:
    """The seed itself, an integer of 0 to 2^63 - 1.

    Raises:
        InvalidInput: anything else.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**63:
        raise InvalidInput(f"seed: {seed!r}; an integer of 0 to 2^63 - 1 is allowed")
    return int(seed)


def uniforms(seed: int, stream: str, *, first: int, n: int, k: int) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) for samples first .. first + n - 1, shape [n, k].

    Row i depends on (seed, stream, first + i) and k alone.
    """
    blocks = -(-k // 4)  # one step of the Philox 4x64 counter yields four numbers
    philox = _philox(seed, stream).advance(first * blocks)
    return np.random.Generator(philox).random((n, 4 * blocks))[:, :k]


def generator(seed: int, stream: str, index: int = 0, *, part: int = 0) -> np.random.Generator:
    """A generator of its own for one sample, or for a part of it, where the count of numbers is not known before."""
    return np.random.Generator(_philox(seed, stream, index, part))


def _philox(seed: int, stream: str, index: int | None = None, part: int = 0) -> np.random.Philox:
    key = np.array([seed, _STREAMS.index(stream)], dtype=np.uint64)
    # the third counter word numbers the samples, the second their parts: 2^64 blocks of numbers lie between two parts
    counter = np.array([0, part, 0 if index is None else index, 0 if index is None else 1], dtype=np.uint64)
    return np.random.Philox(key=key, counter=counter)
