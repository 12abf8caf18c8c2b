// Unresolved companions: whether a star has one, how heavy it is, and its light.
#pragma once

#include "reddened.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

// One random word decides and, being uniform below the binary fraction as well, gives the mass ratio too. A companion is a
// star of the same table behind the same dust; one lighter than any in it is dark.
static inline void add_companions(const Variety& v, int64_t i, const uint32_t* word, const ReddenedTable& table,
                                  const Screen* screen, StarBlock& stars) {
    alignas(64) float shining[kLanes], flux[kMaxBands][kLanes];
    const float fraction = v.binary_fraction[i], per_fraction = 1.0f / fraction;
    const MassRatio law = v.ratio;
    for (int l = 0; l < kLanes; ++l) {
        const float u = uniform(word[l]);
        const float base = law.base + law.slope * (u * per_fraction);
        const float q = exp2_fast(law.power * (law.logarithmic ? base : log2_fast(base)));
        stars.companion[l] = u < fraction ? (q < 1.0f ? q : 1.0f) * stars.mass[l] : 0.0f;
    }
    const float lowest = table.lowest_mass();
    for (int l = 0; l < kLanes; ++l) shining[l] = stars.companion[l] > lowest ? stars.companion[l] : lowest;
    Place place;
    table.find_mass(shining, place);
    table.fluxes(place, flux);
    if (screen) table.screen(place, *screen, flux);
    for (int b = 0; b < table.bands(); ++b)
        for (int l = 0; l < kLanes; ++l) stars.flux[b][l] += stars.companion[l] > lowest ? flux[b][l] : 0.0f;
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
