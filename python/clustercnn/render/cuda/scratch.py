"""Device memory for what one launch of the kernels leaves for the next, and how many images may share it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.errors import DeviceMemoryError
from clustercnn.render.cuda.layout import LOTS, MOST_GAUSSIANS

if TYPE_CHECKING:
    from clustercnn.render.cuda.shapes import Shapes
    from clustercnn.render.plans import GridPlan

__all__ = ["Scratch", "ScratchSizes", "images_at_once"]

# Worked on at once, and the memory that may take: enough blocks for any device of today; not tuned on one yet
MOST_IMAGES, MOST_BYTES = 1024, 1 << 30


@dataclass(frozen=True)
class ScratchSizes:
    """Bytes of one image's part of each array."""

    segments: int
    lots: int
    spectra: int
    mass_parts: int
    half: int
    folded: int

    @classmethod
    def of(cls, plan: GridPlan, shapes: Shapes, knots: int) -> ScratchSizes:
        """For a plan and population tables of so many knots."""
        period = plan.periods[-1]
        bands, modes = len(period.bands), [band.modes + 1 for band in period.bands]
        return cls(
            segments=knots * (4 + 2 * bands) * 4,
            lots=LOTS.itemsize,
            spectra=MOST_GAUSSIANS * 4 * max(modes) * 4,
            mass_parts=shapes.strips * 8,
            half=2 * sum(modes) * period.cells * shapes.number,
            folded=2 * bands * plan.size * (period.pixels // 2 + 1) * shapes.number,
        )

    @property
    def total(self) -> int:
        """Bytes of one image."""
        return sum(vars(self).values())


def images_at_once(sizes: ScratchSizes) -> int:
    """How many images to work on together."""
    return max(1, min(MOST_IMAGES, MOST_BYTES // sizes.total))


class Scratch:
    """The arrays, for ``images`` images.

    Memory comes from CuPy's current allocator, and is in use until the current stream has done what it is given before
    this object goes.

    Args:
        cupy: the module.
        sizes: of one image.
        images: worked on together; halved, with a warning, if the device has not enough memory for them.

    Raises:
        DeviceMemoryError: the device has not enough memory for half as many either.
    """

    def __init__(self, cupy: Any, sizes: ScratchSizes, images: int) -> None:
        full = cupy.cuda.memory.OutOfMemoryError
        try:
            self._allocate(cupy, sizes, images)
        except full as error:
            half = max(1, images // 2)
            warnings.warn(
                f"the device has no {images * sizes.total / 1e6:.0f} MB left for {images} images at once; "
                f"drawing {half} at once instead",
                RuntimeWarning,
                stacklevel=2,
            )
            try:
                self._allocate(cupy, sizes, half)
            except full:
                raise DeviceMemoryError(
                    f"the device has no {half * sizes.total / 1e6:.0f} MB left for {half} images at once: give the "
                    "renderer fewer images at a time, use a smaller size or a larger tolerance, or free memory that "
                    "other arrays hold"
                ) from error

    def _allocate(self, cupy: Any, sizes: ScratchSizes, images: int) -> None:
        self.arrays = {name: cupy.empty(images * size, dtype=np.uint8) for name, size in vars(sizes).items()}
        self.images = images
