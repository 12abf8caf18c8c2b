"""Fields of any size from star lists that no one holds as a whole: tile by tile, each star drawn once."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.render import Renderer, RenderSettings
from clustercnn.scene.population import StarList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from clustercnn.physics import Survey

__all__ = ["LARGEST_FIELD", "FieldStep", "Tile", "checked_out", "draw_field", "stream_field"]

LARGEST_FIELD = 65536  # pixels on a side
_SMALLEST_TILE, _LARGEST_FRAME = 32, 2048  # pixels; the second is the renderer's
_BATCH = 2**18  # stars drawn at once: the transforms of a tile of 256 pixels take a fifth of their time
_PAD = 3  # pixels of a frame beyond the kernel's reach, for the ringing of a band-limited kernel behind its edge


@dataclass(frozen=True)
class Tile:
    """A rectangle of a field, in pixels.

    Args:
        number: counted along x first; what a source derives its random numbers from.
        x0, y0: first pixel.
        width, height: pixels along x and y.
        x_range, y_range: the tile's stars lie at low <= x < high. Tiles share no place, and together they hold all
            places whose light falls into the field: those at the edges of the field reach beyond it.
    """

    number: int
    x0: int
    y0: int
    width: int
    height: int
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def holds(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which places [n] are the tile's."""
        return (x >= self.x_range[0]) & (x < self.x_range[1]) & (y >= self.y_range[0]) & (y < self.y_range[1])


class FieldStep(NamedTuple):
    """How far a field is: what is being done, how many of how many pieces are done, and stars drawn so far."""

    what: str
    done: int
    total: int
    stars: int = 0


def draw_field(
    survey: Survey,
    source: Callable[[Tile], StarList | Iterable[StarList]],
    size: int,
    *,
    out: NDArray[np.floating] | None = None,
    progress: Callable[[FieldStep], None] | None = None,
    threads: int = 0,
    tile: int = 256,
    tolerance: float = 1e-3,
) -> NDArray[np.floating]:
    """Image [band, y, x] in e-/s of all stars that a source gives, ``size`` x ``size`` pixels, noise-free.

    Each tile's stars are drawn once, onto the tile and a border as wide as the kernels reach, and the borders are added
    to the neighbouring tiles. What is held beside ``out`` is a strip of one row of tiles and, for each thread, three
    tiles and a batch of stars: memory grows with neither the number of stars nor, but for ``out``, that of tile rows.
    The sums are made in the order of the tiles, so the image is the same to the bit for any number of threads.

    Args:
        survey: bands and kernels.
        source: called once for each tile, from several threads at once; gives the stars that lie in ``tile.x_range``
            and ``tile.y_range``, in pixels of the field, as one list or as several, one after the other. When the lists
            are functions of (seed, tile.number) alone, so is the field.
        size: pixels on a side.
        out: [band, size, size] floating-point numbers to fill, row by row; any writable array, such as ``np.memmap``.
        progress: called with a ``FieldStep`` after each tile.
        threads: tiles drawn at once; 0 takes every core this process may use.
        tile: pixels on a side of a tile.
        tolerance: of the renderer, for each tile's image; see ``RenderSettings``. Where borders overlap, errors of up
            to four tiles add up.

    Returns:
        ``out``, or a new float32 array.

    Raises:
        InvalidInput: an argument that is not allowed, or stars that do not lie in their tile.
    """
    shape = (len(survey.bands), *_checked_size(size))
    out = np.empty(shape, dtype=np.float32) if out is None else checked_out(out, shape)
    stream = stream_field(survey, source, size, progress=progress, threads=threads, tile=tile, tolerance=tolerance)
    for first, stars, _ in stream:
        out[:, first : first + stars.shape[1]] = stars
    return out


