"""Synthetic photometry: photon-counting integrals through a band, zero points, and magnitudes of stars from grids.

A detector counts photons, so the magnitude of a spectrum F through a throughput T is

    m = -2.5 log10( int F T lambda dlambda / int F_Vega T lambda dlambda ),

which is VEGAMAG (Bessell & Murphy 2012, PASP 124, 140). Wavelengths are vacuum Angstrom, fluxes erg/s/cm2/A.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "HST_AREA_CM2",
    "L_SUN_ERG_S",
    "Bandpass",
    "PhotometryGrids",
    "Points",
    "trilinear",
]

HST_AREA_CM2 = 45238.934  # collecting area that the HST throughputs are normalised to (STScI)
L_SUN_ERG_S = 3.846e33  # the PARSEC value; the IAU's 3.828e33 is 0.005 mag fainter
_HC_ERG_A = 6.62607015e-27 * 2.99792458e18  # Planck constant times light speed, erg A
_C_A_S = 2.99792458e18  # light speed, A/s
_AB_ZERO = 48.6


@dataclass(frozen=True)
class Bandpass:
    """A band: wavelength [n] in A, increasing, and throughput [n] in electrons per photon (or relative)."""

    name: str
    wavelength: NDArray[np.float64]
    throughput: NDArray[np.float64]
    absolute: bool = True  # False: a relative curve, without a zero point in e-/s

    def weights(self, wavelength: NDArray[np.float64], dimming: NDArray[np.float64] | None = None) -> NDArray:
        """Quadrature weights w such that sum(w * F) = int F T lambda dlambda for F linear between its samples.

        Args:
            wavelength: where the spectrum is sampled, A [k]; the band may reach beyond, where F counts as zero.
            dimming: optional factor on the band's own wavelengths [n], for example 10^(-0.4 A(lambda)).

        Returns:
            The weights [k].
        """
        fine = np.union1d(self.wavelength, wavelength)
        fine = fine[(fine >= self.wavelength[0]) & (fine <= self.wavelength[-1])]
        response = np.interp(fine, self.wavelength, self.throughput) * fine
        if dimming is not None:
            response = response * np.interp(fine, self.wavelength, dimming)
        step = np.diff(fine)
        response[:-1] *= 0.5 * (step + np.r_[0.0, step[:-1]])  # the trapezoidal rule
        response[-1] *= 0.5 * step[-1]
        inside = (fine >= wavelength[0]) & (fine <= wavelength[-1])
        fine, response = fine[inside], response[inside]
        right = np.clip(np.searchsorted(wavelength, fine), 1, wavelength.size - 1)
        share = (fine - wavelength[right - 1]) / (wavelength[right] - wavelength[right - 1])
        weights = np.bincount(right, share * response, wavelength.size)
        return weights + np.bincount(right - 1, (1.0 - share) * response, wavelength.size)

    def counts(self, wavelength: NDArray[np.float64], flux: NDArray[np.float64]) -> NDArray[np.float64]:
        """The integral int F T lambda dlambda of spectra ``flux`` [..., k]."""
        return np.asarray(flux @ self.weights(wavelength))

    def electron_rate(self, wavelength: NDArray[np.float64], flux: NDArray[np.float64]) -> float:
        """Electrons per second that a spectrum gives HST, in an infinite aperture."""
        return float(self.counts(wavelength, flux)) * HST_AREA_CM2 / _HC_ERG_A

    def vega_zero_point(self, vega_wavelength: NDArray[np.float64], vega_flux: NDArray[np.float64]) -> float:
        """The VEGAMAG that gives one electron per second."""
        return 2.5 * np.log10(self.electron_rate(vega_wavelength, vega_flux))

    def ab_minus_vega(self, vega_wavelength: NDArray[np.float64], vega_flux: NDArray[np.float64]) -> float:
        """What to add to a VEGAMAG to have the AB magnitude."""
        ab_flux = 10.0 ** (-0.4 * _AB_ZERO) * _C_A_S / self.wavelength**2
        own = float(self.counts(self.wavelength, ab_flux))
        return -2.5 * np.log10(float(self.counts(vega_wavelength, vega_flux)) / own)

    def photflam(self) -> float:
        """Flux of a flat spectrum, erg/s/cm2/A, that gives one electron per second."""
        return 1.0 / self.electron_rate(self.wavelength, np.ones_like(self.wavelength))

    def pivot(self) -> float:
        """Pivot wavelength, A: sqrt(int T lambda dlambda / int T dlambda / lambda)."""
        ones = np.ones_like(self.wavelength)
        return float(np.sqrt(self.counts(self.wavelength, ones) / self.counts(self.wavelength, self.wavelength**-2.0)))


@dataclass(frozen=True)
class Points:
    """Stars of one isochrone, arrays of shape [n], masses strictly increasing (float64 all).

    ``m_ratio`` is the present over the initial mass, ``carbon`` marks carbon stars, ``eep`` counts equivalent
    evolutionary points (may be fractional; zero where there are none).
    """

    m_ini: NDArray[np.float64]
    log_l: NDArray[np.float64]
    log_teff: NDArray[np.float64]
    m_ratio: NDArray[np.float64]
    carbon: NDArray[np.bool_]
    eep: NDArray[np.float64]

    @property
    def logg(self) -> NDArray[np.float64]:
        """Surface gravity, log10 cm/s2, from mass, temperature and luminosity (the constant is PARSEC's)."""
        return -10.609 + np.log10(self.m_ini * self.m_ratio) + 4.0 * self.log_teff - self.log_l

    @property
    def wolf_rayet(self) -> NDArray[np.int8]:
        """0 for a normal star, 1 for WN, 2 for WC: hot stars that have lost their envelope."""
        stripped = (self.log_teff > 4.5) & (self.m_ini > 20.0)
        return (stripped & (self.m_ratio < 0.6)).astype(np.int8) + (stripped & (self.m_ratio < 0.4))


@dataclass(frozen=True)
class PhotometryGrids:
    """Absolute VEGAMAG of stars of 1 Lsun without extinction, on regular axes; last axis is the band."""

    mh: NDArray[np.float64]
    log_teff: NDArray[np.float64]
    logg: NDArray[np.float64]
    normal: NDArray[np.float32]  # [mh, log_teff, logg, band]
    wr_z: NDArray[np.float64]
    wr_log_teff: NDArray[np.float64]  # [2, k]: WN, WC
    wr: NDArray[np.float32]  # [2, z, k, band]
    carbon_log_teff: NDArray[np.float64]
    carbon: NDArray[np.float32]  # [k, band]

    def only(self, bands: list[int]) -> PhotometryGrids:
        """The same grids with the bands of these indices, in this order."""
        cut = {name: getattr(self, name)[..., bands] for name in ("normal", "wr", "carbon")}
        return replace(self, **cut)

    def magnitudes(self, points: Points, *, mh: float, z: float, bands: ArrayLike) -> NDArray[np.float64]:
        """Absolute VEGAMAG [n, len(bands)] of the stars of one isochrone.

        Args:
            points: the stars.
            mh: [M/H]; clipped to the grid.
            z: metal mass fraction, for the Wolf-Rayet spectra; clipped to the grid.
            bands: indices of the wanted bands.
        """
        bands = np.asarray(bands)
        log_teff = np.clip(points.log_teff, self.log_teff[0], self.log_teff[-1])
        axes = (self.mh, self.log_teff, self.logg)
        mag = trilinear(axes, self.normal[..., bands], (np.full(log_teff.shape, mh), log_teff, points.logg))
        kind = points.wolf_rayet
        for k in (0, 1):
            chosen = kind == k + 1
            if chosen.any():
                axes = (self.wr_z, self.wr_log_teff[k])
                where = (np.full(int(chosen.sum()), z), points.log_teff[chosen])
                mag[chosen] = trilinear(axes, self.wr[k][..., bands], where)
        if points.carbon.any():
            where = (points.log_teff[points.carbon],)
            mag[points.carbon] = trilinear((self.carbon_log_teff,), self.carbon[:, bands], where)
        return mag - 2.5 * points.log_l[:, None]


def trilinear(
    axes: tuple[NDArray[np.float64], ...], values: NDArray, where: tuple[NDArray[np.float64], ...]
) -> NDArray[np.float64]:
    """Multilinear interpolation of ``values`` [len(axes[0]), ..., band] at points [n] per axis; clipped to the axes.

    Returns:
        float64 [n, band].
    """
    corners = [(np.zeros(where[0].shape, dtype=np.intp), np.ones(where[0].shape))]
    for axis, position in zip(axes, where, strict=True):
        inside = np.clip(position, axis[0], axis[-1])
        low = np.clip(np.searchsorted(axis, inside, side="right") - 1, 0, axis.size - 2)
        share = (inside - axis[low]) / (axis[low + 1] - axis[low])
        corners = [
            (flat * axis.size + low + step, weight * (share if step else 1.0 - share))
            for flat, weight in corners
            for step in (0, 1)
        ]
    flat_values = values.reshape(-1, values.shape[-1])
    return sum(flat_values[flat] * weight[:, None] for flat, weight in corners)
