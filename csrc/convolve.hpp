// From the grid of stars to pixels, for all bands: FFT, times kernel / window, aliases folded, inverse FFT at pixel size.
#pragma once

#include "canvas.hpp"
#include "transfers.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

// One thread's memory, sized once for the largest domain.
template <class T>
struct ConvolveScratch {
    std::vector<Complex<T>> column, spectrum;  // one FFT batch each
    std::vector<Complex<T>> half;              // [vector of the canvas's row][ky]: after the first transform
    std::vector<Complex<T>> rows;              // [band][cell]: a block of rows of modes
    std::vector<Complex<T>> folded;            // [P / 2 + 1][vector of the frame's row]: before the last, lanes are pixels

    ConvolveScratch(const Period<T>& largest, int bands, int width, int padded) {
        const size_t longest = static_cast<size_t>(std::max(round_up(largest.cells, kLanesOf<T>), largest.pixels + padded));
        column.resize(longest);
        spectrum.resize(longest);
        half.resize(static_cast<size_t>(round_up(largest.modes + 1, kLanesOf<T>)) * width);
        rows.resize(bands * longest);
        folded.resize(static_cast<size_t>(bands) * (largest.pixels / 2 + 1) * padded / kLanesOf<T>);
    }
};

// Light given by its Fourier modes instead of stars: what `add` adds to a block of rows, kx from -reach to reach.
template <class T>
class ModeSource {
  public:
    virtual ~ModeSource() = default;
    virtual void add(int band, const BandTransfer<T>& transfer, int block, Complex<T>* modes) const = 0;
};

template <class T>
class Convolver {
  public:
    Convolver(int size, int bands, int margin) : size_(size), bands_(bands), margin_(margin), padded_(round_up(size, 2 * kLanesOf<T>)) {}

    int padded() const { return padded_; }

    // `more` may be nullptr. The image is [band][y][x].
    void run(const Canvas<T>& canvas, const Box& box, const Period<T>& period, int psf, const ModeSource<T>* more, float* image, ConvolveScratch<T>& s) const {
        const int width = padded_ / kLanesOf<T>, rows = period.pixels / 2 + 1;
        columns_forward(canvas, box, period, s);
        std::fill(s.folded.begin(), s.folded.begin() + static_cast<size_t>(bands_) * rows * width, Complex<T>{});
        const int blocks = (period.modes + kLanesOf<T>) / kLanesOf<T>;
        for (int block = 0; block < blocks; ++block) {
            load_rows(box, period, block, s);
            for (int b = 0; b < bands_; ++b)
                if (block < period.bands[b].blocks)
                    row_block(period, b, psf, block, more, s.folded.data() + static_cast<size_t>(b) * rows * width, s);
        }
        for (int b = 0; b < bands_; ++b)
            columns_inverse(period, s.folded.data() + static_cast<size_t>(b) * rows * width, image + static_cast<int64_t>(b) * size_ * size_, s);
    }

  private:
    static int wrapped(int at, int n) { return at < n ? at : at - n; }

    // Along y for two vectors of columns at a time: one as real part, one as imaginary part, told apart by Hermitian symmetry.
    void columns_forward(const Canvas<T>& canvas, const Box& box, const Period<T>& period, ConvolveScratch<T>& s) const {
        const int n = period.cells, rows = box.y1 - box.y0, height = round_up(period.modes + 1, kLanesOf<T>);
        const int first = box.x0 * bands_ / kLanesOf<T> / 2 * 2;
        for (int v = first; v * kLanesOf<T> < box.x1 * bands_; v += 2) {
            int to = box.y0 % n;
            for (int i = 0; i < rows; ++i, to = wrapped(to + 1, n)) {
                const Vec<T>* from = canvas.row(box.y0 + i) + v;
                s.column[to] = {from[0], from[1]};
            }
            for (int i = rows; i < n; ++i, to = wrapped(to + 1, n)) s.column[to] = Complex<T>{};
            period.forward.run(s.column.data(), s.spectrum.data());
            const Complex<T>* f = s.spectrum.data();
            Complex<T>* half = s.half.data() + static_cast<size_t>(v) * height;
            for (int k = 0; k <= period.modes; ++k) {
                const Complex<T> p = f[k], q = f[k == 0 ? 0 : n - k];
                half[k] = {T(0.5) * (p.re + q.re), T(0.5) * (p.im - q.im)};
                half[height + k] = {T(0.5) * (p.im + q.im), T(0.5) * (q.re - p.re)};
            }
        }
    }

    // A block of rows of modes, turned so that lanes are rows, sorted by band.
    void load_rows(const Box& box, const Period<T>& period, int block, ConvolveScratch<T>& s) const {
        constexpr int L = kLanesOf<T>;
        const int n = period.cells, height = round_up(period.modes + 1, L);
        int wanted = 0;  // bands that have this block
        for (int b = 0; b < bands_; ++b)
            if (block < period.bands[b].blocks) wanted |= 1 << b;
        Vec<T> re[L], im[L];
        int cell = box.x0, band = 0, to = box.x0 % n;
        for (int v = box.x0 * bands_ / L; v * L < box.x1 * bands_; ++v) {
            for (int l = 0; l < L; ++l) {
                const Complex<T>& half = s.half[static_cast<size_t>(v) * height + block * L + l];
                re[l] = half.re;
                im[l] = half.im;
            }
            transpose<T>(re);
            transpose<T>(im);
            for (int l = std::max(0, box.x0 * bands_ - v * L); l < L && cell < box.x1; ++l) {
                if (wanted >> band & 1) s.rows[static_cast<size_t>(band) * n + to] = {re[l], im[l]};
                if (++band == bands_) band = 0, ++cell, to = wrapped(to + 1, n);
            }
        }
        for (int i = box.x1 - box.x0; i < n; ++i, to = wrapped(to + 1, n))
            for (int b = 0; b < bands_; ++b) s.rows[static_cast<size_t>(b) * n + to] = Complex<T>{};
    }

