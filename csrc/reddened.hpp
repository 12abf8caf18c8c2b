// A cluster's own table of stars: the population's, reddened and laid out per segment. Read a SIMD vector of stars at a time.
#pragma once

#include "batch.hpp"
#include "simd.hpp"
#include "stars.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

struct StarBlock {  // one SIMD vector of stars; `mass` is the primary's, `companion` its companion's, `flux` that of both
    CLUSTERCNN_ALIGN float x[kLanes], y[kLanes], mass[kLanes];
    CLUSTERCNN_ALIGN float companion[kLanes];  // drawn only in clusters that have companions
    CLUSTERCNN_ALIGN float flux[kMaxBands][kLanes];
};

constexpr int kMaxColumns = (4 + 2 * kMaxBands + kLanes - 1) / kLanes * kLanes;

struct Place {  // where stars stand in the table: the knot before each, the share of its segment passed, that segment
    CLUSTERCNN_ALIGN int knot[kLanes];
    CLUSTERCNN_ALIGN float t[kLanes];
    CLUSTERCNN_ALIGN float column[kMaxColumns][kLanes];
};

// Optical depths of a vector of stars over those of their cluster, as log2 of flux: c1 times `linear` + c2 times `square`.
struct Screen {
    CLUSTERCNN_ALIGN float linear[kLanes], square[kLanes];
};

constexpr float kLog2PerMagnitude = -0.4f * 3.32192809f;  // 10^(-0.4 A) = 2^(-0.4 log2(10) A)

CLUSTERCNN_FN int table_stride(int bands) { return (4 + 2 * bands + kLanes - 1) / kLanes * kLanes; }

CLUSTERCNN_HD float reddened(float flux, const float* coefficients, float a_v) {
    const float l1 = kLog2PerMagnitude * a_v, l2 = l1 * a_v;
    return flux * exp2_fast(coefficients[0] * l1 + coefficients[1] * l2);
}

// Where a population stands in the tables: its rows of knots.
struct PopulationRow {
    int bands, knots;
    const float *u, *mass, *flux, *coefficients;
    const int32_t* guide;

    CLUSTERCNN_FN PopulationRow(const Populations& p, int population) : bands(p.bands), knots(p.knots) {
        const size_t first = static_cast<size_t>(population) * knots;
        u = p.u + first;
        mass = p.mass + first;
        flux = p.flux + first * bands;
        coefficients = p.extinction + first * bands * 2;
        guide = p.guide + static_cast<size_t>(population) * kGuideSize;
    }

    // The segment between knots k and k + 1, whose reddened flux is `low` and `high`: u0, 1 / (u1 - u0), then value and slope
    // of mass and of the flux in each band.
    CLUSTERCNN_FN void segment(int k, const float* low, const float* high, float* s) const {
        const float width = u[k + 1] - u[k];
        s[0] = u[k];
        s[1] = width > 0.0f ? 1.0f / width : 0.0f;
        s[2] = mass[k];
        s[3] = mass[k + 1] - mass[k];
        for (int b = 0; b < bands; ++b) {
            s[4 + 2 * b] = low[b];
            s[5 + 2 * b] = high[b] - low[b];
        }
    }
};

// The segments of one population behind one screen of dust.
class ReddenedTable {
  public:
    CLUSTERCNN_FN ReddenedTable(const PopulationRow& row, const float* segments)
        : row_(row), segments_(segments), stride_(table_stride(row.bands)), first_step_(1) {
        while (2 * first_step_ <= row.knots) first_step_ *= 2;
    }

    CLUSTERCNN_FN int bands() const { return row_.bands; }
    CLUSTERCNN_FN int knots() const { return row_.knots; }
    CLUSTERCNN_FN const float* segment_at(int k) const { return segments_ + static_cast<size_t>(k) * stride_; }
    CLUSTERCNN_FN float width(int k) const { return row_.u[k + 1] - row_.u[k]; }

    // Stars whose uniform numbers are u.
    CLUSTERCNN_FN void find(const float* u, Place& place) const {
        int* knot = place.knot;
        for (int l = 0; l < kLanes; ++l) knot[l] = row_.guide[guide_bucket(u[l])];
        const float* knots = row_.u;
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
    CLUSTERCNN_FN void find_mass(const float* mass, Place& place) const {
        int* knot = place.knot;
        for (int l = 0; l < kLanes; ++l) knot[l] = 0;
        const float* knots = row_.mass;
        const int last = row_.knots - 2;
        for (int step = first_step_; step; step >>= 1)
CLUSTERCNN_SIMD
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

    CLUSTERCNN_FN float lowest_mass() const { return row_.mass[row_.knots - 1]; }

    CLUSTERCNN_FN void masses(const Place& place, float* mass) const {
        for (int l = 0; l < kLanes; ++l) mass[l] = place.column[2][l] + place.t[l] * place.column[3][l];
    }

    CLUSTERCNN_FN void fluxes(const Place& place, float (*flux)[kLanes]) const {
        for (int b = 0; b < row_.bands; ++b)
            for (int l = 0; l < kLanes; ++l) flux[b][l] = place.column[4 + 2 * b][l] + place.t[l] * place.column[5 + 2 * b][l];
    }

    // Puts the stars behind more dust, or less, than their cluster: each with the coefficients of its own place.
    CLUSTERCNN_FN void screen(const Place& place, const Screen& more, float (*flux)[kLanes]) const {
        const int stride = 2 * row_.bands;
        for (int b = 0; b < row_.bands; ++b) {
            const float* c = row_.coefficients + 2 * b;
CLUSTERCNN_SIMD
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
    CLUSTERCNN_FN void read(Place& place) const {
        const float* s = segments_;
        for (int first = 0; first < stride_; first += kLanes) {
            Vec<float> tile[kLanes];
            for (int l = 0; l < kLanes; ++l) tile[l] = load(s + static_cast<size_t>(place.knot[l]) * stride_ + first);
            transpose<float>(tile);
            for (int i = 0; i < kLanes; ++i) store(place.column[first + i], tile[i]);
        }
    }

    PopulationRow row_;
    const float* segments_;
    int stride_, first_step_;
};

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
