"""Stars of the galaxy's disc by age: which are bright enough to be drawn one by one, and the light of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.physics import Imf

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.physics import Isochrone, Survey

__all__ = [
    "YOUNG",
    "AgeBin",
    "StarList",
    "age_bins",
    "apparent",
    "flux_at_snr",
    "known_ages",
    "magnitude_flux",
    "pixel_parsec",
    "reddened",
    "star_formation_history",
]

YOUNG = 8.0  # log10(yr): younger stars follow the spiral arm and lie in the thin layer of the dust
_STEP = 0.1  # dex between ages
# noise-equivalent area of a WFC3/UVIS star at 0.04 arcsec: 4 pi sigma^2 of a core of FWHM 2 pixels
_NOISE_PIXELS = 9.0


@dataclass(frozen=True)
class StarList:
    """Stars on a mosaic.

    Args:
        x, y: [n] pixels, pixel centres at integers.
        flux: [n, band] e-/s.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    flux: NDArray[np.float64]

    @classmethod
    def join(cls, lists: list[StarList]) -> StarList:
        """All stars of several lists."""
        return cls(*(np.concatenate([getattr(s, name) for s in lists]) for name in ("x", "y", "flux")))


@dataclass(frozen=True)
class AgeBin:
    """Stars of one age, split at a brightness.

    Args:
        isochrone: the stars' properties along initial mass.
        flux: [n, band] e-/s of each isochrone point, behind the Milky Way's dust but not the galaxy's.
        weights: [n] stars per Msun formed that each point stands for.
        drawn: [n] whether stars like this point are drawn one by one.
        smooth: [band] e-/s per Msun formed, of all stars that are not drawn.
        smooth_extinction: [band, 2] their mean extinction coefficients, weighted with light.
        total: [band] e-/s per Msun formed, of all stars.
    """

    imf: Imf
    isochrone: Isochrone
    flux: NDArray[np.float64]
    weights: NDArray[np.float64]
    drawn: NDArray[np.bool_]
    smooth: NDArray[np.float64]
    smooth_extinction: NDArray[np.float64]
    total: NDArray[np.float64]

    @classmethod
    def split(
        cls,
        imf: Imf,
        isochrone: Isochrone,
        flux: NDArray[np.float64],
        weights: NDArray[np.float64],
        *,
        cut: NDArray[np.float64],
    ) -> AgeBin:
        """The stars of an isochrone, those that exceed ``cut`` [band] e-/s in any band to be drawn."""
        drawn = (flux > cut).any(axis=1)
        faint = (weights * ~drawn)[:, None] * flux
        smooth = faint.sum(axis=0)
        mean = np.einsum("nb,nbk->bk", faint, isochrone.extinction) / np.maximum(smooth, 1e-300)[:, None]
        return cls(imf, isochrone, flux, weights, drawn, smooth, mean, weights @ flux)

    def with_cut(self, cut: NDArray[np.float64]) -> AgeBin:
        """The same stars, split at another flux [band] e-/s."""
        return AgeBin.split(self.imf, self.isochrone, self.flux, self.weights, cut=cut)

    @property
    def log_age(self) -> float:
        """log10(yr)."""
        return self.isochrone.log_age

    def expected_stars(self) -> float:
        """Drawn stars per Msun formed; an upper bound where brightness is no monotonic function of mass."""
        top, bottom = self._survival_limits
        return max(bottom - top, 0.0) / self.imf.mean_mass

    def draw(self, rng: np.random.Generator, mass: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The drawn stars of ``mass`` Msun formed.

        Returns:
            Flux [n, band] in e-/s and extinction coefficients [n, band, 2] (see ``reddened``).
        """
        top, bottom = self._survival_limits
        count = rng.poisson(self.expected_stars() * mass)
        masses = self.imf.inverse_survival(rng.uniform(top, bottom, count))
        points = self.isochrone.m_ini
        left = np.clip(np.searchsorted(points, masses) - 1, 0, points.size - 2)
        t = ((masses - points[left]) / (points[left + 1] - points[left])).clip(0.0, 1.0)
        keep = self.drawn[np.where(t < 0.5, left, left + 1)]  # the nearest point decides, as in the smooth light
        left, t = left[keep], t[keep, None]
        log_flux = self._log_flux
        flux = np.exp(log_flux[left] * (1 - t) + log_flux[left + 1] * t)
        coefficients = self.isochrone.extinction
        return flux, coefficients[left] * (1 - t[..., None]) + coefficients[left + 1] * t[..., None]

    @cached_property
    def _survival_limits(self) -> tuple[float, float]:
        """Shares of the stars above the most and the least massive one that is drawn."""
        inside = np.flatnonzero(self.drawn)
        if not inside.size:
            return 0.0, 0.0
        edges = _midpoints(self.isochrone.m_ini, self.imf)
        return float(self.imf.survival(edges[inside[-1] + 1])), float(self.imf.survival(edges[inside[0]]))

    @cached_property
    def _log_flux(self) -> NDArray[np.float64]:
        return np.log(self.flux)


def known_ages(survey: Survey, log_ages: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those of some ages, log10(yr), of which the survey's isochrones have stars."""
    low, high = survey.table.log_age_range
    return log_ages[(log_ages >= low - 1e-9) & (log_ages <= high + 1e-9)]


def star_formation_history(survey: Survey, *, old_fraction: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A constant rate over 10 Gyr and an old population on top.

    Args:
        survey: whose isochrones say which ages there are.
        old_fraction: share of all mass formed that belongs to the old population, log age 9.8 to 10.1, or else to the
            oldest of the bins.

    Returns:
        log10(age/yr) of the bins, from 6.6 (younger stars still sit in their clouds), and their shares of the mass
        formed.
    """
    log_ages = known_ages(survey, np.round(np.arange(6.6, 10.0 + 1e-9, _STEP), 1))
    constant = 10 ** (log_ages + _STEP / 2) - 10 ** (log_ages - _STEP / 2)
    old = (log_ages > min(9.75, log_ages[-1] - 1e-9)).astype(float)
    return log_ages, (1 - old_fraction) * constant / constant.sum() + old_fraction * old / old.sum()


def pixel_parsec(survey: Survey) -> float:
    """Parsec per pixel at the survey's distance."""
    return 10 ** (survey.distance_modulus / 5 + 1) * survey.pixel_scale / 206264.806


def flux_at_snr(survey: Survey, snr: float, *, light: NDArray[np.float64] | float = 0.0) -> NDArray[np.float64]:
    """Flux [band] in e-/s of a star of a given S/N, on the sky and ``light`` [band] e-/s per pixel.

    Solves f = snr sqrt(f / t + v), v being the variance of the pixels that a star's core covers.
    """
    exposure = np.array([b.exposure for b in survey.bands])
    sky = np.array([b.sky for b in survey.bands])
    read = np.array([b.read_noise for b in survey.bands]) / exposure
    half = snr**2 / exposure / 2
    return half + np.sqrt(half**2 + snr**2 * _NOISE_PIXELS * ((light + sky) / exposure + read**2))


def magnitude_flux(magnitudes: NDArray[np.float64], survey: Survey) -> NDArray[np.float64]:
    """Flux [n, band] in e-/s of absolute VEGAMAG [n, band] at the survey's distance, behind the Milky Way's dust."""
    zero = np.array([band.zero_point - survey.distance_modulus - band.a_milky_way for band in survey.bands])
    return 10 ** (-0.4 * (magnitudes - zero))


def apparent(survey: Survey, magnitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Flux [n, band] in e-/s of apparent VEGAMAG [n, band]."""
    return 10 ** (-0.4 * (magnitudes - np.array([band.zero_point for band in survey.bands])))


def reddened(coefficients: NDArray[np.float64], a_v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factor on the flux [..., band] behind A_V [...], A_band = c1 A_V + c2 A_V^2 with coefficients [..., band, 2]."""
    a_v = np.minimum(a_v, 5.0)[..., None]  # the quadratic form is a fit to A_V up to 5
    return 10 ** (-0.4 * a_v * (coefficients[..., 0] + coefficients[..., 1] * a_v))


def age_bins(survey: Survey, log_ages: NDArray[np.float64], *, cut: NDArray[np.float64]) -> list[AgeBin]:
    """The stars of each age, split at a flux.

    Args:
        survey: bands, distance, zero points, IMF, extinction law; its lower metallicity is given to stars older than
            1 Gyr.
        log_ages: log10(yr).
        cut: [band] e-/s; a star that exceeds it in any band is drawn.
    """
    imf, law = Imf.by_name(**survey.imf), survey.extinction_law
    table, filters = survey.table, [band.filter for band in survey.bands]
    low, high = survey.metallicity
    bins = []
    for log_age in log_ages:
        isochrone = table.isochrone(float(log_age), low if log_age > 9 else (low + high) / 2, bands=filters, law=law)
        flux = magnitude_flux(isochrone.mag, survey)
        weights = -np.diff(imf.survival(_midpoints(isochrone.m_ini, imf))) / imf.mean_mass
        bins.append(AgeBin.split(imf, isochrone, flux, weights, cut=cut))
    return bins


def _midpoints(masses: NDArray[np.float64], imf: Imf) -> NDArray[np.float64]:
    """Edges [n + 1] of the mass ranges that the isochrone's points [n] stand for, within the IMF's range."""
    middle = 0.5 * (masses[1:] + masses[:-1])
    return np.clip(np.concatenate([[imf.low], middle, [masses[-1]]]), imf.low, imf.high)
