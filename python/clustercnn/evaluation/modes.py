"""How many separate answers a joint posterior gives: its density over two labels, and the peaks that stand apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from clustercnn.labels import LABEL_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PLANES", "count_modes", "count_peaks", "modes_of", "multimodal", "plane_density"]

PLANES = ((0, 2), (0, 1))  # where answers part: age with extinction, age with mass
_CELLS = 60
_LEAST_PEAK = 0.1  # of the highest
_DIP = 0.3  # of a peak's height, by which every way to a higher peak must go down


def plane_density(draws: NDArray[Any], bounds: NDArray[Any], *, cells: int = _CELLS) -> tuple[NDArray[np.float64], ...]:
    """Smoothed density of draws [k, 2] within bounds [2, 2]: [cells, cells], and the cells' edges along both axes.

    Smoothed by Scott's rule, so that it shows structure and not the number of draws.
    """
    density, x, y = np.histogram2d(draws[:, 0], draws[:, 1], bins=cells, range=bounds)
    width = [
        max(s / (b[1] - b[0]) * cells * len(draws) ** (-1 / 6), 0.7)
        for s, b in zip(draws.std(axis=0), bounds, strict=True)
    ]
    return ndimage.gaussian_filter(density, width, mode="reflect"), x, y


def count_modes(draws: NDArray[Any], bounds: NDArray[Any]) -> int:
    """Peaks of the density of draws [k, 2] that stand apart, see ``count_peaks``."""
    return count_peaks(plane_density(draws, bounds)[0])


def count_peaks(density: NDArray[np.float64]) -> int:
    """Peaks of a density [x, y] that stand apart, at least 1.

    A peak counts if it has a tenth of the highest one's height, and every way from it to a higher one goes down by 30 %
    of its height on the way.
    """
    peaks = np.argwhere((density == ndimage.maximum_filter(density, 3)) & (density > _LEAST_PEAK * density.max()))
    heights = density[tuple(peaks.T)]
    order = np.argsort(-heights, kind="stable")
    peaks, heights = peaks[order], heights[order]
    count = 1
    for k in range(1, len(peaks)):
        island = ndimage.label(density > (1 - _DIP) * heights[k])[0][tuple(peaks[: k + 1].T)]
        count += bool((island[:k] != island[k]).all())
    return count


def modes_of(samples: NDArray[Any], chosen: NDArray[np.bool_], bounds: NDArray[Any]) -> NDArray[np.int8]:
    """``count_modes`` of the chosen posteriors' draws [n, k, 4] in each of ``PLANES``, [n, plane]; 0 for the others."""
    modes = np.zeros((len(samples), len(PLANES)), np.int8)
    for i in np.flatnonzero(chosen):
        modes[i] = [count_modes(samples[i][:, plane], bounds[list(plane)]) for plane in PLANES]
    return modes


def multimodal(modes: NDArray[np.int8]) -> dict[str, float | None]:
    """Share of posteriors [n, plane] with more than one mode, by the names of the plane's labels."""
    names = ("/".join(LABEL_NAMES[k] for k in plane) for plane in PLANES)
    return {name: float(np.mean(modes[:, p] > 1)) if len(modes) else None for p, name in enumerate(names)}
