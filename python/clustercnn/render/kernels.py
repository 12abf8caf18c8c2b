"""What of a kernel a grid must carry: how far its frequencies matter, and its Fourier series over a domain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from clustercnn.physics.psf import Psf

__all__ = ["KernelSpectrum", "fourier_series", "friendly", "kernel_spectrum", "ringing"]

FINE = 4  # offsets per pixel at which errors are looked for, at least


@dataclass(frozen=True, eq=False)
class KernelSpectrum:
    """A kernel's modes with its brightest sample at the origin, for finding errors.

    Attributes:
        modes: complex128 [n, n] over a domain a little wider than the kernel, mode 0 first.
        frequency: float64 [n], cycles per pixel.
        fine: samples per pixel of the modes' inverse transform.
    """

    modes: NDArray[np.complex128]
    frequency: NDArray[np.float64]
    fine: int

    @classmethod
    def of(cls, psf: Psf) -> KernelSpectrum:
        """The spectrum of a kernel."""
        domain, half = next(friendly(int(np.ceil(2 * psf.radius)) + 16)), psf.oversample // 2 + psf.oversample % 2
        highest = half * domain - 1
        series = fourier_series(psf, domain, min(highest, psf.oversample * domain // 2 - 1))
        fine = max(FINE, 2 * half)
        n, k = fine * domain, np.arange(-(series.shape[0] // 2), series.shape[0] // 2 + 1)
        modes = np.zeros((n, n), dtype=np.complex128)
        modes[np.ix_(k, k)] = series
        y, x = np.unravel_index(np.argmax(np.fft.ifft2(modes).real), modes.shape)
        turn = np.exp(2j * np.pi * np.fft.fftfreq(n, 1.0 / n) / n)
        return cls(modes * np.outer(turn**y, turn**x), np.fft.fftfreq(n, 1.0 / n) / domain, fine)

    @lru_cache(maxsize=256)  # noqa: B019  (spectra are few and kept anyway)
    def cutoff(self, error: float) -> float:
        """The lowest frequency, cycles per pixel, so that leaving out all beyond it errs by at most ``error``.

        The error of a pixel over the image's peak, for one star in the worst place within its pixel. Frequencies are
        left out beyond a circle.
        """
        radius = np.hypot.outer(self.frequency, self.frequency)
        peak = self._per_offset(self.modes)
        step = self.frequency[1]
        candidates = np.arange(0.0, radius.max() + step, step)
        low, high = 0, candidates.size - 1  # the answer is in (low, high]
        while high - low > 1:
            middle = (low + high) // 2
            beyond = self._per_offset(np.where(radius > candidates[middle], self.modes, 0.0))
            low, high = (low, middle) if (beyond <= error * peak).all() else (middle, high)
        return float(candidates[high])

    def window_error(self, frequency: NDArray[np.float64], alias: NDArray[np.float64], cutoff: float) -> float:
        """Largest error over the peak that a window's aliases make, for one star in the worst place.

        A mode's aliases count with the kernel's light in it, all in phase, along x and along y.

        Args:
            frequency: cycles per pixel, where ``alias`` is given.
            alias: amplitude of what is aliased there over its own.
            cutoff: the highest frequency kept.
        """
        kept = np.abs(self.frequency) <= cutoff
        across = sum(np.abs(self.modes.sum(axis=axis)[kept]) for axis in (0, 1))
        at = np.interp(np.abs(self.frequency[kept]), frequency, alias)
        return float(across @ at / np.abs(self.modes.sum()))

    def _per_offset(self, modes: NDArray[np.complex128]) -> NDArray[np.float64]:
        """[fine, fine]: the largest pixel for each place of a star within its pixel."""
        image = np.abs(np.fft.ifft2(modes))
        pixels = image.shape[0] // self.fine
        return image.reshape(pixels, self.fine, pixels, self.fine).max(axis=(0, 2))


@lru_cache(maxsize=64)
def kernel_spectrum(psf: Psf) -> KernelSpectrum:
    """The spectrum of a kernel, kept for the next renderer that has it."""
    return KernelSpectrum.of(psf)


@lru_cache(maxsize=64)
def ringing(psf: Psf) -> float:
    """How far the kernel's band-limited interpolant rings beyond its array, over its peak.

    An array that holds little light near its Nyquist frequency rings not at all. Looked for half way between samples,
    where ringing is largest, as far beyond each edge as the array is wide, in line with its rows and columns.
    """
    size = psf.image.shape[0]
    beyond = np.arange(size) + 0.5
    places = np.concatenate([-beyond, size - 1 + beyond])
    interpolate = np.sinc(places[:, None] - np.arange(size))
    along_x, along_y = interpolate @ psf.image.T, interpolate @ psf.image
    return float(max(np.abs(along_x).max(), np.abs(along_y).max()) / psf.image.max())


def fourier_series(psf: Psf, domain: int, modes: int) -> NDArray[np.complex128]:
    """[2 modes + 1, 2 modes + 1], ky and kx from -modes: Fourier series over ``domain`` pixels of the kernel.

    The kernel is the band-limited interpolant of its zero-padded array, so that modes from the array's Nyquist
    frequency up are none.
    """
    sample = np.arange(psf.image.shape[0]) - (psf.image.shape[0] - 1) / 2
    k = np.arange(-modes, modes + 1)
    phase = np.exp(-2j * np.pi / (psf.oversample * domain) * np.outer(k, sample))
    phase[2 * np.abs(k) >= psf.oversample * domain] = 0.0
    return phase @ psf.image @ phase.T / psf.oversample**2


def friendly(least: int) -> Iterator[int]:
    """Multiples of 8 of the form 2^a 3^b 5^c, from ``least`` up."""
    n = -(-least // 8) * 8
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            yield n
        n += 8
