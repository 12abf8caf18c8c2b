"""Fits of spectral energy distributions, as catalogues are made: the best of a grid of single stellar populations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustercnn.evaluation.modes import count_peaks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import clustercnn as cc

RADIUS, SKY = 8.0, (19.0, 30.0)  # pixels
LOG_AGES, A_VS = np.arange(6.6, 10.11, 0.05), np.arange(0.0, 3.51, 0.05)
CALIBRATION = 0.03  # mag, of the model's fluxes: keeps bright clusters from hanging on the grid's last digit
TYPICAL = {"log_age": 8.0, "log_mass": 6.0, "a_v": 0.0, "log_rh": -0.9}  # whose light gives the aperture correction


class SedFit:
    """Aperture fluxes against mean fluxes of populations of one age behind one A_V; the mass follows by least squares.

    The aperture correction is that of a cluster of 0.126 arcsec half-light radius: sizes are not known to such a fit.
    Metallicity is the survey's mean.

    Args:
        renderer: of the survey, for the aperture correction.
    """

    def __init__(self, renderer: cc.Renderer) -> None:
        from clustercnn import ClusterParams

        self.survey = renderer.survey
        axis = np.arange(renderer.size) - (renderer.size - 1) / 2
        radius = np.hypot(axis[:, None], axis)
        self._disc, self._ring = radius <= RADIUS, (radius > SKY[0]) & (radius < SKY[1])
        self.grid = self._fluxes(renderer)  # [age, A_V, band], e-/s of 1 Msun
        log_mass = np.empty(1)
        typical = renderer.render(ClusterParams(**{k: [v] for k, v in TYPICAL.items()}), seed=1, log_mass_out=log_mass)
        at = int(np.abs(LOG_AGES - TYPICAL["log_age"]).argmin())
        self.correction = typical[0][:, self._disc].sum(axis=1) / (10.0 ** log_mass[0] * self.grid[at, 0])

    def _fluxes(self, renderer: cc.Renderer) -> NDArray[np.float64]:
        populations, survey = renderer.populations, self.survey
        zero = np.array([b.zero_point - survey.distance_modulus - b.a_milky_way for b in survey.bands])
        filters, metallicity = [b.filter for b in survey.bands], float(np.mean(survey.metallicity))
        rows = []
        for log_age in LOG_AGES:
            isochrone = populations.table.isochrone(
                min(log_age, populations.table.log_age_range[1]), metallicity, bands=filters, law=survey.extinction_law
            )
            rows.append([isochrone.integrated_magnitude(populations.imf, a_v) for a_v in A_VS])
        return 10.0 ** (-0.4 * (np.array(rows) - zero))

    def photometry(self, images: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Corrected fluxes and their variances [n, band], e-/s, of images [n, band, y, x]."""
        ring, area = images[:, :, self._ring].astype(np.float64), self._disc.sum()
        sky = np.median(ring, axis=2)
        spread = 1.4826 * np.median(np.abs(ring - sky[:, :, None]), axis=2)
        flux = images[:, :, self._disc].sum(axis=2, dtype=np.float64) - area * sky
        exposure = np.array([b.exposure for b in self.survey.bands])
        variance = np.maximum(flux, 0) / exposure + area * spread**2 * (1 + area / self._ring.sum())
        flux, variance = flux / self.correction, variance / self.correction**2
        return flux, variance + (0.4 * np.log(10) * CALIBRATION * flux) ** 2

    def surface(self, flux: NDArray[np.float64], variance: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Best mass, Msun, and chi^2 at each grid point [age, A_V], of fluxes and variances [band]."""
        mass = (self.grid * (flux / variance)).sum(axis=2) / (self.grid**2 / variance).sum(axis=2)
        mass = np.maximum(mass, 1.0)
        return mass, ((flux - mass[:, :, None] * self.grid) ** 2 / variance).sum(axis=2)

    def fit(self, images: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Labels [n, 4] of the best grid point, the size being NaN; number of peaks of the likelihood in (age, A_V)."""
        labels, peaks = np.full((len(images), 4), np.nan), np.zeros(len(images), np.int64)
        for i, (flux, variance) in enumerate(zip(*self.photometry(images), strict=True)):
            mass, chi2 = self.surface(flux, variance)
            age, a_v = np.unravel_index(chi2.argmin(), chi2.shape)
            labels[i, :3] = LOG_AGES[age], np.log10(mass[age, a_v]), A_VS[a_v]
            peaks[i] = count_peaks(np.exp(-0.5 * (chi2 - chi2.min())))
        return labels, peaks
