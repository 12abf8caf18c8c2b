// Modes along y, times kernel / window, aliases folded, and back to pixels along y. A block has some columns of one band.
#pragma once

#include "smooth.hpp"

namespace clustercnn::gpu {

template <class T>
struct Columns {
    const Job& job;
    const Plan& plan;
    int64_t image;
    int band, first;             // of the folded columns, kx mod P up to P / 2
    Signals<T> cells, pixels;    // before folding, and after it

    CLUSTERCNN_HD explicit Columns(const Job& job)
        : job(job), plan(job.plan), image(job.first + block_z()), band(block_y()), first(block_x() * job.plan.column_group) {
        SharedPieces pieces;
        const int group = plan.column_group;
        T* of_cells = pieces.take<T>(2 * group * plan.cells.padded);
        T* of_pixels = pieces.take<T>(2 * group * plan.pixels.padded);
        cells = {of_cells, of_cells + group * plan.cells.padded, group, plan.cells.padded};
        pixels = {of_pixels, of_pixels + group * plan.pixels.padded, group, plan.pixels.padded};
    }

    CLUSTERCNN_HD int modes() const { return plan.band[band].modes; }
    CLUSTERCNN_HD int half() const { return plan.pixels.n / 2; }

    // Column kx of turn 0, 1, 2, ... that falls on folded column r: r, P - r, P + r, ...; every other one mirrored.
    CLUSTERCNN_HD int mode(int r, int turn) const { return turn % 2 ? plan.pixels.n * ((turn + 1) / 2) - r : plan.pixels.n * (turn / 2) + r; }
    CLUSTERCNN_HD bool held(int r, int turn) const { return r <= half() && mode(r, turn) <= modes(); }
    CLUSTERCNN_HD bool any(int turn) const { return mode(turn % 2 ? first + plan.column_group - 1 : first, turn) <= modes(); }
};

template <class T>
CLUSTERCNN_DEVICE void load_columns(const Columns<T>& c, int turn) {
    const int n = c.plan.cells.n;
    const T* half = static_cast<const T*>(c.job.half) + 2 * ((c.image - c.job.first) * c.plan.columns + c.plan.band[c.band].column) * n;
    for (int item = thread(); item < c.cells.count * n; item += threads()) {
        const int signal = item / n, row = item - signal * n, r = c.first + signal;
        const bool held = c.held(r, turn);
        const T* from = half + 2 * (static_cast<int64_t>(held ? c.mode(r, turn) : 0) * n + row);
        c.cells.re[c.cells.at(signal, row)] = held ? from[0] : T(0);
        c.cells.im[c.cells.at(signal, row)] = held ? from[1] : T(0);
    }
    sync();
}

struct SmoothBand {  // the smooth light of the image in one band
    Spectra spectra;
    const float* response;
    float flux;
    int gaussians;

    CLUSTERCNN_HD SmoothBand(const Job& job, int64_t image, int band) : spectra{}, response(job.plan.response + job.plan.band[band].response), flux(0.0f), gaussians(0) {
        if (image >= job.clusters.n) return;
        const Lots& lots = job.lots[image - job.first];
        gaussians = lots.gaussians;
        flux = lots.smooth_flux[band];
        if (gaussians > 0) spectra = spectra_of(job, image);
    }
};

CLUSTERCNN_DEVICE int psf_of(const Job& job, int64_t image) {
    return image < job.clusters.n ? job.clusters.psf[image] : job.lists.psf[image - job.clusters.n];
}

// Adds the columns of one turn to the folded ones: each thread has a row of them, and adds up the modes that fall on it.
template <class T>
CLUSTERCNN_DEVICE void fold_columns(const Columns<T>& c, int turn) {
    const Band& band = c.plan.band[c.band];
    const int n = c.plan.cells.n, p = c.plan.pixels.n, modes = band.modes;
    const int64_t per_psf = static_cast<int64_t>(2 * modes + 1) * (modes + 1);
    const T* transfer = static_cast<const T*>(c.plan.transfer) + 2 * (band.transfer + psf_of(c.job, c.image) * per_psf);
    const SmoothBand smooth(c.job, c.image, c.band);
    for (int item = thread(); item < c.cells.count * p; item += threads()) {
        const int row = item / c.cells.count, signal = item - row * c.cells.count, r = c.first + signal;
        if (!c.held(r, turn)) continue;
        const int kx = c.mode(r, turn), reach = c.plan.reach_of_column[band.column + kx];
        Complex<T> sum{T(0), T(0)};
        const int below = (reach - row) % p;  // the highest mode within reach that falls on the row is so far below it
        for (int ky = reach - (below < 0 ? below + p : below); ky >= -reach; ky -= p) {
            const int at = c.cells.at(signal, c.plan.cells.places[ky < 0 ? ky + n : ky]);
            Complex<T> v{c.cells.re[at], c.cells.im[at]};
            if (smooth.gaussians > 0 && smooth.flux > 0.0f) {
                const Complex<float> light = smooth_mode(smooth.spectra, smooth.gaussians, kx, ky);
                const T factor = smooth.flux * smooth.response[kx] * smooth.response[ky < 0 ? -ky : ky];
                v.re += factor * light.re;
                v.im += factor * light.im;
            }
            const T* factor = transfer + 2 * (static_cast<int64_t>(ky + modes) * (modes + 1) + kx);
            sum = sum + times(v, factor[0], factor[1]);
        }
        const bool mirrored = turn % 2;
        const int to = c.pixels.at(signal, mirrored && row > 0 ? p - row : row);
        c.pixels.re[to] += sum.re;
        c.pixels.im[to] += mirrored ? -sum.im : sum.im;
    }
    sync();
}

template <class T>
CLUSTERCNN_DEVICE void store_folded(const Columns<T>& c) {
    const int p = c.plan.pixels.n, width = c.half() + 1;
    T* folded = static_cast<T*>(c.job.folded) + 2 * ((c.image - c.job.first) * c.plan.bands + c.band) * c.plan.size * width;
    for (int item = thread(); item < c.pixels.count * c.plan.size; item += threads()) {
        const int y = item / c.pixels.count, signal = item - y * c.pixels.count;
        if (c.first + signal >= width) continue;
        const int at = c.pixels.at(signal, c.plan.pixels.places[(c.plan.margin + y) % p]);
        T* to = folded + 2 * (static_cast<int64_t>(y) * width + c.first + signal);
        to[0] = c.pixels.re[at];
        to[1] = c.pixels.im[at];
    }
}

// A block per group of folded columns (x), band (y) and image (z).
template <class T>
CLUSTERCNN_DEVICE void transform_columns(const Job& job) {
    const Columns<T> c(job);
    for (int i = thread(); i < c.pixels.count * c.pixels.padded; i += threads()) c.pixels.re[i] = c.pixels.im[i] = T(0);
    sync();
    for (int turn = 0; c.any(turn); ++turn) {
        load_columns(c, turn);
        run_passes<-1>(c.cells, c.plan.cells);
        fold_columns(c, turn);
    }
    run_passes<+1>(c.pixels, c.plan.pixels);
    store_folded(c);
}

}  // namespace clustercnn::gpu
