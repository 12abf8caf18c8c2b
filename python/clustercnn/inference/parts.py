"""Candidates of a search that are part of another one: the outskirts of a bright cluster, taken for a large cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.inference.flags import flag_bit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["part_flags"]

# Seen from 10 pixels beside it, a bright cluster looks like one with a half-light radius of about 10 pixels. On four
# mock mosaics 59 of 778 candidates are flagged, none of which lies on a cluster: benchmarks/bench_detect.py
_REACH = 1.5


def part_flags(x: NDArray[np.float64], y: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.int32]:
    """The flag ``PART_OF_ANOTHER`` where 1.5 half-light radii of a candidate reach a candidate smaller than it, [n].

    Args:
        x, y: positions in pixels [n].
        radius: each candidate's half-light radius in pixels [n]; NaN, where it is not known, reaches nothing.

    Raises:
        InvalidInput: arrays of different lengths.
    """
    from scipy.spatial import cKDTree

    if not len(x) == len(y) == len(radius):
        raise InvalidInput(f"x, y, radius: {len(x)}, {len(y)} and {len(radius)} values; equally many are allowed")
    flags = np.zeros(len(x), np.int32)
    known = np.flatnonzero(np.isfinite(radius))
    if len(known) == 0:
        return flags
    points = np.stack([x, y], axis=1)[known]
    near = cKDTree(points).query_ball_point(points, _REACH * radius[known])
    part = [(radius[known[others]] < radius[i]).any() for i, others in zip(known, near, strict=True)]
    flags[known[part]] = flag_bit("PART_OF_ANOTHER")
    return flags
