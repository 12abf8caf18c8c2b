"""Honest confusers in samples without a cluster: a bright star, a blend of a few, a loose clump, a distant galaxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from clustercnn.errors import InvalidInput
from clustercnn.render import StarLists
from clustercnn.scene.galaxies import OF_GALAXY, POINTS, GalaxyPool
from clustercnn.scene.population import age_bins, flux_at_snr, known_ages, pixel_parsec, reddened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.physics import Survey

    _Stars = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

__all__ = ["COLUMNS", "StarPool"]

_KINDS = 4  # equally probable: star, blend, clump, galaxy
_GALAXY = 3
_AGES = np.array([6.6, 6.8, 7.0, 7.2, 7.5, 8.0, 8.5])  # log10(yr); older stars are too faint to be taken for a cluster
_FEWEST, _MOST = 5, 40  # stars of a clump
_CLUMP_SIGMA = (16.0, 40.0)  # pc
_BLEND_SIGMA = 1.2  # pixels
_SHIFT = 4.0  # pixels from the stamp's middle, at most
_SUBGROUPS = 5  # of a clump, at most
_HEAD = 8  # uniform numbers of a confuser: age, kind, number of stars, dust, x, y, sigma, number of subgroups
_OF_STAR = 4  # and of each star: which, subgroup, dx, dy
COLUMNS = _HEAD + 2 * _SUBGROUPS + _OF_STAR * _MOST  # uniform numbers in all


class StarPool:
    """Bright stars of a survey, to draw confusers from.

    Args:
        survey: bands, distance and noise.
        star_snr: the faintest star of the pool has this S/N, on the sky alone.

    Raises:
        InvalidInput: no star is as bright.
    """

    def __init__(self, survey: Survey, *, star_snr: float = 5.0) -> None:
        cut = flux_at_snr(survey, star_snr)
        bins = [b for b in age_bins(survey, known_ages(survey, _AGES), cut=cut) if b.drawn.any()]
        if not bins:
            raise InvalidInput("survey: no bright stars among its isochrones; set scene.confuser_fraction=0")
        self._parsec = pixel_parsec(survey)
        self._flux = np.concatenate([b.flux[b.drawn] for b in bins])
        self._extinction = np.concatenate([b.isochrone.extinction[b.drawn] for b in bins])
        # age bin + cumulative share within it: one rising table for all bins, evenly in points and by the IMF
        self._evenly = np.concatenate([k + _cumulative(np.ones(b.drawn.sum())) for k, b in enumerate(bins)])
        by_imf = (b.isochrone.m_ini**-2.3 * np.gradient(b.isochrone.m_ini) for b in bins)
        self._by_imf = np.concatenate(
            [k + _cumulative(w[b.drawn]) for k, (w, b) in enumerate(zip(by_imf, bins, strict=True))]
        )
        self._bins = len(bins)
        self._galaxies = GalaxyPool(survey)

    def draw(self, u: NDArray[np.float64], *, size: int, psf: NDArray[np.int32]) -> StarLists:
        """Confusers near the middle of stamps of ``size`` pixels.

        A quarter each are: a single star within 4 pixels of the middle; 2 or 3 stars within about 2 pixels of each
        other; a clump of 5 to 40 stars of one age with a sigma of 16 to 40 pc, larger than any cluster; a distant
        galaxy. Stars of the first two are spread evenly over the isochrone's points, so over luminosities, those of
        clumps over the IMF.

        Args:
            u: [n, ``COLUMNS``] uniform in [0, 1), a row a confuser.
            size: of the stamps.
            psf: [n] number of each confuser's kernel.
        """
        count = _star_counts(u)
        first = np.concatenate([[0], np.cumsum(count)])
        centre = (size - 1) / 2 + _SHIFT * (2 * u[:, 4:6] - 1)
        a_v = -0.5 * np.log1p(-u[:, 3])  # exponential, mean 0.5 mag
        out = StarLists(first, *np.empty((2, first[-1])), np.empty((first[-1], self._flux.shape[1]), np.float32), psf)
        galaxy = _kinds(u) == _GALAXY
        for rows, draw in ((np.flatnonzero(~galaxy), self._stars), (np.flatnonzero(galaxy), self._points)):
            dx, dy, flux = draw(u[rows], a_v[rows], count[rows])
            places = np.repeat(first[rows], count[rows]) + _within(count[rows])
            out.x[places], out.y[places] = (np.repeat(centre[rows, k], count[rows]) + d for k, d in enumerate((dx, dy)))
            out.flux[places] = flux
        return out

    def _stars(self, u: NDArray[np.float64], a_v: NDArray[np.float64], count: NDArray[np.int64]) -> _Stars:
        """Offsets dx, dy [star] in pixels and flux [star, band] of confusers of ``count`` stars."""
        kind = _kinds(u)
        which, subgroup, *normal = (u[:, _HEAD + 2 * _SUBGROUPS + k :: _OF_STAR] for k in range(_OF_STAR))
        clump = (kind == 2)[:, None]
        dx, dy = (
            np.where(clump, self._clumped(u, subgroup, g, axis), np.where(kind == 1, _BLEND_SIGMA, 0.0)[:, None] * g)
            for axis, g in enumerate(_normal(v) for v in normal)
        )
        there = np.arange(_MOST) < count[:, None]
        age = np.minimum((u[:, 0] * self._bins).astype(int), self._bins - 1)[:, None]
        place = age + which * (1 - 1e-12)  # a sum that does not round up to the next age
        point = np.where(clump, *(np.searchsorted(t, place, side="right") for t in (self._by_imf, self._evenly)))[there]
        return dx[there], dy[there], self._flux[point] * reddened(self._extinction[point], np.repeat(a_v, count))

    def _points(self, u: NDArray[np.float64], a_v: NDArray[np.float64], _: NDArray[np.int64]) -> _Stars:
        """The same of galaxies, whose points are equal."""
        dx, dy, flux = self._galaxies.draw(u[:, _HEAD : _HEAD + OF_GALAXY], a_v)
        return dx.reshape(-1), dy.reshape(-1), np.repeat(flux, POINTS, axis=0)

    def _clumped(
        self, u: NDArray[np.float64], subgroup: NDArray[np.float64], normal: NDArray[np.float64], axis: int
    ) -> NDArray[np.float64]:
        """Offsets [n, star] in pixels: half over the whole clump, half in 2 to 5 subgroups of half its size.

        As in ``associations.clumped_offsets``.
        """
        low, high = _CLUMP_SIGMA
        sigma = (low + (high - low) * u[:, 6]) / self._parsec
        centres = _normal(u[:, _HEAD + axis : _HEAD + 2 * _SUBGROUPS : 2])
        chosen = (2 * subgroup * np.floor(2 + 4 * u[:, 7])[:, None]).astype(int) % _SUBGROUPS
        inside = subgroup < 0.5
        return sigma[:, None] * np.where(inside, np.take_along_axis(centres, chosen, 1) + normal / 2, normal)


def _kinds(u: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum((_KINDS * u[:, 1]).astype(np.int64), _KINDS - 1)


def _star_counts(u: NDArray[np.float64]) -> NDArray[np.int64]:
    """Stars of each confuser [n]: 1; 2 or 3; evenly in the logarithm from 5 to 40; a galaxy's points."""
    low, high = np.log([_FEWEST, _MOST])
    clump = np.exp(low + (high - low) * u[:, 2]).astype(np.int64)
    return np.choose(_kinds(u), [1, 2 + (u[:, 2] >= 0.5), clump, POINTS])


def _within(count: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 .. count - 1 of each, one after the other."""
    ends = np.cumsum(count)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - count, count)


def _normal(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return ndtri(u * (1 - 2.0**-52) + 2.0**-54)  # of neither 0 nor 1


def _cumulative(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rises to 1 exactly."""
    total = np.cumsum(weights)
    return total / total[-1]
