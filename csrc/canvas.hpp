// The grid on which stars are put down: [row][cell][band], so that a row of a star's window, in all bands, is one run of numbers.
#pragma once

#include <algorithm>
#include <vector>

#include "footprint.hpp"
#include "kernels.hpp"
#include "simd.hpp"
#include "stars.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {

static inline int round_up(int n, int step) { return (n + step - 1) / step * step; }

// The cells that the stars of one image touch: cells outside are zero.
struct Box {
    int x0, x1, y0, y1;  // half-open
};

// A vector of stars where they lie in memory: places in pixels, and each star's flux in all bands, `step` numbers after the
// last star's. A whole vector is read from a star's flux on, whatever follows it.
struct StarBatch {
    const double *x, *y;
    const float* flux;
    int step;
};

// The window: taps as polynomials of one variable, and how a row of it falls on the lanes of the grid's vectors.
template <class T>
struct WindowTaps {
    static constexpr int L = kLanesOf<T>;
    static constexpr int kMostVectors = (kMaxTaps * kMaxBands + L - 1) / L;

    int taps, degree, bands, vectors;  // vectors: of a row that begins with one
    double half_width;
    std::vector<T> coefficients;       // [tap][degree + 1], highest degree first
    // [shift][vectors + 1]: which tap and band each lane holds when the row begins at lane `shift`, and whether any
    std::vector<VecMask<T>> tap_of_lane, band_of_lane, held;

    explicit WindowTaps(const PlanSpec& spec)
        : taps(spec.taps), degree(spec.degree), bands(spec.n_bands), vectors(compiled((spec.taps * spec.n_bands + L - 1) / L)),
          half_width(0.5 * spec.taps) {
        for (int j = 0; j < taps; ++j)
            for (int d = 0; d <= degree; ++d) coefficients.push_back(static_cast<T>(spec.coefficients[static_cast<size_t>(d) * taps + j]));
        const size_t size = static_cast<size_t>(L) * (vectors + 1);
        tap_of_lane.resize(size), band_of_lane.resize(size), held.resize(size);
        for (int shift = 0; shift < L; ++shift)
            for (int lane = 0; lane < (vectors + 1) * L; ++lane) {
                const int from = lane - shift;
                const bool any = from >= 0 && from < taps * bands;
                const size_t at = static_cast<size_t>(shift) * (vectors + 1) + lane / L;
                tap_of_lane[at][lane % L] = any ? from / bands : 0;
                band_of_lane[at][lane % L] = any ? from % bands : 0;
                held[at][lane % L] = any ? -1 : 0;
            }
    }

    // Numbers of vectors for which the loops over a row are compiled; spare ones hold nothing.
    static int compiled(int needed) { return needed <= 4 ? needed : needed <= 6 ? 6 : needed <= 8 ? 8 : kMostVectors; }
};

template <class T>
class Canvas {
  public:
    explicit Canvas(const PlanSpec& spec)
        : bands_(spec.n_bands), margin_(spec.margin), low_(-spec.reach), high_(spec.size - 1 + spec.reach), cells_per_pixel_(spec.cells_per_pixel),
          // a row's last star may reach a compiled number of vectors beyond, and the column transform takes pairs of them
          stride_(round_up(spec.canvas * spec.n_bands / kLanesOf<T> + WindowTaps<T>::kMostVectors + 2, 2)), data_(static_cast<size_t>(spec.canvas) * stride_, Vec<T>{}) {
        forget();
    }

    int vectors_per_row() const { return stride_; }
    const Vec<T>* row(int y) const { return data_.data() + static_cast<size_t>(y) * stride_; }

    // Puts a vector of stars down. One too far out to reach the frame leaves nothing.
    void add(const StarBatch& stars, const WindowTaps<T>& window) {
        switch (window.vectors) {
            case 1: add_rows<1>(stars, window); break;
            case 2: add_rows<2>(stars, window); break;
            case 3: add_rows<3>(stars, window); break;
            case 4: add_rows<4>(stars, window); break;
            case 6: add_rows<6>(stars, window); break;
            case 8: add_rows<8>(stars, window); break;
            default: add_rows<WindowTaps<T>::kMostVectors>(stars, window); break;
        }
    }

