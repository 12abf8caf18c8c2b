"""The noise that belongs to a survey's images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.physics import Survey
    from clustercnn.scene.mosaics import Mosaic

__all__ = ["NoiseModel"]


@dataclass(frozen=True, eq=False)
class NoiseModel:
    """Per band: exposure (s), read noise (e-), sky (e-/s) and the variance that every pixel has, (e-/s)^2."""

    exposures: NDArray[np.float32]
    read_noise: NDArray[np.float32]
    sky: NDArray[np.float32]
    fixed: NDArray[np.float32]

    @classmethod
    def of(cls, mosaic: Mosaic, survey: Survey) -> NoiseModel:
        """That of a mosaic's exposures."""
        exposures = np.asarray(mosaic.exposures, np.float32)
        read = np.array([b.read_noise for b in survey.bands], np.float32)
        sky = np.array([b.sky for b in survey.bands], np.float32)
        return cls(exposures, read, sky, sky / exposures + np.square(read / exposures))
