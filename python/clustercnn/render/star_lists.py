"""Explicit stars of several images, one list after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.render.backends import Backend

__all__ = ["StarLists", "draw_one_by_one"]


@dataclass(frozen=True, eq=False)
class StarLists:
    """Explicit stars of several images.

    Args:
        first: int64 [n + 1], where each image's stars begin; the last is the number of all.
        x, y: float64 [star], pixels.
        flux: float32 [star, band], e-/s.
        psf: int32 [n], which of the survey's library of kernels.
    """

    first: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    flux: NDArray[np.float32]
    psf: NDArray[np.int32]

    def __len__(self) -> int:
        return self.psf.size

    @classmethod
    def none(cls, bands: int) -> StarLists:
        """No image."""
        empty = np.empty(0)
        return cls(np.zeros(1, np.int64), empty, empty, np.empty((0, bands), np.float32), np.empty(0, np.int32))


def draw_one_by_one(backend: Backend, clusters, lists: StarLists, out, total_mass) -> None:
    """``Backend.draw_images`` on a CPU, where images need not be worked on together.

    Args:
        backend: draws.
        clusters: population tables and columns.
        lists: of stars.
        out: rows and images.
        total_mass: filled.
    """
    (populations, columns), (rows, images) = clusters, out
    images = images if isinstance(images, np.ndarray) else np.from_dlpack(images)
    n = 0 if columns is None else columns.index.size
    if n:
        drawn = np.empty((n, *images.shape[1:]), dtype=np.float32)
        backend.render(populations, columns, drawn, total_mass)
        images[rows[:n]] = drawn
    for k, row in enumerate(rows[n:].tolist()):
        stars = slice(lists.first[k], lists.first[k + 1])
        backend.draw(lists.x[stars], lists.y[stars], lists.flux[stars], int(lists.psf[k]), images[row])
