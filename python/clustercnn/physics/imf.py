"""Initial mass functions: number of stars per unit initial mass, normalised to one star between two masses.

Every quantity is analytic, piece by piece, and the upper tail is summed from the top, so that ``survival`` and its
inverse keep their relative accuracy where one star in a million lives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["IMF_NAMES", "Imf", "LognormalPiece", "PowerPiece"]


@dataclass(frozen=True)
class PowerPiece:
    """dN/dm = scale * m^-slope between two masses."""

    low: float
    high: float
    slope: float
    scale: float

    def density(self, m: NDArray[np.float64]) -> NDArray[np.float64]:
        """dN/dm."""
        return self.scale * m**-self.slope

    def integral(self, a: NDArray[np.float64], b: NDArray[np.float64], k: float) -> NDArray[np.float64]:
        """int_a^b m^k dN, for low <= a <= b <= high; accurate for short intervals too."""
        power = k + 1.0 - self.slope
        log_ratio = np.log(b / a)
        if abs(power) < 1e-12:
            return self.scale * log_ratio
        # expm1 keeps the relative accuracy of a difference of powers
        return self.scale * a**power * np.expm1(power * log_ratio) / power

    def mass_above(self, number: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mass m such that int_m^high dN = number."""
        power = 1.0 - self.slope
        if abs(power) < 1e-12:
            return self.high * np.exp(-number / self.scale)
        return self.high * np.exp(np.log1p(-number * power / self.scale * self.high**-power) / power)


