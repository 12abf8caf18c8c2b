// The smooth light of an EFF profile as spectra of Gaussians along x and along y; ../smooth.hpp does the same on the CPU.
#pragma once

#include "../gaussians.hpp"
#include "fft.hpp"

namespace clustercnn::gpu {

constexpr int kWideAtOnce = 8;  // Gaussians transformed together

struct Spectra {  // of one cluster
    float* modes;
    int* reach;
    int columns;  // modes of a spectrum, from 0

    CLUSTERCNN_HD float* of(int gaussian, int axis) const { return modes + 2 * static_cast<int64_t>(2 * gaussian + axis) * columns; }
};

CLUSTERCNN_DEVICE int spectrum_columns(const Plan& plan) {
    int most = 0;
    for (int b = 0; b < plan.bands; ++b) most = plan.band[b].modes > most ? plan.band[b].modes : most;
    return most + 1;
}

CLUSTERCNN_DEVICE Spectra spectra_of(const Job& job, int64_t cluster) {
    const int columns = spectrum_columns(job.plan);
    const int64_t at = cluster - job.first;
    return {job.spectra + at * kMostGaussians * 4 * columns, job.lots[at].gaussian_reach, columns};
}

struct SmoothCluster {
    EffMixture mixture;
    double centre[2];  // pixels of the domain
    int domain, skipped, gaussians;

    CLUSTERCNN_HD SmoothCluster(const Job& job, int64_t cluster)
        : mixture(job.clusters.scale[cluster], job.clusters.exponent[cluster]),
          centre{static_cast<double>(job.clusters.x[cluster]) + job.plan.margin, static_cast<double>(job.clusters.y[cluster]) + job.plan.margin},
          domain(job.plan.pixels.n), gaussians(job.lots[cluster - job.first].gaussians) {
        skipped = mixture.count(domain) - gaussians;  // too narrow to be told from a point; the first one kept has their light
    }

    CLUSTERCNN_HD Gaussian at(int gaussian) const {
        Gaussian g = mixture.at(skipped + gaussian);
        for (int i = 0; gaussian == 0 && i < skipped; ++i) g.share += mixture.at(i).share;
        return g;
    }
    CLUSTERCNN_HD bool narrow(const Gaussian& g) const { return g.sigma <= kNarrow * domain; }
};

// A Gaussian that does not wrap round: its transform is known.
CLUSTERCNN_DEVICE void narrow_spectrum(const SmoothCluster& c, int gaussian, const Spectra& out) {
    const Gaussian g = c.at(gaussian);
    const double turn = 6.283185307179586 / c.domain, spread = 0.5 * (turn * g.sigma) * (turn * g.sigma), root = sqrt(g.share);
    const double far = sqrt(14.0 / spread) + 1.0;  // e^-14 = 1e-6
    const int reach = far < out.columns - 1 ? static_cast<int>(far) : out.columns - 1;
    if (thread() == 0) out.reach[gaussian] = reach;
    for (int item = thread(); item < 2 * (reach + 1); item += threads()) {
        const int axis = item & 1, k = item >> 1;
        const double amplitude = root * exp(-spread * k * k), phase = -turn * k * c.centre[axis];
        float* mode = out.of(gaussian, axis) + 2 * k;
        mode[0] = static_cast<float>(amplitude * cos(phase));
        mode[1] = static_cast<float>(amplitude * sin(phase));
    }
}

CLUSTERCNN_DEVICE void sample_wide(const SmoothCluster& c, int first, const Signals<float>& signals) {
    for (int item = thread(); item < signals.count * c.domain; item += threads()) {
        const int signal = item / c.domain, x = item - signal * c.domain;
        const Gaussian g = c.at(first + signal);
        const double height = sqrt(g.share) / (g.sigma * 2.5066282746310002), dx = (x - c.centre[0]) / g.sigma, dy = (x - c.centre[1]) / g.sigma;
        signals.re[signals.at(signal, x)] = static_cast<float>(height * exp(-0.5 * dx * dx));
        signals.im[signals.at(signal, x)] = static_cast<float>(height * exp(-0.5 * dy * dy));
    }
    sync();
}

// Gaussians from `first` on, sampled at pixels and cut at the domain's edge: x as the real part of a signal, y as the imaginary one.
CLUSTERCNN_DEVICE void wide_spectra(const SmoothCluster& c, int first, const Plan& plan, const Spectra& out) {
    SharedPieces pieces;
    const int padded = plan.pixels.padded, left = c.gaussians - first, n = c.domain;
    Signals<float> signals{pieces.take<float>(kWideAtOnce * padded), pieces.take<float>(kWideAtOnce * padded), left < kWideAtOnce ? left : kWideAtOnce, padded};
    sample_wide(c, first, signals);
    Transform pixels = plan.pixels;
    pixels.roots = plan.float_roots;
    run_passes<-1>(signals, pixels);
    const int reach = out.columns - 1 < n / 2 - 1 ? out.columns - 1 : n / 2 - 1;
    for (int item = thread(); item < signals.count * (reach + 1); item += threads()) {
        const int signal = item / (reach + 1), k = item - signal * (reach + 1);
        const int p = signals.at(signal, pixels.places[k]), q = signals.at(signal, pixels.places[k == 0 ? 0 : n - k]);
        float *x = out.of(first + signal, 0) + 2 * k, *y = out.of(first + signal, 1) + 2 * k;
        x[0] = 0.5f * (signals.re[p] + signals.re[q]);
        x[1] = 0.5f * (signals.im[p] - signals.im[q]);
        y[0] = 0.5f * (signals.im[p] + signals.im[q]);
        y[1] = 0.5f * (signals.re[q] - signals.re[p]);
        if (k == 0) out.reach[first + signal] = reach;
    }
    sync();
}

// One block per cluster.
CLUSTERCNN_DEVICE void smooth_light(const Job& job) {
    const int64_t cluster = job.first + block_x();
    if (cluster >= job.clusters.n || job.lots[cluster - job.first].gaussians == 0) return;
    const SmoothCluster c(job, cluster);
    const Spectra out = spectra_of(job, cluster);
    int wide = 0;
    for (; wide < c.gaussians && c.narrow(c.at(wide)); ++wide) narrow_spectrum(c, wide, out);
    for (; wide < c.gaussians; wide += kWideAtOnce) wide_spectra(c, wide, job.plan, out);
}

// The light at mode (kx, ky) for a flux of 1, before the window: Gaussians reaching beyond both add up.
CLUSTERCNN_DEVICE Complex<float> smooth_mode(const Spectra& spectra, int gaussians, int kx, int ky) {
    Complex<float> sum{0.0f, 0.0f};
    const int row = ky < 0 ? -ky : ky;
    for (int g = 0; g < gaussians; ++g) {
        if (kx > spectra.reach[g] || row > spectra.reach[g]) continue;
        const float *x = spectra.of(g, 0) + 2 * kx, *y = spectra.of(g, 1) + 2 * row;
        const float y_im = ky < 0 ? -y[1] : y[1];
        sum.re += x[0] * y[0] - x[1] * y_im;
        sum.im += x[0] * y_im + x[1] * y[0];
    }
    return sum;
}

}  // namespace clustercnn::gpu
