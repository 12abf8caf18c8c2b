"""Stamps around positions of a mosaic: whole pixels, edges padded, invalid pixels filled, everything flagged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustercnn.inference.flags import flag_bit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FILLED", "NO_VALUES", "cut_stamps", "position_flags"]

NO_VALUES = flag_bit("NO_POSITION") | flag_bit("OUTSIDE_IMAGE") | flag_bit("UNUSABLE")
FILLED = NO_VALUES | flag_bit("EDGE") | flag_bit("INVALID_PIXELS")  # some pixels, or all, are not of the image
_CENTRE = 3.0  # pixels; INVALID_CENTRE


def position_flags(x: NDArray[np.float64], y: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.int32]:
    """NO_POSITION and OUTSIDE_IMAGE of positions [n] in an image of ``shape`` (y, x)."""
    flags = np.zeros(len(x), np.int32)
    finite = np.isfinite(x) & np.isfinite(y)
    flags[~finite] |= flag_bit("NO_POSITION")
    with np.errstate(invalid="ignore"):
        inside = (x >= -0.5) & (x < shape[1] - 0.5) & (y >= -0.5) & (y < shape[0] - 0.5)
    flags[finite & ~inside] |= flag_bit("OUTSIDE_IMAGE")
    return flags


def cut_stamps(
    data: NDArray[np.float32],  # [band, y, x]
    valid: NDArray[np.bool_],  # [y, x]
    x: NDArray[np.float64],  # [n]
    y: NDArray[np.float64],  # [n]
    *,
    size: int,
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Stamps [n, band, size, size] centred within half a pixel of the positions, and their flags [n].

    Pixels that are invalid, not finite, or beyond the edge take the median of the stamp's valid pixels in the same
    band, which is the local background of a stamp that is mostly sky. Rows without values (see ``NO_VALUES``) are 0.

    Args:
        data: the mosaic in e-/s.
        valid: False where a pixel must not be used in any band.
        x: column positions, pixel centres at integers.
        y: row positions.
        size: pixels on a side of the stamps.
    """
    flags = position_flags(x, y, data.shape[1:])
    stamps = np.zeros((len(x), data.shape[0], size, size), np.float32)
    rows, columns = np.mgrid[0:size, 0:size]
    for i in np.flatnonzero(flags == 0):
        corner = _corner(x[i], y[i], size)
        stamp, good, padded = _window(data, valid, corner, size)
        usable = good.mean(axis=(1, 2)).min() >= 0.5
        if padded:
            flags[i] |= flag_bit("EDGE")
        if not usable:
            flags[i] |= flag_bit("UNUSABLE")
            continue
        bad = ~good
        if bad.any():
            near = np.hypot(columns + corner[1] - x[i], rows + corner[0] - y[i]) <= _CENTRE
            inside = _inside(corner, size, data.shape[1:])
            if (bad & inside).any():
                flags[i] |= flag_bit("INVALID_PIXELS")
            if (bad & inside & near).any():
                flags[i] |= flag_bit("INVALID_CENTRE")
            for band in range(len(stamp)):
                stamp[band][bad[band]] = np.median(stamp[band][good[band]])
        stamps[i] = stamp
    return stamps, flags


def _corner(x: float, y: float, size: int) -> tuple[int, int]:
    """First row and column of the stamp whose middle, (size - 1) / 2, lies nearest to the position."""
    half = (size - 1) / 2
    return int(np.floor(y - half + 0.5)), int(np.floor(x - half + 0.5))


def _inside(corner: tuple[int, int], size: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels of the stamp [size, size] lie on the image."""
    rows = np.arange(corner[0], corner[0] + size)
    columns = np.arange(corner[1], corner[1] + size)
    return ((rows >= 0) & (rows < shape[0]))[:, None] & ((columns >= 0) & (columns < shape[1]))


def _window(
    data: NDArray[np.float32], valid: NDArray[np.bool_], corner: tuple[int, int], size: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], bool]:
    """The stamp [band, size, size], which of its pixels are good, and whether it reaches over the edge."""
    shape = data.shape[1:]
    low = [max(c, 0) for c in corner]
    high = [min(c + size, n) for c, n in zip(corner, shape, strict=True)]
    source = (slice(low[0], high[0]), slice(low[1], high[1]))
    target = tuple(slice(a - c, b - c) for a, b, c in zip(low, high, corner, strict=True))
    stamp = np.zeros((data.shape[0], size, size), np.float32)
    good = np.zeros(stamp.shape, bool)
    stamp[:, *target] = data[:, *source]
    good[:, *target] = valid[source] & np.isfinite(data[:, *source])
    padded = (high[0] - low[0], high[1] - low[1]) != (size, size)
    return stamp, good, padded
