"""Tables of the in-place Fourier transforms of csrc/gpu/fft.hpp."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["places", "radices", "roots"]


@lru_cache(maxsize=256)
def radices(n: int) -> tuple[int, ...]:
    """Radices 2 to 8 whose product is ``n``, of the shortest such list; each is a pass through the memory.

    Raises:
        ValueError: ``n`` has a prime factor above 5.
    """
    if n in {2, 3, 4, 5, 6, 8}:
        return (n,)
    found = []
    for radix in (8, 6, 5, 4, 3, 2):
        if n % radix == 0 and n > radix:
            try:
                found.append((radix, *radices(n // radix)))
            except ValueError:
                continue
    if not found:
        raise ValueError(f"{n} is no product of 2, 3 and 5")
    return min(found, key=len)


def places(n: int) -> NDArray[np.int32]:
    """Where each mode stands after the last pass, [n]: a pass of radix r leaves modes q (mod r) in its part q."""
    place = np.zeros(1, dtype=np.int32)
    for radix in reversed(radices(n)):
        m = place.size
        place = (np.arange(radix) * m + place[:, None]).astype(np.int32).ravel()
    return place


def roots(n: int, dtype: type) -> NDArray[np.floating]:
    """exp(-2 pi i k / n), [n, 2]: real and imaginary parts."""
    angle = -2.0 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(dtype)
