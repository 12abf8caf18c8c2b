"""What a cluster's variety changes of its stars, a block at a time.

The twin of csrc/companions.hpp, csrc/screen.hpp and csrc/shape.hpp.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from clustercnn.render.fft_loops import FUSED
from clustercnn.render.loops import fill_words, normal_quantile, uniform
from clustercnn.render.star_arithmetic import ONE, cos_sin_turn, exp2_fast, log2_fast
from clustercnn.render.table_loops import PER_MAGNITUDE, find_mass, fluxes, screen

__all__ = ["add_companions", "companion_masses", "draw_screen", "place_on_ellipses", "segregate"]

SCREEN = 4  # what the random stream is for: the counter's second word
DARK_DEPTH = np.float32(20.0)  # mag; deeper stars are dark in every band and count as this deep
MOST_SEGREGATED = np.float32(10.0)  # factor of a star's radius, either way
PER_E, HALF = np.float32(math.log2(math.e)), np.float32(0.5)  # e^x = 2^(x log2(e))


@njit(cache=True, fastmath=FUSED)
def draw_screen(key, first, dust, words, more):
    """Optical depths of stars: A_V = a_v exp(sigma z - sigma² / 2), z standard normal; log-normal with the mean a_v.

    Args:
        key: (seed, cluster).
        first: number of the block's first star.
        dust: a_v (mag) and sigma of the cluster.
        words: uint32 [4, lanes], scratch.
        more: filled, see ``screen``.
    """
    a_v, sigma = np.float32(dust[0]), np.float32(dust[1])
    scatter, dark = PER_E * sigma, max(a_v, DARK_DEPTH)
    shift = HALF * scatter * sigma
    fill_words(key, first, SCREEN, words)
    word, linear, square = words[0], more[0], more[1]
    for lane in range(word.size):
        depth = min(a_v * exp2_fast(scatter * normal_quantile(word[lane]) - shift), dark)
        linear[lane] = PER_MAGNITUDE * (depth - a_v)
        square[lane] = linear[lane] * (depth + a_v)


@njit(cache=True, fastmath=FUSED, error_model="numpy")
def companion_masses(word, mass, fraction, ratio, out):
    """Masses of stars' companions into ``out`` [lanes], 0 for none; ``ratio`` is ``Binaries.inverse``.

    One random word decides and, being uniform below the binary fraction as well, gives the mass ratio too.
    """
    fraction = np.float32(fraction)
    base, slope, power = np.float32(ratio[0]), np.float32(ratio[1]) / fraction, np.float32(ratio[2])
    for lane in range(out.size):
        out[lane] = base + slope * uniform(word[lane])
    if not ratio[3]:  # else the law's base is a logarithm already
        for lane in range(out.size):
            out[lane] = log2_fast(out[lane])
    for lane in range(out.size):
        drawn = min(exp2_fast(power * out[lane]), ONE) * mass[lane]
        out[lane] = drawn if uniform(word[lane]) < fraction else np.float32(0.0)


@njit(cache=True)
def add_companions(table, companion, more, scratch, flux):
    """Adds companions' light: that of a star of the same table behind the same dust; one lighter than any is dark.

    Args:
        table: ``segments``, the knots' masses, and extinction coefficients [knot, band, 2].
        companion: masses [lanes], Msun.
        more: see ``screen``; empty where depths do not scatter.
        scratch: a place, see ``find``, and float32 [1 + band, lanes].
        flux: [band, lanes], changed.
    """
    (rows, knots, extinction), (place, floats) = table, scratch
    lowest, shining, light = knots[-1], floats[0], floats[1:]
    for lane in range(companion.size):
        shining[lane] = max(companion[lane], lowest)
    find_mass(rows, knots, shining, place)
    fluxes(rows, place, light)
    if more.size:
        screen(extinction, place, more, light)
    for b in range(flux.shape[0]):
        to, of = flux[b], light[b]
        for lane in range(companion.size):
            to[lane] += of[lane] if companion[lane] > lowest else np.float32(0.0)


@njit(cache=True, fastmath=FUSED, error_model="numpy")
def segregate(segregation, mean_mass, mass, r2):
    """Multiplies radii by (m / mean mass)^-s, given squared [lanes]: heavy stars stand closer to the middle."""
    power, per_mean = np.float32(-2.0 * segregation), ONE / np.float32(mean_mass)
    most = MOST_SEGREGATED * MOST_SEGREGATED
    for lane in range(r2.size):
        factor = exp2_fast(power * log2_fast(mass[lane] * per_mean))
        r2[lane] *= min(max(factor, ONE / most), most)


@njit(cache=True, fastmath=FUSED)
def place_on_ellipses(circle, ellipse, turn, r2, star):
    """Moves a circle's points onto the ellipse of the same area: stretched along one axis, squeezed along the other.

    Args:
        circle: x, y, scale, pixels.
        ellipse: stretch, cosine and sine, see ``variety_rows``.
        turn: random words of the directions, uint32 [lanes].
        r2: squared radii over the scale's, [lanes].
        star: x, y in its first rows [2+, lanes], filled.
    """
    x0, y0 = np.float32(circle[0]), np.float32(circle[1])
    major, minor = np.float32(circle[2] * ellipse[0]), np.float32(circle[2] / ellipse[0])
    c, s, x, y = np.float32(ellipse[1]), np.float32(ellipse[2]), star[0], star[1]
    for lane in range(r2.size):
        cosine, sine = cos_sin_turn(turn[lane])
        r = math.sqrt(r2[lane])
        along, across = major * r * cosine, minor * r * sine
        x[lane] = x0 + along * c - across * s
        y[lane] = y0 + along * s + across * c
