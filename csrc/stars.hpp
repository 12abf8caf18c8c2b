// One star: four random words -> mass, flux in each band, position. The only copy of this arithmetic.
#pragma once

#include "philox.hpp"

#ifndef __CUDACC_RTC__
#include <bit>
#include <cmath>
#endif

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

constexpr int kMaxBands = 8;
constexpr int kGuideOctaves = 32;     // uniforms reach down to 2^-33
constexpr int kGuidePerOctave = 32;   // buckets of equal relative width
constexpr int kGuideSize = kGuideOctaves * kGuidePerOctave;
constexpr int kGuideShift = 23 - 5;   // float bits kept: exponent and 5 of the mantissa
constexpr int kRadiusNodes = 2048;    // of a tabulated profile

// The bits of a number as those of another type; std::bit_cast, which device code may not call.
template <class To, class From>
CLUSTERCNN_HD To bits_as(From value) {
#ifdef __CUDACC__
    To to;
    memcpy(&to, &value, sizeof(to));
    return to;
#else
    return std::bit_cast<To>(value);
#endif
}

// log2 of a positive normal float; |error| < 4e-8 * max(1, |log2 x|) + 1.5e-7. Polynomial in s = (m-1)/(m+1): atanh series.
CLUSTERCNN_HD float log2_fast(float x) {
    const uint32_t bits = bits_as<uint32_t>(x);
    const int shifted = static_cast<int>(bits - 0x3f3504f3u) >> 23;  // mantissa to [sqrt(1/2), sqrt(2))
    const float m = bits_as<float>(bits - (static_cast<uint32_t>(shifted) << 23));
    const float s = (m - 1.0f) / (m + 1.0f);
    const float z = s * s;
    // 2/ln2 * (s + s^3/3 + s^5/5 + s^7/7 + s^9/9); |s| < 0.1716, the next term is below 2e-10
    float p = 0.3205989f;
    p = p * z + 0.4121986f;
    p = p * z + 0.5770780f;
    p = p * z + 0.9617967f;
    p = p * z + 2.8853901f;
    return static_cast<float>(shifted) + s * p;
}

// 2^x for x in [-126, 126], relative error < 3e-7; outside it is clamped.
CLUSTERCNN_HD float exp2_fast(float x) {
    x = x < -126.0f ? -126.0f : x;
    x = x > 126.0f ? 126.0f : x;
    const float biased = x + 12582912.0f;  // 1.5 * 2^23: rounds to the nearest integer
    const int n = bits_as<int>(biased) - 0x4b400000;
    const float f = (x - (biased - 12582912.0f)) * 0.69314718f;  // |f| <= ln(2)/2
    float p = 1.3888889e-3f;                                     // 1/6!
    p = p * f + 8.3333333e-3f;
    p = p * f + 4.1666667e-2f;
    p = p * f + 1.6666667e-1f;
    p = p * f + 0.5f;
    p = p * f + 1.0f;
    p = p * f + 1.0f;
    return bits_as<float>(bits_as<int>(p) + (n << 23));
}

// Cosine and sine of a full turn's fraction given by 32 random bits; error < 2e-7.
CLUSTERCNN_HD void cos_sin_turn(uint32_t word, float& c, float& s) {
    const uint32_t quadrant = word >> 30;
    // angle from the quadrant's middle, in [-pi/4, pi/4)
    const float a = (static_cast<float>((word << 2) >> 8) - 8388607.5f) * (0.78539816f / 8388608.0f);
    const float z = a * a;
    const float sa = a * (1.0f + z * (-1.6666667e-1f + z * (8.3333310e-3f + z * (-1.9840874e-4f + z * 2.7525562e-6f))));
    const float ca = 1.0f + z * (-0.5f + z * (4.1666667e-2f + z * (-1.3888887e-3f + z * 2.4800530e-5f)));
    const float swap_c = (quadrant & 1u) ? -sa : ca;
    const float swap_s = (quadrant & 1u) ? ca : sa;
    c = (quadrant & 2u) ? -swap_c : swap_c;
    s = (quadrant & 2u) ? -swap_s : swap_s;
}

// Bucket of a uniform number in the guide of a population table; monotonic in u.
CLUSTERCNN_HD int guide_bucket(float u) {
    const int bucket = static_cast<int>(bits_as<uint32_t>(u) >> kGuideShift) - ((127 - kGuideOctaves) << 5);
    return bucket < 0 ? 0 : bucket;
}

// Squared radius of the EFF profile (Elson, Fall & Freeman 1987) in units of its scale radius a, from the survival
// probability u: (r/a)^2 = u^(-2/(gamma-2)) - 1; `exponent` is 2/(gamma-2).
CLUSTERCNN_HD float eff_radius2(float u, float exponent) { return exp2_fast(-exponent * log2_fast(u)) - 1.0f; }

// Squared radius from a table of squared radii at uniform steps of the enclosed fraction.
CLUSTERCNN_HD float table_radius2(float u, const float* nodes) {
    const float at = u * (kRadiusNodes - 1);
    const int i = static_cast<int>(at) < kRadiusNodes - 2 ? static_cast<int>(at) : kRadiusNodes - 2;
    return nodes[i] + (at - static_cast<float>(i)) * (nodes[i + 1] - nodes[i]);
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
