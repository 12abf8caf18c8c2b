"""Search for clusters: the network slides over a mosaic, peaks of its presence map become candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.inference.stamps import NO_VALUES, cut_stamps
from clustercnn.model import read_settings
from clustercnn.scene.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from clustercnn.inference.predict import Predictor
    from clustercnn.scene import Mosaic

__all__ = ["Candidates", "SearchSettings", "grid_points", "presence_map", "search", "write_map"]

_MARGIN = 10.0  # peaks of the grid whose odds fall short of the threshold's by less are followed to their best place


@dataclass(frozen=True)
class SearchSettings:
    """How a mosaic is searched.

    Args:
        stride: pixels between neighbouring stamps; the network tolerates centring errors of a few pixels.
        threshold: presence probability that a candidate needs. Probabilities hold where clusters are as frequent as the
            predictor's prior says. The default is for a predictor without one, to which half of all places or more
            hold a cluster; ``detect`` has a prior for presence, and 0.05.
        separation: pixels; of two candidates nearer than this the more probable one stays.
        refine: steps of halving the stride around each peak.

    Raises:
        InvalidInput: a value out of range.
    """

    stride: int = 4
    threshold: float = 0.95
    separation: float = 8.0
    refine: int = 2

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SearchSettings:
        """From a command's options. Raises ``InvalidInput`` for a name or a value that is none."""
        return read_settings(cls, values, where="search")

    def __post_init__(self) -> None:
        if self.stride < 1:
            raise InvalidInput(f"search.stride: {self.stride}; 1 pixel or more are allowed")
        if not 0.0 < self.threshold < 1.0:
            raise InvalidInput(f"search.threshold: {self.threshold}; values between 0 and 1 are allowed")
        if not self.separation >= 0.0:
            raise InvalidInput(f"search.separation: {self.separation}; 0 pixels or more are allowed")
        if self.refine < 0:
            raise InvalidInput(f"search.refine: {self.refine}; 0 steps or more are allowed")


@dataclass(frozen=True)
class Candidates:
    """Places found: pixels (first pixel centre at 0) and presence, float64 [n], the most probable first."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    presence: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: NDArray) -> Candidates:
        """The rows of an index array or a mask."""
        return Candidates(self.x[rows], self.y[rows], self.presence[rows])


def presence_map(
    predictor: Predictor,
    mosaic: Mosaic,
    *,
    stride: int,
    progress: Callable[[int], None] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Presence probability on a grid of positions.

    Args:
        predictor: the network.
        mosaic: images in e-/s, bands in the network's order.
        stride: pixels between grid points.
        progress: called with the number of positions of each finished batch.

    Returns:
        The map [gy, gx], NaN where the stamp is unusable, and the pixel positions of its columns [gx] and rows [gy].
    """
    columns = _grid(mosaic.data.shape[2], stride, predictor.size)
    rows = _grid(mosaic.data.shape[1], stride, predictor.size)
    x, y = (a.ravel() for a in np.meshgrid(columns, rows))
    found = _presence_at(predictor, mosaic, x, y, progress=progress)
    return found.reshape(len(rows), len(columns)), columns, rows


