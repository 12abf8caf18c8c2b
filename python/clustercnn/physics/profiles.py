"""Radial profiles of clusters: where stars fall, by exact inverse cumulative distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Eff", "King", "Uniform"]


@dataclass(frozen=True)
class Eff:
    """Surface density ∝ (1 + r²/a²)^(-γ/2) (Elson, Fall & Freeman 1987, ApJ 323, 54), γ > 2.

    Enclosed fraction 1 - (1 + r²/a²)^(1 - γ/2); half-light radius a sqrt(2^(2/(γ-2)) - 1).
    """

    gamma: ArrayLike

    def __post_init__(self) -> None:
        if not np.all(np.asarray(self.gamma) > 2):
            raise InvalidInput(f"gamma: {self.gamma!r}; values > 2 are allowed")

    def scale_radius(self, half_light: ArrayLike) -> NDArray[np.float64]:
        """The radius a that belongs to a half-light radius, in the same unit."""
        return np.asarray(half_light) / np.sqrt(np.expm1(np.log(2.0) * 2.0 / (np.asarray(self.gamma) - 2.0)))

    def radius(self, fraction: ArrayLike) -> NDArray[np.float64]:
        """Radius, in half-light radii, that encloses a fraction in [0, 1) of the stars."""
        grown = np.expm1(-np.log1p(-np.asarray(fraction, dtype=np.float64)) * 2.0 / (np.asarray(self.gamma) - 2.0))
        return np.sqrt(grown) * self.scale_radius(1.0)


@dataclass(frozen=True)
class King:
    """King (1962, AJ 67, 471) profile, truncated at ``10**concentration`` core radii.

    Surface density ∝ [(1+x)^(-1/2) - (1+x_t)^(-1/2)]², x = (r/r_c)²; enclosed number (his equation 18)
    ∝ ln(1+x) - 4 (√(1+x) - 1)/√(1+x_t) + x/(1+x_t), inverted here by bisection.
    """

    concentration: float = 1.5

    def __post_init__(self) -> None:
        if not 0.1 <= self.concentration <= 3.5:
            raise InvalidInput(f"concentration: {self.concentration!r}; 0.1 to 3.5 is allowed")

    def _enclosed(self, x: float) -> float:
        edge = 1.0 + 10.0 ** (2 * self.concentration)
        return np.log1p(x) - 4.0 * (np.sqrt(1.0 + x) - 1.0) / np.sqrt(edge) + x / edge

    def radius(self, fraction: ArrayLike) -> NDArray[np.float64]:
        """Radius, in half-light radii, that encloses a fraction in [0, 1] of the stars."""
        edge = 10.0 ** (2 * self.concentration)
        total = self._enclosed(edge)

        def squared(f: float) -> float:
            return brentq(lambda x: self._enclosed(x) / total - f, 0.0, edge, xtol=1e-14 * edge, rtol=1e-13)

        fractions = np.asarray(fraction, dtype=np.float64)
        x = np.array([squared(f) for f in fractions.flat]).reshape(fractions.shape)
        return np.sqrt(x / squared(0.5))


@dataclass(frozen=True)
class Uniform:
    """Constant surface density inside a disc; the disc's radius is √2 half-light radii."""

    def radius(self, fraction: ArrayLike) -> NDArray[np.float64]:
        """Radius, in half-light radii, that encloses a fraction in [0, 1] of the stars."""
        return np.sqrt(2.0 * np.asarray(fraction, dtype=np.float64))
