// A batch of clusters as the kernels read it: plain pointers, in the memory of the machine that draws.
#pragma once

#include "philox.hpp"

namespace clustercnn {

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

struct Exposure {
    uint64_t seed;
    int64_t n;
    int bands, pixels;         // pixels per band
    const int64_t* index;      // [n]
    const float* seconds;      // [bands]
    const float* read_noise;   // [bands], e- rms per pixel of the whole exposure
};

}  // namespace clustercnn
