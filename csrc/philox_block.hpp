// Random words of a vector of items at once: the same numbers as philox(), which has the formula.
#pragma once

#include "simd.hpp"

#if !defined(CLUSTERCNN_GPU) && (defined(__AVX2__) || defined(__SSE2__))
#include <immintrin.h>
#endif

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

#if defined(CLUSTERCNN_GPU)

CLUSTERCNN_FN void philox_block(uint64_t seed, uint32_t first, uint32_t purpose, uint64_t cluster, uint32_t (&words)[4][1]) {
    const Words drawn = philox(seed, first, purpose, cluster);
    for (int w = 0; w < 4; ++w) words[w][0] = drawn.w[w];
}

#else

typedef uint64_t Wide __attribute__((vector_size(kVectorBytes)));  // 32-bit numbers, each in 64 bits

// Products of the lower 32 bits. The compiler would multiply all 64, which takes three times as long.
static inline Wide multiply(const Wide& a, const Wide& b) {
#if defined(__AVX512F__)
    return reinterpret_cast<Wide>(_mm512_mul_epu32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
    return reinterpret_cast<Wide>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__SSE2__)
    return reinterpret_cast<Wide>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
    constexpr uint64_t low = 0xFFFFFFFFu;
    return (a & low) * (b & low);
#endif
}

// words[w][l] is word w of philox(seed, first + l, purpose, cluster).
static inline void philox_block(uint64_t seed, uint32_t first, uint32_t purpose, uint64_t cluster, uint32_t (&words)[4][kLanes]) {
    constexpr int n = kLanesOf<double>;
    const Wide zero{}, m0 = zero + 0xD2511F53u, m1 = zero + 0xCD9E8D57u;
    for (int start = 0; start < kLanes; start += n) {
        Wide c0, c1 = zero + purpose, c2 = zero + (cluster & 0xFFFFFFFFu), c3 = zero + (cluster >> 32);
        for (int l = 0; l < n; ++l) c0[l] = first + static_cast<uint32_t>(start + l);
        uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
        for (int round = 0; round < 10; ++round) {
            // upper halves fill with what multiply() overlooks
            const Wide p0 = multiply(m0, c0), p1 = multiply(m1, c2);
            c0 = (p1 >> 32) ^ c1 ^ k0;
            c2 = (p0 >> 32) ^ c3 ^ k1;
            c1 = p1;
            c3 = p0;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        for (int l = 0; l < n; ++l) {
            words[0][start + l] = static_cast<uint32_t>(c0[l]);
            words[1][start + l] = static_cast<uint32_t>(c1[l]);
            words[2][start + l] = static_cast<uint32_t>(c2[l]);
            words[3][start + l] = static_cast<uint32_t>(c3[l]);
        }
    }
}

#endif

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
