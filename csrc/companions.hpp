// Unresolved companions: whether a star has one, how heavy it is, and its light.
#pragma once

#include "reddened.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

CLUSTERCNN_FN bool has_companions(const Variety& v, int64_t i) { return v.stretch && v.binary_fraction[i] > 0.0f; }

// One random word decides and, being uniform below the binary fraction as well, gives the mass ratio too. A companion is a
// star of the same table behind the same dust; one lighter than any in it is dark.
CLUSTERCNN_FN void add_companions(const Variety& v, int64_t i, const uint32_t* word, const ReddenedTable& table,
                                  const Screen* screen, StarBlock& stars) {
    CLUSTERCNN_ALIGN float u[kLanes], base[kLanes], shining[kLanes], flux[kMaxBands][kLanes];
    const float fraction = v.binary_fraction[i], per_fraction = 1.0f / fraction;
    const MassRatio law = v.ratio;
    const float* mass = stars.mass;
    float* companion = stars.companion;
    for (int l = 0; l < kLanes; ++l) {
        u[l] = uniform(word[l]);
        base[l] = law.base + law.slope * (u[l] * per_fraction);
    }
    if (!law.logarithmic)
        for (int l = 0; l < kLanes; ++l) base[l] = log2_fast(base[l]);
    for (int l = 0; l < kLanes; ++l) {
        const float q = exp2_fast(law.power * base[l]);
        const float drawn = (q < 1.0f ? q : 1.0f) * mass[l];
        companion[l] = u[l] < fraction ? drawn : 0.0f;
    }
    const float lowest = table.lowest_mass();
    for (int l = 0; l < kLanes; ++l) shining[l] = companion[l] > lowest ? companion[l] : lowest;
    Place place;
    table.find_mass(shining, place);
    table.fluxes(place, flux);
    if (screen) table.screen(place, *screen, flux);
    for (int b = 0; b < table.bands(); ++b)
        for (int l = 0; l < kLanes; ++l) {
            const float light = flux[b][l];
            stars.flux[b][l] += companion[l] > lowest ? light : 0.0f;
        }
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
