// Differential extinction: each star of a cluster behind its own column of dust.
#pragma once

#include "expose.hpp"
#include "philox_block.hpp"
#include "reddened.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

// Depth at which a star is dark in every band; deeper ones count as this deep, as the parabola of the extinction turns over
// at 23 mag for the reddest stars. Not less than the cluster's own.
constexpr float kDarkDepth = 20.0f;  // mag

// A_V = a_v exp(sigma z - sigma^2 / 2), z standard normal: log-normal, with the mean a_v.
CLUSTERCNN_FN void draw_screen(const Clusters& c, int64_t i, uint32_t first, Screen& screen) {
    const float a_v = c.a_v[i], sigma = 1.44269504f * c.variety.a_v_scatter[i];  // e^x = 2^(x / ln 2)
    const float shift = 0.5f * sigma * c.variety.a_v_scatter[i], dark = a_v > kDarkDepth ? a_v : kDarkDepth;
    CLUSTERCNN_ALIGN uint32_t words[4][kLanes];
    philox_block(c.seed, first, kScreen, static_cast<uint64_t>(c.index[i]), words);
    for (int l = 0; l < kLanes; ++l) {
        const float drawn = a_v * exp2_fast(sigma * normal_quantile(words[0][l]) - shift);
        const float depth = drawn < dark ? drawn : dark;
        screen.linear[l] = kLog2PerMagnitude * (depth - a_v);
        screen.square[l] = screen.linear[l] * (depth + a_v);
    }
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
