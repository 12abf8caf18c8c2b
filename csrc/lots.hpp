// Random numbers of which nobody knows beforehand how many are needed; and how many stars of a cluster are bright.
#pragma once

#include "expose.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

// A stream of uniforms for one item of one image: as many as it needs, none shared with another.
struct RandomStream {
    uint64_t seed, image;
    uint32_t item, purpose, block = 0, used = 4;
    Words words{};

    CLUSTERCNN_HD uint32_t next_word() {
        if (used == 4) {
            words = philox(seed, item, purpose + (block++ << 8), image);
            used = 0;
        }
        return words.w[used++];
    }
    CLUSTERCNN_HD double next() { return (next_word() + 0.5) * 0x1p-32; }
};

// ln Gamma(x) for x > 0. Not the library's lgamma on the CPU: that one writes the sign to a global, a race between threads.
CLUSTERCNN_HD double log_gamma(double x) {
#ifdef __CUDA_ARCH__
    return lgamma(x);
#else
    int sign;
    return lgamma_r(x, &sign);
#endif
}

// Exact binomial deviate: inversion below a mean of 10, transformed rejection above (BTRS, Hoermann 1993, Journal of
// Statistical Computation and Simulation 46, 101).
CLUSTERCNN_HD double binomial_below_half(double n, double p, RandomStream& stream) {
    if (n <= 0.0 || p <= 0.0) return 0.0;
    const double odds = p / (1.0 - p);
    if (n * p < 10.0) {
        double term = exp(n * log1p(-p)), u = stream.next();
        double k = 0.0;
        while (u > term && k < n && k < 200.0) {
            u -= term;
            term *= odds * (n - k) / (k + 1.0);
            k += 1.0;
        }
        return k;
    }
    const double sigma = sqrt(n * p * (1.0 - p)), b = 1.15 + 2.53 * sigma, a = -0.0873 + 0.0248 * b + 0.01 * p;
    const double c = n * p + 0.5, v_r = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * sigma, mode = floor((n + 1.0) * p);
    const double at_mode = log_gamma(mode + 1.0) + log_gamma(n - mode + 1.0);
    for (;;) {
        const double u = stream.next() - 0.5, v = stream.next();
        const double us = 0.5 - fabs(u);
        const double k = floor((2.0 * a / us + b) * u + c);
        if (us >= 0.07 && v <= v_r) return k;
        if (k < 0.0 || k > n) continue;
        const double bound = at_mode - log_gamma(k + 1.0) - log_gamma(n - k + 1.0) + (k - mode) * log(odds);
        if (log(v * alpha / (a / (us * us) + b)) <= bound) return k;
    }
}

CLUSTERCNN_HD double binomial(double n, double p, RandomStream& stream) {
    const double k = binomial_below_half(n, p > 0.5 ? 1.0 - p : p, stream);
    return p > 0.5 ? n - k : k;
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
