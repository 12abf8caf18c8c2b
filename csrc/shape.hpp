// Where stars of clusters that are not round, or not the same for all masses, stand.
#pragma once

#include "reddened.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

CLUSTERCNN_FN bool is_elliptical(const Variety& v, int64_t i) { return v.stretch && v.stretch[i] > 1.0f; }

// Round, evenly mixed, single stars behind one screen of dust.
CLUSTERCNN_FN bool is_plain(const Variety& v, int64_t i) {
    if (!v.stretch) return true;
    return v.stretch[i] == 1.0f && v.binary_fraction[i] == 0.0f && v.segregation[i] == 0.0f && v.a_v_scatter[i] == 0.0f;
}

constexpr float kMostSegregated = 10.0f;  // factor of a star's radius, either way

// Multiplies the radii of stars by (m / mean mass)^-s: heavy stars stand closer to the middle.
CLUSTERCNN_FN void segregate(const Variety& v, int64_t i, const float* mass, float* r2) {
    const float power = -2.0f * v.segregation[i], per_mean = 1.0f / v.mean_mass;
    constexpr float most = kMostSegregated * kMostSegregated, least = 1.0f / most;
    for (int l = 0; l < kLanes; ++l) {
        const float factor = exp2_fast(power * log2_fast(mass[l] * per_mean));
        r2[l] *= factor < least ? least : factor > most ? most : factor;
    }
}

struct Circle {  // pixels
    float x, y, scale;
};

// A circle's points moved onto the ellipse of the same area: stretched along the major axis, squeezed across it, turned.
CLUSTERCNN_CALL void place_on_ellipses(const Variety& v, int64_t i, const Circle& circle, const uint32_t* turn,
                                       const float* r2, StarBlock& stars) {
    const float major = circle.scale * v.stretch[i], minor = circle.scale / v.stretch[i];
    const float c = v.cosine[i], s = v.sine[i];
    for (int l = 0; l < kLanes; ++l) {
        float cosine, sine;
        cos_sin_turn(turn[l], cosine, sine);
        const float r = sqrtf(r2[l]);
        const float along = major * r * cosine, across = minor * r * sine;
        stars.x[l] = circle.x + along * c - across * s;
        stars.y[l] = circle.y + along * s + across * c;
    }
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
