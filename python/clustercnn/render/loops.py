"""Random numbers and noise as readable loops of numba: the fallback without the extension, and the specification.

Stars are drawn in ``star_loops``, images in ``image_loops``. Same random numbers, same tables, same window as the C++
core; single precision in the same places.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from clustercnn.render.fft_loops import FUSED
from clustercnn.render.star_arithmetic import ONE, log2_fast, polynomial

__all__ = ["expose", "fill_words", "normal_quantile", "philox", "uniform"]

KEY_STEP_0, KEY_STEP_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
FACTOR_0, FACTOR_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
LOW, SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
NOISE = 2  # what a random stream is for: the counter's second word
SMALL_MEAN = 32.0  # photons
HALF, FOUR, WORD = np.float32(0.5), np.float32(4.0), np.float32(2.0**-32)
LN_2, SQRT_2 = np.float32(math.log(2.0)), np.float32(math.sqrt(2.0))
# coefficients of the normal quantile, highest power first (Giles 2011, GPU Computing Gems, chapter 10)
NEAR = tuple(np.float32(c) for c in (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 2.1858087e-04, -1.25372503e-03, -4.17768164e-03,
    2.46640727e-01, 1.50140941,
))  # fmt: skip
FAR = tuple(np.float32(c) for c in (
    -2.00214257e-04, 1.00950558e-04, 1.34934322e-03, -3.67342844e-03, 5.73950773e-03, -7.6224613e-03, 9.43887047e-03,
    1.00167406, 2.83297682,
))  # fmt: skip
NEAR_MIDDLE, NEAR_END, FAR_MIDDLE = np.float32(2.5), np.float32(5.0), np.float32(3.0)
LARGEST_UNIFORM = np.float32(1.0 - 2.0**-24)


# Inlined as source: compiled on its own, its words are paired up, and loops over it can no longer become vectors.
@njit(cache=True, inline="always")
def philox(seed, item, purpose, cluster):
    """Four random 32-bit words: Philox 4x32-10 (Salmon et al. 2011)."""
    # masked, so that products are seen to be of 32-bit numbers, for which there are vector instructions
    c0, c1 = np.uint64(item) & LOW, np.uint64(purpose) & LOW
    c2, c3 = np.uint64(cluster) & LOW, np.uint64(cluster) >> SHIFT
    k0, k1 = np.uint64(seed) & LOW, np.uint64(seed) >> SHIFT
    for _ in range(10):
        p0, p1 = FACTOR_0 * c0, FACTOR_1 * c2
        c0, c2 = (p1 >> SHIFT) ^ c1 ^ k0, (p0 >> SHIFT) ^ c3 ^ k1
        c1, c3 = p1 & LOW, p0 & LOW
        k0, k1 = (k0 + KEY_STEP_0) & LOW, (k1 + KEY_STEP_1) & LOW
    return c0, c1, c2, c3


@njit(cache=True)
def fill_words(key, first, purpose, out):
    """Words of items ``first`` and on into ``out`` uint32 [4, items]; key is (seed, cluster or image)."""
    for i in range(out.shape[1]):
        out[0, i], out[1, i], out[2, i], out[3, i] = philox(key[0], first + i, purpose, key[1])


@njit(cache=True, fastmath=FUSED)
def uniform(word):
    """Single-precision uniform in (0, 1)."""
    u = np.float32(word) * WORD + HALF * WORD
    return min(u, LARGEST_UNIFORM)


@njit(cache=True, fastmath=FUSED)
def normal_quantile(word):
    """Standard normal deviate from 32 random bits: the quantile of their uniform number (Giles 2011)."""
    word = np.uint32(word)
    lower = word < 0x80000000
    # distance from the nearer end of (0, 1), so that both tails keep their bits
    t = (np.float32(np.int32(word if lower else 0xFFFFFFFF - word)) + HALF) * WORD
    w = -LN_2 * log2_fast(FOUR * t * (ONE - t))
    near, far = polynomial(w - NEAR_MIDDLE, NEAR), polynomial(math.sqrt(w) - FAR_MIDDLE, FAR)
    z = SQRT_2 * (t + t - ONE) * (near if w < NEAR_END else far)
    return z if lower else -z


@njit(cache=True)
def poisson(mean, word, w):
    """Poisson deviate from 32 random bits, and for large means from ``w``, the normal deviate of these bits.

    Exact for small means, the asymptotic quantile of Giles (2016) for large.
    """
    if mean >= SMALL_MEAN:
        root = math.sqrt(mean)
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
    """Noise of one image: ``out`` [band, pixel] from ``rate`` [band, pixel]; key is (seed, image).

    Sixteen pixels share eight counters: words 0 and 1 are the photons of the first and of the last eight, words 2 and 3
    their read-out.
    """
    blocks = (rate.shape[1] + 15) // 16
    words, normal = np.empty((4, 8), dtype=np.uint32), np.empty((4, 8), dtype=np.float32)
    word, z = words.reshape(32), normal.reshape(32)
    for b in range(rate.shape[0]):
        for block in range(blocks):
            fill_words(key, (b * blocks + block) * 8, NOISE, words)
            for i in range(32):
                z[i] = normal_quantile(word[i])
            for i in range(min(16, rate.shape[1] - 16 * block)):
                p = 16 * block + i
                electrons = poisson(rate[b, p] * seconds[b], word[i], z[i]) + read_noise[b] * z[16 + i]
                out[b, p] = electrons / seconds[b]
