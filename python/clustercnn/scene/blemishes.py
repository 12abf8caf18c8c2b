"""What detectors and mosaics leave in samples: residual cosmic rays, and areas without data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.scene.counters import uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BlemishMaker", "Blemishes"]

NEAREST_EDGE = 4.0  # pixels from the middle: a candidate nearer to the edge is flagged, not judged
_MOST_HITS, _LONGEST, _MEAN_LENGTH = 3, 8, 2.0  # of cosmic rays in a sample; pixels
_CHARGES = (30.0, 3000.0)  # e- per pixel: from what is left of one in several exposures to one that was not rejected
_OF_HIT = 6  # uniform numbers of a hit: band, x, y, direction, length, charge
_COLUMNS = 5 + _OF_HIT * _MOST_HITS  # whether there is an edge, direction, distance; whether there are hits, how many


@dataclass(frozen=True, eq=False)
class Blemishes:
    """Those of n samples.

    Args:
        edges: float32 [n, 3] across, along, limit: there are no data where across * dx + along * dy > limit, dx and dy
            being pixels from the stamp's middle; the limit is infinite where there is no edge.
        first: int64 [n + 1], where each sample's hit pixels begin.
        pixels: int32 [hit pixel], place in the sample's flattened [band, y, x].
        rates: float32 [hit pixel], e-/s on top of what is there.
    """

    edges: NDArray[np.float32]
    first: NDArray[np.int64]
    pixels: NDArray[np.int32]
    rates: NDArray[np.float32]

    def without_data(self, rows: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
        """[rows, y, x] where these samples have no data."""
        offset = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
        across, along, limit = (self.edges[rows, k, None, None] for k in range(3))
        return across * offset + along * offset[:, None] > limit

    def hit(self, images: NDArray[np.float32]) -> None:
        """Adds the hits to images [n, band, y, x], in place."""
        flat = images.reshape(len(images), -1)
        np.add.at(flat, (np.repeat(np.arange(len(images)), np.diff(self.first)), self.pixels), self.rates)


class BlemishMaker:
    """Draws blemishes.

    Args:
        size: side of the samples in pixels.
        exposures: [band] s.
        edge_fraction: share of the samples that reach over the edge of the data: a straight line at any angle, at least
            4 pixels from the middle.
        cosmic_ray_fraction: share of the samples with one to three cosmic rays, sharper than any star: straight tracks
            of a few pixels in one band each, densest in the middle of the stamp.
    """

    def __init__(
        self, size: int, exposures: NDArray[np.float32], *, edge_fraction: float, cosmic_ray_fraction: float
    ) -> None:
        self._size, self._exposures = size, exposures
        self._edges, self._rays = edge_fraction, cosmic_ray_fraction

    def draw(self, first: int, n: int, *, seed: int) -> Blemishes:
        """Of samples first .. first + n - 1, each a function of (seed, its number) alone."""
        edges = np.tile(np.array([1.0, 0.0, np.inf], np.float32), (n, 1))
        if self._edges <= 0 and self._rays <= 0:
            nothing = np.zeros(n + 1, np.int64)
            return Blemishes(edges, nothing, np.empty(0, np.int32), np.empty(0, np.float32))
        u = uniforms(seed, "blemish", first=first, n=n, k=_COLUMNS)
        cut = u[:, 0] < self._edges
        direction = 2 * np.pi * u[cut, 1]
        limit = NEAREST_EDGE + (self._size / 2 - NEAREST_EDGE) * u[cut, 2]
        edges[cut] = np.stack([np.cos(direction), np.sin(direction), limit], axis=1)
        count = np.where(u[:, 3] < self._rays, 1 + (_MOST_HITS * u[:, 4]).astype(int), 0)
        sample, pixels, rates = self._tracks(u[:, 5:].reshape(n, _MOST_HITS, _OF_HIT), count)
        starts = np.searchsorted(sample, np.arange(n + 1)).astype(np.int64)
        return Blemishes(edges, starts, pixels.astype(np.int32), rates.astype(np.float32))

    def _tracks(
        self, u: NDArray[np.float64], count: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Sample, place and rate of each hit pixel, in the order of samples."""
        size, step = self._size, np.arange(_LONGEST)
        band = (u[..., 0] * len(self._exposures)).astype(int)
        # the cube of a uniform number: a quarter begin within 1/64 of the area, about the middle
        begin = (size - 1) / 2 + size / 2 * (2 * u[..., 1:3] - 1) ** 3
        angle = 2 * np.pi * u[..., 3]
        direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        direction /= np.abs(direction).max(axis=-1, keepdims=True)  # one pixel a step
        at = np.rint(begin[..., None, :] + step[:, None] * direction[..., None, :]).astype(int)  # [n, hit, step, xy]
        length = 1 - _MEAN_LENGTH * np.log1p(-u[..., 4])
        low, high = np.log(_CHARGES)
        rate = np.exp(low + (high - low) * u[..., 5]) / self._exposures[band]
        there = (np.arange(_MOST_HITS) < count[:, None])[..., None] & (step < length[..., None])
        there &= ((at >= 0) & (at < size)).all(axis=-1)
        place = band[..., None] * size**2 + at[..., 1] * size + at[..., 0]
        return np.nonzero(there)[0], place[there], np.broadcast_to(rate[..., None], there.shape)[there]
