// From a band's deposited grid to pixels: FFT, multiply by kernel / window, fold aliases, inverse FFT at pixel size.
#pragma once

#include <algorithm>
#include <cstring>

#include "fft.hpp"
#include "footprint.hpp"
#include "kernels.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

static inline int round_up(int n, int step) { return (n + step - 1) / step * step; }

// What the stars of one image touch, in grid cells of a band: rows and columns outside are zero.
struct Box {
    int x0, x1, y0, y1;  // half-open; empty when x1 <= x0
};

struct BandPlan {
    int grid, stride, modes, row_blocks;
    WindowTaps window;
    std::vector<float> response;  // [modes + 1], the window's transform
    BatchFft forward, inverse;
    std::vector<Lanes> transfer;  // [row block][2 K + 1][re, im], lanes are rows

    BandPlan(const BandSpec& spec, int domain)
        : grid(spec.grid), stride(round_up(spec.grid + kMaxTaps, 2 * kLanes)), modes(spec.modes),
          row_blocks((spec.modes + kLanes) / kLanes), response(spec.window), forward(spec.grid, -1), inverse(domain, +1) {
        window.taps = spec.taps;
        window.degree = spec.degree;
        for (int d = 0; d <= spec.degree; ++d)
            for (int j = 0; j < spec.taps; ++j) window.coefficient[d][j] = spec.coefficients[d * spec.taps + j];
        const int columns = 2 * modes + 1;
        transfer.resize(static_cast<size_t>(row_blocks) * columns * 2, Lanes{});
        for (int ky = 0; ky <= modes; ++ky)
            for (int c = 0; c < columns; ++c)
                for (int part = 0; part < 2; ++part)
                    transfer[(static_cast<size_t>(ky / kLanes) * columns + c) * 2 + part][ky % kLanes] =
                        spec.transfer[(static_cast<size_t>(ky) * columns + c) * 2 + part];
    }
};

struct ConvolveScratch {
    std::vector<Complex> a, b;      // one FFT batch each
    std::vector<Lanes> half;        // [re, im][ky padded][grid stride]: after the first transform
    std::vector<Lanes> folded;      // [re, im][P / 2 + 1][frame padded]: before the last
};

// Light given by its Fourier modes instead of stars: in a block of rows, added to what the stars' transform holds.
class ModeSource {
  public:
    virtual ~ModeSource() = default;
    virtual void add(const BandPlan& band, int block, Complex* modes) const = 0;
};

class Convolver {
  public:
    Convolver(int size, int domain, int margin)
        : size_(size), padded_(round_up(size, 2 * kLanes)), domain_(domain), margin_(margin) {}

    // `more` may be nullptr.
    void run(const BandPlan& band, const float* grid, const Box& box, const ModeSource* more, float* image,
             ConvolveScratch& s) const {
        prepare(band, s);
        columns_forward(band, grid, box, s);
        std::fill(s.folded.begin(), s.folded.end(), Lanes{});
        for (int block = 0; block < band.row_blocks; ++block) rows(band, block, box, more, s);
        columns_inverse(band, image, s);
    }

  private:
    void prepare(const BandPlan& band, ConvolveScratch& s) const {
        const size_t longest = static_cast<size_t>(std::max({round_up(band.grid, kLanes), band.stride, round_up(domain_, kLanes) + padded_}));
        if (s.a.size() < longest) s.a.resize(longest), s.b.resize(longest);
        const size_t half = static_cast<size_t>(2) * band.row_blocks * kLanes * band.stride / kLanes;
        if (s.half.size() < half) s.half.resize(half, Lanes{});
        const size_t folded = static_cast<size_t>(2) * (domain_ / 2 + 1) * padded_ / kLanes;
        if (s.folded.size() != folded) s.folded.assign(folded, Lanes{});
    }

    // Along y for two vectors of columns at a time: one as real part, one as imaginary part, told apart by Hermitian symmetry.
    void columns_forward(const BandPlan& band, const float* grid, const Box& box, ConvolveScratch& s) const {
        const int width = band.stride / kLanes;  // in Lanes
        const Lanes* rows = reinterpret_cast<const Lanes*>(grid);
        Lanes* re = s.half.data();
        Lanes* im = re + static_cast<size_t>(band.row_blocks) * kLanes * width;
        for (int block = 2 * (box.x0 / (2 * kLanes)); block * kLanes < box.x1; block += 2) {
            std::fill(s.a.begin(), s.a.begin() + box.y0, Complex{});
            for (int y = box.y0; y < box.y1; ++y)
                s.a[y] = {rows[static_cast<size_t>(y) * width + block], rows[static_cast<size_t>(y) * width + block + 1]};
            std::fill(s.a.begin() + box.y1, s.a.begin() + band.grid, Complex{});
            const Complex* f = band.forward.run(s.a.data(), s.b.data());
            for (int k = 0; k <= band.modes; ++k) {
                const Complex p = f[k], q = f[k == 0 ? 0 : band.grid - k];
                const size_t at = static_cast<size_t>(k) * width + block;
                re[at] = 0.5f * (p.re + q.re);
                im[at] = 0.5f * (p.im - q.im);
                re[at + 1] = 0.5f * (p.im + q.im);
                im[at + 1] = 0.5f * (q.re - p.re);
            }
        }
    }

