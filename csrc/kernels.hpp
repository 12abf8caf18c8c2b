// The native core's host functions, declared side by side. Plain pointers; shapes are checked by the binding and in Python.
#pragma once

#include <memory>
#include <vector>

#include "batch.hpp"

namespace clustercnn {

// What the kernels of one band hold over a periodic domain: modes up to K along an axis and inside a circle.
struct BandModes {
    int modes;                       // K
    double radius;                   // of the circle, in modes
    std::vector<double> response;    // [K + 1]: the window's transform
    std::vector<double> transfer;    // [psf][K + 1][2 K + 1][re, im]: kernel / window, kx from -K to K
};

struct PeriodSpec {
    int pixels, cells;             // of the domain
    std::vector<BandModes> bands;
};

// How star lists become images: stars are put on a grid of cells that all bands share, wide enough for every star whose light
// reaches the frame; its transform acts on the smallest of several periodic domains in which no light wraps into the frame.
struct PlanSpec {
    int size;                 // S: the frame is S x S pixels
    int n_bands, n_psfs;
    bool double_precision;
    int margin;               // pixels of the grid before the frame
    double reach;             // pixels beyond the frame from which light comes
    double cells_per_pixel;
    int canvas;               // cells of the grid along an axis
    int taps, degree;         // of the window
    std::vector<double> coefficients;  // [degree + 1][taps], highest degree first
    std::vector<PeriodSpec> periods;   // by rising size; the last holds every star
};

struct StarList {  // caller-owned; x, y in pixels
    int64_t n;
    const double *x, *y;
    const float* flux;  // [n, bands]
};

struct StarColumns {
    float *x, *y, *mass, *companion, *flux;  // companion: of binaries only, zeros are kept elsewhere; flux [n, bands]
};

class RenderPlan {
  public:
    virtual ~RenderPlan() = default;
    // images [n, bands, S, S] in e-/s; total_mass [n] in Msun.
    virtual void render_cpu(const Populations&, const Clusters&, int threads, float* images, double* total_mass) = 0;
    // image [bands, S, S] from explicit stars.
    virtual void draw_cpu(const StarList&, int psf, float* image) = 0;
    // The stars of cluster i that are drawn one by one: how many, and, in drawing order, which. `smooth` [bands] is the
    // light of the rest, e-/s.
    virtual int64_t count_cpu(const Populations&, const Clusters&, int64_t i, double* smooth) const = 0;
    virtual void stars_cpu(const Populations&, const Clusters&, int64_t i, const StarColumns&) const = 0;
};

// The plan compiled for the best instruction set of this machine, or for the one named ("portable", "avx2", "avx512").
std::unique_ptr<RenderPlan> make_plan(const PlanSpec& spec, const char* instruction_set);
const char* best_instruction_set();

// out = Poisson(rate t) / t + Gauss(0, read_noise) / t for each pixel; rate and out [n, bands, pixels] may be one array.
void expose_cpu(const Exposure&, const float* rate, float* out, int threads);

}  // namespace clustercnn
