// Draws a cluster's stars a vector at a time: SIMD on the CPU, one star on the GPU.
#pragma once

#include "companions.hpp"
#include "philox_block.hpp"
#include "screen.hpp"
#include "shape.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

// Squared radii of stars, before segregation.
CLUSTERCNN_FN void draw_radii(const Clusters& c, int64_t i, const uint32_t* word, float* r2) {
    for (int l = 0; l < kLanes; ++l) r2[l] = uniform(word[l]);
    if (c.radius2_nodes) {
        for (int l = 0; l < kLanes; ++l) r2[l] = table_radius2(r2[l], c.radius2_nodes);
    } else {
        const float exponent = c.exponent[i];
        for (int l = 0; l < kLanes; ++l) r2[l] = eff_radius2(r2[l], exponent);
    }
}

CLUSTERCNN_FN void place_stars(const Clusters& c, int64_t i, const uint32_t* turn, const float* r2, StarBlock& stars) {
    const float x0 = c.x[i], y0 = c.y[i], scale = c.scale[i];
    if (is_elliptical(c.variety, i)) return place_on_ellipses(c.variety, i, {x0, y0, scale}, turn, r2, stars);
    for (int l = 0; l < kLanes; ++l) {
        float cosine, sine;
        cos_sin_turn(turn[l], cosine, sine);
        const float r = scale * sqrtf(r2[l]);
        stars.x[l] = x0 + r * cosine;
        stars.y[l] = y0 + r * sine;
    }
}

// What a cluster's variety changes of stars drawn as a plain one's, but for the ellipse. Not inlined: plain clusters must not
// pay for it.
CLUSTERCNN_CALL void vary(const Clusters& c, int64_t i, uint32_t first, const uint32_t* spare, const ReddenedTable& table,
                          const Place& place, float* r2, StarBlock& stars) {
    const Variety& v = c.variety;
    Screen screen;
    const bool screened = v.a_v_scatter[i] > 0.0f;
    if (screened) {
        draw_screen(c, i, first, screen);
        table.screen(place, screen, stars.flux);
    }
    if (has_companions(v, i)) add_companions(v, i, spare, table, screened ? &screen : nullptr, stars);
    if (v.segregation[i] > 0.0f) segregate(v, i, stars.mass, r2);
}

// Stars first .. first + kLanes - 1 of cluster i: word 0 is the mass, word 1 the radius, word 2 the direction, word 3 the
// companion. The masses are those of stars with uniform numbers below u_max.
CLUSTERCNN_FN void sample_block(const Clusters& c, int64_t i, uint32_t first, float u_max, const ReddenedTable& table,
                                StarBlock& stars) {
    CLUSTERCNN_ALIGN float u[kLanes], r2[kLanes];
    CLUSTERCNN_ALIGN uint32_t words[4][kLanes];
    philox_block(c.seed, first, kStars, static_cast<uint64_t>(c.index[i]), words);
    for (int l = 0; l < kLanes; ++l) u[l] = u_max * uniform(words[0][l]);
    Place place;
    table.find(u, place);
    table.masses(place, stars.mass);
    table.fluxes(place, stars.flux);
    draw_radii(c, i, words[1], r2);
    if (!is_plain(c.variety, i)) vary(c, i, first, words[3], table, place, r2, stars);
    place_stars(c, i, words[2], r2, stars);
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
