"""The compact window through which a star is put on a grid, and the error that doing so makes.

A star is spread over a few cells by a Kaiser-Bessel window; after the Fourier transform the window's own transform is
divided out again. What remains are the window's aliases, which shrink exponentially with its width (Beatty, Nishimura
& Pauly 2005, IEEE Trans. Med. Imaging 24, 799).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import i0e

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Window"]

NODE, WEIGHT = np.polynomial.legendre.leggauss(60)  # the integrand turns at most 16 times: 60 nodes reach rounding
HIGHEST_DEGREE = 15


@dataclass(frozen=True)
class Window:
    """Kaiser-Bessel window.

    Args:
        taps: cells under the window, 2 to 8.
        beta: shape parameter; wider ones fall off faster in frequency but weigh the rim less.
    """

    taps: int
    beta: float

    @classmethod
    def for_oversampling(cls, taps: int, oversampling: float, scale: float = 1.0) -> Window:
        """Shape parameter of Beatty et al. (their equation 5), times ``scale``.

        Args:
            taps: cells under the window.
            oversampling: cells over twice the highest frequency, in cycles, that must come out right; above 1.
            scale: of the parameter; frequencies that hold little light allow others than theirs.
        """
        root = (taps / oversampling * (oversampling - 0.5)) ** 2 - 0.8
        return cls(taps, scale * np.pi * np.sqrt(max(root, 0.1)))

    def value(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        """The window at a distance in cells; 1 in the middle, 0 beyond ``taps / 2``."""
        inside = np.clip(1.0 - (2.0 * distance / self.taps) ** 2, 0.0, None)
        root = np.sqrt(inside)
        shape = i0e(self.beta * root) / i0e(self.beta) * np.exp(self.beta * (root - 1.0))
        return np.where(np.abs(distance) <= self.taps / 2, shape, 0.0)

    def transform(self, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fourier transform at frequencies in cycles per cell, by 60-point Gauss-Legendre quadrature."""
        distance = NODE * self.taps / 2
        phase = 2.0 * np.pi * np.multiply.outer(np.asarray(frequency, dtype=np.float64), distance)
        return np.cos(phase) @ (WEIGHT * self.value(distance)) * self.taps / 2

    def alias(self, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
        """Amplitude of what is aliased into each frequency over its own, summed over ±1 and ±2 cycles per cell."""
        others = sum(np.abs(self.transform(frequency + m)) for m in (-2, -1, 1, 2))
        return others / np.abs(self.transform(frequency))

    def polynomials(self, error: float) -> NDArray[np.float64]:
        """[degree + 1, taps], highest degree first: each tap as a polynomial in z in [-1, 1].

        z = 2t - 1, t being the distance of the window's first cell from its left end. The degree is the lowest that
        keeps the fit within ``error`` of the window's peak.
        """
        z = np.cos(np.pi * (np.arange(64) + 0.5) / 64)
        distance = (z[:, None] + 1.0) / 2.0 - self.taps / 2.0 + np.arange(self.taps)
        value = self.value(distance)
        for degree in range(2, HIGHEST_DEGREE + 1):
            fit = np.polynomial.chebyshev.chebfit(z, value, degree)
            residual = np.abs(np.polynomial.chebyshev.chebval(z, fit).T - value).max()
            if residual <= error:
                break
        powers = np.stack([np.polynomial.chebyshev.cheb2poly(fit[:, j]) for j in range(self.taps)], axis=1)
        return np.ascontiguousarray(powers[::-1])