    // The cells that stars have touched; of an image without stars, one empty cell, as that has a transform too.
    Box box(int taps) const {
        Box box{1 << 30, 0, 1 << 30, 0};
        for (int l = 0; l < kLanes; ++l) {
            box.x0 = std::min(box.x0, first_x_[l]);
            box.x1 = std::max(box.x1, last_x_[l] + taps);
            box.y0 = std::min(box.y0, first_y_[l]);
            box.y1 = std::max(box.y1, last_y_[l] + taps);
        }
        return box.x0 < 1 << 30 ? box : Box{0, 1, 0, 1};
    }
    bool empty() const { return *std::min_element(first_x_, first_x_ + kLanes) == 1 << 30; }

    void clear(const Box& box) {
        for (int y = box.y0; y < box.y1; ++y) {
            Vec<T>* from = data_.data() + static_cast<size_t>(y) * stride_;
            std::fill(from + box.x0 * bands_ / kLanesOf<T>, from + (box.x1 * bands_ + kLanesOf<T> - 1) / kLanesOf<T>, Vec<T>{});
        }
        forget();
    }

  private:
    // Where a vector of stars goes: `first` is the vector of the canvas in which a window begins, `shift` the lane there.
    struct Places {
        alignas(64) int first[kLanes], shift[kLanes], outside[kLanes];
        alignas(64) T zx[kLanes], zy[kLanes];
    };

    void forget() {
        std::fill(first_x_, first_x_ + kLanes, 1 << 30);
        std::fill(first_y_, first_y_ + kLanes, 1 << 30);
        std::fill(last_x_, last_x_ + kLanes, -1);
        std::fill(last_y_, last_y_ + kLanes, -1);
    }

    // First cells, and z for the window's polynomials, along one axis; sets `outside` where no light can reach the frame. Plain
    // loops over arrays of one type, so that the compiler makes vectors of them.
    void locate_axis(const double* at, double half_width, int* first, T* z, int* outside) const {
        alignas(64) double left[kLanes];
        for (int l = 0; l < kLanes; ++l) {
            // what is not a number goes to the lower end, too
            const double low = at[l] > low_ ? at[l] : low_;
            left[l] = ((low < high_ ? low : high_) + margin_) * cells_per_pixel_ - half_width;
        }
        for (int l = 0; l < kLanes; ++l) {
            const int whole = static_cast<int>(left[l]);
            first[l] = whole + (static_cast<double>(whole) < left[l]);
        }
        for (int l = 0; l < kLanes; ++l) z[l] = static_cast<T>(2.0 * (first[l] - left[l]) - 1.0);
        for (int l = 0; l < kLanes; ++l) outside[l] |= !(at[l] > low_) | !(at[l] < high_);
    }

    void locate(const StarBatch& stars, const WindowTaps<T>& window, Places& to) {
        alignas(64) int ix[kLanes], iy[kLanes];
        std::fill(to.outside, to.outside + kLanes, 0);
        locate_axis(stars.x, window.half_width, ix, to.zx, to.outside);
        locate_axis(stars.y, window.half_width, iy, to.zy, to.outside);
        for (int l = 0; l < kLanes; ++l) {
            const uint32_t lane = static_cast<uint32_t>(ix[l] * bands_);
            to.first[l] = iy[l] * stride_ + static_cast<int>(lane / kLanesOf<T>);
            to.shift[l] = static_cast<int>(lane % kLanesOf<T>);
        }
        for (int l = 0; l < kLanes; ++l) {
            const int low_x = to.outside[l] ? first_x_[l] : ix[l], low_y = to.outside[l] ? first_y_[l] : iy[l];
            const int high_x = to.outside[l] ? last_x_[l] : ix[l], high_y = to.outside[l] ? last_y_[l] : iy[l];
            first_x_[l] = std::min(first_x_[l], low_x);
            first_y_[l] = std::min(first_y_[l], low_y);
            last_x_[l] = std::max(last_x_[l], high_x);
            last_y_[l] = std::max(last_y_[l], high_y);
        }
    }

