"""What lies in front of and behind the galaxy: stars of the Milky Way and distant galaxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustercnn.scene.galaxies import END, INDICES, RADII, galaxy_colours, sersic_b
from clustercnn.scene.population import StarList, apparent, reddened

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from clustercnn.physics import Survey

__all__ = ["BackgroundGalaxies", "ForegroundStars"]

_POINTS = 4000  # equal points of light per galaxy: its profile is known to 1.6 %, far below the noise on it


class ForegroundStars:
    """Milky Way stars: old dwarfs of 0.15 to 0.9 Msun, magnitudes 18 to 25 in the survey's reddest band.

    Args:
        survey: bands and zero points.
        density: stars per square arcminute in that range; counts grow as 10^(0.15 m), typical of high latitudes.
    """

    def __init__(self, survey: Survey, *, density: float) -> None:
        self._survey = survey
        self._per_pixel = density * (survey.pixel_scale / 60) ** 2
        filters = [b.filter for b in survey.bands]
        self._isochrone = survey.table.isochrone(9.7, survey.metallicity[0], bands=filters)

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> StarList:
        """The stars on ``shape`` (y, x) pixels."""
        n = rng.poisson(self._per_pixel * shape[0] * shape[1])
        point = np.searchsorted(self._isochrone.m_ini, rng.uniform(0.15, 0.9, n))
        colours = self._isochrone.mag[point] - self._isochrone.mag[point, -1:]
        u = rng.random(n)
        magnitude = np.log10(10 ** (0.15 * 18) + u * (10 ** (0.15 * 25) - 10 ** (0.15 * 18))) / 0.15
        x, y = (rng.uniform(-0.5, side - 0.5, n) for side in shape[::-1])
        return StarList(x, y, apparent(self._survey, magnitude[:, None] + colours))


class BackgroundGalaxies:
    """Galaxies behind the disc: Sersic profiles as points of light, reddened by the whole dust layer at their centre.

    A Sersic profile of index n has t = b (r / R_e)^(1/n) distributed as a Gamma variate of shape 2n, which samples it
    exactly.

    Args:
        rng: source of the random numbers.
        survey: bands and zero points.
        size: pixels on a side of the field.
        density: galaxies of magnitude 20 to 25 (reddest band) per square arcminute.
        a_v: function of x and y [n] in pixels: the dust there, mag.

    Attributes:
        x, y: [n] places in pixels.
        reach: [n] pixels; no light lies further than this from the place along x or y.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        survey: Survey,
        size: int,
        *,
        density: float,
        a_v: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
    ) -> None:
        n = rng.poisson(density * (size * survey.pixel_scale / 60) ** 2)
        self.x, self.y = rng.uniform(-0.5, size - 0.5, (2, n))
        colours, coefficients = galaxy_colours(survey)
        kind = rng.integers(len(colours), size=n)
        magnitude = np.log10(10**6.0 + rng.random(n) * (10**7.5 - 10**6.0)) / 0.3  # counts grow as 10^(0.3 m)
        whole = apparent(survey, magnitude[:, None] + colours[kind])
        self._flux = whole * reddened(coefficients[kind], a_v(self.x, self.y))
        self.reach = np.full(n, END * RADII[1] / survey.pixel_scale)
        self._pixel_scale = survey.pixel_scale

    def draw(self, rng: np.random.Generator, number: int) -> StarList:
        """The points of light of a galaxy; ``rng`` belongs to it alone."""
        dx, dy = _sersic_offsets(rng, self._pixel_scale)
        n = len(dx)
        return StarList(self.x[number] + dx, self.y[number] + dy, np.repeat(self._flux[number : number + 1] / n, n, 0))


def _sersic_offsets(rng: np.random.Generator, pixel_scale: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    index = rng.uniform(*INDICES)
    radius = (rng.gamma(2 * index, size=_POINTS) / sersic_b(index)) ** index
    radius = rng.uniform(*RADII) / pixel_scale * radius[radius < END]
    angle, tilt = rng.uniform(0, 2 * np.pi, radius.size), rng.uniform(0, np.pi)
    u, v = radius * np.cos(angle), radius * np.sin(angle) * rng.uniform(0.3, 1.0)
    return u * np.cos(tilt) - v * np.sin(tilt), u * np.sin(tilt) + v * np.cos(tilt)
