// A cluster's own table of stars: the population's, reddened and laid out per segment. Read a SIMD vector of stars at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <vector>

#include "simd.hpp"
#include "kernels.hpp"
#include "stars.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

struct StarBlock {  // one SIMD vector of stars; `mass` is the primary's, `companion` its companion's, `flux` that of both
    alignas(64) float x[kLanes], y[kLanes], mass[kLanes];
    alignas(64) float companion[kLanes];  // drawn only in clusters that have companions
    alignas(64) float flux[kMaxBands][kLanes];
};

constexpr int kMaxColumns = (4 + 2 * kMaxBands + kLanes - 1) / kLanes * kLanes;

struct Place {  // where stars stand in the table: the knot before each, the share of its segment passed, that segment
    alignas(64) int knot[kLanes];
    alignas(64) float t[kLanes];
    alignas(64) float column[kMaxColumns][kLanes];
};

// Optical depths of a vector of stars over those of their cluster, as log2 of flux: c1 times `linear` + c2 times `square`.
struct Screen {
    alignas(64) float linear[kLanes], square[kLanes];
};

constexpr float kLog2PerMagnitude = -0.4f * 3.32192809f;  // 10^(-0.4 A) = 2^(-0.4 log2(10) A)

// One segment between neighbouring knots: u0, 1 / (u1 - u0), then value and slope of mass and of the flux in each band.
class ReddenedTable {
  public:
    void build(const Populations& p, int population, float a_v) {
        bands_ = p.bands;
        knots_ = p.knots;
        stride_ = (4 + 2 * bands_ + kLanes - 1) / kLanes * kLanes;
        first_step_ = static_cast<int>(std::bit_floor(static_cast<unsigned>(knots_)));
        const size_t first = static_cast<size_t>(population) * knots_;
        u_ = p.u + first;
        mass_ = p.mass + first;
        coefficients_ = p.extinction + first * bands_ * 2;
        guide_ = p.guide + static_cast<size_t>(population) * kGuideSize;
        redden(p.flux + first * bands_, a_v);
        segments_.resize(static_cast<size_t>(knots_) * stride_);
        for (int k = 0; k + 1 < knots_; ++k) segment(mass_, k);
    }

    int bands() const { return bands_; }
    int knots() const { return knots_; }
    const float* segment_at(int k) const { return segments_.data() + static_cast<size_t>(k) * stride_; }
    float width(int k) const { return u_[k + 1] - u_[k]; }

    // Stars whose uniform numbers are u.
    void find(const float* u, Place& place) const {
        int* knot = place.knot;
        for (int l = 0; l < kLanes; ++l) knot[l] = guide_[guide_bucket(u[l])];
        const float* knots = u_;
        for (int moved = 1; moved;) {
            moved = 0;
            for (int l = 0; l < kLanes; ++l) {
                const int step = knots[knot[l] + 1] <= u[l] ? 1 : 0;
                knot[l] += step;
                moved |= step;
            }
        }
        read(place);
        for (int l = 0; l < kLanes; ++l) place.t[l] = (u[l] - place.column[0][l]) * place.column[1][l];
    }

    // Stars of given masses, in (lowest mass, highest]: the last knot that is heavier. Of the two knots at the end of the
    // living stars neither is, for a star of just that mass; so no star stands on the step between them.
    void find_mass(const float* mass, Place& place) const {
        int* knot = place.knot;
        std::fill(knot, knot + kLanes, 0);
        const float* knots = mass_;
        const int last = knots_ - 2;
        for (int step = first_step_; step; step >>= 1)
#pragma omp simd
            for (int l = 0; l < kLanes; ++l) {
                const int next = knot[l] + step < last ? knot[l] + step : last;
                knot[l] = knots[next] > mass[l] ? next : knot[l];
            }
        read(place);
        for (int l = 0; l < kLanes; ++l) {
            const float from = place.column[2][l], rise = place.column[3][l];  // negative, or 0 between equal knots
            place.t[l] = (mass[l] - from) / (rise < 0.0f ? rise : -1.0f);
        }
    }

    float lowest_mass() const { return mass_[knots_ - 1]; }

    void masses(const Place& place, float* mass) const {
        for (int l = 0; l < kLanes; ++l) mass[l] = place.column[2][l] + place.t[l] * place.column[3][l];
    }

    void fluxes(const Place& place, float (*flux)[kLanes]) const {
        for (int b = 0; b < bands_; ++b)
            for (int l = 0; l < kLanes; ++l) flux[b][l] = place.column[4 + 2 * b][l] + place.t[l] * place.column[5 + 2 * b][l];
    }

    // Puts the stars behind more dust, or less, than their cluster: each with the coefficients of its own place.
    void screen(const Place& place, const Screen& more, float (*flux)[kLanes]) const {
        const int stride = 2 * bands_;
        for (int b = 0; b < bands_; ++b) {
            const float* c = coefficients_ + 2 * b;
#pragma omp simd
            for (int l = 0; l < kLanes; ++l) {
                const int i = place.knot[l] * stride;
                const float c1 = c[i] + place.t[l] * (c[i + stride] - c[i]);
                const float c2 = c[i + 1] + place.t[l] * (c[i + stride + 1] - c[i + 1]);
                flux[b][l] *= exp2_fast(c1 * more.linear[l] + c2 * more.square[l]);
            }
        }
    }

  private:
    // The stars' segments, turned so that each column is a vector: whole rows are read, as gathering single numbers is slow.
    void read(Place& place) const {
        const float* s = segments_.data();
        for (int first = 0; first < stride_; first += kLanes) {
            Vec<float> tile[kLanes];
            for (int l = 0; l < kLanes; ++l) tile[l] = load(s + static_cast<size_t>(place.knot[l]) * stride_ + first);
            transpose<float>(tile);
            for (int i = 0; i < kLanes; ++i) store(place.column[first + i], tile[i]);
        }
    }

    void redden(const float* flux, float a_v) {
        const size_t n = static_cast<size_t>(knots_) * bands_;
        const float* c = coefficients_;
        flux_.resize(n);
        const float l1 = kLog2PerMagnitude * a_v, l2 = l1 * a_v;
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

    int bands_ = 0, knots_ = 0, stride_ = 0, first_step_ = 0;
    const float *u_ = nullptr, *mass_ = nullptr, *coefficients_ = nullptr;
    const int32_t* guide_ = nullptr;
    std::vector<float> flux_, segments_;
};

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
