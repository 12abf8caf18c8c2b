// The CPU renderer: threads over clusters, SIMD over stars and over FFT columns. Compiled once per instruction set.
#include <algorithm>
#include <mutex>
#include <numeric>

#include "convolve.hpp"
#include "faint.hpp"
#include "sampling.hpp"
#include "smooth.hpp"
#include "table_memory.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {
namespace {

constexpr int kFluxStep = kMaxBands;
constexpr double kNowhere = 1e30;  // where no star reaches the frame

// One thread's memory, reused from cluster to cluster: steady state allocates nothing.
template <class T>
struct Workspace {
    Canvas<T> canvas;
    ConvolveScratch<T> scratch;
    SmoothLight smooth;
    alignas(64) double x[kLanes], y[kLanes];              // a vector of stars: places, pixels,
    alignas(64) float flux[kLanes * kFluxStep + kLanes];  // and fluxes
    TableMemory table;
    float smooth_flux[kMaxBands];

    Workspace(const PlanSpec& spec, const Period<T>& largest, int padded)
        : canvas(spec), scratch(largest, spec.n_bands, canvas.vectors_per_row(), padded), smooth(largest.pixels), flux{} {}
};

template <class T>
class CpuPlan final : public RenderPlan {
  public:
    explicit CpuPlan(const PlanSpec& spec)
        : spec_(spec), image_size_(static_cast<int64_t>(spec.n_bands) * spec.size * spec.size), window_(spec),
          convolver_(spec.size, spec.n_bands, spec.margin) {
        for (PeriodSpec& period : spec_.periods) {
            periods_.emplace_back(period, spec.n_psfs);
            period.bands.clear();  // the transfers live on in the periods' own layout
        }
    }

    void render_cpu(const Populations& p, const Clusters& c, int threads, float* images, double* total_mass) override {
#pragma omp parallel num_threads(threads) if (threads > 1)
        {
            std::unique_ptr<Workspace<T>> w = take();
#pragma omp for schedule(dynamic)
            for (int64_t i = 0; i < c.n; ++i) {
                total_mass[i] = deposit_cluster(c, i, w->table.build(p, c.population[i], c.a_v[i]), *w);
                finish(*w, c.psf ? c.psf[i] : 0, images + i * image_size_);
            }
            give_back(std::move(w));
        }
    }

    void draw_cpu(const StarList& stars, int psf, float* image) override {
        std::unique_ptr<Workspace<T>> w = take();
        std::fill(w->smooth_flux, w->smooth_flux + kMaxBands, 0.0f);
        const int n_band = spec_.n_bands;
        int64_t first = 0;
        // as long as a whole vector can be read from the last star's flux on, stars are taken from where they are
        for (; (first + kLanes) * n_band + kLanes <= stars.n * n_band; first += kLanes)
            w->canvas.add({stars.x + first, stars.y + first, stars.flux + first * n_band, n_band}, window_);
        for (; first < stars.n; first += kLanes) {
            const int used = static_cast<int>(std::min<int64_t>(kLanes, stars.n - first));
            std::copy(stars.x + first, stars.x + first + used, w->x);
            std::copy(stars.y + first, stars.y + first + used, w->y);
            for (int l = 0; l < used; ++l)
                for (int b = 0; b < n_band; ++b) w->flux[l * kFluxStep + b] = stars.flux[(first + l) * n_band + b];
            add(*w, used);
        }
        finish(*w, psf, image);
        give_back(std::move(w));
    }

    int64_t count_cpu(const Populations& p, const Clusters& c, int64_t i, double* smooth) const override {
        TableMemory memory;
        const ReddenedTable table = memory.build(p, c.population[i], c.a_v[i]);
        const Drawn drawn = drawn_of(c, i, table);
        for (int b = 0; b < spec_.n_bands; ++b) smooth[b] = drawn.faint_count * drawn.tail.flux[b];
        return drawn.count;
    }

    void stars_cpu(const Populations& p, const Clusters& c, int64_t i, const StarColumns& out) const override {
        TableMemory memory;
        const ReddenedTable table = memory.build(p, c.population[i], c.a_v[i]);
        const Drawn drawn = drawn_of(c, i, table);
        const int64_t count = drawn.count;
        const int n_band = spec_.n_bands;
        const bool binaries = has_companions(c.variety, i);
        StarBlock block;
        for (int64_t first = 0; first < count; first += kLanes) {
            sample_block(c, i, static_cast<uint32_t>(first), drawn.tail.u, table, block);
            for (int64_t s = first; s < std::min<int64_t>(first + kLanes, count); ++s) {
                out.x[s] = block.x[s - first];
                out.y[s] = block.y[s - first];
                out.mass[s] = block.mass[s - first];
                if (binaries) out.companion[s] = block.companion[s - first];
                for (int b = 0; b < n_band; ++b) out.flux[s * n_band + b] = block.flux[b][s - first];
            }
        }
    }