    // Along x for one vector of rows of modes at a time: forward, times transfer, folded in kx, inverse; folded in ky on the way out.
    void rows(const BandPlan& band, int block, const Box& box, const ModeSource* more, ConvolveScratch& s) const {
        load_rows(band, block, box, s);
        Complex* f = band.forward.run(s.a.data(), s.b.data());
        if (more) more->add(band, block, f);
        Complex* g = f == s.a.data() ? s.b.data() : s.a.data();
        std::fill(g, g + domain_, Complex{});
        const Lanes* t = band.transfer.data() + static_cast<size_t>(block) * (2 * band.modes + 1) * 2;
        int to = ((-band.modes) % domain_ + domain_) % domain_;
        for (int kx = -band.modes; kx <= band.modes; ++kx, t += 2) {
            const Complex v = f[kx < 0 ? kx + band.grid : kx];
            g[to].re += v.re * t[0] - v.im * t[1];
            g[to].im += v.re * t[1] + v.im * t[0];
            to = to + 1 == domain_ ? 0 : to + 1;
        }
        Complex* other = g == s.a.data() ? s.b.data() : s.a.data();
        store_rows(band, block, band.inverse.run(g, other), s);
    }

    void load_rows(const BandPlan& band, int block, const Box& box, ConvolveScratch& s) const {
        const int width = band.stride / kLanes;
        const Lanes* re = s.half.data() + static_cast<size_t>(block) * kLanes * width;
        const Lanes* im = re + static_cast<size_t>(band.row_blocks) * kLanes * width;
        const int first = 2 * (box.x0 / (2 * kLanes)), last = std::min(round_up(box.x1, 2 * kLanes) / kLanes, width);
        std::fill(s.a.begin(), s.a.begin() + std::min(first * kLanes, band.grid), Complex{});
        for (int xb = first; xb < last && xb * kLanes < band.grid; ++xb) {
            Lanes tr[kLanes], ti[kLanes];
            for (int l = 0; l < kLanes; ++l) {
                tr[l] = re[static_cast<size_t>(l) * width + xb];
                ti[l] = im[static_cast<size_t>(l) * width + xb];
            }
            transpose(tr);
            transpose(ti);
            for (int i = 0; i < kLanes; ++i) s.a[xb * kLanes + i] = {tr[i], ti[i]};
        }
        if (last * kLanes < band.grid) std::fill(s.a.begin() + last * kLanes, s.a.begin() + band.grid, Complex{});
    }

    // Row ky of modes, now in x: pixels of the frame, added to row ky mod P (or its mirror image) of the folded half plane.
    void store_rows(const BandPlan& band, int block, const Complex* f, ConvolveScratch& s) const {
        const int width = padded_ / kLanes, half = domain_ / 2;
        Lanes* re = s.folded.data();
        Lanes* im = re + static_cast<size_t>(half + 1) * width;
        for (int xb = 0; xb < width; ++xb) {
            Lanes tr[kLanes], ti[kLanes];
            for (int i = 0; i < kLanes; ++i) {
                const int x = margin_ + xb * kLanes + i;
                const Complex v = x < domain_ ? f[x] : Complex{};
                tr[i] = v.re;
                ti[i] = v.im;
            }
            transpose(tr);
            transpose(ti);
            for (int l = 0; l < kLanes && block * kLanes + l <= band.modes; ++l) {
                const int ky = block * kLanes + l, row = ky % domain_;
                const bool mirrored = row > half;
                const bool both = ky > 0 && (row == 0 || 2 * row == domain_);  // -ky lands on the same row
                const size_t at = static_cast<size_t>(mirrored ? domain_ - row : row) * width + xb;
                re[at] += both ? 2.0f * tr[l] : tr[l];
                if (!both) im[at] += mirrored ? -ti[l] : ti[l];
            }
        }
    }

    // Along y for two vectors of columns at a time: two Hermitian spectra in one complex transform.
    void columns_inverse(const BandPlan& band, float* image, ConvolveScratch& s) const {
        const int width = padded_ / kLanes, half = domain_ / 2;
        const Lanes* re = s.folded.data();
        const Lanes* im = re + static_cast<size_t>(half + 1) * width;
        for (int xb = 0; xb < width; xb += 2) {
            for (int k = 0; k <= half; ++k) {
                const size_t at = static_cast<size_t>(k) * width + xb;
                const Lanes r1 = re[at], i1 = im[at], r2 = re[at + 1], i2 = im[at + 1];
                s.a[k] = {r1 - i2, i1 + r2};
                if (k > 0 && 2 * k < domain_) s.a[domain_ - k] = {r1 + i2, r2 - i1};
            }
            const Complex* f = band.inverse.run(s.a.data(), s.b.data());
            for (int y = 0; y < size_; ++y) {
                copy_columns(f[margin_ + y].re, image + static_cast<size_t>(y) * size_, xb * kLanes);
                copy_columns(f[margin_ + y].im, image + static_cast<size_t>(y) * size_, (xb + 1) * kLanes);
            }
        }
    }

    void copy_columns(const Lanes& v, float* row, int x) const {
        const int n = std::min(kLanes, size_ - x);
        if (n > 0) std::memcpy(row + x, &v, static_cast<size_t>(n) * sizeof(float));
    }

    int size_, padded_, domain_, margin_;
};

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
