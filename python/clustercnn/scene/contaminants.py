"""What lies in front of and behind the galaxy: stars of the Milky Way and distant galaxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustercnn.physics import StellarTable
from clustercnn.scene.population import StarList, reddened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.physics import Survey

__all__ = ["background_galaxies", "foreground_stars"]

_POINTS = 4000  # equal points of light per galaxy: its profile is known to 1.6 %, far below the noise on it


def foreground_stars(rng: np.random.Generator, survey: Survey, size: int, *, density: float) -> StarList:
    """Milky Way stars: old dwarfs of 0.15 to 0.9 Msun, magnitudes 18 to 25 in the survey's reddest band.

    Args:
        rng: source of the random numbers.
        survey: bands and zero points.
        size: pixels on a side of the field.
        density: stars per square arcminute in that range; counts grow as 10^(0.15 m), typical of high latitudes.
    """
    n = rng.poisson(density * (size * survey.pixel_scale / 60) ** 2)
    isochrone = StellarTable.load().isochrone(9.7, survey.metallicity[0], bands=[b.filter for b in survey.bands])
    point = np.searchsorted(isochrone.m_ini, rng.uniform(0.15, 0.9, n))
    colours = isochrone.mag[point] - isochrone.mag[point, -1:]
    u = rng.random(n)
    magnitude = np.log10(10 ** (0.15 * 18) + u * (10 ** (0.15 * 25) - 10 ** (0.15 * 18))) / 0.15
    return _placed(rng, survey, size, magnitude[:, None] + colours)


def background_galaxies(
    rng: np.random.Generator, survey: Survey, size: int, *, density: float, a_v: NDArray[np.float32]
) -> StarList:
    """Galaxies behind the disc: Sersic profiles as points of light, reddened by the whole dust layer at their centre.

    A Sersic profile of index n has t = b (r / R_e)^(1/n) distributed as a Gamma variate of shape 2n, which samples it
    exactly; b = 2n - 1/3 (Ciotti & Bertin 1999, A&A 352, 447).

    Args:
        rng: source of the random numbers.
        survey: bands and zero points.
        size: pixels on a side of the field.
        density: galaxies of magnitude 20 to 25 (reddest band) per square arcminute.
        a_v: the dust screen [y, x], mag.
    """
    lists = [StarList(np.empty(0), np.empty(0), np.empty((0, len(survey.bands))))]
    table, filters = StellarTable.load(), [b.filter for b in survey.bands]
    for _ in range(rng.poisson(density * (size * survey.pixel_scale / 60) ** 2)):
        isochrone = table.isochrone(float(rng.choice([8.5, 9.0, 9.5])), survey.metallicity[0], bands=filters)
        giant = np.searchsorted(isochrone.m_ini, 0.98 * isochrone.m_ini[-1])  # a colour, no more, is taken from it
        u = rng.random()
        magnitude = np.log10(10**6.0 + u * (10**7.5 - 10**6.0)) / 0.3  # counts grow as 10^(0.3 m)
        whole = _placed(rng, survey, size, magnitude + isochrone.mag[giant : giant + 1] - isochrone.mag[giant, -1])
        y, x = int(whole.y[0]), int(whole.x[0])
        flux = whole.flux * reddened(isochrone.extinction[giant], np.float64(a_v[y, x]))
        dx, dy = _sersic_offsets(rng, survey.pixel_scale)
        lists.append(StarList(whole.x + dx, whole.y + dy, np.repeat(flux / _POINTS, _POINTS, axis=0)))
    return StarList.join(lists)


def _sersic_offsets(rng: np.random.Generator, pixel_scale: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    index = rng.uniform(0.8, 4.0)
    radius = rng.uniform(0.15, 0.7) / pixel_scale * (rng.gamma(2 * index, size=_POINTS) / (2 * index - 1 / 3)) ** index
    angle, tilt = rng.uniform(0, 2 * np.pi, _POINTS), rng.uniform(0, np.pi)
    u, v = radius * np.cos(angle), radius * np.sin(angle) * rng.uniform(0.3, 1.0)
    return u * np.cos(tilt) - v * np.sin(tilt), u * np.sin(tilt) + v * np.cos(tilt)


def _placed(rng: np.random.Generator, survey: Survey, size: int, magnitudes: NDArray[np.float64]) -> StarList:
    """Objects of apparent VEGAMAG [n, band] at uniform places of the field."""
    zero = np.array([band.zero_point for band in survey.bands])
    x, y = rng.uniform(-0.5, size - 0.5, (2, len(magnitudes)))
    return StarList(x, y, 10 ** (-0.4 * (magnitudes - zero)))
