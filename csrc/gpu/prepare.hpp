// Before a cluster's stars: its table behind its dust, how many stars are drawn one by one, and the spectra of what the rest leaves.
#pragma once

#include "../faint.hpp"
#include "../gaussians.hpp"
#include "fft.hpp"

namespace clustercnn::gpu {

CLUSTERCNN_DEVICE ReddenedTable table_of(const Job& job, int64_t cluster) {
    const PopulationRow row(job.populations, job.clusters.population[cluster]);
    return {row, job.segments + (cluster - job.first) * row.knots * table_stride(row.bands)};
}

// What stands for a table where there is no cluster; it is never read.
CLUSTERCNN_DEVICE ReddenedTable no_table(const Job& job) { return {PopulationRow(job.populations, 0), nullptr}; }

CLUSTERCNN_DEVICE void fill_table(const Job& job, int64_t cluster) {
    const PopulationRow row(job.populations, job.clusters.population[cluster]);
    const int stride = table_stride(row.bands);
    float* segments = job.segments + (cluster - job.first) * row.knots * stride;
    for (int k = thread(); k + 1 < row.knots; k += threads()) {
        float flux[2][kMaxBands];
        for (int end = 0; end < 2; ++end)
            for (int b = 0; b < row.bands; ++b) {
                const int64_t i = static_cast<int64_t>(k + end) * row.bands + b;
                flux[end][b] = reddened(row.flux[i], row.coefficients + 2 * i, job.clusters.a_v[cluster]);
            }
        row.segment(k, flux[0], flux[1], segments + static_cast<int64_t>(k) * stride);
    }
}

// The knot from which on stars are faint, as far as one band is concerned: faint_tail() for a single one, as sums only rise.
CLUSTERCNN_DEVICE int cut_of_band(const ReddenedTable& table, const Faint& faint, int band, double number, double density) {
    const int last = table.knots() - 2;
    double all = 0.0, tail = 0.0;
    for (int k = 0; k <= last; ++k) all += table.width(k) * TailSums::mean(table.segment_at(k)[4 + 2 * band], table.segment_at(k)[5 + 2 * band]);
    const double allowed = allowed_square(faint, band, number, density, all);
    int cut = last + 1;
    for (int k = last; k >= 0; --k) {
        tail += table.width(k) * TailSums::square(table.segment_at(k)[4 + 2 * band], table.segment_at(k)[5 + 2 * band]);
        if (!(tail <= allowed)) break;
        cut = k;
    }
    return cut;
}

// The sums are chains of additions, the same as on the CPU, each in the hands of one thread: a band's, and the last one the mass's.
CLUSTERCNN_DEVICE FaintTail find_tail(const Job& job, int64_t cluster, const ReddenedTable& table, int64_t number) {
    SharedPieces pieces;
    TailSums* sums = pieces.take<TailSums>(1);
    int* cuts = pieces.take<int>(kMaxBands);
    const Clusters& c = job.clusters;
    const int bands = table.bands(), last = table.knots() - 2;
    const double density = central_density(c.scale[cluster], c.exponent[cluster]);
    const int me = thread() / kWarp;  // chains diverge: a warp each
    const bool leads = thread() % kWarp == 0;
    for (int b = me; leads && b < bands; b += threads() / kWarp)
        cuts[b] = cut_of_band(table, c.faint, b, static_cast<double>(number), density);
    sync();
    int cut = 0;
    for (int b = 0; b < bands; ++b) cut = cuts[b] > cut ? cuts[b] : cut;
    for (int chain = me; leads && chain <= bands; chain += threads() / kWarp) {
        TailSums tail;
        for (int k = last; k >= cut; --k) {
            const float* s = table.segment_at(k);
            if (chain == bands) tail.add_mass(s, table.width(k));
            else tail.f1[0] += table.width(k) * TailSums::mean(s[4 + 2 * chain], s[5 + 2 * chain]);
        }
        if (chain == bands) sums->m1 = tail.m1, sums->m2 = tail.m2;
        else sums->f1[chain] = tail.f1[0];
    }
    sync();
    return cut <= last ? tail_from(table, cut, *sums) : FaintTail{};
}

CLUSTERCNN_DEVICE void record_lots(const Job& job, int64_t cluster, const Drawn& drawn) {
    Lots& lots = job.lots[cluster - job.first];
    lots.count = drawn.count;
    lots.faint_mass = drawn.faint_mass;
    lots.u_max = drawn.tail.u;
    lots.gaussians = 0;
    bool any = false;
    for (int b = 0; b < job.plan.bands; ++b) {
        lots.smooth_flux[b] = static_cast<float>(drawn.faint_count * drawn.tail.flux[b]);
        any = any || lots.smooth_flux[b] > 0.0f;
    }
    if (!any) return;
    const int count = EffMixture(job.clusters.scale[cluster], job.clusters.exponent[cluster]).count(job.plan.pixels.n);
    lots.gaussians = count < kMostGaussians ? count : kMostGaussians;
}

// One block per cluster.
CLUSTERCNN_DEVICE void prepare(const Job& job) {
    const int64_t cluster = job.first + block_x();
    if (cluster >= job.clusters.n) return;
    fill_table(job, cluster);
    sync();
    const ReddenedTable table = table_of(job, cluster);
    const int64_t number = star_count(job.clusters, cluster);
    const FaintTail tail = has_faint_tail(job.clusters, cluster, number) ? find_tail(job, cluster, table, number) : FaintTail{};
    if (thread() == 0) record_lots(job, cluster, draw_lots(job.clusters, cluster, number, tail));
}

}  // namespace clustercnn::gpu
