// The smooth light of an EFF profile on the CPU, as modes of the periodic domain.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "convolve.hpp"
#include "gaussians.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

// One-dimensional spectra of the Gaussians about x0 and y0 over the periodic domain, modes 0 .. n - 1 (negative ones are
// their conjugates), times the square root of their share.
class SmoothLight {
  public:
    struct Mode {
        float re, im;
    };

    SmoothLight() = default;
    explicit SmoothLight(int domain) : domain_(domain), forward_(domain), a_(domain), b_(domain) {}

    void build(const Clusters& c, int64_t i, int margin, int modes) {
        const EffMixture mixture(c.scale[i], c.exponent[i]);
        gaussians_.clear();
        for (int g = 0; g < mixture.count(domain_); ++g) gaussians_.push_back(mixture.at(g));
        modes_ = modes;
        spectra_.assign(gaussians_.size() * 2 * (modes + 1), Mode{0.0f, 0.0f});
        reach_.assign(gaussians_.size(), 0);
        const double centre[2] = {c.x[i] + static_cast<double>(margin), c.y[i] + static_cast<double>(margin)};
        size_t first_wide = 0;
        for (size_t g = 0; g < gaussians_.size(); ++g)
            if (gaussians_[g].sigma <= kNarrow * domain_) narrow(g, centre), first_wide = g + 1;
        for (size_t g = first_wide; g < gaussians_.size(); g += kLanes / 2) wide(g, centre);
    }

    size_t size() const { return gaussians_.size(); }
    int reach(size_t g) const { return reach_[g]; }  // modes beyond hold nothing
    const Mode* spectrum(size_t g, int axis) const { return &spectra_[(2 * g + axis) * (modes_ + 1)]; }

  private:
    Mode* spectrum(size_t g, int axis) { return &spectra_[(2 * g + axis) * (modes_ + 1)]; }

    void narrow(size_t g, const double (&centre)[2]) {
        const double turn = 2.0 * std::numbers::pi / domain_, spread = 0.5 * std::pow(turn * gaussians_[g].sigma, 2);
        const double root = std::sqrt(gaussians_[g].share);
        reach_[g] = std::min(modes_, static_cast<int>(std::sqrt(14.0 / spread)) + 1);  // e^-14 = 1e-6
        for (int axis = 0; axis < 2; ++axis)
            for (int k = 0; k <= reach_[g]; ++k) {
                const double amplitude = root * std::exp(-spread * k * k), phase = -turn * k * centre[axis];
                spectrum(g, axis)[k] = {float(amplitude * std::cos(phase)), float(amplitude * std::sin(phase))};
            }
    }

    // Gaussians g .. g + kLanes / 2 - 1, both axes: sampled at pixels, cut at the domain's edge, one batch of transforms.
    void wide(size_t g, const double (&centre)[2]) {
        const size_t count = std::min<size_t>(kLanes / 2, gaussians_.size() - g);
        for (int x = 0; x < domain_; ++x) {
            a_[x] = Complex<float>{};
            for (size_t l = 0; l < 2 * count; ++l) {
                const Gaussian& gauss = gaussians_[g + l / 2];
                const double d = (x - centre[l % 2]) / gauss.sigma;
                a_[x].re[l] = float(std::sqrt(gauss.share) * std::exp(-0.5 * d * d) / (gauss.sigma * std::sqrt(2.0 * std::numbers::pi)));
            }
        }
        forward_.run(a_.data(), b_.data());
        const Complex<float>* f = b_.data();
        for (size_t l = 0; l < 2 * count; ++l) {
            reach_[g + l / 2] = std::min(modes_, domain_ / 2 - 1);
            for (int k = 0; k <= reach_[g + l / 2]; ++k) spectrum(g + l / 2, l % 2)[k] = {f[k].re[l], f[k].im[l]};
        }
    }

    int domain_ = 0, modes_ = 0;
    BatchFft<float, -1> forward_;
    std::vector<Complex<float>> a_, b_;
    std::vector<Gaussian> gaussians_;
    std::vector<Mode> spectra_;
    std::vector<int> reach_;
};

// The smooth light of one cluster: `flux` [bands].
template <class T>
class SmoothSource final : public ModeSource<T> {
  public:
    SmoothSource(const SmoothLight& light, const float* flux) : light_(light), flux_(flux) {}

    void add(int band, const BandTransfer<T>& transfer, int block, Complex<T>* modes) const override {
        if (!(flux_[band] > 0.0f)) return;
        const float* response = transfer.response.data();
        Complex<T>* middle = modes + transfer.reach[block];
        for (size_t g = 0; g < light_.size(); ++g) {
            const int highest = std::min(light_.reach(g), transfer.modes);
            if (block * kLanesOf<T> > highest) continue;
            const Complex<T> rows = column(flux_[band], response, block, g, highest);
            const SmoothLight::Mode* along_x = light_.spectrum(g, 0);
            for (int k = 0; k <= std::min(highest, transfer.reach[block]); ++k) {
                const T re = along_x[k].re * response[k], im = along_x[k].im * response[k];
                middle[k] = middle[k] + times(rows, re, im);
                if (k > 0) middle[-k] = middle[-k] + times(rows, re, -im);
            }
        }
    }

  private:
    Complex<T> column(float flux, const float* response, int block, size_t g, int highest) const {
        Complex<T> rows{};
        const SmoothLight::Mode* along_y = light_.spectrum(g, 1);
        for (int l = 0; l < kLanesOf<T> && block * kLanesOf<T> + l <= highest; ++l) {
            const int k = block * kLanesOf<T> + l;
            rows.re[l] = flux * along_y[k].re * response[k];
            rows.im[l] = flux * along_y[k].im * response[k];
        }
        return rows;
    }

    const SmoothLight& light_;
    const float* flux_;
};

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
