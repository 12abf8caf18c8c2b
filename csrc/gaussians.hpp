// The light of an EFF profile as a sum of Gaussians, each a product of one function of x and one of y.
//
// (1 + r^2/a^2)^(-gamma/2) is a mixture of Gaussians of variance a^2 / (2 tau), tau following a Gamma distribution of shape
// nu = gamma/2 - 1; the trapezoidal rule in ln tau with step h errs by 2 |Gamma(gamma/2 + 2 pi i / h)| / Gamma(gamma/2)
// (Trefethen & Weideman 2014, SIAM Review 56, 385): below 2e-3 at h = 0.9.
#pragma once

#include "stars.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

constexpr double kStep = 0.9;          // in ln tau
constexpr double kLargestTau = 20.0;   // e^-20 of the light is beyond
constexpr double kWidest = 8.0;        // times the domain: wider Gaussians leave nothing in the frame
constexpr double kNarrow = 0.045;      // times the domain: narrower ones do not wrap round, wider ones are cut at its edge

struct Gaussian {
    double sigma, share;
};

struct EffMixture {
    double scale, nu, norm;

    CLUSTERCNN_FN EffMixture(double scale, double exponent)  // exponent is 2 / (gamma - 2)
        : scale(scale), nu(1.0 / exponent), norm(kStep / tgamma(nu)) {}

    // By rising width, from number 0 on.
    CLUSTERCNN_FN Gaussian at(int number) const {
        const double log_tau = log(kLargestTau) - kStep * number, tau = exp(log_tau);
        return {scale / sqrt(2.0 * tau), norm * exp(nu * log_tau - tau)};
    }

    // How many are not too wide to matter over a periodic domain of that many pixels.
    CLUSTERCNN_FN int count(int domain) const {
        const double steps = 2.0 / kStep * log(kWidest * domain * sqrt(2.0 * kLargestTau) / scale);
        return steps < 0.0 ? 0 : static_cast<int>(floor(steps)) + 1;
    }
};

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