def stream_field(
    survey: Survey,
    source: Callable[[Tile], StarList | Iterable[StarList]],
    size: int,
    *,
    light: Callable[[Tile], NDArray[np.float32]] | None = None,
    progress: Callable[[FieldStep], None] | None = None,
    threads: int = 0,
    tile: int = 256,
    tolerance: float = 1e-3,
) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32] | None]]:
    """The field of ``draw_field`` in rows, from the first to the last.

    Args:
        survey, source, size, progress, threads, tile, tolerance: see ``draw_field``.
        light: gives the smooth light [band, height, width] of a tile; called after the tile's stars were taken, in the
            same thread.

    Yields:
        The number of the first row, the stars' image [band, rows, size], and the smooth light likewise (None without
        ``light``). Both are overwritten by the next ones.
    """
    _checked_size(size)
    threads = RenderSettings(threads=threads).n_threads
    bands = len(survey.bands)
    reach = int(np.ceil(max(psf.radius for name in survey.band_names for psf in survey.psf_library(name)))) + _PAD
    if isinstance(tile, bool) or not isinstance(tile, int) or not _SMALLEST_TILE <= tile <= _LARGEST_FRAME - 2 * reach:
        allowed = f"a whole number of pixels from {_SMALLEST_TILE} to {_LARGEST_FRAME - 2 * reach}"
        raise InvalidInput(f"tile: {tile!r}; {allowed} is allowed (kernels reach {reach - _PAD} pixels)")
    tile = min(tile, size)
    renderer = Renderer(survey, size=tile + 2 * reach, settings=RenderSettings(tolerance=tolerance, threads=1))
    painter = _Painter(renderer, source, light, reach)
    rows = _tile_rows(size, tile, reach)
    strip, smooth = _Strip(bands, size, tile, reach), _Strip(bands, size, tile, reach) if light else None
    done = count = 0
    with ThreadPoolExecutor(threads) as pool:
        painted = _in_order(pool, painter.paint, (t for row in rows for t in row), ahead=2 * threads)
        for number, row in enumerate(rows):
            for each, (image, own, stars) in zip(row, painted, strict=False):
                strip.add(image, each.x0 - reach)
                if smooth:
                    smooth.add(own, each.x0, below=reach)
                done, count = done + 1, count + stars
                if progress:
                    progress(FieldStep("stars", done, sum(map(len, rows)), count))
            last = number == len(rows) - 1
            first, finished = strip.finished(last=last)
            yield first, finished, smooth.finished(last=last)[1] if smooth else None
            strip.advance()
            if smooth:
                smooth.advance()


class _Painter:
    """Draws the stars of one tile, batch by batch."""

    def __init__(self, renderer: Renderer, source, light, reach: int) -> None:
        self._renderer, self._source, self._light, self._reach = renderer, source, light, reach

    def paint(self, tile: Tile) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, int]:
        """Image of the tile's stars with its border, the tile's smooth light, and the number of stars."""
        size, held, waiting, total = self._renderer.size, [], 0, 0
        image = np.zeros((len(self._renderer.survey.bands), size, size), dtype=np.float32)
        batch = np.empty_like(image)
        for stars in _pieces(self._source(tile), tile):
            held.append(stars)
            waiting += len(stars.x)
            total += len(stars.x)
            if waiting >= _BATCH:
                self._draw(held, tile, batch, image)
                held, waiting = [], 0
        if waiting:
            self._draw(held, tile, batch, image)
        return image, self._light(tile) if self._light else None, total

    def _draw(self, held: list[StarList], tile: Tile, batch: NDArray[np.float32], image: NDArray[np.float32]) -> None:
        stars = held[0] if len(held) == 1 else StarList.join(held)
        self._renderer.draw(stars.x - (tile.x0 - self._reach), stars.y - (tile.y0 - self._reach), stars.flux, out=batch)
        image += batch


