// Complex FFT of a vector of signals at once: element i of all signals is one SIMD vector, so a pass has no shuffles.
// Decimation in frequency (Van Loan 1992, "Computational Frameworks for the FFT", section 1.9): passes work in place, so
// that one buffer stays in the first cache, and the last one writes its results in order. Sizes 2^a 3^b 5^c.
#pragma once

#include <cmath>
#include <numbers>
#include <vector>

#include "butterflies.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

template <class T, int Sign>
class BatchFft {
  public:
    BatchFft() = default;
    explicit BatchFft(int n) : n_(n), radices_(cheapest_radices(n)) {
        for (int length = n, p = 0; p + 1 < static_cast<int>(radices_.size()); ++p) {
            const int radix = radices_[p];
            for (int j = 0; j < length / radix; ++j)
                for (int q = 1; q < radix; ++q) {
                    const double angle = Sign * 2.0 * std::numbers::pi * j * q / length;
                    twiddles_.push_back(static_cast<T>(std::cos(angle)));
                    twiddles_.push_back(static_cast<T>(std::sin(angle)));
                }
            length /= radix;
        }
        // group i of the last pass holds the modes first + q n / radix
        for (int i = 0; i < n / radices_.back(); ++i) {
            int rest = i, first = 0, weight = 1, groups = n / radices_.back();
            for (size_t p = 0; p + 1 < radices_.size(); ++p) {
                groups /= radices_[p];
                first += rest / groups * weight;
                rest %= groups;
                weight *= radices_[p];
            }
            first_mode_.push_back(first);
        }
    }

    int size() const { return n_; }

    // Transforms `data`, which is destroyed, into `out`, mode 0 first.
    void run(Complex<T>* data, Complex<T>* out) const {
        const T* w = twiddles_.data();
        int length = n_;
        for (size_t p = 0; p + 1 < radices_.size(); ++p) {
            switch (radices_[p]) {
                case 2: pass<2>(data, w, length); break;
                case 3: pass<3>(data, w, length); break;
                case 4: pass<4>(data, w, length); break;
                case 5: pass<5>(data, w, length); break;
                case 6: pass<6>(data, w, length); break;
                default: pass<8>(data, w, length); break;
            }
            w += 2 * (length - length / radices_[p]);
            length /= radices_[p];
        }
        switch (radices_.back()) {
            case 2: last_pass<2>(data, out); break;
            case 3: last_pass<3>(data, out); break;
            case 4: last_pass<4>(data, out); break;
            case 5: last_pass<5>(data, out); break;
            case 6: last_pass<6>(data, out); break;
            default: last_pass<8>(data, out); break;
        }
    }

  private:
    // Vector instructions per element and pass of each radix, its factors in between included.
    static double cost(int radix) {
        constexpr double costs[9] = {0, 0, 6.0, 8.3, 8.0, 11.0, 9.8, 0, 9.9};
        return costs[radix];
    }

    static std::vector<int> cheapest_radices(int n) {
        std::vector<int> best;
        double lowest = 1e30;
        for (int radix : {8, 6, 5, 4, 3, 2}) {
            if (n % radix) continue;
            std::vector<int> rest;
            if (n > radix) {
                rest = cheapest_radices(n / radix);
                if (rest.empty()) continue;
            }
            rest.insert(rest.begin(), radix);
            double sum = 0.0;
            for (int r : rest) sum += cost(r);
            if (sum < lowest) lowest = sum, best = rest;
        }
        return best;
    }

    template <int R>
    void pass(Complex<T>* x, const T* w, int length) const {
        const int m = length / R;
        for (int j = 0; j < m; ++j, w += 2 * (R - 1))
            for (int base = j; base < n_; base += length) {
                Complex<T> v[R];
#pragma GCC unroll 8
                for (int q = 0; q < R; ++q) v[q] = x[base + q * m];
                Butterfly<R, Sign>::run(v);
                x[base] = v[0];
#pragma GCC unroll 8
                for (int q = 1; q < R; ++q) x[base + q * m] = times(v[q], w[2 * q - 2], w[2 * q - 1]);
            }
    }

    template <int R>
    void last_pass(const Complex<T>* x, Complex<T>* out) const {
        const int groups = n_ / R;
        for (int i = 0; i < groups; ++i) {
            Complex<T> v[R];
#pragma GCC unroll 8
            for (int q = 0; q < R; ++q) v[q] = x[i * R + q];
            Butterfly<R, Sign>::run(v);
            Complex<T>* to = out + first_mode_[i];
#pragma GCC unroll 8
            for (int q = 0; q < R; ++q) to[q * groups] = v[q];
        }
    }

    int n_ = 0;
    std::vector<int> radices_, first_mode_;
    std::vector<T> twiddles_;
};

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
