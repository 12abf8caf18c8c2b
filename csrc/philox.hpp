// Counter-based random numbers: Philox 4x32-10 (Salmon et al. 2011, SC'11, "Parallel random numbers: as easy as 1, 2, 3").
// A number is a pure function of (seed, purpose, cluster, item), so results depend on no order of work.
#pragma once

#ifdef __CUDACC_RTC__  // NVRTC finds no header of the standard library
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#else
#include <cstdint>
#endif

// How functions that CPU and GPU share are declared: always inlined, inlined as the compiler likes, and never inlined; and how
// their arrays and loops over a vector's lanes are.
#ifdef __CUDACC__
#define CLUSTERCNN_GPU  // a thread works on one star, not on a vector of them
#define CLUSTERCNN_HD __host__ __device__ __forceinline__
#define CLUSTERCNN_FN __host__ __device__ inline
#define CLUSTERCNN_CALL static __host__ __device__ __noinline__
#define CLUSTERCNN_ALIGN
#define CLUSTERCNN_SIMD
#elif defined(CLUSTERCNN_EMULATED)  // the GPU's code in the tests' stand-in for one
#define CLUSTERCNN_GPU
#define CLUSTERCNN_HD inline
#define CLUSTERCNN_FN inline
#define CLUSTERCNN_CALL static
#define CLUSTERCNN_ALIGN
#define CLUSTERCNN_SIMD
#else
#define CLUSTERCNN_HD [[gnu::always_inline]] inline  // a loop with a call in it does not become vectors
#define CLUSTERCNN_FN inline
#define CLUSTERCNN_CALL [[gnu::noinline]] static
#define CLUSTERCNN_ALIGN alignas(64)
#define CLUSTERCNN_SIMD _Pragma("omp simd")
#endif

#ifndef CLUSTERCNN_ISA
#define CLUSTERCNN_ISA portable
#endif

// The CPU kernels are compiled once per instruction set; the inline namespace keeps the linker from merging the copies.
namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

struct Words {
    uint32_t w[4];
};

// What a stream of random numbers is for: the second word of the counter.
enum Purpose : uint32_t { kStars = 0, kStarCount = 1, kNoise = 2, kFaint = 3, kScreen = 4 };

CLUSTERCNN_HD Words philox(uint64_t seed, uint32_t item, uint32_t purpose, uint64_t cluster) {
    uint32_t c0 = item, c1 = purpose;
    uint32_t c2 = static_cast<uint32_t>(cluster), c3 = static_cast<uint32_t>(cluster >> 32);
    uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const uint64_t p0 = uint64_t{0xD2511F53u} * c0;
        const uint64_t p1 = uint64_t{0xCD9E8D57u} * c2;
        const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
        const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
        c1 = static_cast<uint32_t>(p1);
        c3 = static_cast<uint32_t>(p0);
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}

// Uniform in (0, 1) with 24 significant bits down to 2^-33, so that the far tail of the mass function is not grainy.
CLUSTERCNN_HD float uniform(uint32_t word) {
    const float u = static_cast<float>(word) * 0x1p-32f + 0x1p-33f;
    return u < 0x1.fffffep-1f ? u : 0x1.fffffep-1f;  // rounding may reach 1
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
