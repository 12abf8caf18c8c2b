// How one star lands on the grid that all bands share: `taps` cells per axis of a compact window, evaluated by polynomials.
#pragma once

#include "philox.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

constexpr int kMaxTaps = 8;
constexpr int kMaxDegree = 15;

// First cell under the window of a star at grid coordinate g, and z for the window's polynomials: z = 2t - 1, t in [0, 1)
// being the distance of that cell from the window's left end.
CLUSTERCNN_HD int first_tap(double g, double half_width, double& z) {
    const double left = g - half_width;
    int i = static_cast<int>(left);
    i += static_cast<double>(i) < left;  // ceil, for negative numbers too
    z = 2.0 * (i - left) - 1.0;
    return i;
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
