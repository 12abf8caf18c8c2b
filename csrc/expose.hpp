// The noise of one pixel: photons and read-out, from counter-based random numbers.
#pragma once

#include "stars.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

// A stream of uniforms for one pixel of one image: as many as the pixel needs, none shared with another pixel.
struct PixelStream {
    uint64_t seed, image;
    uint32_t pixel, block = 0, used = 4;
    Words words{};

    CLUSTERCNN_HD uint32_t next_word() {
        if (used == 4) {
            words = philox(seed, pixel, kNoise + (block++ << 8), image);
            used = 0;
        }
        return words.w[used++];
    }
    CLUSTERCNN_HD double next() { return (next_word() + 0.5) * 0x1p-32; }
};

// Standard normal (Box & Muller 1958).
CLUSTERCNN_HD float gauss(PixelStream& stream) {
    const float radius = sqrtf(-1.38629436f * log2_fast(uniform(stream.next_word())));  // -2 ln u = -2 ln 2 log2 u
    float c, s;
    cos_sin_turn(stream.next_word(), c, s);
    return radius * c;
}

// Exact Poisson deviate: inversion below a mean of 10, transformed rejection above (PTRS, Hoermann 1993, Insurance:
// Mathematics and Economics 12, 39).
CLUSTERCNN_HD double poisson(double mean, PixelStream& stream) {
    if (mean <= 0.0) return 0.0;
    if (mean < 10.0) {
        double p = exp(-mean), u = stream.next();
        int k = 0;
        while (u > p && k < 200) {
            u -= p;
            ++k;
            p *= mean / k;
        }
        return k;
    }
    const double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
    const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2.0);
    for (;;) {
        const double u = stream.next() - 0.5, v = stream.next();
        const double us = 0.5 - fabs(u);
        const double k = floor((2.0 * a / us + b) * u + mean + 0.43);
        if (us >= 0.07 && v <= v_r) return k;
        if (k < 0.0 || (us < 0.013 && v > us)) continue;
        if (log(v * inverse_alpha / (a / (us * us) + b)) <= k * log(mean) - mean - lgamma(k + 1.0)) return k;
    }
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
