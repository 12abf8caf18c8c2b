"""What drawing an image costs, measured: by it the cheapest grid and window are chosen."""

from __future__ import annotations

import numpy as np

__all__ = ["drawing_cost", "star_work", "transform_work"]

LANES = 16  # of the widest instruction set; with fewer the numbers grow alike
PIXELS = 96  # the domain of a 64-pixel frame whose stars lie inside
FRAME = 64

# ns per unit of work below, from benchmarks/bench_growth.py on one core with AVX-512; only their ratios matter
COST_TRANSFORM, COST_STAR, COST_VECTOR = 1.9, 9.0, 0.76


def transform_work(density: float, cutoffs: tuple[float, ...]) -> float:
    """Vectors times octaves that the Fourier transforms of one image go through.

    Args:
        density: cells per pixel.
        cutoffs: [band], the highest frequency of each band's kernels, cycles per pixel.
    """
    cells = PIXELS * density
    columns = len(cutoffs) * FRAME * density / (2 * LANES)
    rows = sum(c * PIXELS / LANES + 1 for c in cutoffs)
    return (columns + rows) * cells * np.log2(cells) + rows * PIXELS * np.log2(PIXELS)


def star_work(taps: int, bands: int) -> int:
    """Vectors of the grid that one star touches."""
    return taps * -(-taps * bands // LANES)


def drawing_cost(density: float, taps: int, cutoffs: tuple[float, ...], stars: float) -> float:
    """The time for an image of that many stars, ns."""
    per_star = COST_STAR + COST_VECTOR * star_work(taps, len(cutoffs))
    return COST_TRANSFORM * transform_work(density, cutoffs) + stars * per_star
