"""The population tables on the device, which grow as populations are met."""

from __future__ import annotations

from typing import Any

import numpy as np

from clustercnn.render.cuda.layout import POPULATIONS
from clustercnn.render.cuda.memory import address

__all__ = ["DevicePopulations"]

FIELDS = ("u", "mass", "flux", "extinction", "guide")


class DevicePopulations:
    """A copy of the rows that exist.

    Args:
        cupy: the module.
    """

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._arrays: list[Any] = []
        self._replaced: list[Any] = []  # kernels under way may still read them
        self._rows = 0

    def structure(self, arrays: tuple[Any, ...], used: int) -> np.ndarray:
        """A ``POPULATIONS`` of the tables with their first ``used`` rows, after copying those that are new.

        Args:
            arrays: as ``Populations.arrays`` gives them.
            used: how many rows are filled.
        """
        if used > self._rows:
            self._copy(arrays, used)
        capacity, knots, bands = arrays[2].shape[:3]
        out = np.zeros((), dtype=POPULATIONS)
        out["count"], out["knots"], out["bands"] = capacity, knots, bands
        for name, array in zip(FIELDS, self._arrays, strict=True):
            out[name] = address(array)
        return out

    def _copy(self, arrays: tuple[Any, ...], used: int) -> None:
        if not self._arrays or self._arrays[0].shape[0] < arrays[0].shape[0]:
            grown = [self._cupy.empty(array.shape, dtype=array.dtype) for array in arrays]
            self._replaced, self._arrays, self._rows = [*self._replaced, *self._arrays], grown, 0
        for array, copy in zip(arrays, self._arrays, strict=True):
            copy[self._rows : used] = self._cupy.asarray(array[self._rows : used])
        self._cupy.cuda.get_current_stream().synchronize()  # other streams read them as well; new rows are rare
        self._rows = used
