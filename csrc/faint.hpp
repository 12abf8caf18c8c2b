// The faint tail: stars whose summed fluctuation drowns in the noise are not drawn but shine as their expectation.
#pragma once

#include "lots.hpp"
#include "shape.hpp"

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

    // Means over a segment of what rises in it from `low` by `rise`, and of its square.
    CLUSTERCNN_FN static double mean(double low, double rise) { return low + 0.5 * rise; }
    CLUSTERCNN_FN static double square(double low, double rise) { return low * low + low * rise + rise * rise / 3.0; }

    CLUSTERCNN_FN void add_mass(const float* s, double width) {
        m1 += width * mean(s[2], s[3]);
        m2 += width * square(s[2], s[3]);
    }

    CLUSTERCNN_FN void add(const float* s, double width, int bands) {
        add_mass(s, width);
        for (int b = 0; b < bands; ++b) {
            f1[b] += width * mean(s[4 + 2 * b], s[5 + 2 * b]);
            f2[b] += width * square(s[4 + 2 * b], s[5 + 2 * b]);
        }
    }
};

// Where to cut. N faint stars of density k per pixel make the variance N k K <f^2> in a pixel (K: the kernel's peak, which
// bounds the mean of its square over its mean); the pixel's own noise has the variance floor + N k <F> / t (read-out and
// sky, and the photons of all stars). The cut is where the first reaches fraction^2 of the second in some band, at
// the densest place: k is the profile's centre, or the kernel's peak for clusters smaller than it.
CLUSTERCNN_FN double allowed_square(const Faint& faint, int band, double number, double density, double mean_flux) {
    const double k = density < faint.peak[band] ? density : faint.peak[band];
    return faint.fraction * faint.fraction * (faint.floor[band] / (number * k) + mean_flux / faint.seconds[band]) / faint.peak[band];
}

// Stars per pixel and star at the centre of an EFF profile: (gamma - 2) / (2 pi a^2) = 1 / (pi a^2 exponent).
CLUSTERCNN_FN double central_density(double scale, double exponent) { return 1.0 / (3.14159265358979324 * exponent * scale * scale); }

// The tail from knot `cut` on, whose sums these are.
CLUSTERCNN_FN FaintTail tail_from(const ReddenedTable& table, int cut, const TailSums& sums) {
    FaintTail tail;
    const double u = table.segment_at(cut)[0], share = 1.0 - u;
    if (share <= 0.0) return tail;
    tail.u = static_cast<float>(u);
    for (int b = 0; b < table.bands(); ++b) tail.flux[b] = sums.f1[b] / share;
    tail.mass = sums.m1 / share;
    const double spread = sums.m2 / share - tail.mass * tail.mass;
    tail.spread = spread > 0.0 ? spread : 0.0;
    return tail;
}

CLUSTERCNN_FN FaintTail faint_tail(const ReddenedTable& table, const Faint& faint, double number, double density) {
    const int bands = table.bands();
    TailSums all, tail;
    for (int k = 0; k + 1 < table.knots(); ++k) all.add(table.segment_at(k), table.width(k), bands);
    double allowed[kMaxBands];
    for (int b = 0; b < bands; ++b) allowed[b] = allowed_square(faint, b, number, density, all.f1[b]);
    int cut = table.knots() - 1;
    for (int k = table.knots() - 2; k >= 0; --k) {
        TailSums next = tail;
        next.add(table.segment_at(k), table.width(k), bands);
        bool drowned = true;
        for (int b = 0; b < bands; ++b) drowned = drowned && next.f2[b] <= allowed[b];
        if (!drowned) break;
        tail = next;
        cut = k;
    }
    return cut < table.knots() - 1 ? tail_from(table, cut, tail) : FaintTail{};
}

// A cluster's stars: how many are drawn one by one, and what the rest leaves.
struct Drawn {
    int64_t count;
    FaintTail tail;
    double faint_count, faint_mass;
};

// Number of stars that cluster i of the batch has: mean_count rounded up or down at random, so that its mean is exact.
CLUSTERCNN_FN int64_t star_count(const Clusters& c, int64_t i) {
    const Words words = philox(c.seed, 0, kStarCount, static_cast<uint64_t>(c.index[i]));
    return static_cast<int64_t>(floor(c.mean_count[i] + (words.w[0] + 0.5) * 0x1p-32));
}

CLUSTERCNN_FN bool has_faint_tail(const Clusters& c, int64_t i, int64_t number) {
    return c.faint.fraction > 0.0f && number >= kWorthwhile && is_plain(c.variety, i);
}

// Draws which of a cluster's `number` stars belong to the tail, and the tail's mass.
CLUSTERCNN_FN Drawn draw_lots(const Clusters& c, int64_t i, int64_t number, const FaintTail& tail) {
    Drawn drawn{number, tail, 0.0, 0.0};
    if (tail.u >= 1.0f) return drawn;
    RandomStream stream{c.seed, static_cast<uint64_t>(c.index[i]), 0, kFaint};
    drawn.count = static_cast<int64_t>(binomial(static_cast<double>(number), tail.u, stream));
    drawn.faint_count = static_cast<double>(number - drawn.count);
    drawn.faint_mass = drawn.faint_count * tail.mass + sqrt(drawn.faint_count * tail.spread) * normal_quantile(stream.next_word());
    return drawn;
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
