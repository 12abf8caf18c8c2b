// Fourier transforms in shared memory: all signals of a block at once, in place, a pass after the other (decimation in
// frequency, as in ../fft.hpp). Neighbouring threads take neighbouring signals, whose distance is odd: no two meet in a bank.
#pragma once

#include "../butterflies.hpp"
#include "job.hpp"
#include "thread.hpp"

namespace clustercnn::gpu {

template <class T>
struct Signals {
    T *re, *im;
    int count, padded;

    CLUSTERCNN_HD int at(int signal, int place) const { return signal * padded + place; }
};

template <int R, int Sign, class T>
CLUSTERCNN_DEVICE void pass(const Signals<T>& signals, const Transform& transform, int length) {
    const int m = length / R, step = transform.n / length, work = transform.n / R * signals.count;
    const T* roots = static_cast<const T*>(transform.roots);
    for (int item = thread(); item < work; item += threads()) {
        const int butterfly = item / signals.count, signal = item - butterfly * signals.count;
        const int group = butterfly / m, j = butterfly - group * m;
        const int base = signals.at(signal, group * length + j);
        Complex<T> v[R];
#pragma unroll
        for (int q = 0; q < R; ++q) v[q] = {signals.re[base + q * m], signals.im[base + q * m]};
        Butterfly<R, Sign>::run(v);
#pragma unroll
        for (int q = 0; q < R; ++q) {
            if (q > 0 && m > 1) {
                const T* root = roots + 2 * (j * q * step);
                v[q] = times(v[q], root[0], Sign < 0 ? root[1] : -root[1]);
            }
            signals.re[base + q * m] = v[q].re;
            signals.im[base + q * m] = v[q].im;
        }
    }
    sync();
}

// Mode k of each signal is left at transform.places[k]. All threads of the block call it, after a sync().
template <int Sign, class T>
CLUSTERCNN_DEVICE void run_passes(const Signals<T>& signals, const Transform& transform) {
    int length = transform.n;
    for (const int* radix = transform.radices; *radix; length /= *radix++) {
        switch (*radix) {
            case 2: pass<2, Sign>(signals, transform, length); break;
            case 3: pass<3, Sign>(signals, transform, length); break;
            case 4: pass<4, Sign>(signals, transform, length); break;
            case 5: pass<5, Sign>(signals, transform, length); break;
            case 6: pass<6, Sign>(signals, transform, length); break;
            default: pass<8, Sign>(signals, transform, length); break;
        }
    }
}

}  // namespace clustercnn::gpu