    // Along x for one block of one band: forward, times transfer, folded in kx, inverse; folded in ky on the way out.
    void row_block(const Period<T>& period, int b, int psf, int block, const ModeSource<T>* more, Complex<T>* folded, ConvolveScratch<T>& s) const {
        const BandTransfer<T>& band = period.bands[b];
        const int n = period.cells, p = period.pixels, reach = band.reach[block];
        Complex<T>* f = s.spectrum.data();
        period.forward.run(s.rows.data() + static_cast<size_t>(b) * n, f);
        if (more) f = with_more(*more, b, band, block, n, s);
        const bool sorted = more != nullptr;  // kx from -reach up instead of from 0 and wrapped
        Complex<T>* g = s.column.data();
        const Complex<T>* t = band.block_factors(psf, block);
        const int count = 2 * reach + 1;
        int from = sorted ? 0 : wrapped(n - reach, n), to = ((-reach) % p + p) % p;
        for (int i = 0; i < count; ++i, ++t) {
            const Complex<T> v = f[from];
            const Complex<T> product = {v.re * t->re - v.im * t->im, v.re * t->im + v.im * t->re};
            g[to] = i < p ? product : g[to] + product;
            from = sorted ? from + 1 : wrapped(from + 1, n);
            to = wrapped(to + 1, p);
        }
        for (int i = count; i < p; ++i, to = wrapped(to + 1, p)) g[to] = Complex<T>{};
        Complex<T>* pixels = s.rows.data() + static_cast<size_t>(b) * n;  // no longer needed as a row of cells, of which there are more
        period.inverse.run(g, pixels);
        store_rows(period, block, std::min(kLanesOf<T>, band.modes + 1 - block * kLanesOf<T>), pixels, folded);
    }

    static Complex<T>* with_more(const ModeSource<T>& more, int b, const BandTransfer<T>& band, int block, int n, ConvolveScratch<T>& s) {
        const int reach = band.reach[block];
        const Complex<T>* f = s.spectrum.data();
        Complex<T>* sorted = s.column.data();
        std::copy(f + n - reach, f + n, sorted);
        std::copy(f, f + reach + 1, sorted + reach);
        more.add(b, band, block, sorted);
        std::copy(sorted, sorted + 2 * reach + 1, s.spectrum.data());
        return s.spectrum.data();
    }

    // Row ky of modes, now in x: pixels of the frame, added to row ky mod P (or its mirror image) of the folded half plane.
    void store_rows(const Period<T>& period, int block, int used, const Complex<T>* f, Complex<T>* folded) const {
        constexpr int L = kLanesOf<T>;
        const int width = padded_ / L, p = period.pixels, half = p / 2;
        for (int xb = 0, at = margin_ % p; xb < width; ++xb) {
            Vec<T> re[L], im[L];
            for (int i = 0; i < L; ++i, at = wrapped(at + 1, p)) {
                const Complex<T> v = xb * L + i < size_ ? f[at] : Complex<T>{};
                re[i] = v.re;
                im[i] = v.im;
            }
            transpose<T>(re);
            transpose<T>(im);
            for (int l = 0; l < used; ++l) {
                const int ky = block * L + l, row = ky % p;
                const bool mirrored = row > half;
                const bool both = ky > 0 && (row == 0 || 2 * row == p);  // -ky lands on the same row
                Complex<T>& to = folded[static_cast<size_t>(mirrored ? p - row : row) * width + xb];
                to.re += both ? T(2) * re[l] : re[l];
                if (!both) to.im += mirrored ? -im[l] : im[l];
            }
        }
    }

    // Along y for two vectors of columns at a time: two Hermitian spectra in one complex transform.
    void columns_inverse(const Period<T>& period, const Complex<T>* folded, float* image, ConvolveScratch<T>& s) const {
        const int width = padded_ / kLanesOf<T>, p = period.pixels, half = p / 2;
        for (int xb = 0; xb < width; xb += 2) {
            for (int k = 0; k <= half; ++k) {
                const Complex<T>* at = folded + static_cast<size_t>(k) * width + xb;
                const Complex<T> a = at[0], b = at[1];
                s.column[k] = {a.re - b.im, a.im + b.re};
                if (k > 0 && 2 * k < p) s.column[p - k] = {a.re + b.im, b.re - a.im};
            }
            period.inverse.run(s.column.data(), s.spectrum.data());
            for (int y = 0, at = margin_ % p; y < size_; ++y, at = wrapped(at + 1, p)) {
                const Complex<T>& f = s.spectrum[at];
                copy_columns(f.re, image + static_cast<size_t>(y) * size_, xb * kLanesOf<T>);
                copy_columns(f.im, image + static_cast<size_t>(y) * size_, (xb + 1) * kLanesOf<T>);
            }
        }
    }

    void copy_columns(const Vec<T>& v, float* row, int x) const {
        const int n = std::min(kLanesOf<T>, size_ - x);
        if constexpr (sizeof(T) == sizeof(float)) {
            if (n == kLanesOf<T>) {
                store(row + x, v);
                return;
            }
        }
        for (int l = 0; l < n; ++l) row[x + l] = static_cast<float>(v[l]);
    }

    int size_, bands_, margin_, padded_;
};

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
