// A plan's periodic domains, and what each band's kernels do to the modes there, laid out for vectors of rows.
#pragma once

#include <algorithm>
#include <cmath>

#include "fft.hpp"
#include "kernels.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

// Kernel over window of one band. Rows ky come in blocks of a vector; a block holds kx from -reach to reach, as far as the
// circle goes in its first row.
template <class T>
struct BandTransfer {
    int modes, blocks;
    std::vector<float> response;          // [K + 1], the window's transform
    std::vector<int> reach;               // [block]
    std::vector<size_t> first;            // [block], of the block's factors
    std::vector<std::vector<Complex<T>>> factors;  // [psf]

    BandTransfer(const BandModes& spec, int n_psfs)
        : modes(spec.modes), blocks((spec.modes + kLanesOf<T>) / kLanesOf<T>), response(spec.response.begin(), spec.response.end()),
          factors(n_psfs) {
        size_t size = 0;
        for (int block = 0; block < blocks; ++block) {
            const double ky = static_cast<double>(block) * kLanesOf<T>;
            reach.push_back(std::min(modes, static_cast<int>(std::sqrt(std::max(0.0, spec.radius * spec.radius - ky * ky)))));
            first.push_back(size);
            size += 2 * static_cast<size_t>(reach.back()) + 1;
        }
        for (int psf = 0; psf < n_psfs; ++psf) fill(spec, psf, size);
    }

    const Complex<T>* block_factors(int psf, int block) const { return factors[psf].data() + first[block]; }

  private:
    void fill(const BandModes& spec, int psf, size_t size) {
        const size_t columns = 2 * static_cast<size_t>(modes) + 1;
        const double* from = spec.transfer.data() + static_cast<size_t>(psf) * (modes + 1) * columns * 2;
        factors[psf].assign(size, Complex<T>{});
        for (int ky = 0; ky <= modes; ++ky) {
            const int block = ky / kLanesOf<T>, lane = ky % kLanesOf<T>;
            for (int kx = -reach[block]; kx <= reach[block]; ++kx) {
                const double* f = from + (static_cast<size_t>(ky) * columns + kx + modes) * 2;
                Complex<T>& to = factors[psf][first[block] + kx + reach[block]];
                to.re[lane] = static_cast<T>(f[0]);
                to.im[lane] = static_cast<T>(f[1]);
            }
        }
    }
};

template <class T>
struct Period {
    int pixels, cells, modes = 0;  // modes: the most of any band
    BatchFft<T, -1> forward;       // over cells
    BatchFft<T, +1> inverse;       // over pixels
    std::vector<BandTransfer<T>> bands;

    Period(const PeriodSpec& spec, int n_psfs) : pixels(spec.pixels), cells(spec.cells), forward(spec.cells), inverse(spec.pixels) {
        for (const BandModes& band : spec.bands) {
            bands.emplace_back(band, n_psfs);
            modes = std::max(modes, band.modes);
        }
    }
};

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