@dataclass(frozen=True)
class LognormalPiece:
    """dN/dlog10 m = a Gaussian of log10 m, written as dN/dm = scale / m * exp(-(ln m - mu)^2 / 2 sigma^2)."""

    low: float
    high: float
    mu: float  # ln of the peak mass
    sigma: float  # in ln m
    scale: float

    def density(self, m: NDArray[np.float64]) -> NDArray[np.float64]:
        """dN/dm."""
        return self.scale / m * np.exp(-0.5 * ((np.log(m) - self.mu) / self.sigma) ** 2)

    def integral(self, a: NDArray[np.float64], b: NDArray[np.float64], k: float) -> NDArray[np.float64]:
        """int_a^b m^k dN: a Gaussian shifted by k sigma^2."""
        centre = self.mu + k * self.sigma**2
        upper, lower = ((np.log(x) - centre) / self.sigma for x in (b, a))
        factor = self.scale * self.sigma * np.sqrt(2.0 * np.pi) * np.exp(k * self.mu + 0.5 * (k * self.sigma) ** 2)
        # the smaller tails, so that the difference does not cancel above the centre
        flip = lower > 0.0
        high, low = np.where(flip, -lower, upper), np.where(flip, -upper, lower)
        return factor * (ndtr(high) - ndtr(low))

    def mass_above(self, number: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mass m such that int_m^high dN = number."""
        factor = self.scale * self.sigma * np.sqrt(2.0 * np.pi)
        top = ndtr(-(np.log(self.high) - self.mu) / self.sigma)
        return np.exp(self.mu - self.sigma * ndtri(np.clip(top + number / factor, 0.0, 1.0)))


Piece = PowerPiece | LognormalPiece


@dataclass(frozen=True)
class Imf:
    """An initial mass function between ``low`` and ``high`` Msun, normalised to one star; see ``by_name``."""

    name: str
    low: float
    high: float
    pieces: tuple[Piece, ...]

    @classmethod
    def by_name(cls, name: str, low: float = 0.08, high: float = 120.0) -> Imf:
        """One of the standard functions.

        * ``kroupa``: Kroupa 2001, MNRAS 322, 231: slopes 0.3 below 0.08, 1.3 to 0.5, 2.3 above.
        * ``chabrier``: Chabrier 2003, PASP 115, 763, for individual stars (his table 1): lognormal with peak 0.079
          Msun and width 0.69 dex up to 1 Msun, slope 2.3 above, joined without a step.
        * ``salpeter``: Salpeter 1955, ApJ 121, 161: slope 2.35.

        Args:
            name: which one.
            low: least mass, Msun.
            high: largest mass, Msun.

        Raises:
            InvalidInput: an unknown name, or masses that are not 0 < low < high.
        """
        if name not in _BUILDERS:
            close = get_close_matches(str(name), _BUILDERS, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise InvalidInput(f"imf: {name!r} is unknown; {hint}known: {', '.join(_BUILDERS)}")
        if not (np.isfinite(high) and 0.0 < low < high):
            raise InvalidInput(f"imf: low {low!r}, high {high!r}; 0 < low < high < infinity is needed (Msun)")
        pieces = _BUILDERS[name](low, high)
        total = float(sum(piece.integral(np.float64(piece.low), np.float64(piece.high), 0.0) for piece in pieces))
        scaled = tuple(_scaled(piece, 1.0 / total) for piece in pieces)
        return cls(name, float(low), float(high), scaled)

    def pdf(self, m: ArrayLike) -> NDArray[np.float64]:
        """Stars per Msun at masses ``m`` (any shape, Msun); zero outside the limits."""
        m = np.asarray(m, dtype=np.float64)
        found = np.zeros(m.shape)
        for piece in self.pieces:
            inside = (m >= piece.low) & ((m < piece.high) | (m == self.high))
            safe = np.clip(m, piece.low, piece.high)
            found = np.where(inside, piece.density(safe), found)
        return found

    def cdf(self, m: ArrayLike) -> NDArray[np.float64]:
        """Share of stars below ``m``; accurate relative to itself at the low end."""
        return self._sum(np.float64(self.low), np.asarray(m, dtype=np.float64), 0.0)

    def survival(self, m: ArrayLike) -> NDArray[np.float64]:
        """Share of stars above ``m``; accurate relative to itself up to the largest mass."""
        return self._sum(np.asarray(m, dtype=np.float64), np.float64(self.high), 0.0)

    def moment(self, k: float, lo: float | None = None, hi: float | None = None) -> float:
        """Integral of m^k pdf between two masses (the limits by default), Msun^k."""
        lo = self.low if lo is None else lo
        hi = self.high if hi is None else hi
        return float(self._sum(np.float64(lo), np.float64(hi), k))

    @cached_property
    def mean_mass(self) -> float:
        """Mean initial mass of a star, Msun."""
        return self.moment(1.0)

    def inverse_survival(self, u: ArrayLike) -> NDArray[np.float64]:
        """The mass above which a share ``u`` of the stars lies: ``survival`` inverted, Msun.

        Raises:
            InvalidInput: a value outside 0 to 1.
        """
        u = np.asarray(u, dtype=np.float64)
        if not ((u >= 0.0) & (u <= 1.0)).all():
            raise InvalidInput("u: values outside 0 to 1; a share of the stars is needed")
        mass = np.full(u.shape, self.low)
        above = 0.0
        for piece in reversed(self.pieces):
            share = float(piece.integral(np.float64(piece.low), np.float64(piece.high), 0.0))
            mass = np.where(u >= above, piece.mass_above(np.clip(u - above, 0.0, share)), mass)
            above += share
        return np.clip(mass, self.low, self.high)

    def _sum(self, a: NDArray[np.float64], b: NDArray[np.float64], k: float) -> NDArray[np.float64]:
        total = np.zeros(np.broadcast_shapes(a.shape, b.shape))
        for piece in reversed(self.pieces):
            low, high = (np.clip(x, piece.low, piece.high) for x in (a, b))
            total = total + piece.integral(low, np.maximum(high, low), k)
        return total


def _power_law(low: float, high: float, breaks: tuple[float, ...], slopes: tuple[float, ...]) -> tuple[Piece, ...]:
    """Continuous power laws: ``slopes[i]`` holds between ``breaks[i]`` and ``breaks[i + 1]``."""
    pieces, scale = [], 1.0
    for i, slope in enumerate(slopes):
        if i:
            scale *= breaks[i] ** (slope - slopes[i - 1])
        a, b = max(low, breaks[i]), min(high, breaks[i + 1])
        if a < b:
            pieces.append(PowerPiece(a, b, slope, scale))
    return tuple(pieces)


def _kroupa(low: float, high: float) -> tuple[Piece, ...]:
    return _power_law(low, high, (0.0, 0.08, 0.5, np.inf), (0.3, 1.3, 2.3))


def _salpeter(low: float, high: float) -> tuple[Piece, ...]:
    return _power_law(low, high, (0.0, np.inf), (2.35,))


def _chabrier(low: float, high: float) -> tuple[Piece, ...]:
    mu, sigma = np.log(0.079), 0.69 * np.log(10.0)
    pieces: list[Piece] = []
    if low < 1.0:
        pieces.append(LognormalPiece(low, min(high, 1.0), float(mu), float(sigma), 1.0))
    if high > 1.0:
        pieces.append(PowerPiece(max(low, 1.0), high, 2.3, float(np.exp(-0.5 * (mu / sigma) ** 2))))
    return tuple(pieces)


def _scaled(piece: Piece, factor: float) -> Piece:
    return replace(piece, scale=piece.scale * factor)


_BUILDERS = {"kroupa": _kroupa, "chabrier": _chabrier, "salpeter": _salpeter}
IMF_NAMES = tuple(_BUILDERS)
