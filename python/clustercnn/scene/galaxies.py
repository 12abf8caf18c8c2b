"""Distant galaxies: their colours, and smooth Sersic profiles as points of light for samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammainc, gammaincinv

from clustercnn.scene.population import apparent, reddened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.physics import Survey

__all__ = ["END", "INDICES", "OF_GALAXY", "POINTS", "RADII", "GalaxyPool", "galaxy_colours", "sersic_b"]

INDICES, RADII = (0.8, 4.0), (0.15, 0.7)  # Sersic indices; half-light radii, arcsec
# Light ends at 8 half-light radii, as the de Vaucouleurs profiles of the SDSS do (Stoughton et al. 2002, AJ 123, 485)
END = 8.0
# Of equal light in a sample's galaxy, laid out as a sunflower's seeds: within the half-light radius of the largest they
# lie 2.7 pixels apart, a little more than the PSF's width, and it is as grainy as spirals are
POINTS = 256
OF_GALAXY = 7  # uniform numbers of a galaxy: index, radius, axis ratio, tilt, phase, magnitude, colour
_AXIS_RATIOS, _MAGNITUDES = (0.3, 1.0), (19.0, 24.5)
_GOLDEN = np.pi * (3.0 - np.sqrt(5.0))  # the angle from one seed of a sunflower to the next
_PROFILES = 17  # in the table, evenly in the index


def sersic_b(index: float) -> float:
    """The constant that puts half of the light within the half-light radius (Ciotti & Bertin 1999, A&A 352, 447)."""
    return 2 * index - 1 / 3


def galaxy_colours(survey: Survey) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Colours [3, band], mag above the reddest band, of young to old galaxies, and their extinction coefficients."""
    table, filters = survey.table, [b.filter for b in survey.bands]
    colours, coefficients = [], []
    for log_age in (8.5, 9.0, 9.5):
        isochrone = table.isochrone(log_age, survey.metallicity[0], bands=filters)
        giant = np.searchsorted(isochrone.m_ini, 0.98 * isochrone.m_ini[-1])  # a colour, no more, is taken from it
        colours.append(isochrone.mag[giant] - isochrone.mag[giant, -1])
        coefficients.append(isochrone.extinction[giant])
    return np.array(colours), np.array(coefficients)


class GalaxyPool:
    """Galaxies for samples, of magnitude 19 to 24.5 in the survey's reddest band.

    Args:
        survey: bands, zero points and pixels.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._colours, self._coefficients = galaxy_colours(survey)
        share = (np.arange(POINTS) + 0.5) / POINTS
        rows = []
        for index in np.linspace(*INDICES, _PROFILES):
            b = sersic_b(index)
            within = share * gammainc(2 * index, b * END ** (1 / index))
            rows.append((gammaincinv(2 * index, within) / b) ** index)
        self._radii = np.array(rows)  # [profile, point], half-light radii

    def draw(
        self, u: NDArray[np.float64], a_v: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Points of light about the centres.

        Args:
            u: [n, ``OF_GALAXY``] uniform in [0, 1).
            a_v: [n] extinction of each, mag.

        Returns:
            dx and dy [n, ``POINTS``] in pixels, and the flux [n, band] of each point, e-/s.
        """
        size, ratio, magnitude = (
            low + (high - low) * u[:, k, None] for k, (low, high) in ((1, RADII), (2, _AXIS_RATIOS), (5, _MAGNITUDES))
        )
        radius = self._radii[(u[:, 0] * _PROFILES).astype(int)] * size / self._survey.pixel_scale
        angle, tilt = 2 * np.pi * u[:, 4, None] + _GOLDEN * np.arange(POINTS), np.pi * u[:, 3, None]
        along, across = radius * np.cos(angle), radius * np.sin(angle) * ratio
        kind = (u[:, 6] * len(self._colours)).astype(int)
        flux = apparent(self._survey, magnitude + self._colours[kind]) * reddened(self._coefficients[kind], a_v)
        dx, dy = along * np.cos(tilt) - across * np.sin(tilt), along * np.sin(tilt) + across * np.cos(tilt)
        return dx, dy, flux / POINTS
