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

// Poisson deviate of a small mean: the exact quantile, by adding up probabilities.
CLUSTERCNN_HD float poisson_small(float mean, uint32_t word) {
    double p = exp(-static_cast<double>(mean)), rest = (word + 0.5) * 0x1p-32;
    int k = 0;
    while (rest > p && k < 128) {  // beyond 128 lies less than 2^-33 of the probability
        rest -= p;
        ++k;
        p *= mean / k;
    }
    return static_cast<float>(k);
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
