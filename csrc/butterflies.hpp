// Discrete Fourier transforms of 2 to 8 numbers, a vector of signals at once. Sign is that of the exponent.
#pragma once

#include "simd.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

template <int Sign, class T>
CLUSTERCNN_FN Complex<T> turn(const Complex<T>& a) {  // times Sign * i
    if constexpr (Sign > 0) return {-a.im, a.re};
    return {a.im, -a.re};
}

template <int R, int Sign>
struct Butterfly;

template <int Sign>
struct Butterfly<2, Sign> {
    template <class T>
    CLUSTERCNN_HD static void run(Complex<T> (&v)[2]) {
        const Complex<T> a = v[0];
        v[0] = a + v[1];
        v[1] = a - v[1];
    }
};

template <int Sign>
struct Butterfly<3, Sign> {
    template <class T>
    CLUSTERCNN_HD static void run(Complex<T> (&v)[3]) {
        constexpr T half_sqrt3 = T(0.866025403784438647);
        const Complex<T> sum = v[1] + v[2], diff = turn<Sign>(v[1] - v[2]);
        const Complex<T> mid = {v[0].re - T(0.5) * sum.re, v[0].im - T(0.5) * sum.im};
        v[0] = v[0] + sum;
        v[1] = {mid.re + half_sqrt3 * diff.re, mid.im + half_sqrt3 * diff.im};
        v[2] = {mid.re - half_sqrt3 * diff.re, mid.im - half_sqrt3 * diff.im};
    }
};

template <int Sign>
struct Butterfly<4, Sign> {
    template <class T>
    CLUSTERCNN_HD static void run(Complex<T> (&v)[4]) {
        const Complex<T> ac = v[0] + v[2], a_c = v[0] - v[2], bd = v[1] + v[3], b_d = turn<Sign>(v[1] - v[3]);
        v[0] = ac + bd;
        v[1] = a_c + b_d;
        v[2] = ac - bd;
        v[3] = a_c - b_d;
    }
};

template <int Sign>
struct Butterfly<5, Sign> {
    template <class T>
    CLUSTERCNN_HD static void run(Complex<T> (&v)[5]) {
        constexpr T c1 = T(0.309016994374947424), c2 = T(-0.809016994374947424);
        constexpr T s1 = T(0.951056516295153572), s2 = T(0.587785252292473129);
        const Complex<T> be = v[1] + v[4], b_e = v[1] - v[4], cd = v[2] + v[3], c_d = v[2] - v[3];
        const Complex<T> p1 = {v[0].re + c1 * be.re + c2 * cd.re, v[0].im + c1 * be.im + c2 * cd.im};
        const Complex<T> p2 = {v[0].re + c2 * be.re + c1 * cd.re, v[0].im + c2 * be.im + c1 * cd.im};
        const Complex<T> q1 = turn<Sign>(Complex<T>{s1 * b_e.re + s2 * c_d.re, s1 * b_e.im + s2 * c_d.im});
        const Complex<T> q2 = turn<Sign>(Complex<T>{s2 * b_e.re - s1 * c_d.re, s2 * b_e.im - s1 * c_d.im});
        v[0] = v[0] + be + cd;
        v[1] = p1 + q1;
        v[2] = p2 + q2;
        v[3] = p2 - q2;
        v[4] = p1 - q1;
    }
};

// Good-Thomas: 6 = 2 x 3 with n = 3 n1 + 2 n2 and k = 3 k1 + 4 k2 modulo 6 needs no factors in between.
template <int Sign>
struct Butterfly<6, Sign> {
    template <class T>
    CLUSTERCNN_HD static void run(Complex<T> (&v)[6]) {
        Complex<T> s[3] = {v[0] + v[3], v[2] + v[5], v[4] + v[1]}, d[3] = {v[0] - v[3], v[2] - v[5], v[4] - v[1]};
        Butterfly<3, Sign>::run(s);
        Butterfly<3, Sign>::run(d);
        v[0] = s[0], v[4] = s[1], v[2] = s[2];
        v[3] = d[0], v[1] = d[1], v[5] = d[2];
    }
};

template <int Sign>
struct Butterfly<8, Sign> {
    template <class T>
    CLUSTERCNN_HD static void run(Complex<T> (&v)[8]) {
        constexpr T root_half = T(0.707106781186547524);
        Complex<T> e[4] = {v[0], v[2], v[4], v[6]}, o[4] = {v[1], v[3], v[5], v[7]};
        Butterfly<4, Sign>::run(e);
        Butterfly<4, Sign>::run(o);
        const Complex<T> t1 = turn<Sign>(o[1]), t3 = turn<Sign>(o[3]);
        o[1] = {root_half * (o[1].re + t1.re), root_half * (o[1].im + t1.im)};
        o[2] = turn<Sign>(o[2]);
        o[3] = {root_half * (t3.re - o[3].re), root_half * (t3.im - o[3].im)};
        for (int q = 0; q < 4; ++q) {
            v[q] = e[q] + o[q];
            v[q + 4] = e[q] - o[q];
        }
    }
};

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
