"""The maps of a synthetic disc: where old and young stars are, and its dust. Drawn in chunks, few of them held."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.scene.counters import generator
from clustercnn.scene.dust import Arm, DustLayer
from clustercnn.scene.parts import part_number
from clustercnn.scene.random_maps import Box, RandomMap, WhiteNoise

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from clustercnn.scene.streaming import Tile

__all__ = ["COARSE", "Disc", "DiscMaps"]

CHUNK = (
    1024  # pixels on a side: four of the noise's blocks, so that its border of up to 460 pixels is not most of the work
)
COARSE = 8  # pixels on a side of the coarse maps' cells, less than half of the smallest group's sigma


@dataclass(frozen=True)
class DiscMaps:
    """A piece of the maps, all [y, x].

    Args:
        old, young: mass surface density relative to the field's mean, of old and young stars.
        a_v: depth of the dust layer, mag.
    """

    old: NDArray[np.float32]
    young: NDArray[np.float32]
    a_v: NDArray[np.float32]

    def __getitem__(self, piece: tuple[slice, slice]) -> DiscMaps:
        return DiscMaps(self.old[piece], self.young[piece], self.a_v[piece])


class Disc:
    """The disc of one field.

    Making it draws all of its maps once, to learn their means, and keeps a coarse version of them. After that ``maps``
    draws them again, chunk by chunk, and holds about one row of chunks.

    Args:
        rng: of the field as a whole.
        key: (seed, index) of the field.
        size: pixels on a side.
        pixel_parsec: parsec per pixel.
        a_v: mean depth of the dust between its lanes, mag.
        threads: chunks drawn at once.
        progress: called with the number of chunks done and their total.

    Attributes:
        young: [y, x] relative density of young stars in cells of ``COARSE`` pixels; those at the edges may be smaller,
            and count as much as they hold.
        a_v: [y, x] mean A_V of these cells.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        key: tuple[int, int],
        size: int,
        *,
        pixel_parsec: float,
        a_v: float,
        threads: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.size = size
        self._arm = Arm.random(rng, size, pixel_parsec=pixel_parsec)
        # an exponential disc of scale length 2.5 kpc
        self._slope, self._angle = size * pixel_parsec / 2500.0, rng.uniform(0, 2 * np.pi)
        noise = partial(_white_noise, key)
        self._dust = DustLayer(self._arm, noise, pixel_parsec=pixel_parsec)
        self._patches = RandomMap(noise(3), index=3.0, largest=300.0 / pixel_parsec)
        self._scale = DiscMaps(*np.ones((3, 1, 1), dtype=np.float32))
        self._lock = threading.Lock()
        self._chunks: OrderedDict[tuple[int, int], Future[DiscMaps]] = OrderedDict()
        self._columns = -(-size // CHUNK)
        self._kept = self._columns + 1
        self._only: tuple[NDArray[np.float32], ...] | None = None  # a field of one chunk is not drawn twice
        self._measure(a_v, threads, progress)

    def maps(self, tile: Tile) -> DiscMaps:
        """The maps of a tile that does not cross the border of a chunk."""
        row, column = tile.y0 // CHUNK, tile.x0 // CHUNK
        y, x = tile.y0 - row * CHUNK, tile.x0 - column * CHUNK
        return self._chunk(row, column)[y : y + tile.height, x : x + tile.width]

    def young_places(self, rng: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``n`` places (x, y) in pixels with the density of young stars, to the resolution of the coarse map."""
        cumulative = np.cumsum(self.young)
        cell = np.searchsorted(cumulative, rng.random(n) * cumulative[-1])
        row, column = np.divmod(np.minimum(cell, cumulative.size - 1), self.young.shape[1])
        x, y = rng.random((2, n))
        return tuple(
            COARSE * k + v * np.minimum(COARSE, self.size - COARSE * k) - 0.5 for k, v in ((column, x), (row, y))
        )

    def coarse_a_v(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean A_V of the coarse cells that hold places in the field, mag."""
        row, column = (((v + 0.5) // COARSE).astype(np.int64).clip(0, len(self.a_v) - 1) for v in (y, x))
        return self.a_v[row, column]

    def _measure(self, a_v: float, threads: int, progress: Callable[[int, int], None] | None) -> None:
        """Finds the scales that make the means of the maps what they must be, and the coarse maps."""
        cells = -(-self.size // COARSE)
        self.young, self.a_v = np.empty((2, cells, cells))
        lanes = np.empty((cells, cells))
        old = clouds = 0.0
        places = [(row, column) for row in range(self._columns) for column in range(self._columns)]
        with ThreadPoolExecutor(threads) as pool:
            for done, (place, sums) in enumerate(zip(places, pool.map(self._coarse, places), strict=True), 1):
                y, x = (k * CHUNK // COARSE for k in place)
                piece = slice(y, y + sums[0].shape[0]), slice(x, x + sums[0].shape[1])
                self.young[piece], self.a_v[piece], lanes[piece] = sums[:3]
                old, clouds = old + sums[3], clouds + sums[1].sum()
                if progress:
                    progress(done, len(places))
        pixels = self.size**2
        scales = (pixels / old, pixels / self.young.sum(), a_v * pixels / clouds)
        self._scale = DiscMaps(*(np.float32(s) for s in scales))
        width = np.minimum(COARSE, self.size - COARSE * np.arange(cells))
        self.a_v = (self.a_v * scales[2] + lanes) / np.multiply.outer(width, width)

    def _coarse(self, place: tuple[int, int]) -> tuple[NDArray[np.float64], ...]:
        """Sums over cells of young stars, clouds and lanes, and the sum of the old stars."""
        raw = self._raw(*place)
        if self._columns == 1:
            self._only = raw
        old, young, clouds, lane = raw
        lane = np.broadcast_to(np.float32(lane), old.shape)
        return *(_cell_sums(m) for m in (young, clouds, lane)), old.sum(dtype=np.float64)

    def _chunk(self, row: int, column: int) -> DiscMaps:
        """A chunk's maps, drawn by the first thread that asks; others wait for it."""
        with self._lock:
            future = self._chunks.get((row, column))
            mine = future is None
            if mine:
                future = self._chunks[row, column] = Future()
                while len(self._chunks) > self._kept:
                    self._chunks.popitem(last=False)
        if mine:
            try:
                future.set_result(self._scaled(*(self._only or self._raw(row, column))))
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()

    def _scaled(self, old, young, clouds, lane) -> DiscMaps:
        return DiscMaps(old * self._scale.old, young * self._scale.young, clouds * self._scale.a_v + lane)

    def _raw(self, row: int, column: int) -> tuple[NDArray[np.float32], ...]:
        """Old stars, young stars, clouds and lane (a number where there is none) of a chunk before any scaling."""
        size = self.size
        y0, x0 = row * CHUNK, column * CHUNK
        box = Box(y0, min(y0 + CHUNK, size), x0, min(x0 + CHUNK, size))
        y = np.arange(box.y0, box.y1, dtype=np.float32)[:, None]
        x = np.arange(box.x0, box.x1, dtype=np.float32)[None, :]
        along = (x / size - 0.5) * np.cos(self._angle) + (y / size - 0.5) * np.sin(self._angle)
        disc = np.exp(-self._slope * along).astype(np.float32)
        distance = self._arm.distance(y, x)
        ridge = np.float32(self._arm.strength) * np.exp(-0.5 * np.square(distance / np.float32(self._arm.width)))
        patches = np.exp(np.float32(0.7) * self._patches.draw(box))
        old, young = disc * (1 + np.float32(0.3) * ridge), disc * (np.float32(0.5) + 4 * ridge) * patches
        return old, young, self._dust.clouds(box), self._dust.lane(box, distance)


def _white_noise(key: tuple[int, int], layer: int) -> WhiteNoise:
    seed, index = key
    return WhiteNoise(
        lambda row, column: generator(seed, "field", index, part=part_number(f"map {layer}", row, column))
    )


def _cell_sums(image: NDArray[np.float32]) -> NDArray[np.float64]:
    rows = np.add.reduceat(image, np.arange(0, image.shape[0], COARSE), axis=0, dtype=np.float64)
    return np.add.reduceat(rows, np.arange(0, image.shape[1], COARSE), axis=1)