class _Strip:
    """The rows of a field that are being worked on: one row of tiles with the borders about it."""

    def __init__(self, bands: int, size: int, tile: int, reach: int) -> None:
        self._size, self._tile, self._reach, self._row = size, tile, reach, 0
        # columns: a border, the field rounded up to whole tiles, a border
        self._rows = np.zeros((bands, tile + 2 * reach, -(-size // tile) * tile + 2 * reach), dtype=np.float32)

    def add(self, image: NDArray[np.float32], x: int, *, below: int = 0) -> None:
        """Adds an image [band, h, w] whose first column is the field's column x; ``below`` is its first row here."""
        height, width = image.shape[1:]
        self._rows[:, below : below + height, x + self._reach : x + self._reach + width] += image

    def finished(self, *, last: bool) -> tuple[int, NDArray[np.float32]]:
        """The first row that no later tile adds to and was not given out yet, and all such rows [band, rows, size]."""
        first = self._row * self._tile - self._reach  # the strip's first row, on the field
        start = 0 if self._row else self._reach
        end = self._size - first if last else self._tile
        return first + start, self._rows[:, start:end, self._reach : self._reach + self._size]

    def advance(self) -> None:
        """Moves on by one row of tiles."""
        border = 2 * self._reach
        moved = self._rows[:, self._tile :].copy()  # the two may overlap
        self._rows[:, :border] = moved
        self._rows[:, border:] = 0.0
        self._row += 1


def _tile_rows(size: int, tile: int, reach: int) -> list[list[Tile]]:
    starts = range(0, size, tile)

    def span(start: int) -> tuple[int, tuple[float, float]]:
        end = min(start + tile, size)
        low = start - 0.5 if start else -0.5 - reach
        return end - start, (low, end - 0.5 if end < size else end - 0.5 + reach)

    def at(row: int, column: int) -> Tile:
        (height, y_range), (width, x_range) = span(starts[row]), span(starts[column])
        return Tile(row * len(starts) + column, starts[column], starts[row], width, height, x_range, y_range)

    return [[at(row, column) for column in range(len(starts))] for row in range(len(starts))]


def _in_order(pool: ThreadPoolExecutor, call: Callable[[Tile], Any], tiles: Iterable[Tile], *, ahead: int) -> Iterator:
    """Results of the call in the tiles' order; at most ``ahead`` tiles are drawn beyond the one awaited."""
    waiting: deque = deque()
    try:
        for tile in tiles:
            waiting.append(pool.submit(call, tile))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # after a failure the rest need not be drawn
        for future in waiting:
            future.cancel()


def _pieces(given: StarList | Iterable[StarList], tile: Tile) -> Iterator[StarList]:
    """The lists of a tile, none of more than ``_BATCH`` stars, after making sure that they are the tile's."""
    lists = (given,) if isinstance(given, StarList) else given
    where = f"source: tile {tile.number}"
    if not hasattr(lists, "__iter__"):
        raise InvalidInput(f"{where}: {type(given).__name__}; a StarList, or several, are allowed")
    for stars in lists:
        if not isinstance(stars, StarList):
            raise InvalidInput(f"{where}: {type(stars).__name__}; a StarList, or several, are allowed")
        if np.ndim(stars.x) != 1 or np.shape(stars.x) != np.shape(stars.y) or len(stars.flux) != len(stars.x):
            shapes = ", ".join(str(np.shape(a)) for a in (stars.x, stars.y, stars.flux))
            raise InvalidInput(f"{where}: x, y, flux of shapes {shapes}; [n], [n] and [n, band] are allowed")
        inside = tile.holds(stars.x, stars.y)
        if not inside.all():
            worst = np.flatnonzero(~inside)[0]
            raise InvalidInput(
                f"{where}: a star at x {stars.x[worst]:g}, y {stars.y[worst]:g}; "
                f"{tile.x_range[0]:g} <= x < {tile.x_range[1]:g}, {tile.y_range[0]:g} <= y < {tile.y_range[1]:g} "
                "is allowed"
            )
        for first in range(0, len(stars.x), _BATCH):
            piece = slice(first, first + _BATCH)
            yield StarList(stars.x[piece], stars.y[piece], stars.flux[piece])


def _checked_size(size: int) -> tuple[int, int]:
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not _SMALLEST_TILE <= size <= LARGEST_FIELD:
        raise InvalidInput(
            f"size: {size!r}; a whole number of pixels from {_SMALLEST_TILE} to {LARGEST_FIELD} is allowed"
        )
    return int(size), int(size)


def checked_out(out: NDArray[np.floating], shape: tuple[int, ...]) -> NDArray[np.floating]:
    """``out`` if it can be filled; raises ``InvalidInput`` naming what is wrong otherwise."""
    if not isinstance(out, np.ndarray):
        raise InvalidInput(f"out: {type(out).__name__}; a NumPy array (np.memmap, say) is allowed")
    if out.shape != shape or not np.issubdtype(out.dtype, np.floating):
        raise InvalidInput(f"out: {out.dtype} {out.shape}; floating-point numbers {shape} are allowed")
    if not out.flags.writeable:
        raise InvalidInput("out: read-only; a writable array is allowed")
    return out
