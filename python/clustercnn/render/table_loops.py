"""A cluster's own table of stars as readable loops: the population's, reddened; see csrc/reddened.hpp.

Stars are looked up a block at a time, a loop to each quantity: LLVM makes vectors of such loops.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from clustercnn.render.fft_loops import FUSED
from clustercnn.render.star_arithmetic import ONE, exp2_fast, guide_bucket

__all__ = ["PER_MAGNITUDE", "find", "find_mass", "fluxes", "redden", "screen", "segments", "values"]

PER_MAGNITUDE = np.float32(-0.4 * np.log2(10.0))  # 10^(-0.4 A) = 2^(-0.4 log2(10) A)
MASS, FLUX = 2, 4  # columns of ``segments``: these and the next hold a quantity at a knot and its rise to the next


@njit(cache=True, fastmath=FUSED)
def redden(flux, extinction, a_v):
    """Fluxes [knot, band] behind a_v mag, from c1, c2 [knot, band, 2] of A_band = c1 A_V + c2 A_V²."""
    out = np.empty_like(flux)
    linear = PER_MAGNITUDE * np.float32(a_v)
    square = linear * np.float32(a_v)
    for k in range(flux.shape[0]):
        for b in range(flux.shape[1]):
            out[k, b] = flux[k, b] * exp2_fast(extinction[k, b, 0] * linear + extinction[k, b, 1] * square)
    return out


@njit(cache=True, error_model="numpy")
def segments(u, mass, flux):
    """Float32 [knot - 1, 4 + 2 band]: u and 1 / width in u, then value and rise of the mass and of each band's flux."""
    out = np.empty((u.size - 1, FLUX + 2 * flux.shape[1]), dtype=np.float32)
    for k in range(u.size - 1):
        width = u[k + 1] - u[k]
        out[k, 0], out[k, 1] = u[k], ONE / width if width > 0 else np.float32(0.0)
        out[k, MASS], out[k, MASS + 1] = mass[k], mass[k + 1] - mass[k]
        for b in range(flux.shape[1]):
            out[k, FLUX + 2 * b], out[k, FLUX + 2 * b + 1] = flux[k, b], flux[k + 1, b] - flux[k, b]
    return out


@njit(cache=True, fastmath=FUSED)
def find(table, u, place):
    """Where stars with uniform numbers ``u`` stand.

    Args:
        table: ``segments``, and the knots' u and the guide of the population.
        u: float32 [lanes].
        place: filled; the last knot at or before each star, uint32 [lanes], and the share of the segment after it that
            is passed, float32 [lanes].
    """
    (rows, knots, guide), (knot, t) = table, place
    for lane in range(knot.size):
        knot[lane] = guide[guide_bucket(u[lane])]
    moved = True
    while moved:
        moved = False
        for lane in range(knot.size):
            step = knots[knot[lane] + 1] <= u[lane]
            knot[lane] += step
            moved |= step
    for lane in range(knot.size):
        t[lane] = (u[lane] - rows[knot[lane], 0]) * rows[knot[lane], 1]


@njit(cache=True, fastmath=FUSED, error_model="numpy")
def find_mass(rows, knots, mass, place):
    """Where stars of given masses stand, in (lowest mass, highest]: after the last knot that is heavier.

    Args:
        rows: ``segments``.
        knots: masses of the knots, decreasing.
        mass: float32 [lanes], Msun.
        place: see ``find``.
    """
    knot, t = place
    knot[:] = 0
    last, step = knots.size - 2, 1
    while 2 * step <= knots.size:
        step *= 2
    while step > 0:
        for lane in range(knot.size):
            following = min(np.int64(knot[lane]) + step, last)
            if knots[following] > mass[lane]:
                knot[lane] = following
        step //= 2
    for lane in range(knot.size):
        rise = rows[knot[lane], MASS + 1]  # negative, or 0 between equal knots
        t[lane] = (mass[lane] - rows[knot[lane], MASS]) / (rise if rise < 0 else -ONE)


@njit(cache=True, fastmath=FUSED)
def values(rows, column, place, out):
    """A quantity of the stars at ``place``, from its column of ``segments``, into ``out`` [lanes]."""
    knot, t = place
    for lane in range(knot.size):
        out[lane] = rows[knot[lane], column] + t[lane] * rows[knot[lane], column + 1]


@njit(cache=True)
def fluxes(rows, place, out):
    """Fluxes of the stars at ``place`` into ``out`` [band, lanes]."""
    for b in range(out.shape[0]):
        values(rows, FLUX + 2 * b, place, out[b])


@njit(cache=True, fastmath=FUSED)
def screen(extinction, place, more, flux):
    """Puts stars behind more dust, or less, than their cluster: each with the coefficients of its own place.

    Args:
        extinction: c1, c2 [knot, band, 2] of A_band = c1 A_V + c2 A_V².
        place: see ``find``.
        more: over the cluster's A_V, each star's in A_V and in A_V², times ``PER_MAGNITUDE`` [2, lanes].
        flux: [band, lanes], changed.
    """
    (knot, t), linear, square = place, more[0], more[1]
    for b in range(flux.shape[0]):
        c, light = extinction[:, b], flux[b]
        for lane in range(knot.size):
            k = np.int64(knot[lane])
            c1 = c[k, 0] + t[lane] * (c[k + 1, 0] - c[k, 0])
            c2 = c[k, 1] + t[lane] * (c[k + 1, 1] - c[k, 1])
            light[lane] *= exp2_fast(c1 * linear[lane] + c2 * square[lane])