  private:
    std::unique_ptr<Workspace<T>> take() {
        {
            const std::lock_guard lock(mutex_);
            if (!idle_.empty()) {
                std::unique_ptr<Workspace<T>> w = std::move(idle_.back());
                idle_.pop_back();
                return w;
            }
        }
        return std::make_unique<Workspace<T>>(spec_, periods_.back(), convolver_.padded());
    }

    void give_back(std::unique_ptr<Workspace<T>> w) {
        const std::lock_guard lock(mutex_);
        idle_.push_back(std::move(w));
    }

    static Drawn drawn_of(const Clusters& c, int64_t i, const ReddenedTable& table) {
        const int64_t number = star_count(c, i);
        if (!has_faint_tail(c, i, number)) return {number, {}, 0.0, 0.0};
        return draw_lots(c, i, number, faint_tail(table, c.faint, static_cast<double>(number), central_density(c.scale[i], c.exponent[i])));
    }

    double deposit_cluster(const Clusters& c, int64_t i, const ReddenedTable& table, Workspace<T>& w) const {
        const Drawn drawn = drawn_of(c, i, table);
        const int64_t count = drawn.count;
        double mass = drawn.faint_mass;
        set_smooth(c, i, drawn, w);
        const bool binaries = has_companions(c.variety, i);
        StarBlock block;
        for (int64_t first = 0; first < count; first += kLanes) {
            sample_block(c, i, static_cast<uint32_t>(first), drawn.tail.u, table, block);
            const int used = static_cast<int>(std::min<int64_t>(kLanes, count - first));
            for (int l = 0; l < used; ++l) mass += block.mass[l];
            if (binaries) mass += std::accumulate(block.companion, block.companion + used, 0.0);
            place(block, w);
            add(w, used);
        }
        return mass;
    }

    void place(const StarBlock& block, Workspace<T>& w) const {
        for (int l = 0; l < kLanes; ++l) {
            w.x[l] = block.x[l];
            w.y[l] = block.y[l];
        }
        for (int b = 0; b < spec_.n_bands; ++b)
            for (int l = 0; l < kLanes; ++l) w.flux[l * kFluxStep + b] = block.flux[b][l];
    }

    // Puts the first `used` stars of the workspace down.
    void add(Workspace<T>& w, int used) const {
        std::fill(w.x + used, w.x + kLanes, kNowhere);
        w.canvas.add({w.x, w.y, w.flux, kFluxStep}, window_);
    }

    void set_smooth(const Clusters& c, int64_t i, const Drawn& drawn, Workspace<T>& w) const {
        bool any = false;
        for (int b = 0; b < spec_.n_bands; ++b) {
            w.smooth_flux[b] = static_cast<float>(drawn.faint_count * drawn.tail.flux[b]);
            any = any || w.smooth_flux[b] > 0.0f;
        }
        if (any) w.smooth.build(c, i, spec_.margin, periods_.back().modes);
    }

    // Convolves every band into the image and leaves the canvas empty for the next one.
    void finish(Workspace<T>& w, int psf, float* image) const {
        const bool smooth = *std::max_element(w.smooth_flux, w.smooth_flux + spec_.n_bands) > 0.0f;
        if (w.canvas.empty() && !smooth) {
            std::fill(image, image + image_size_, 0.0f);
            return;
        }
        const Box box = w.canvas.box(window_.taps);
        const SmoothSource<T> source(w.smooth, w.smooth_flux);
        // smooth light lies all over the largest domain
        const Period<T>& period = smooth ? periods_.back() : smallest(box);
        convolver_.run(w.canvas, box, period, psf, smooth ? &source : nullptr, image, w.scratch);
        w.canvas.clear(box);
    }

    // The smallest domain in which no star's light wraps round into the frame, and no star's window into another's.
    const Period<T>& smallest(const Box& box) const {
        const double cells = spec_.cells_per_pixel, half = window_.half_width;
        // a star lies between half a window less one cell, and half a window, right of its first cell
        const double low = (std::min(box.x0, box.y0) - 1 + half) / cells - spec_.margin;
        const double high = (std::max(box.x1, box.y1) - half) / cells - spec_.margin;
        const double needed = std::max(spec_.size - 1 - low, high) + spec_.reach;
        const int width = std::max(box.x1 - box.x0, box.y1 - box.y0);
        for (const Period<T>& period : periods_)
            if (period.pixels >= needed && period.cells >= width) return period;
        return periods_.back();
    }

    PlanSpec spec_;
    int64_t image_size_;
    WindowTaps<T> window_;
    Convolver<T> convolver_;
    std::vector<Period<T>> periods_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Workspace<T>>> idle_;
};

}  // namespace

std::unique_ptr<RenderPlan> make_plan_here(const PlanSpec& spec) {
    if (spec.double_precision) return std::make_unique<CpuPlan<double>>(spec);
    return std::make_unique<CpuPlan<float>>(spec);
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
