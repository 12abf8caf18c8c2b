"""Gaussian random maps of any extent, drawn piece by piece: each pixel a function of the seed and its place alone."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import fft

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["BLOCK", "Box", "RandomMap", "WhiteNoise"]

BLOCK = 256  # pixels on a side of a block of white noise


class Box(NamedTuple):
    """Pixels y0 .. y1 - 1, x0 .. x1 - 1 of a field."""

    y0: int
    y1: int
    x0: int
    x1: int

    def grown(self, by: int) -> Box:
        """The box with a border."""
        return Box(self.y0 - by, self.y1 + by, self.x0 - by, self.x1 + by)


class WhiteNoise:
    """Independent standard normal pixels on an endless plane.

    Args:
        generator: gives the generator of the block that starts at pixel (y, x) = (row, column) times ``BLOCK``; rows
            and columns may be negative.
    """

    def __init__(self, generator: Callable[[int, int], np.random.Generator]) -> None:
        self._generator = generator

    def draw(self, box: Box) -> NDArray[np.float32]:
        """The pixels of a box [y, x]."""
        out = np.empty((box.y1 - box.y0, box.x1 - box.x0), dtype=np.float32)
        for row in range(box.y0 // BLOCK, -(-box.y1 // BLOCK)):
            for column in range(box.x0 // BLOCK, -(-box.x1 // BLOCK)):
                block = self._generator(row, column).standard_normal((BLOCK, BLOCK), dtype=np.float32)
                y, x = row * BLOCK, column * BLOCK
                low_y, high_y = max(y, box.y0), min(y + BLOCK, box.y1)
                low_x, high_x = max(x, box.x0), min(x + BLOCK, box.x1)
                inside = block[low_y - y : high_y - y, low_x - x : high_x - x]
                out[low_y - box.y0 : high_y - box.y0, low_x - box.x0 : high_x - box.x0] = inside
        return out


class RandomMap:
    """A Gaussian random field of mean 0 and variance 1 with power spectrum (k^2 + largest^-2)^(-index / 2).

    White noise convolved with a kernel that ends at ``largest`` pixels. So a piece is made from the noise about it
    alone, and pieces fit together: two of them that overlap agree to rounding.

    Args:
        noise: the white noise.
        index: slope of the power spectrum; 2.8 fits H I and dust of nearby discs on these scales
            (Elmegreen, Kim & Staveley-Smith 2001, ApJ 548, 749).
        largest: the power is flat on scales larger than this, pixels.
    """

    def __init__(self, noise: WhiteNoise, *, index: float, largest: float) -> None:
        self._noise, self._index, self._largest = noise, index, float(largest)
        self._reach = int(np.ceil(largest))

    def draw(self, box: Box) -> NDArray[np.float32]:
        """The pixels of a box [y, x]."""
        white = self._noise.draw(box.grown(self._reach))
        shape = tuple(fft.next_fast_len(n, real=True) for n in white.shape)
        spectrum = fft.rfft2(white, s=shape)
        spectrum *= _response(self._index, self._largest, shape)
        # the kernel's middle lies at index 0: what wraps round stays in the border of width reach, which is cut off
        inside = fft.irfft2(spectrum, s=shape, overwrite_x=True)
        return inside[self._reach : self._reach + box.y1 - box.y0, self._reach : self._reach + box.x1 - box.x0]


@lru_cache(maxsize=8)
def _kernel(index: float, largest: float) -> NDArray[np.float32]:
    """The kernel [2 reach + 1, 2 reach + 1]; its squares sum to 1.

    Its amplitude (k^2 + largest^-2)^(-index / 4) falls off as exp(-2 pi r / largest): where the taper sets in, at half
    of ``largest``, it has fallen by exp(pi) = 23 and more, and holds some 0.1 % of the variance beyond.
    """
    reach = int(np.ceil(largest))
    n = fft.next_fast_len(4 * reach, real=True)
    ky, kx = np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :]
    kernel = np.roll(fft.irfft2((ky**2 + kx**2 + largest**-2.0) ** (-index / 4), s=(n, n)), (reach, reach), (0, 1))
    offset = np.arange(-reach, reach + 1)
    radius = np.hypot(offset[:, None], offset[None, :]) / largest
    kernel = kernel[: 2 * reach + 1, : 2 * reach + 1] * np.cos(np.pi * (radius - 0.5).clip(0.0, 0.5)) ** 2
    return (kernel / np.sqrt(np.square(kernel).sum())).astype(np.float32)


@lru_cache(maxsize=16)
def _response(index: float, largest: float, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The kernel's transform over a periodic domain; real, as the kernel is even."""
    kernel = _kernel(index, largest)
    reach = kernel.shape[0] // 2
    padded = np.zeros(shape, dtype=np.float32)
    padded[: kernel.shape[0], : kernel.shape[1]] = kernel
    return np.ascontiguousarray(fft.rfft2(np.roll(padded, (-reach, -reach), axis=(0, 1))).real)
