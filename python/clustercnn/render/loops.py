"""Random numbers and noise as readable loops of numba: the fallback without the extension, and the specification.

Stars are drawn in ``star_loops``, images in ``image_loops``. Same random numbers, same tables, same window as the C++
core; single precision in the same places.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["expose", "normal_quantile", "philox", "uniform"]

KEY_STEP_0, KEY_STEP_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
FACTOR_0, FACTOR_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
LOW, SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
NOISE = 2  # what a random stream is for: the counter's second word
SMALL_MEAN = 32.0  # photons
# coefficients of the normal quantile, highest power first (Giles 2011, GPU Computing Gems, chapter 10)
NEAR = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 2.1858087e-04, -1.25372503e-03, -4.17768164e-03,
    2.46640727e-01, 1.50140941,
)  # fmt: skip
FAR = (
    -2.00214257e-04, 1.00950558e-04, 1.34934322e-03, -3.67342844e-03, 5.73950773e-03, -7.6224613e-03, 9.43887047e-03,
    1.00167406, 2.83297682,
)  # fmt: skip
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
def normal_quantile(word):
    """Standard normal deviate from 32 random bits: the quantile of their uniform number (Giles 2011)."""
    lower = word < np.uint64(0x80000000)
    t = np.float32((float(word if lower else LOW - word) + 0.5) * 2.0**-32)
    w = -math.log(4.0 * t * (1.0 - t))
    if w < 5.0:
        p = 0.0
        for c in NEAR:
            p = p * (w - 2.5) + c
    else:
        p = 0.0
        for c in FAR:
            p = p * (math.sqrt(w) - 3.0) + c
    z = math.sqrt(2.0) * (2.0 * t - 1.0) * p
    return z if lower else -z


@njit(cache=True)
def poisson(mean, word):
    """Poisson deviate from 32 random bits: exact for small means, the asymptotic quantile of Giles (2016) for large."""
    if mean >= SMALL_MEAN:
        w, root = normal_quantile(word), math.sqrt(mean)
        q = mean + root * w + 1 / 3 + w**2 / 6 - w * (1 / 36 + w**2 / 72) / root
        return max(math.floor(q + (-8 / 405 + w**2 * (7 / 810 + w**2 / 270)) / mean), 0.0)
    p, rest, k = math.exp(-mean), (float(word) + 0.5) * 2.0**-32, 0
    while rest > p and k < 128:
        rest -= p
        k += 1
        p *= mean / k
    return float(k)


@njit(cache=True)
def expose(key, rate, seconds, read_noise, out):
    """Noise of one image: ``out`` [band, pixel] from ``rate`` [band, pixel]; key is (seed, image)."""
    seed, image = key
    blocks = (rate.shape[1] + 15) // 16
    for b in range(rate.shape[0]):
        for p in range(rate.shape[1]):
            words = philox(seed, (b * blocks + p // 16) * 8 + p % 8, NOISE, image)
            second = (p % 16) // 8
            electrons = poisson(rate[b, p] * seconds[b], words[second])
            electrons += read_noise[b] * normal_quantile(words[2 + second])
            out[b, p] = electrons / seconds[b]
