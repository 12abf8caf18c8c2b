// From modes along x to pixels: pairs of rows, two Hermitian spectra in one complex transform.
#pragma once

#include "fft.hpp"

namespace clustercnn::gpu {

template <class T>
CLUSTERCNN_DEVICE void load_pairs(const Plan& plan, const T* folded, int first_row, const Signals<T>& pairs) {
    const int p = plan.pixels.n, half = p / 2;
    for (int item = thread(); item < pairs.count * (half + 1); item += threads()) {
        const int pair = item / (half + 1), r = item - pair * (half + 1), y = first_row + 2 * pair;
        const T* from = folded + 2 * (static_cast<int64_t>(y) * (half + 1) + r);
        const bool alone = r == 0 || r == half;  // real modes, but for rounding
        const Complex<T> a{y < plan.size ? from[0] : T(0), y < plan.size && !alone ? from[1] : T(0)};
        from += 2 * (half + 1);
        const Complex<T> b{y + 1 < plan.size ? from[0] : T(0), y + 1 < plan.size && !alone ? from[1] : T(0)};
        const int to = pairs.at(pair, r);
        pairs.re[to] = a.re - b.im;
        pairs.im[to] = a.im + b.re;
        if (alone) continue;
        const int mirror = pairs.at(pair, p - r);
        pairs.re[mirror] = a.re + b.im;
        pairs.im[mirror] = b.re - a.im;
    }
    sync();
}

// A cluster's mass: what the strips found, and the faint tail.
CLUSTERCNN_DEVICE void weigh(const Job& job, int64_t cluster) {
    double mass = job.lots[cluster - job.first].faint_mass;
    for (int s = 0; s < job.plan.strips; ++s) mass += job.mass_parts[(cluster - job.first) * job.plan.strips + s];
    job.total_mass[cluster] = mass;
}

// A block per group of rows (x), band (y) and image (z).
template <class T>
CLUSTERCNN_DEVICE void transform_rows(const Job& job) {
    const Plan& plan = job.plan;
    const int64_t image = job.first + block_z();
    const int band = block_y(), first_row = block_x() * plan.row_group, p = plan.pixels.n;
    SharedPieces pieces;
    const int count = plan.row_group / 2, n = count * plan.pixels.padded;
    const Signals<T> pairs{pieces.take<T>(n), pieces.take<T>(n), count, plan.pixels.padded};
    const int64_t plane = (image - job.first) * plan.bands + band;
    load_pairs(plan, static_cast<const T*>(job.folded) + 2 * plane * plan.size * (p / 2 + 1), first_row, pairs);
    run_passes<+1>(pairs, plan.pixels);
    float* out = job.images + (static_cast<int64_t>(job.target[image]) * plan.bands + band) * plan.size * plan.size;
    for (int item = thread(); item < plan.row_group * plan.size; item += threads()) {
        const int row = item / plan.size, x = item - row * plan.size;
        if (first_row + row >= plan.size) continue;
        const int at = pairs.at(row / 2, plan.pixels.places[(plan.margin + x) % p]);
        out[static_cast<int64_t>(first_row + row) * plan.size + x] = static_cast<float>(row % 2 ? pairs.im[at] : pairs.re[at]);
    }
    if (image < job.clusters.n && band == 0 && first_row == 0 && thread() == 0) weigh(job, image);
}

}  // namespace clustercnn::gpu