def search(
    predictor: Predictor,
    mosaic: Mosaic,
    settings: SearchSettings | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> tuple[Candidates, NDArray[np.float32]]:
    """Candidates of a mosaic, and the presence map [gy, gx] they come from.

    Peaks of the map, of a tenth of the threshold's odds or more, are moved to the best of their neighbours in steps of
    half, a quarter, ... of the stride; those that then pass the threshold are thinned to the wanted separation.

    Args:
        predictor: the network.
        mosaic: images in e-/s, bands in the network's order.
        settings: stride, threshold, separation, refinement.
        progress: called with the number of positions of each finished batch of the map; see ``grid_points``.

    Raises:
        InvalidInput: the mosaic is smaller than a stamp, or the stride larger.
    """
    settings = settings or SearchSettings()
    if min(mosaic.data.shape[1:]) < predictor.size:
        raise InvalidInput(
            f"images: {mosaic.data.shape[1:]} pixels (y, x); at least one stamp of {predictor.size} is needed"
        )
    if settings.stride > predictor.size:
        raise InvalidInput(f"search.stride: {settings.stride}; up to a stamp of {predictor.size} pixels is allowed")
    grid, columns, rows = presence_map(predictor, mosaic, stride=settings.stride, progress=progress)
    least = settings.threshold / (settings.threshold + _MARGIN * (1.0 - settings.threshold))
    peak_y, peak_x = np.nonzero(local_maxima(grid, least))
    candidates = Candidates(columns[peak_x], rows[peak_y], grid[peak_y, peak_x].astype(np.float64))
    step = settings.stride / 2
    for _ in range(settings.refine):
        if step < 0.5:
            break
        candidates = _climb(predictor, mosaic, candidates, step)
        step /= 2
    return thin(candidates[candidates.presence >= settings.threshold], settings.separation), grid


def grid_points(shape: tuple[int, int], stride: int, size: int) -> int:
    """How many positions a presence map has on an image of ``shape`` (y, x)."""
    return len(_grid(shape[0], stride, size)) * len(_grid(shape[1], stride, size))


def write_map(path: Path, presence: NDArray[np.float32], mosaic: Mosaic, *, stride: int, size: int) -> None:
    """Write a presence map [gy, gx] as FITS, with the mosaic's WCS on its coarser grid.

    Args:
        path: the file.
        presence: the map.
        mosaic: the images it was made from.
        stride: pixels of the mosaic between points of the map.
        size: pixels on a side of the network's stamps.
    """
    from astropy.io import fits

    hdu = fits.PrimaryHDU(presence)
    if mosaic.wcs is not None:
        first = [_grid(n, stride, size)[0] for n in mosaic.valid.shape[::-1]]
        coarse = mosaic.wcs.celestial.deepcopy()
        coarse.wcs.crpix = (coarse.wcs.crpix - 1 - first) / stride + 1
        if coarse.wcs.has_cd():
            coarse.wcs.cd = coarse.wcs.cd * stride
        else:
            coarse.wcs.cdelt = coarse.wcs.cdelt * stride
        hdu.header.update(coarse.to_header())
    hdu.header["BUNIT"] = ("", "probability that a cluster is there")
    with replacing(path) as part:
        hdu.writeto(part)


def local_maxima(grid: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Points [y, x] at or above the threshold that no neighbour exceeds; of a plateau the first point stays."""
    from scipy.ndimage import label, maximum_filter

    filled = np.where(np.isfinite(grid), grid, -1.0)
    peaks = (filled >= threshold) & (filled == maximum_filter(filled, size=3, mode="constant", cval=-1.0))
    groups, _ = label(peaks, structure=np.ones((3, 3)))
    first = np.zeros(peaks.shape, bool)
    _, index = np.unique(groups.ravel(), return_index=True)
    first.flat[index] = True
    return first & peaks


def thin(candidates: Candidates, separation: float) -> Candidates:
    """Non-maximum suppression: the most probable first, without those nearer than ``separation`` pixels to one kept."""
    from scipy.spatial import cKDTree

    order = np.argsort(-candidates.presence, kind="stable")
    ranked = candidates[order]
    if len(ranked) == 0 or separation == 0.0:
        return ranked
    points = np.stack([ranked.x, ranked.y], axis=1)
    neighbours = cKDTree(points).query_ball_point(points, separation)
    keep = np.ones(len(ranked), bool)
    for i in range(len(ranked)):
        if keep[i]:
            later = [j for j in neighbours[i] if j > i]
            keep[later] = False
    return ranked[keep]


def _climb(predictor: Predictor, mosaic: Mosaic, candidates: Candidates, step: float) -> Candidates:
    """Each candidate at the best of its eight neighbours at distance ``step``, or where it is."""
    if len(candidates) == 0:
        return candidates
    dy, dx = (a.ravel() * step for a in np.mgrid[-1:2, -1:2])
    x = np.clip(candidates.x[:, None] + dx, 0, mosaic.data.shape[2] - 1)
    y = np.clip(candidates.y[:, None] + dy, 0, mosaic.data.shape[1] - 1)
    found = _presence_at(predictor, mosaic, x.ravel(), y.ravel()).reshape(x.shape)
    found = np.where(np.isfinite(found), found, -1.0)
    found[:, 4] = np.maximum(found[:, 4], candidates.presence)  # the middle: stay unless a neighbour is better
    # the middle wins ties, or a saturated plateau would pull every candidate to its first corner
    best = np.where(found.max(axis=1) > found[:, 4], found.argmax(axis=1), 4)
    i = np.arange(len(candidates))
    return Candidates(x[i, best], y[i, best], found[i, best].astype(np.float64))


def _presence_at(
    predictor: Predictor,
    mosaic: Mosaic,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    found = np.full(len(x), np.nan, np.float32)
    for first in range(0, len(x), predictor.batch):
        rows = slice(first, first + predictor.batch)
        stamps, flags = cut_stamps(mosaic.data, mosaic.valid, x[rows], y[rows], size=predictor.size)
        useful = (flags & NO_VALUES) == 0
        if useful.any():
            found[rows][useful] = predictor.presence(stamps[useful])
        if progress is not None:
            progress(len(flags))
    return found


def _grid(n: int, stride: int, size: int) -> NDArray[np.float64]:
    """Positions across n pixels, ``stride`` apart, on which stamps of ``size`` pixels centre exactly."""
    middle = 0.5 * ((size - 1) % 2)
    count = int((n - 1 - middle) // stride) + 1
    return middle + (n - 1 - (count - 1) * stride) // 2 + stride * np.arange(count, dtype=np.float64)
