"""The stars of a cluster as readable loops, compiled by numba: a block of stars at a time; see csrc/sampling.hpp."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from clustercnn.render.fft_loops import FUSED
from clustercnn.render.loops import fill_words, philox, uniform
from clustercnn.render.star_arithmetic import cos_sin_turn, eff_radius2, table_radius2
from clustercnn.render.table_loops import MASS, find, fluxes, screen, segments, values
from clustercnn.render.variety_loops import add_companions, companion_masses, draw_screen, place_on_ellipses, segregate

__all__ = ["sample", "star_count"]

STARS, STAR_COUNT = 0, 1  # what a random stream is for: the counter's second word
LANES = 64  # stars drawn at once: vectors for any processor, and scratch that stays in its nearest cache


@njit(cache=True)
def star_count(seed, cluster, mean):
    """Number of stars: the mean rounded up or down at random, so that its expectation is exact."""
    word = philox(seed, 0, STAR_COUNT, cluster)[0]
    return math.floor(mean + (float(word) + 0.5) * 2.0**-32)


@njit(cache=True, fastmath=FUSED)
def radii2(word, exponent, nodes, out):
    """Squared radii over the scale's into ``out`` [lanes]: EFF, or the tabulated profile where ``nodes`` are given."""
    exponent = np.float32(exponent)
    if nodes.size == 0:
        for lane in range(out.size):
            out[lane] = eff_radius2(uniform(word[lane]), exponent)
    else:
        for lane in range(out.size):
            out[lane] = table_radius2(uniform(word[lane]), nodes)


@njit(cache=True, fastmath=FUSED)
def place_on_circles(circle, turn, r2, star):
    """Places into the first two rows of ``star``; see ``place_on_ellipses``."""
    x0, y0, scale = np.float32(circle[0]), np.float32(circle[1]), np.float32(circle[2])
    x, y = star[0], star[1]
    for lane in range(r2.size):
        cosine, sine = cos_sin_turn(turn[lane])
        r = scale * math.sqrt(r2[lane])
        x[lane] = x0 + r * cosine
        y[lane] = y0 + r * sine


@njit(cache=True)
def vary(cluster, first, table, scratch, block):
    """What a cluster's variety changes of stars drawn as a plain one's, but for the ellipse; see ``sample_block``."""
    (key, shape, (traits, law)), (rows, _, mass_knots, extinction, _) = cluster, table
    (words, place, r2, floats), (star, flux) = scratch, block
    fraction, segregation, scatter = traits[0], traits[4], traits[5]
    more = floats[: 2 if scatter > 0 else 0]
    if scatter > 0:
        draw_screen(key[:2], first, (shape[0], scatter), words[4:], more)
        screen(extinction, place, more, flux)
    if fraction > 0:
        companion_masses(words[3], star[2], fraction, law[:4], star[3])
        add_companions((rows, mass_knots, extinction), star[3], more, (place, floats[2:]), flux)
    if segregation > 0:
        segregate(segregation, law[4], star[2], r2)


@njit(cache=True)
def sample_block(cluster, first, table, radius2, scratch, block):
    """Stars ``first`` and on: word 0 is the mass, word 1 the radius, word 2 the direction, word 3 the companion.

    Args:
        cluster: key, shape and traits, see ``sample``.
        first: number of the block's first star.
        table: ``segments``, then u, mass, extinction coefficients and guide of the population.
        radius2: see ``sample``.
        scratch: words uint32 [8, lanes]; a place, see ``find``; float32 [lanes]; and float32 [3 + band, lanes].
        block: x, y, mass, companion's mass [4, lanes] and flux [band, lanes], filled, but for absent companions.
    """
    (key, shape, (traits, _)), (rows, u_knots, _, _, guide) = cluster, table
    (words, place, r2, floats), (star, flux) = scratch, block
    u = floats[0]
    fill_words(key[:2], first, STARS, words[:4])
    for lane in range(u.size):
        u[lane] = key[2] * uniform(words[0, lane])
    find((rows, u_knots, guide), u, place)
    values(rows, MASS, place, star[2])
    fluxes(rows, place, flux)
    radii2(words[1], shape[4], radius2, r2)
    if traits[0] > 0 or traits[4] > 0 or traits[5] > 0:
        vary(cluster, first, table, scratch, block)
    if traits[1] > 1:
        place_on_ellipses(shape[1:4], traits[1:4], words[2], r2, star)
    else:
        place_on_circles(shape[1:4], words[2], r2, star)


@njit(cache=True)
def sample(key, shape, population, radius2, traits, out):
    """Stars of one cluster.

    Args:
        key: (seed, cluster, u_max): what the random numbers are a function of; masses are of uniforms below u_max.
        shape: a_v (mag), x, y, scale (pixels), exponent of the cluster.
        population: (u, mass, reddened flux, extinction coefficients, guide) of its population.
        radius2: squared radii of a tabulated profile, or an empty array for EFF.
        traits: (binary fraction, stretch, cosine, sine, segregation, scatter of ln A_V) of the cluster, see
            ``variety_rows``; and ``Binaries.inverse`` with the mean mass of stars (Msun) behind it.
        out: float32 [4, count], filled with x, y (pixels), mass and companion's mass (Msun, 0 for none); and float32
            [count, band], filled with e-/s.
    """
    (u, mass, light, extinction, guide), (out_star, out_flux) = population, out
    count, bands = out_flux.shape
    table = (segments(u, mass, light), u, mass, extinction, guide)
    place = (np.empty(LANES, dtype=np.uint32), np.empty(LANES, dtype=np.float32))
    words, floats = np.empty((8, LANES), dtype=np.uint32), np.empty((3 + bands, LANES), dtype=np.float32)
    scratch = (words, place, np.empty(LANES, dtype=np.float32), floats)
    star, flux = np.zeros((4, LANES), dtype=np.float32), np.empty((bands, LANES), dtype=np.float32)
    for first in range(0, count, LANES):
        sample_block((key, shape, traits), first, table, radius2, scratch, (star, flux))
        drawn = min(LANES, count - first)
        out_star[:, first : first + drawn] = star[:, :drawn]
        for s in range(drawn):
            for b in range(bands):
                out_flux[first + s, b] = flux[b, s]
