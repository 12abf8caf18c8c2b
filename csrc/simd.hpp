// SIMD vectors of the instruction set a file is compiled for, by GCC's vector extensions: arithmetic without intrinsics. On the
// GPU a vector is one number, so that what is written for vectors of stars and of signals serves a thread's own.
#pragma once

#include "philox.hpp"

#if !defined(__CUDACC_RTC__)
#include <cstring>
#endif

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

#if !defined(CLUSTERCNN_GPU)
#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
    typedef float type __attribute__((vector_size(kVectorBytes)));
    typedef int32_t mask __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<double> {
    typedef double type __attribute__((vector_size(kVectorBytes)));
    typedef int64_t mask __attribute__((vector_size(kVectorBytes)));
};
template <class T>
using Vec = typename VectorOf<T>::type;
template <class T>
using VecMask = typename VectorOf<T>::mask;
template <class T>
constexpr int kLanesOf = kVectorBytes / static_cast<int>(sizeof(T));
#else
template <class T>
using Vec = T;
template <class T>
constexpr int kLanesOf = 1;
#endif
constexpr int kLanes = kLanesOf<float>;  // stars are drawn that many at a time

// Memory that is not aligned to a vector.
template <class T>
CLUSTERCNN_FN Vec<T> load(const T* from) {
    Vec<T> v;
    memcpy(&v, from, sizeof(v));
    return v;
}
template <class T>
CLUSTERCNN_FN void store(T* to, const Vec<T>& v) {
    memcpy(to, &v, sizeof(v));
}

template <class T>
struct Complex {  // real and imaginary parts of a vector of numbers
    Vec<T> re, im;
};

template <class T>
CLUSTERCNN_FN Complex<T> operator+(const Complex<T>& a, const Complex<T>& b) {
    return {a.re + b.re, a.im + b.im};
}
template <class T>
CLUSTERCNN_FN Complex<T> operator-(const Complex<T>& a, const Complex<T>& b) {
    return {a.re - b.re, a.im - b.im};
}
template <class T>
CLUSTERCNN_FN Complex<T> times(const Complex<T>& a, T wr, T wi) {
    return {a.re * wr - a.im * wi, a.re * wi + a.im * wr};
}

#if !defined(CLUSTERCNN_GPU)
// Lane numbers that interleave the lower (upper) halves of two vectors.
template <class T>
constexpr VecMask<T> interleave(bool upper) {
    constexpr int n = kLanesOf<T>;
    VecMask<T> mask{};
    for (int i = 0; i < n; ++i) mask[i] = i / 2 + (upper ? n / 2 : 0) + (i % 2 ? n : 0);
    return mask;
}

// Transposes a square tile in registers: each round of interleaving turns the (row, column) bits by one place.
template <class T>
static inline void transpose(Vec<T> (&t)[kLanesOf<T>]) {
    constexpr int n = kLanesOf<T>;
    const VecMask<T> lower = interleave<T>(false), upper = interleave<T>(true);
#pragma GCC unroll 8
    for (int round = 1; round < n; round *= 2) {
        Vec<T> next[n];
#pragma GCC unroll 16
        for (int i = 0; i < n / 2; ++i) {
            next[2 * i] = __builtin_shuffle(t[i], t[i + n / 2], lower);
            next[2 * i + 1] = __builtin_shuffle(t[i], t[i + n / 2], upper);
        }
#pragma GCC unroll 16
        for (int i = 0; i < n; ++i) t[i] = next[i];
    }
}
#else
template <class T>
CLUSTERCNN_FN void transpose(Vec<T> (&)[1]) {}
#endif

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
