"""Honest confusers in samples without a cluster: one bright star, a blend of a few, or a loose clump of young stars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustercnn.scene.associations import clumped_offsets
from clustercnn.scene.population import AgeBin, StarList, age_bins, flux_at_snr, pixel_parsec, reddened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.physics import Survey

__all__ = ["StarPool"]

_AGES = np.array([6.6, 6.8, 7.0, 7.2, 7.5, 8.0, 8.5])  # log10(yr); older stars are too faint to be taken for a cluster


class StarPool:
    """Bright stars of a survey, to draw confusers from.

    Args:
        survey: bands, distance and noise.
        star_snr: the faintest star of the pool has this S/N, on the sky alone.
    """

    def __init__(self, survey: Survey, *, star_snr: float = 5.0) -> None:
        cut = flux_at_snr(survey, star_snr)
        self._bins = [b for b in age_bins(survey, _AGES, cut=cut) if b.drawn.any()]
        self._parsec = pixel_parsec(survey)

    def draw(self, rng: np.random.Generator, *, size: int) -> StarList:
        """Stars of one confuser near the middle of a stamp of ``size`` pixels.

        A third each are: a single star within 4 pixels of the middle; 2 or 3 stars within about 2 pixels of each
        other; a clump of 5 to 40 stars of one age with a sigma of 16 to 40 pc, larger than any cluster.
        """
        age_bin = self._bins[rng.integers(len(self._bins))]
        kind = rng.integers(3)
        n = 1 if kind == 0 else int(rng.integers(2, 4)) if kind == 1 else int(np.exp(rng.uniform(*np.log([5, 40]))))
        flux = self._stars(rng, age_bin, n, spread_evenly=kind < 2)
        if kind == 2:
            dx, dy = clumped_offsets(rng, n, sigma=rng.uniform(16.0, 40.0) / self._parsec)
        else:
            dx, dy = rng.normal(0.0, 1.2 if kind else 0.0, (2, n))
        x, y = (size - 1) / 2 + rng.uniform(-4.0, 4.0, 2)
        return StarList(x + dx, y + dy, flux)

    def _stars(self, rng: np.random.Generator, age_bin: AgeBin, n: int, *, spread_evenly: bool) -> NDArray[np.float64]:
        """Flux [n, band]: stars spread evenly over the isochrone's points, so over luminosities, or over the IMF."""
        isochrone = age_bin.isochrone
        points = np.flatnonzero(age_bin.drawn)
        if spread_evenly:
            chosen = points[rng.integers(points.size, size=n)]
        else:
            weights = isochrone.m_ini[points] ** -2.3 * np.gradient(isochrone.m_ini)[points]
            cumulative = np.cumsum(weights)
            chosen = points[np.searchsorted(cumulative, rng.random(n) * cumulative[-1])]
        a_v = np.full(n, rng.exponential(0.5))
        return age_bin.flux[chosen] * reddened(isochrone.extinction[chosen], a_v)
