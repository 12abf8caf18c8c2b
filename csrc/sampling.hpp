// Draws a cluster's stars a SIMD vector at a time. The population's table is first made the cluster's own: reddened, laid out per knot.
#pragma once

#include <vector>

#include "fft.hpp"
#include "kernels.hpp"
#include "stars.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

struct StarBlock {  // one SIMD vector of stars
    alignas(64) float x[kLanes], y[kLanes], mass[kLanes];
    alignas(64) float flux[kMaxBands][kLanes];
};

// One segment between neighbouring knots: u0, 1 / (u1 - u0), then value and slope of mass and of the flux in each band.
class ReddenedTable {
  public:
    void build(const Populations& p, int population, float a_v) {
        bands_ = p.bands;
        knots_ = p.knots;
        stride_ = 4 + 2 * bands_;
        const size_t first = static_cast<size_t>(population) * knots_;
        u_ = p.u + first;
        guide_ = p.guide + static_cast<size_t>(population) * kGuideSize;
        redden(p, first, a_v);
        segments_.resize(static_cast<size_t>(knots_) * stride_);
        for (int k = 0; k + 1 < knots_; ++k) segment(p.mass + first, k);
    }

    int bands() const { return bands_; }
    int knots() const { return knots_; }
    const float* segment_at(int k) const { return segments_.data() + static_cast<size_t>(k) * stride_; }
    float width(int k) const { return u_[k + 1] - u_[k]; }

    // Mass and fluxes of the stars whose uniform numbers are u.
    void look_up(const float* u, StarBlock& stars) const {
        alignas(64) int knot[kLanes];
        for (int l = 0; l < kLanes; ++l) knot[l] = guide_[guide_bucket(u[l])];
        for (int moved = 1; moved;) {
            moved = 0;
            for (int l = 0; l < kLanes; ++l) {
                const int step = u_[knot[l] + 1] <= u[l];
                knot[l] += step;
                moved |= step;
            }
        }
        alignas(64) float t[kLanes];
        alignas(64) int at[kLanes];
        const float* s = segments_.data();
        for (int l = 0; l < kLanes; ++l) {
            at[l] = knot[l] * stride_;
            t[l] = (u[l] - s[at[l]]) * s[at[l] + 1];
        }
        for (int l = 0; l < kLanes; ++l) stars.mass[l] = s[at[l] + 2] + t[l] * s[at[l] + 3];
        for (int b = 0; b < bands_; ++b)
            for (int l = 0; l < kLanes; ++l) stars.flux[b][l] = s[at[l] + 4 + 2 * b] + t[l] * s[at[l] + 5 + 2 * b];
    }

  private:
    void redden(const Populations& p, size_t first, float a_v) {
        const size_t n = static_cast<size_t>(knots_) * bands_;
        const float* flux = p.flux + first * bands_;
        const float* c = p.extinction + first * bands_ * 2;
        flux_.resize(n);
        const float l1 = -0.4f * 3.32192809f * a_v, l2 = l1 * a_v;  // 10^(-0.4 A) = 2^(-0.4 log2(10) A)
        for (size_t i = 0; i < n; ++i) flux_[i] = flux[i] * exp2_fast(c[2 * i] * l1 + c[2 * i + 1] * l2);
    }

    void segment(const float* mass, int k) {
        float* s = segments_.data() + static_cast<size_t>(k) * stride_;
        const float width = u_[k + 1] - u_[k];
        s[0] = u_[k];
        s[1] = width > 0.0f ? 1.0f / width : 0.0f;
        s[2] = mass[k];
        s[3] = mass[k + 1] - mass[k];
        for (int b = 0; b < bands_; ++b) {
            const float low = flux_[static_cast<size_t>(k) * bands_ + b];
            s[4 + 2 * b] = low;
            s[5 + 2 * b] = flux_[static_cast<size_t>(k + 1) * bands_ + b] - low;
        }
    }

    int bands_ = 0, knots_ = 0, stride_ = 0;
    const float* u_ = nullptr;
    const int32_t* guide_ = nullptr;
    std::vector<float> flux_, segments_;
};

// Stars first .. first + kLanes - 1 of cluster i: word 0 is the mass, word 1 the radius, word 2 the direction; word 3 is spare.
// The masses are those of stars with uniform numbers below u_max.
static inline void sample_block(const Clusters& c, int64_t i, uint32_t first, float u_max, const ReddenedTable& table,
                                StarBlock& stars) {
    alignas(64) float u[kLanes], r2[kLanes];
    alignas(64) uint32_t turn[kLanes];
    const uint64_t cluster = static_cast<uint64_t>(c.index[i]), seed = c.seed;
    for (int l = 0; l < kLanes; ++l) {
        const Words words = philox(seed, first + static_cast<uint32_t>(l), kStars, cluster);
        u[l] = u_max * uniform(words.w[0]);
        r2[l] = uniform(words.w[1]);
        turn[l] = words.w[2];
    }
    table.look_up(u, stars);
    if (c.radius2_nodes) {
        for (int l = 0; l < kLanes; ++l) r2[l] = table_radius2(r2[l], c.radius2_nodes);
    } else {
        const float exponent = c.exponent[i];
        for (int l = 0; l < kLanes; ++l) r2[l] = eff_radius2(r2[l], exponent);
    }
    const float x0 = c.x[i], y0 = c.y[i], scale = c.scale[i];
    for (int l = 0; l < kLanes; ++l) {
        float cosine, sine;
        cos_sin_turn(turn[l], cosine, sine);
        const float r = scale * __builtin_sqrtf(r2[l]);
        stars.x[l] = x0 + r * cosine;
        stars.y[l] = y0 + r * sine;
    }
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
