// The CPU renderer: threads over clusters, SIMD over stars and over FFT columns. Compiled once per instruction set.
#include <mutex>
#include <numeric>

#include "convolve.hpp"
#include "faint.hpp"
#include "sampling.hpp"
#include "smooth.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {
namespace {

// One thread's memory, reused from cluster to cluster: steady state allocates nothing.
struct Workspace {
    std::vector<std::vector<Lanes>> grids;  // per band [grid rows][stride]
    std::vector<Box> boxes;
    ConvolveScratch scratch;
    ReddenedTable table;
    SmoothLight smooth;
    float smooth_flux[kMaxBands];
};

// A cluster's stars: how many are drawn one by one, and what the rest leaves.
struct Drawn {
    int64_t count;
    FaintTail tail;
    double faint_count, faint_mass;
};

class CpuPlan final : public RenderPlan {
  public:
    explicit CpuPlan(const PlanSpec& spec)
        : size_(spec.size), domain_(spec.domain), margin_(spec.margin), convolver_(spec.size, spec.domain, spec.margin) {
        for (const BandSpec& band : spec.bands) bands_.emplace_back(band, spec.domain);
    }

    void render_cpu(const Populations& p, const Clusters& c, int threads, float* images, double* total_mass) override {
        const int64_t image_size = static_cast<int64_t>(bands_.size()) * size_ * size_;
#pragma omp parallel num_threads(threads) if (threads > 1)
        {
            std::unique_ptr<Workspace> w = take();
#pragma omp for schedule(dynamic)
            for (int64_t i = 0; i < c.n; ++i) {
                w->table.build(p, c.population[i], c.a_v[i]);
                total_mass[i] = deposit_cluster(c, i, *w);
                finish(*w, images + i * image_size);
            }
            give_back(std::move(w));
        }
    }

    void draw_cpu(const StarList& stars, float* image) override {
        std::unique_ptr<Workspace> w = take();
        const size_t n_band = bands_.size();
        std::fill(w->smooth_flux, w->smooth_flux + kMaxBands, 0.0f);
        for (int64_t i = 0; i < stars.n; ++i) deposit_star(stars.x[i], stars.y[i], stars.flux + i * n_band, 1, *w);
        finish(*w, image);
        give_back(std::move(w));
    }

    int64_t count_cpu(const Populations& p, const Clusters& c, int64_t i, double* smooth) const override {
        ReddenedTable table;
        table.build(p, c.population[i], c.a_v[i]);
        const Drawn drawn = draw_lots(c, i, table);
        for (size_t b = 0; b < bands_.size(); ++b) smooth[b] = drawn.faint_count * drawn.tail.flux[b];
        return drawn.count;
    }

    void stars_cpu(const Populations& p, const Clusters& c, int64_t i, const StarColumns& out) const override {
        ReddenedTable table;
        table.build(p, c.population[i], c.a_v[i]);
        const Drawn drawn = draw_lots(c, i, table);
        const int64_t count = drawn.count;
        const size_t n_band = bands_.size();
        const bool binaries = has_companions(c.variety, i);
        StarBlock block;
        for (int64_t first = 0; first < count; first += kLanes) {
            sample_block(c, i, static_cast<uint32_t>(first), drawn.tail.u, table, block);
            for (int64_t s = first; s < std::min<int64_t>(first + kLanes, count); ++s) {
                out.x[s] = block.x[s - first];
                out.y[s] = block.y[s - first];
                out.mass[s] = block.mass[s - first];
                if (binaries) out.companion[s] = block.companion[s - first];
                for (size_t b = 0; b < n_band; ++b) out.flux[s * n_band + b] = block.flux[b][s - first];
            }
        }
    }

  private:
    std::unique_ptr<Workspace> take() {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            std::unique_ptr<Workspace> w = std::move(idle_.back());
            idle_.pop_back();
            return w;
        }
        auto w = std::make_unique<Workspace>();
        for (const BandPlan& band : bands_)
            w->grids.emplace_back(static_cast<size_t>(band.grid) * band.stride / kLanes, Lanes{});
        w->boxes.assign(bands_.size(), Box{1 << 30, 0, 1 << 30, 0});
        w->smooth = SmoothLight(domain_);
        return w;
    }

    void give_back(std::unique_ptr<Workspace> w) {
        const std::lock_guard lock(mutex_);
        idle_.push_back(std::move(w));
    }

    Drawn draw_lots(const Clusters& c, int64_t i, const ReddenedTable& table) const {
        const int64_t number = star_count_cpu(c, i);
        if (c.faint.fraction <= 0.0f || number == 0 || !is_plain(c.variety, i)) return {number, {}, 0.0, 0.0};
        // stars per pixel at the centre of an EFF profile: (gamma - 2) / (2 pi a^2) = 1 / (pi a^2 exponent)
        const double density = 1.0 / (std::numbers::pi * c.exponent[i] * static_cast<double>(c.scale[i]) * c.scale[i]);
        Drawn drawn{number, faint_tail(table, c.faint, static_cast<double>(number), density), 0.0, 0.0};
        if (drawn.tail.u >= 1.0f) return drawn;
        RandomStream stream{c.seed, static_cast<uint64_t>(c.index[i]), 0, kFaint};
        drawn.count = static_cast<int64_t>(binomial(static_cast<double>(number), drawn.tail.u, stream));
        drawn.faint_count = static_cast<double>(number - drawn.count);
        drawn.faint_mass = drawn.faint_count * drawn.tail.mass + std::sqrt(drawn.faint_count * drawn.tail.spread) * normal_quantile(stream.next_word());
        return drawn;
    }

