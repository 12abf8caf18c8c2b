// How one star lands on a band's oversampled grid: `W` taps per axis of a compact window, evaluated by polynomials.
#pragma once

#include "philox.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

constexpr int kMaxTaps = 8;
constexpr int kMaxDegree = 15;

// The window's taps as polynomials in z = 2t - 1, where t in [0, 1) is the distance from the left end of the window
// to its first grid point: tap j is sum_d coefficient[d][j] z^d. Highest degree first (Horner).
struct WindowTaps {
    int taps = 0, degree = 0;
    alignas(64) float coefficient[kMaxDegree + 1][kMaxTaps] = {};
};

// First grid index under the window of a star at grid coordinate g, and z for the polynomials.
CLUSTERCNN_HD int first_tap(double g, int taps, float& z) {
    const double left = g - 0.5 * taps;
    int i = static_cast<int>(left);
    i += static_cast<double>(i) < left;  // ceil, for negative numbers too
    z = static_cast<float>(2.0 * (i - left) - 1.0);
    return i;
}

#ifndef __CUDACC__
// Width of the SIMD vector that holds W taps; the spare taps weigh nothing.
template <int W>
constexpr int kTapLanes = W <= 4 ? 4 : 8;

template <int N>
struct TapVector;
template <>
struct TapVector<4> {
    typedef float type __attribute__((vector_size(16)));
    typedef float loose __attribute__((vector_size(16), aligned(4)));
};
template <>
struct TapVector<8> {
    typedef float type __attribute__((vector_size(32)));
    typedef float loose __attribute__((vector_size(32), aligned(4)));
};

template <int W>
static inline typename TapVector<kTapLanes<W>>::type tap_weights(const WindowTaps& window, float z) {
    using V = typename TapVector<kTapLanes<W>>::type;
    V sum = *reinterpret_cast<const V*>(window.coefficient[0]);
    for (int d = 1; d <= window.degree; ++d) sum = sum * z + *reinterpret_cast<const V*>(window.coefficient[d]);
    return sum;
}

// Adds one star's window to the grid. The caller has checked that all taps, and the vector's spare lanes, are inside.
template <int W>
static inline void deposit(float* grid, int stride, int ix, int iy, float zx, float zy, float flux, const WindowTaps& window) {
    using V = typename TapVector<kTapLanes<W>>::type;
    using Loose = typename TapVector<kTapLanes<W>>::loose;
    const V wx = tap_weights<W>(window, zx) * flux;
    const V wy = tap_weights<W>(window, zy);
    float* row = grid + static_cast<long>(iy) * stride + ix;
    for (int j = 0; j < W; ++j, row += stride) {
        Loose* at = reinterpret_cast<Loose*>(row);
        *at = *at + wx * wy[j];
    }
}
#endif

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
