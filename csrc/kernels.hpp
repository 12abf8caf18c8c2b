// The native core's host functions, declared side by side. Plain pointers; shapes are checked by the binding and in Python.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

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

// Stellar populations as inverse-CDF tables: stars sorted by decreasing mass, u = fraction of stars heavier.
struct Populations {
    int count, knots, bands;
    const float* u;           // [count, knots], from 0 to 1
    const float* mass;        // [count, knots], Msun
    const float* flux;        // [count, knots, bands], e-/s before extinction
    const float* extinction;  // [count, knots, bands, 2]: A_band = c1 A_V + c2 A_V^2
    const int32_t* guide;     // [count, kGuideSize]: a knot at or before the bucket's first u
};

// When to leave the stars of the faint tail undrawn; see faint.hpp.
struct Faint {
    float fraction;        // of the pixel noise their fluctuation may reach; 0 draws every star
    const float* floor;    // [bands], variance of a dark pixel, (e-/s)^2
    const float* seconds;  // [bands], exposure
    const float* peak;     // [bands], the kernel's peak: share of a star's light in its pixel
};

// The law of companions' mass ratios as its inverse CDF: q = (base + slope v)^power or, if logarithmic, 2^(power (base + slope v)).
struct MassRatio {
    float base, slope, power;
    bool logarithmic;
};

// What sets clusters apart from round ones of single stars, evenly mixed, behind one screen of dust. No cluster of the batch
// is set apart where the pointers are null.
struct Variety {
    const float* binary_fraction;  // [n], 0 without companions
    const float* stretch;          // [n], major axis of the ellipse over its circle's radius; 1 for round ones
    const float* cosine;           // [n], of the major axis' angle from +x
    const float* sine;             // [n]
    const float* segregation;      // [n], s: radii go with mass^-s
    const float* a_v_scatter;      // [n], of ln A_V
    MassRatio ratio;
    float mean_mass;  // of stars, Msun
};

struct Clusters {
    int64_t n;
    uint64_t seed;
    const int64_t* index;        // [n], the cluster's number within the run
    const int32_t* population;   // [n]
    const double* mean_count;    // [n], expected number of stars
    const float* a_v;            // [n], mag
    const float* x;              // [n], pixels
    const float* y;              // [n], pixels
    const float* scale;          // [n], pixels: EFF scale radius, or half-light radius of a tabulated profile
    const float* exponent;       // [n], 2 / (gamma - 2) of the EFF profile
    const int32_t* psf;          // [n], which of the library's kernels, or nullptr for the first
    const float* radius2_nodes;  // [kRadiusNodes] of a tabulated profile, or nullptr for EFF
    Faint faint;                 // of plain clusters only
    Variety variety;
};

struct StarList {  // caller-owned; x, y in pixels
    int64_t n;
    const double *x, *y;
    const float* flux;  // [n, bands]
};

struct StarColumns {
    float *x, *y, *mass, *companion, *flux;  // companion: of binaries only, zeros are kept elsewhere; flux [n, bands]
};

// Number of stars that cluster i of the batch has: mean_count rounded up or down at random, so that its mean is exact.
int64_t star_count_cpu(const Clusters& clusters, int64_t i);

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

struct Exposure {
    uint64_t seed;
    int64_t n;
    int bands, pixels;         // pixels per band
    const int64_t* index;      // [n]
    const float* seconds;      // [bands]
    const float* read_noise;   // [bands], e- rms per pixel of the whole exposure
};

// out = Poisson(rate t) / t + Gauss(0, read_noise) / t for each pixel; rate and out [n, bands, pixels] may be one array.
void expose_cpu(const Exposure&, const float* rate, float* out, int threads);

// Number of CUDA devices; 0 without a driver or when built without CUDA. cuda_built() says which.
int cuda_device_count();
bool cuda_built();

}  // namespace clustercnn