    double deposit_cluster(const Clusters& c, int64_t i, Workspace& w) const {
        const Drawn drawn = draw_lots(c, i, w.table);
        const int64_t count = drawn.count;
        double mass = drawn.faint_mass;
        set_smooth(c, i, drawn, w);
        const bool binaries = has_companions(c.variety, i);
        StarBlock block;
        for (int64_t first = 0; first < count; first += kLanes) {
            sample_block(c, i, static_cast<uint32_t>(first), drawn.tail.u, w.table, block);
            const int used = static_cast<int>(std::min<int64_t>(kLanes, count - first));
            for (int l = 0; l < used; ++l) {
                mass += block.mass[l];
                deposit_star(block.x[l], block.y[l], &block.flux[0][l], kLanes, w);
            }
            if (binaries) mass += std::accumulate(block.companion, block.companion + used, 0.0);
        }
        return mass;
    }

    void set_smooth(const Clusters& c, int64_t i, const Drawn& drawn, Workspace& w) const {
        int modes = 0;
        for (size_t b = 0; b < bands_.size(); ++b) {
            w.smooth_flux[b] = static_cast<float>(drawn.faint_count * drawn.tail.flux[b]);
            if (w.smooth_flux[b] > 0.0f) modes = std::max(modes, bands_[b].modes);
        }
        if (modes > 0) w.smooth.build(c, i, margin_, modes);
    }

    // `flux` of band b is flux[b * step]. A star too far out to reach the frame, or a dark one, leaves nothing.
    void deposit_star(double x, double y, const float* flux, int step, Workspace& w) const {
        for (size_t b = 0; b < bands_.size(); ++b) {
            if (flux[b * step] == 0.0f) continue;
            const BandPlan& band = bands_[b];
            const double cells = static_cast<double>(band.grid) / domain_;
            const double gx = (x + margin_) * cells, gy = (y + margin_) * cells;
            // the negation catches what is not a number too
            if (!(gx > 0.0 && gx < band.grid && gy > 0.0 && gy < band.grid)) continue;
            deposit_in_band(band, gx, gy, flux[b * step], reinterpret_cast<float*>(w.grids[b].data()), w.boxes[b]);
        }
    }

    static void deposit_in_band(const BandPlan& band, double gx, double gy, float flux, float* grid, Box& box) {
        const int taps = band.window.taps;
        float zx, zy;
        const int ix = first_tap(gx, taps, zx), iy = first_tap(gy, taps, zy);
        if (ix < 0 || iy < 0 || ix + taps > band.grid || iy + taps > band.grid) return;
        box.x0 = std::min(box.x0, ix);
        box.x1 = std::max(box.x1, ix + taps);
        box.y0 = std::min(box.y0, iy);
        box.y1 = std::max(box.y1, iy + taps);
        switch (taps) {
            case 2: deposit<2>(grid, band.stride, ix, iy, zx, zy, flux, band.window); break;
            case 3: deposit<3>(grid, band.stride, ix, iy, zx, zy, flux, band.window); break;
            case 4: deposit<4>(grid, band.stride, ix, iy, zx, zy, flux, band.window); break;
            case 5: deposit<5>(grid, band.stride, ix, iy, zx, zy, flux, band.window); break;
            case 6: deposit<6>(grid, band.stride, ix, iy, zx, zy, flux, band.window); break;
            case 7: deposit<7>(grid, band.stride, ix, iy, zx, zy, flux, band.window); break;
            default: deposit<8>(grid, band.stride, ix, iy, zx, zy, flux, band.window); break;
        }
    }

    // Convolves every band into the image and leaves the grids empty for the next one.
    void finish(Workspace& w, float* image) const {
        for (size_t b = 0; b < bands_.size(); ++b) {
            float* grid = reinterpret_cast<float*>(w.grids[b].data());
            float* out = image + static_cast<int64_t>(b) * size_ * size_;
            Box& box = w.boxes[b];
            const SmoothSource smooth(w.smooth, w.smooth_flux[b]);
            const ModeSource* more = w.smooth_flux[b] > 0.0f ? &smooth : nullptr;
            if (box.x1 <= box.x0) box = {0, more ? 1 : 0, 0, 1};  // an empty corner stands for no stars
            if (box.x1 <= box.x0) {
                std::fill(out, out + static_cast<int64_t>(size_) * size_, 0.0f);
                box = {1 << 30, 0, 1 << 30, 0};
                continue;
            }
            convolver_.run(bands_[b], grid, box, more, out, w.scratch);
            const int64_t stride = bands_[b].stride;
            std::fill(grid + box.y0 * stride, grid + box.y1 * stride, 0.0f);
            box = {1 << 30, 0, 1 << 30, 0};
        }
    }

    int size_, domain_, margin_;
    Convolver convolver_;
    std::vector<BandPlan> bands_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace

std::unique_ptr<RenderPlan> make_plan_here(const PlanSpec& spec) { return std::make_unique<CpuPlan>(spec); }

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
