// The noise of one pixel, each kind from one random word: photons and read-out.
#pragma once

#include "stars.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

// Standard normal deviate: the quantile of the word's uniform number. Approximation of the inverse error function by
// Giles (2011, GPU Computing Gems, chapter 10), relative error below 4e-7 plus that of log2_fast.
CLUSTERCNN_HD float normal_quantile(uint32_t word) {
    // distance from the nearer end of (0, 1), so that both tails keep their bits
    const bool lower = word < 0x80000000u;
    const float t = (static_cast<float>(lower ? word : ~word) + 0.5f) * 0x1p-32f;
    const float x = 2.0f * t - 1.0f;                                   // in (-1, 0)
    const float w = -0.69314718f * log2_fast(4.0f * t * (1.0f - t));  // -ln(1 - x^2)
    const float c = w - 2.5f, d = sqrtf(w) - 3.0f;
    float near = 2.81022636e-08f, far = -2.00214257e-04f;
    near = near * c + 3.43273939e-07f;
    near = near * c - 3.52338770e-06f;
    near = near * c - 4.39150654e-06f;
    near = near * c + 2.18580870e-04f;
    near = near * c - 1.25372503e-03f;
    near = near * c - 4.17768164e-03f;
    near = near * c + 2.46640727e-01f;
    near = near * c + 1.50140941f;
    far = far * d + 1.00950558e-04f;
    far = far * d + 1.34934322e-03f;
    far = far * d - 3.67342844e-03f;
    far = far * d + 5.73950773e-03f;
    far = far * d - 7.62246130e-03f;
    far = far * d + 9.43887047e-03f;
    far = far * d + 1.00167406f;
    far = far * d + 2.83297682f;
    const float z = 1.41421356f * x * (w < 5.0f ? near : far);
    return lower ? z : -z;
}

constexpr float kSmallMean = 32.0f;  // from here on the asymptotic quantile is right to 1e-3 of a photon

// Poisson deviate of a large mean: the asymptotic quantile of Giles (2016, ACM TOMS 42, 7; equation 9), w standard normal.
CLUSTERCNN_HD float poisson_large(float mean, float w) {
    const float root = sqrtf(mean), w2 = w * w;
    const float q = mean + root * w + (1.0f / 3.0f + w2 / 6.0f) - w * (1.0f / 36.0f + w2 / 72.0f) / root +
                    (-8.0f / 405.0f + w2 * (7.0f / 810.0f + w2 / 270.0f)) / mean;
    const float k = floorf(q);
    return k > 0.0f ? k : 0.0f;
}

constexpr int kMostSmall = 128;  // beyond lies less than 2^-33 of the probability

// e^-x for x in [0, kSmallMean], relative error below 1e-13: 2^n times a polynomial in what is left of x / ln 2.
CLUSTERCNN_HD double exp_negative(double x) {
    const double n = floor(x * 1.4426950408889634 + 0.5), f = n * 0.6931471805599453 - x;  // |f| <= ln(2) / 2
    double p = 1.0 / 479001600.0;
    p = p * f + 1.0 / 39916800.0;
    p = p * f + 1.0 / 3628800.0;
    p = p * f + 1.0 / 362880.0;
    p = p * f + 1.0 / 40320.0;
    p = p * f + 1.0 / 5040.0;
    p = p * f + 1.0 / 720.0;
    p = p * f + 1.0 / 120.0;
    p = p * f + 1.0 / 24.0;
    p = p * f + 1.0 / 6.0;
    p = p * f + 0.5;
    p = p * f + 1.0;
    p = p * f + 1.0;
    return p * bits_as<double>(static_cast<int64_t>(1023 - static_cast<int64_t>(n)) << 52);
}

// Poisson deviate of a small mean: the exact quantile, by adding up probabilities. The CPU does many pixels at once (expose_cpu.cpp).
CLUSTERCNN_HD float poisson_small(float mean, uint32_t word) {
    double p = exp_negative(mean), rest = (word + 0.5) * 0x1p-32;
    int count = 0;
    while (rest > p && count < kMostSmall) {
        rest -= p;
        ++count;
        p *= static_cast<double>(mean) * (1.0 / count);
    }
    return static_cast<float>(count);
}

CLUSTERCNN_HD float poisson(float mean, uint32_t word) {
    return mean < kSmallMean ? poisson_small(mean, word) : poisson_large(mean, normal_quantile(word));
}

constexpr int kNoiseBlock = 16;  // pixels that share eight blocks of random words: one word for photons, one for read-out

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
