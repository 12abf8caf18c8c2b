"""A sheet of example stamps for the tracker, as an RGB array."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["stamp_sheet"]


def stamp_sheet(images: NDArray[np.float32], scale: ArrayLike, *, columns: int = 8) -> NDArray[np.uint8]:
    """Stamps side by side, red to blue from the last band to the first, asinh-stretched.

    Args:
        images: [n, band, y, x] e-/s; n is cut to whole rows of ``columns``, at least one stamp.
        scale: noise of an empty pixel of each band, [band] e-/s; 50 times it is half bright.
        columns: stamps in a row.

    Returns:
        [y, x, 3] uint8.
    """
    columns = min(columns, len(images))
    rows = len(images) // columns
    images = images[: rows * columns]
    stretched = np.arcsinh(np.clip(images, 0.0, None) / (5.0 * np.reshape(scale, (1, -1, 1, 1)))) / np.arcsinh(200.0)
    bands = images.shape[1]
    rgb = stretched[:, [bands - 1, bands // 2, 0]]  # [n, 3, y, x]
    y, x = rgb.shape[2:]
    sheet = rgb.reshape(rows, columns, 3, y, x).transpose(0, 3, 1, 4, 2).reshape(rows * y, columns * x, 3)
    return (255.0 * np.clip(sheet, 0.0, 1.0)).astype(np.uint8)
