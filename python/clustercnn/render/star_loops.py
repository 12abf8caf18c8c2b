"""The stars of a cluster as readable loops, compiled by numba; see ``loops`` and csrc/sampling.hpp."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from clustercnn.render.loops import normal_quantile, philox, uniform

__all__ = ["redden", "sample", "star_count"]

STARS, STAR_COUNT, SCREEN = 0, 1, 4  # what a random stream is for: the counter's second word
DARK_DEPTH, MOST_SEGREGATED = 20.0, 10.0  # as in csrc/screen.hpp and csrc/shape.hpp


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
def star_depth(key, s, a_v, scatter):
    """A_V of star ``s``, mag: log-normal with mean a_v. Deeper ones than a star needs to be dark count as that deep."""
    seed, cluster = key
    z = normal_quantile(philox(seed, s, SCREEN, cluster)[0])
    return min(a_v * math.exp(scatter * z - 0.5 * scatter**2), max(a_v, DARK_DEPTH))


@njit(cache=True)
def companion_mass(word, mass, fraction, ratio):
    """Mass of a star's companion, 0 for none; ``ratio`` is ``Binaries.inverse``."""
    u = uniform(word)
    if u >= fraction:
        return np.float32(0.0)
    base, slope, power, logarithmic = ratio
    at = base + slope * (u / fraction)
    q = 2.0 ** (power * at) if logarithmic else at**power
    return np.float32(min(q, 1.0) * mass)


@njit(cache=True)
def find_mass(mass_knots, mass):
    """The last knot heavier than ``mass``, and the share of the segment after it that is passed."""
    heavier = mass_knots.size - np.searchsorted(mass_knots[::-1], mass, side="right")
    k = min(max(heavier - 1, 0), mass_knots.size - 2)
    rise = mass_knots[k + 1] - mass_knots[k]
    return k, (mass - mass_knots[k]) / rise if rise < 0 else np.float32(0.0)


@njit(cache=True)
def add_light(place, population, depths, out):
    """Adds to ``out`` [band] the light of the star that stands at ``place`` (knot, share), behind its own dust.

    Args:
        place: see ``find_mass``.
        population: flux [knot, band] behind the cluster's A_V, and extinction coefficients [knot, band, 2].
        depths: A_V of the cluster and of the star, mag.
        out: float32 [band], e-/s.
    """
    (k, t), (flux, extinction), (a_v, depth) = place, population, depths
    for b in range(out.size):
        light = flux[k, b] + t * (flux[k + 1, b] - flux[k, b])
        if depth != a_v:
            c1, c2 = extinction[k, b] + t * (extinction[k + 1, b] - extinction[k, b])
            light *= 10.0 ** (-0.4 * (c1 * (depth - a_v) + c2 * (depth**2 - a_v**2)))
        out[b] += light


@njit(cache=True)
def sample(key, shape, population, radius2, traits, out):
    """Stars of one cluster.

    Args:
        key: (seed, cluster, u_max): what the random numbers are a function of; masses are of uniforms below u_max.
        shape: a_v (mag), x, y, scale (pixels), exponent of the cluster.
        population: (u, mass, reddened flux, extinction coefficients) of its population.
        radius2: squared radii of a tabulated profile, or an empty array for EFF.
        traits: (binary fraction, stretch, cosine, sine, segregation, scatter of ln A_V) of the cluster, see
            ``variety_rows``; and ``Binaries.inverse`` with the mean mass of stars (Msun) behind it.
        out: float32 [4, count], filled with x, y (pixels), mass and companion's mass (Msun, 0 for none); and float32
            [count, band], filled with e-/s.
    """
    u_knots, mass_knots = population[:2]
    light = population[2:]
    seed, cluster, u_max = key
    a_v, x0, y0, scale, exponent = shape
    (fraction, stretch, cosine, sine, segregation, scatter), law = traits
    out_star, out_flux = out
    out_flux[:] = 0.0
    for s in range(out_flux.shape[0]):
        w0, w1, w2, w3 = philox(seed, s, STARS, cluster)
        u = u_max * uniform(w0)
        k = np.searchsorted(u_knots, u, side="right") - 1
        width = u_knots[k + 1] - u_knots[k]
        t = (u - u_knots[k]) / width if width > 0 else np.float32(0.0)
        mass = mass_knots[k] + t * (mass_knots[k + 1] - mass_knots[k])
        depth = star_depth((seed, cluster), s, a_v, scatter) if scatter > 0 else a_v
        add_light((k, t), light, (a_v, depth), out_flux[s])
        companion = companion_mass(w3, mass, fraction, law[:4])
        if companion > mass_knots[-1]:
            add_light(find_mass(mass_knots, companion), light, (a_v, depth), out_flux[s])
        v = float(uniform(w1))
        if radius2.size == 0:
            r2 = v**-exponent - 1.0
        else:
            at = v * (radius2.size - 1)
            i = min(int(at), radius2.size - 2)
            r2 = radius2[i] + (at - i) * (radius2[i + 1] - radius2[i])
        r = scale * math.sqrt(max(r2, 0.0))
        if segregation > 0:
            r *= min(max((mass / law[4]) ** -segregation, 1.0 / MOST_SEGREGATED), MOST_SEGREGATED)
        # the direction counts from the middle of the first quadrant, as the core's quadrant-wise sine does
        angle = 2.0 * math.pi * ((float(w2 >> np.uint64(6)) + 0.5) * 2.0**-26 - 0.125)
        along, across = r * math.cos(angle) * stretch, r * math.sin(angle) / stretch
        if stretch > 1:
            along, across = along * cosine - across * sine, along * sine + across * cosine
        out_star[0, s], out_star[1, s] = x0 + along, y0 + across
        out_star[2, s], out_star[3, s] = mass, companion
