"""The compact window through which a star is put on a grid, and the error that doing so makes.

A star is spread over a few grid points by a Kaiser-Bessel window; after the Fourier transform the window's own
transform is divided out again. What remains are the window's aliases, which shrink exponentially with its width
(Beatty, Nishimura & Pauly 2005, IEEE Trans. Med. Imaging 24, 799).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import i0e

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Window"]

NODE, WEIGHT = np.polynomial.legendre.leggauss(60)  # the integrand turns at most 16 times: 60 nodes reach rounding


@dataclass(frozen=True)
class Window:
    """Kaiser-Bessel window for modes up to ``modes`` on a periodic grid of ``grid`` points.

    Args:
        taps: grid points under the window, 2 to 8.
        grid: points of the periodic grid.
        modes: highest mode that must come out right; less than ``grid / 2``.
    """

    taps: int
    grid: int
    modes: int

    @cached_property
    def beta(self) -> float:
        """Shape parameter of Beatty et al. (their equation 5) for this oversampling."""
        sigma = self.grid / (2 * self.modes + 1)
        return np.pi * np.sqrt(max((self.taps / sigma * (sigma - 0.5)) ** 2 - 0.8, 0.1))

    def value(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        """The window at a distance in grid cells; 1 in the middle, 0 beyond ``taps / 2``."""
        inside = np.clip(1.0 - (2.0 * distance / self.taps) ** 2, 0.0, None)
        root = np.sqrt(inside)
        shape = i0e(self.beta * root) / i0e(self.beta) * np.exp(self.beta * (root - 1.0))
        return np.where(np.abs(distance) <= self.taps / 2, shape, 0.0)

    def transform(self, mode: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fourier transform of the window at whole modes of the grid, by 60-point Gauss-Legendre quadrature."""
        distance = NODE * self.taps / 2
        phase = 2.0 * np.pi / self.grid * np.multiply.outer(np.asarray(mode, dtype=np.float64), distance)
        return np.cos(phase) @ (WEIGHT * self.value(distance)) * self.taps / 2

    def alias(self) -> NDArray[np.float64]:
        """[modes + 1]: amplitude of what is aliased into each mode over the mode's own, summed over ±1 and ±2 grids."""
        mode = np.arange(self.modes + 1)
        others = sum(np.abs(self.transform(mode + m * self.grid)) for m in (-2, -1, 1, 2))
        return others / np.abs(self.transform(mode))

    def polynomials(self, error: float) -> NDArray[np.float32]:
        """[degree + 1, taps], highest degree first: each tap as a polynomial in z in [-1, 1].

        z = 2t - 1, t being the distance of the window's first grid point from its left end. The degree is the lowest
        that keeps the fit within ``error`` of the window's peak, at most 13.
        """
        z = np.cos(np.pi * (np.arange(64) + 0.5) / 64)
        distance = (z[:, None] + 1.0) / 2.0 - self.taps / 2.0 + np.arange(self.taps)
        value = self.value(distance)
        for degree in range(3, 14):
            fit = np.polynomial.chebyshev.chebfit(z, value, degree)
            residual = np.abs(np.polynomial.chebyshev.chebval(z, fit).T - value).max()
            if residual <= error or degree == 13:
                break
        powers = np.stack([np.polynomial.chebyshev.cheb2poly(fit[:, j]) for j in range(self.taps)], axis=1)
        return np.ascontiguousarray(powers[::-1], dtype=np.float32)
