"""Random crops of a mosaic that never touch a pixel without data, in eight orientations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from clustercnn.scene.mosaics import Mosaic

__all__ = ["Backgrounds", "CropTable", "Crops", "orient"]


class CropTable:
    """All places of a mask where a square crop holds valid pixels only, kept as runs along the rows.

    Args:
        valid: bool [y, x].
        size: side of the crop in pixels.

    Raises:
        InvalidInput: no such place.
    """

    def __init__(self, valid: NDArray[np.bool_], *, size: int) -> None:
        if min(valid.shape) < size:
            raise InvalidInput(f"crop size {size}: the mosaic has {valid.shape[1]} x {valid.shape[0]} pixels")
        allowed = _allowed_corners(valid, size)
        edges = np.zeros((allowed.shape[0], allowed.shape[1] + 1), dtype=np.int8)
        edges[:, 1:] -= allowed
        edges[:, :-1] += allowed  # +1 where a run of allowed corners starts, -1 just behind its end
        self._y, self._x = np.nonzero(edges == 1)
        lengths = np.nonzero(edges == -1)[1] - self._x
        self._ends = np.cumsum(lengths)
        self.count = int(self._ends[-1]) if lengths.size else 0
        if self.count == 0:
            raise InvalidInput(f"crop size {size}: no {size} x {size} pixel area without invalid pixels in the mosaic")
        self._starts = self._ends - lengths

    def corners(self, u: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Lower corners (y, x) for uniform numbers in [0, 1), each place equally probable."""
        k = np.minimum((u * self.count).astype(np.int64), self.count - 1)
        run = np.searchsorted(self._ends, k, side="right")
        return self._y[run], self._x[run] + (k - self._starts[run])


def _allowed_corners(valid: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Where the size x size square that starts at a pixel is valid throughout, by an integral image."""
    bad = np.zeros((valid.shape[0] + 1, valid.shape[1] + 1), dtype=np.int64)
    np.cumsum(~valid, axis=0, dtype=np.int64, out=bad[1:, 1:])
    np.cumsum(bad[1:, 1:], axis=1, out=bad[1:, 1:])
    inside = bad[size:, size:] - bad[:-size, size:] - bad[size:, :-size] + bad[:-size, :-size]
    return inside == 0


def orient(image: NDArray[np.float32], code: int) -> NDArray[np.float32]:
    """One of the eight flips and quarter turns of [..., y, x], as a view; code 0 to 7, 0 leaves it alone."""
    if code & 1:
        image = image[..., :, ::-1]
    if code & 2:
        image = image[..., ::-1, :]
    return image.swapaxes(-1, -2) if code & 4 else image


@dataclass(frozen=True, eq=False)
class Crops:
    """Where backgrounds are cut out.

    Args:
        mosaic, y, x: int32 [n] number of the mosaic, lower corner in it.
        code: int32 [n] orientation, see ``orient``.
    """

    mosaic: NDArray[np.int32]
    y: NDArray[np.int32]
    x: NDArray[np.int32]
    code: NDArray[np.int32]


class Backgrounds:
    """Crops of one or several mosaics, each mosaic equally probable.

    Args:
        mosaics: of the same bands and exposures; all of them noisy or none.
        size: side of the crops in pixels.

    Raises:
        InvalidInput: no mosaic, mosaics that do not go together, or one without room for a crop.
    """

    def __init__(self, mosaics: Sequence[Mosaic], *, size: int) -> None:
        if not mosaics:
            raise InvalidInput("mosaics: none given; at least one is needed")
        kinds = {(m.bands, m.noisy, tuple(m.exposures.tolist())) for m in mosaics}
        if len(kinds) > 1:
            raise InvalidInput(f"mosaics: of different bands, noise or exposures, {sorted(kinds)}; one kind is allowed")
        self.mosaics, self.size = tuple(mosaics), size
        self.bands, self.noisy = mosaics[0].bands, mosaics[0].noisy
        self._tables = [CropTable(m.valid, size=size) for m in mosaics]

    def places(self, u: NDArray[np.float64]) -> Crops:
        """Crops for uniform numbers ``u`` [n, 3]: mosaic, place, orientation."""
        which = np.minimum((u[:, 0] * len(self.mosaics)).astype(np.int32), len(self.mosaics) - 1)
        y, x = np.empty((2, len(u)), np.int32)
        for m, table in enumerate(self._tables):
            chosen = np.flatnonzero(which == m)
            y[chosen], x[chosen] = table.corners(u[chosen, 1])
        return Crops(which, y, x, (u[:, 2] * 8).astype(np.int32))

    def cut(self, crops: Crops, out: NDArray[np.float32]) -> None:
        """Fill ``out`` [n, band, size, size]."""
        size = self.size
        columns = (getattr(crops, name).tolist() for name in ("mosaic", "y", "x", "code"))
        for image, m, y, x, code in zip(out, *columns, strict=True):
            image[:] = orient(self.mosaics[m].data[:, y : y + size, x : x + size], code)