    // [star][kMaxTaps along x, kMaxTaps along y]: the window's taps of a vector of stars, found with a star a lane.
    static void weigh(const Places& places, const WindowTaps<T>& window, T (&weights)[kLanes][2 * kMaxTaps]) {
        constexpr int L = kLanesOf<T>;
        for (int first = 0; first < kLanes; first += L) {
            Vec<T> taps[2 * kMaxTaps] = {};
            const Vec<T> zx = load(places.zx + first), zy = load(places.zy + first);
            const T* c = window.coefficients.data();
            for (int j = 0; j < window.taps; ++j) {
                Vec<T> x = Vec<T>{} + *c, y = x;
                ++c;
                for (int d = 0; d < window.degree; ++d, ++c) {
                    x = x * zx + *c;
                    y = y * zy + *c;
                }
                taps[j] = x;
                taps[kMaxTaps + j] = y;
            }
            for (int row = 0; row < 2 * kMaxTaps; row += L) {
                Vec<T> tile[L];
                for (int i = 0; i < L; ++i) tile[i] = taps[row + i];
                transpose<T>(tile);
                for (int i = 0; i < L; ++i) store(&weights[first + i][row], tile[i]);
            }
        }
    }

    // Lane l of the result is from[which[l]], as far as a vector of `from` goes.
    template <class F>
    static Vec<T> pick(const F* from, const VecMask<T>& which) {
        if constexpr (sizeof(F) == sizeof(T) && kLanesOf<T> >= kMaxTaps && kLanesOf<T> >= kMaxBands) {
            return __builtin_shuffle(load(from), which);
        } else {
            Vec<T> v;
            for (int l = 0; l < kLanesOf<T>; ++l) v[l] = from[which[l]];
            return v;
        }
    }

    // The rows of a star's window begin at any lane, but the canvas is read and written in whole aligned vectors: those
    // that straddle cache lines take several times as long.
    template <int V>
    void add_rows(const StarBatch& stars, const WindowTaps<T>& window) {
        Places places;
        alignas(64) T weights[kLanes][2 * kMaxTaps];
        locate(stars, window, places);
        weigh(places, window, weights);
        const int taps = window.taps, width = taps * bands_, stride = stride_, step = stars.step;
        for (int l = 0; l < kLanes; ++l) {
            if (places.outside[l]) continue;
            const int shift = places.shift[l];
            const size_t lanes = static_cast<size_t>(shift) * (V + 1);
            Vec<T> row[V + 1];
            for (int v = 0; v <= V; ++v) {
                const Vec<T> product = pick(weights[l], window.tap_of_lane[lanes + v]) * pick(stars.flux + l * step, window.band_of_lane[lanes + v]);
                row[v] = reinterpret_cast<Vec<T>>(reinterpret_cast<VecMask<T>>(product) & window.held[lanes + v]);
            }
            Vec<T>* to = data_.data() + places.first[l];
            const T* wy = weights[l] + kMaxTaps;
            if (shift + width > V * kLanesOf<T>)
                for (int j = 0; j < taps; ++j, to += stride)
                    for (int v = 0; v <= V; ++v) to[v] += row[v] * wy[j];
            else
                for (int j = 0; j < taps; ++j, to += stride)
                    for (int v = 0; v < V; ++v) to[v] += row[v] * wy[j];
        }
    }

    int bands_, margin_;
    double low_, high_, cells_per_pixel_;  // low, high: where stars may lie, pixels
    int stride_;                           // vectors of a row
    std::vector<Vec<T>> data_;
    alignas(64) int first_x_[kLanes], last_x_[kLanes], first_y_[kLanes], last_y_[kLanes];  // of the stars' windows, by lane
};

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
