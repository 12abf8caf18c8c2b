"""The renderer as readable loops, compiled by numba: the fallback without the extension, and the specification.

Same random numbers, same tables, same window as the C++ core; single precision in the same places. Only the Fourier
transforms are a library's.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["deposit", "philox", "redden", "sample", "star_count", "uniform"]

KEY_STEP_0, KEY_STEP_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
FACTOR_0, FACTOR_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
LOW, SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
STARS, STAR_COUNT = 0, 1  # what a random stream is for: the counter's second word
LARGEST_UNIFORM = np.float32(1.0 - 2.0**-24)


@njit(cache=True)
def philox(seed, item, purpose, cluster):
    """Four random 32-bit words: Philox 4x32-10 (Salmon et al. 2011)."""
    c0, c1 = np.uint64(item), np.uint64(purpose)
    c2, c3 = np.uint64(cluster) & LOW, np.uint64(cluster) >> SHIFT
    k0, k1 = np.uint64(seed) & LOW, np.uint64(seed) >> SHIFT
    for _ in range(10):
        p0, p1 = FACTOR_0 * c0, FACTOR_1 * c2
        c0, c2 = (p1 >> SHIFT) ^ c1 ^ k0, (p0 >> SHIFT) ^ c3 ^ k1
        c1, c3 = p1 & LOW, p0 & LOW
        k0, k1 = (k0 + KEY_STEP_0) & LOW, (k1 + KEY_STEP_1) & LOW
    return c0, c1, c2, c3


@njit(cache=True)
def uniform(word):
    """Single-precision uniform in (0, 1)."""
    u = np.float32(word) * np.float32(2.0**-32) + np.float32(2.0**-33)
    return min(u, LARGEST_UNIFORM)


@njit(cache=True)
def star_count(seed, cluster, mean):
    """Number of stars: the mean rounded up or down at random, so that its expectation is exact."""
    word = philox(seed, 0, STAR_COUNT, cluster)[0]
    return math.floor(mean + (float(word) + 0.5) * 2.0**-32)


@njit(cache=True)
def redden(flux, extinction, a_v):
    """Fluxes [knot, band] behind a_v mag, from c1, c2 [knot, band, 2] of A_band = c1 A_V + c2 A_V²."""
    return flux * (10.0 ** (-0.4 * (extinction[..., 0] * a_v + extinction[..., 1] * a_v**2))).astype(np.float32)


@njit(cache=True)
def sample(key, shape, population, radius2, out):
    """Stars of one cluster.

    Args:
        key: (seed, cluster, u_max): what the random numbers are a function of; masses are of uniforms below u_max.
        shape: x, y, scale, exponent of the cluster.
        population: (u, mass, reddened flux) of its population.
        radius2: squared radii of a tabulated profile, or an empty array for EFF.
        out: float32 [3, count], filled with x, y (pixels), mass (Msun); and float32 [count, band], filled with e-/s.
    """
    u_knots, mass_knots, flux_knots = population
    seed, cluster, u_max = key
    x0, y0, scale, exponent = shape
    out_xym, out_flux = out
    for s in range(out_flux.shape[0]):
        w0, w1, w2, _ = philox(seed, s, STARS, cluster)
        u = u_max * uniform(w0)
        k = np.searchsorted(u_knots, u, side="right") - 1
        width = u_knots[k + 1] - u_knots[k]
        t = (u - u_knots[k]) / width if width > 0 else np.float32(0.0)
        out_xym[2, s] = mass_knots[k] + t * (mass_knots[k + 1] - mass_knots[k])
        for b in range(out_flux.shape[1]):
            out_flux[s, b] = flux_knots[k, b] + t * (flux_knots[k + 1, b] - flux_knots[k, b])
        v = float(uniform(w1))
        if radius2.size == 0:
            r2 = v**-exponent - 1.0
        else:
            at = v * (radius2.size - 1)
            i = min(int(at), radius2.size - 2)
            r2 = radius2[i] + (at - i) * (radius2[i + 1] - radius2[i])
        r = scale * math.sqrt(max(r2, 0.0))
        # the direction counts from the middle of the first quadrant, as the core's quadrant-wise sine does
        angle = 2.0 * math.pi * ((float(w2 >> np.uint64(6)) + 0.5) * 2.0**-26 - 0.125)
        out_xym[0, s] = x0 + r * math.cos(angle)
        out_xym[1, s] = y0 + r * math.sin(angle)


@njit(cache=True)
def deposit(x, y, flux, taps, frame, grid):
    """Spreads stars over a band's grid.

    Args:
        x, y: [n] pixels.
        flux: [n] e-/s.
        taps: [degree + 1, w] polynomials of the window, highest degree first.
        frame: (margin, domain) in pixels.
        grid: float32 [M, M], added to.
    """
    margin, domain = frame
    w, size = taps.shape[1], grid.shape[0]
    cells = size / domain
    weight = np.empty((2, w), dtype=np.float32)
    for s in range(x.size):
        gx, gy = (x[s] + margin) * cells, (y[s] + margin) * cells
        if flux[s] == 0 or not (0.0 < gx < size and 0.0 < gy < size):
            continue
        ix, iy = math.ceil(gx - 0.5 * w), math.ceil(gy - 0.5 * w)
        if ix < 0 or iy < 0 or ix + w > size or iy + w > size:
            continue
        zx = np.float32(2.0 * (ix - (gx - 0.5 * w)) - 1.0)
        zy = np.float32(2.0 * (iy - (gy - 0.5 * w)) - 1.0)
        for j in range(w):
            px, py = taps[0, j], taps[0, j]
            for d in range(1, taps.shape[0]):
                px, py = px * zx + taps[d, j], py * zy + taps[d, j]
            weight[0, j], weight[1, j] = px * flux[s], py
        for j in range(w):
            for i in range(w):
                grid[iy + j, ix + i] += weight[1, j] * weight[0, i]
