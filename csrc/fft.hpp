// Complex FFT of kLanes signals at once: element i of all signals is one SIMD vector, so a pass has no shuffles.
// Stockham autosort (Van Loan 1992, "Computational Frameworks for the FFT", section 1.7), sizes 2^a 3^b 5^c.
#pragma once

#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "philox.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));
typedef int LaneMask __attribute__((vector_size(kLanes * sizeof(int))));

struct Complex {  // real and imaginary parts of kLanes numbers
    Lanes re, im;
};

static inline Complex operator+(const Complex& a, const Complex& b) { return {a.re + b.re, a.im + b.im}; }
static inline Complex operator-(const Complex& a, const Complex& b) { return {a.re - b.re, a.im - b.im}; }
static inline Complex times(const Complex& a, float wr, float wi) { return {a.re * wr - a.im * wi, a.re * wi + a.im * wr}; }

class BatchFft {
  public:
    BatchFft() = default;
    BatchFft(int n, int sign) : n_(n), sign_(static_cast<float>(sign)) {
        int rest = n;
        for (int radix : {5, 3, 4, 2})
            while (rest % radix == 0) {
                radices_.push_back(radix);
                rest /= radix;
            }
        int l = n;
        for (int radix : radices_) {
            l /= radix;
            for (int j = 0; j < l; ++j)
                for (int q = 1; q < radix; ++q) {
                    const double angle = sign * 2.0 * std::numbers::pi * j * q / (static_cast<double>(l) * radix);
                    twiddles_.push_back(static_cast<float>(std::cos(angle)));
                    twiddles_.push_back(static_cast<float>(std::sin(angle)));
                }
        }
    }

    int size() const { return n_; }

    // Transforms `data`; `spare` is scratch of the same length. Returns whichever of the two holds the result.
    Complex* run(Complex* data, Complex* spare) const {
        const float* w = twiddles_.data();
        int m = 1, l = n_;
        for (int radix : radices_) {
            l /= radix;
            switch (radix) {
                case 2: pass2(data, spare, w, l, m); break;
                case 3: pass3(data, spare, w, l, m); break;
                case 4: pass4(data, spare, w, l, m); break;
                default: pass5(data, spare, w, l, m); break;
            }
            w += 2 * (radix - 1) * l;
            m *= radix;
            std::swap(data, spare);
        }
        return data;
    }

  private:
    Complex turn(const Complex& a) const {  // times sign * i
        return {a.im * -sign_, a.re * sign_};
    }

    void pass2(const Complex* x, Complex* y, const float* w, int l, int m) const {
        for (int j = 0; j < l; ++j, w += 2)
            for (int k = 0; k < m; ++k) {
                const Complex a = x[k + j * m], b = x[k + (j + l) * m];
                y[k + 2 * j * m] = a + b;
                y[k + (2 * j + 1) * m] = times(a - b, w[0], w[1]);
            }
    }

    void pass3(const Complex* x, Complex* y, const float* w, int l, int m) const {
        constexpr float half_sqrt3 = 0.86602540378f;
        for (int j = 0; j < l; ++j, w += 4)
            for (int k = 0; k < m; ++k) {
                const Complex a = x[k + j * m], b = x[k + (j + l) * m], c = x[k + (j + 2 * l) * m];
                const Complex sum = b + c, diff = turn(b - c);
                const Complex mid = {a.re - 0.5f * sum.re, a.im - 0.5f * sum.im};
                const Complex side = {diff.re * half_sqrt3, diff.im * half_sqrt3};
                y[k + 3 * j * m] = a + sum;
                y[k + (3 * j + 1) * m] = times(mid + side, w[0], w[1]);
                y[k + (3 * j + 2) * m] = times(mid - side, w[2], w[3]);
            }
    }

    void pass4(const Complex* x, Complex* y, const float* w, int l, int m) const {
        for (int j = 0; j < l; ++j, w += 6)
            for (int k = 0; k < m; ++k) {
                const Complex a = x[k + j * m], b = x[k + (j + l) * m];
                const Complex c = x[k + (j + 2 * l) * m], d = x[k + (j + 3 * l) * m];
                const Complex ac = a + c, a_c = a - c, bd = b + d, b_d = turn(b - d);
                y[k + 4 * j * m] = ac + bd;
                y[k + (4 * j + 1) * m] = times(a_c + b_d, w[0], w[1]);
                y[k + (4 * j + 2) * m] = times(ac - bd, w[2], w[3]);
                y[k + (4 * j + 3) * m] = times(a_c - b_d, w[4], w[5]);
            }
    }

    void pass5(const Complex* x, Complex* y, const float* w, int l, int m) const {
        constexpr float c1 = 0.30901699437f, c2 = -0.80901699437f, s1 = 0.95105651630f, s2 = 0.58778525229f;
        for (int j = 0; j < l; ++j, w += 8)
            for (int k = 0; k < m; ++k) {
                const Complex a = x[k + j * m], b = x[k + (j + l) * m], c = x[k + (j + 2 * l) * m];
                const Complex d = x[k + (j + 3 * l) * m], e = x[k + (j + 4 * l) * m];
                const Complex be = b + e, b_e = b - e, cd = c + d, c_d = c - d;
                const Complex p1 = {a.re + c1 * be.re + c2 * cd.re, a.im + c1 * be.im + c2 * cd.im};
                const Complex p2 = {a.re + c2 * be.re + c1 * cd.re, a.im + c2 * be.im + c1 * cd.im};
                const Complex q1 = turn({s1 * b_e.re + s2 * c_d.re, s1 * b_e.im + s2 * c_d.im});
                const Complex q2 = turn({s2 * b_e.re - s1 * c_d.re, s2 * b_e.im - s1 * c_d.im});
                y[k + 5 * j * m] = a + be + cd;
                y[k + (5 * j + 1) * m] = times(p1 + q1, w[0], w[1]);
                y[k + (5 * j + 2) * m] = times(p2 + q2, w[2], w[3]);
                y[k + (5 * j + 3) * m] = times(p2 - q2, w[4], w[5]);
                y[k + (5 * j + 4) * m] = times(p1 - q1, w[6], w[7]);
            }
    }

    int n_ = 0;
    float sign_ = -1.0f;
    std::vector<int> radices_;
    std::vector<float> twiddles_;
};

// Lane numbers that interleave the lower (upper) halves of two vectors.
constexpr LaneMask interleave(bool upper) {
    LaneMask mask{};
    for (int i = 0; i < kLanes; ++i) mask[i] = i / 2 + (upper ? kLanes / 2 : 0) + (i % 2 ? kLanes : 0);
    return mask;
}

// Transposes a square tile in registers: each round of interleaving turns the (row, column) bits by one place.
static inline void transpose(Lanes (&t)[kLanes]) {
    const LaneMask lower = interleave(false), upper = interleave(true);
    for (int round = 1; round < kLanes; round *= 2) {
        Lanes next[kLanes];
        for (int i = 0; i < kLanes / 2; ++i) {
            next[2 * i] = __builtin_shuffle(t[i], t[i + kLanes / 2], lower);
            next[2 * i + 1] = __builtin_shuffle(t[i], t[i + kLanes / 2], upper);
        }
        for (int i = 0; i < kLanes; ++i) t[i] = next[i];
    }
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
