"""Arithmetic of one star in single precision, the twin of csrc/stars.hpp; LLVM turns loops over it into vectors."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from clustercnn.physics.populations import Guide
from clustercnn.render.fft_loops import FUSED

__all__ = [
    "ONE",
    "cos_sin_turn",
    "eff_radius2",
    "exp2_fast",
    "guide_bucket",
    "log2_fast",
    "polynomial",
    "table_radius2",
]

# Constants are of single precision, as numba would carry on in double precision after one that is not; series have the
# highest power first.
ONE = np.float32(1.0)
SQRT_HALF = 0x3F3504F3  # its bits
MANTISSA = 23  # bits of it that are stored
ATANH = tuple(np.float32(c) for c in (0.3205989, 0.4121986, 0.5770780, 0.9617967, 2.8853901))  # 2/ln2 / (2 k + 1)
EXP = tuple(np.float32(1 / math.factorial(k)) for k in range(6, -1, -1))
LN_2, LARGEST_EXPONENT = np.float32(math.log(2.0)), np.float32(126.0)
ROUNDING = np.float32(1.5 * 2.0**MANTISSA)  # added to a number, it leaves the nearest integer in the last bits
ROUNDING_BITS = 0x4B400000
SINE = tuple(np.float32(c) for c in (2.7525562e-6, -1.9840874e-4, 8.3333310e-3, -1.6666667e-1, 1.0))
COSINE = tuple(np.float32(c) for c in (2.4800530e-5, -1.3888887e-3, 4.1666667e-2, -0.5, 1.0))
MIDDLE, STEP = np.float32(2.0**23 - 0.5), np.float32(math.pi / 4 / 2.0**23)  # of a quadrant's 2^24 angles
GUIDE_SHIFT = MANTISSA - (Guide.per_octave.bit_length() - 1)  # bits dropped: exponent and top of the mantissa stay
FIRST_BUCKET = (127 - Guide.octaves) * Guide.per_octave


@njit(cache=True, fastmath=FUSED)
def polynomial(x, coefficients):
    """Horner's rule, highest power first."""
    p = np.float32(0.0)
    for c in coefficients:
        p = p * x + c
    return p


@njit(cache=True, fastmath=FUSED, error_model="numpy")
def log2_fast(x):
    """log2 of a positive normal float; |error| < 4e-8 max(1, |log2 x|) + 1.5e-7: the series of atanh."""
    bits = np.float32(x).view(np.int32)
    shifted = np.int32(bits - SQRT_HALF) >> MANTISSA  # mantissa to [sqrt(1/2), sqrt(2))
    m = np.int32(bits - (shifted << MANTISSA)).view(np.float32)
    s = (m - ONE) / (m + ONE)
    return np.float32(shifted) + s * polynomial(s * s, ATANH)


@njit(cache=True, fastmath=FUSED)
def exp2_fast(x):
    """2^x for x in [-126, 126], relative error < 3e-7; outside it is clamped."""
    x = min(max(x, -LARGEST_EXPONENT), LARGEST_EXPONENT)
    biased = x + ROUNDING
    n = np.float32(biased).view(np.int32) - ROUNDING_BITS
    p = polynomial((x - (biased - ROUNDING)) * LN_2, EXP)
    return np.int32(np.float32(p).view(np.int32) + (n << MANTISSA)).view(np.float32)


@njit(cache=True, fastmath=FUSED)
def cos_sin_turn(word):
    """Cosine and sine of a full turn's fraction given by 32 random bits; error < 2e-7."""
    quadrant = word >> np.uint32(30)
    # angle from the quadrant's middle, in [-pi/4, pi/4)
    a = (np.float32(np.int32((word & np.uint32(0x3FFFFFFF)) >> np.uint32(6))) - MIDDLE) * STEP
    sine, cosine = a * polynomial(a * a, SINE), polynomial(a * a, COSINE)
    c, s = (-sine, cosine) if quadrant & 1 else (cosine, sine)
    return (-c, -s) if quadrant & 2 else (c, s)


@njit(cache=True)
def guide_bucket(u):
    """Bucket of a uniform number in the guide of a population table, see ``Guide``; monotonic in u."""
    return max((np.float32(u).view(np.int32) >> GUIDE_SHIFT) - FIRST_BUCKET, 0)


@njit(cache=True, fastmath=FUSED)
def eff_radius2(u, exponent):
    """Squared radius, in units of the scale radius squared, from the survival probability u.

    Elson, Fall & Freeman (1987): (r/a)^2 = u^(-2/(gamma-2)) - 1; ``exponent`` is 2/(gamma-2).
    """
    return exp2_fast(-exponent * log2_fast(u)) - ONE


@njit(cache=True, fastmath=FUSED)
def table_radius2(u, nodes):
    """Squared radius from a table of squared radii at uniform steps of the enclosed fraction."""
    at = u * np.float32(nodes.size - 1)
    i = min(np.int32(at), nodes.size - 2)
    return nodes[i] + (at - np.float32(i)) * (nodes[i + 1] - nodes[i])
