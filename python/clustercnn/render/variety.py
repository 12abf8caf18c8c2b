"""What sets clusters apart from plain ones, as the kernels read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.labels import ClusterParams

__all__ = ["PLAIN", "is_plain", "systems_per_star", "variety_rows"]

PLAIN = (0.0, 1.0, 1.0, 0.0, 0.0, 0.0)  # a column of ``variety_rows``


def variety_rows(params: ClusterParams) -> NDArray[np.float32] | None:
    """Rows binary fraction, stretch, cosine, sine, segregation, scatter of ln A_V [6, n]; None if all are plain.

    The stretch is the major semi-axis over the radius of the circle of the same area; cosine and sine are those of the
    major axis' angle from +x.
    """
    binary_fraction, ellipticity, angle, segregation, scatter = (
        np.zeros(len(params)) if v is None else v
        for v in (
            params.binary_fraction,
            params.ellipticity,
            params.position_angle,
            params.segregation,
            params.a_v_scatter,
        )
    )
    stretch, turn = 1.0 / np.sqrt(1.0 - ellipticity), np.deg2rad(angle)
    rows = [binary_fraction, stretch, np.cos(turn), np.sin(turn), segregation, scatter]
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    return None if np.all(is_plain(rows)) else rows


def is_plain(rows: NDArray[np.float32] | tuple[float, ...]) -> NDArray[np.bool_] | bool:
    """Which clusters of ``variety_rows`` [6, n], or whether that of one column [6], are plain."""
    binary_fraction, stretch, _, _, segregation, scatter = rows
    return (stretch == 1.0) & (binary_fraction == 0.0) & (segregation == 0.0) & (scatter == 0.0)


def systems_per_star(params: ClusterParams, mean_q: float) -> NDArray[np.float64]:
    """Mean mass of single stars over that of systems [n]: what companions of mean mass ratio ``mean_q`` leave."""
    return 1.0 / (1.0 + (0.0 if params.binary_fraction is None else params.binary_fraction) * mean_q)
