// The faint tail: stars whose summed fluctuation drowns in the noise are not drawn but shine as their expectation.
#pragma once

#include <cmath>

#include "lots.hpp"
#include "reddened.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

// Stars below which a cluster is drawn in full: the smooth light's own cost is that of 2,000 (benchmarks/bench_faint.py).
constexpr int64_t kWorthwhile = 2000;

// Stars with uniform numbers beyond u are faint; `flux` and `mass` are means over those, `spread` the masses' variance.
struct FaintTail {
    float u = 1.0f;
    double flux[kMaxBands] = {}, mass = 0.0, spread = 0.0;
};

// Integrals over the uniform number from a knot to the faint end; flux and mass are linear between knots.
struct TailSums {
    double f1[kMaxBands] = {}, f2[kMaxBands] = {}, m1 = 0.0, m2 = 0.0;

    void add(const float* s, double width, int bands) {
        m1 += width * (s[2] + 0.5 * s[3]);
        m2 += width * (s[2] * s[2] + s[2] * s[3] + s[3] * s[3] / 3.0);
        for (int b = 0; b < bands; ++b) {
            const double low = s[4 + 2 * b], rise = s[5 + 2 * b];
            f1[b] += width * (low + 0.5 * rise);
            f2[b] += width * (low * low + low * rise + rise * rise / 3.0);
        }
    }
};

// Where to cut. N faint stars of density k per pixel make the variance N k K <f^2> in a pixel (K: the kernel's peak, which
// bounds the mean of its square over its mean); the pixel's own noise has the variance floor + N k <F> / t (read-out and
// sky, and the photons of all stars). The cut is where the first reaches fraction^2 of the second in some band, at
// the densest place: k is the profile's centre, or the kernel's peak for clusters smaller than it.
static inline FaintTail faint_tail(const ReddenedTable& table, const Faint& faint, double number, double density) {
    const int bands = table.bands();
    TailSums all, tail;
    for (int k = 0; k + 1 < table.knots(); ++k) all.add(table.segment_at(k), table.width(k), bands);
    double allowed[kMaxBands];
    for (int b = 0; b < bands; ++b) {
        const double k = std::min<double>(density, faint.peak[b]);
        allowed[b] = faint.fraction * faint.fraction * (faint.floor[b] / (number * k) + all.f1[b] / faint.seconds[b]) / faint.peak[b];
    }
    FaintTail cut;
    for (int k = table.knots() - 2; k >= 0; --k) {
        TailSums next = tail;
        next.add(table.segment_at(k), table.width(k), bands);
        bool drowned = true;
        for (int b = 0; b < bands; ++b) drowned = drowned && next.f2[b] <= allowed[b];
        if (!drowned) break;
        tail = next;
        cut.u = table.segment_at(k)[0];
    }
    const double share = 1.0 - cut.u;
    if (share <= 0.0) return FaintTail{};
    for (int b = 0; b < bands; ++b) cut.flux[b] = tail.f1[b] / share;
    cut.mass = tail.m1 / share;
    cut.spread = std::max(tail.m2 / share - cut.mass * cut.mass, 0.0);
    return cut;
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
