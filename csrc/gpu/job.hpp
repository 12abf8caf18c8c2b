// What the kernels work on: structures in device memory, of which render/cuda/layout.py is the mirror image.
#pragma once

#include "../batch.hpp"
#include "../stars.hpp"

namespace clustercnn::gpu {

struct Band {
    int modes;         // K
    int column;        // the number of the first of its K + 1 columns of modes among those of all bands
    int64_t transfer;  // its first factor: [psf][ky from -K to K][kx from 0 to K], complex
    int64_t response;  // its first number of the window's transform [K + 1]
};

// A Fourier transform of n numbers in place: the radices of its passes, then 0; roots exp(-2 pi i k / n), complex; and where
// each mode stands after the last pass.
struct Transform {
    int n;
    int padded;  // numbers from one signal to the next in shared memory
    const int* radices;
    const int* places;
    const void* roots;
};

// How star lists become images; see PlanSpec. Numbers of type T: float, or double where single precision would not do.
struct Plan {
    int size, bands, margin, taps, degree, columns;  // columns: of modes, of all bands together
    int strip_rows, strips;                          // of the grid that a block puts stars on
    int column_group, row_group;                     // columns, and rows of pixels, that a block transforms
    double reach, cells_per_pixel;
    Transform cells, pixels;
    const float* float_roots;  // those of `pixels`, for the smooth light, which is single precision always
    const void* coefficients;  // [taps][degree + 1], highest degree first
    const void* transfer;
    const float* response;
    const int* reach_of_column;  // [columns], the highest |ky| inside the circle
    Band band[kMaxBands];
};

// Explicit stars of several images, one after the other.
struct StarLists {
    int64_t n;
    const int64_t* first;  // [n + 1], each list's first star
    const double *x, *y;   // pixels
    const float* flux;     // [star][band]
    const int32_t* psf;    // [n]
};

constexpr int kMostGaussians = 48;  // of which the narrowest are far below a thousandth of a pixel

// What was drawn of one cluster before its stars; see Drawn.
struct Lots {
    int64_t count;
    double faint_mass;
    float u_max;
    float smooth_flux[kMaxBands];
    int gaussians;                       // 0 without smooth light
    int gaussian_reach[kMostGaussians];  // modes beyond hold nothing
};

// One launch of each kernel: images first .. first + n - 1, of which the clusters come first and the lists after them. The
// scratch arrays hold those n images alone.
struct Job {
    Plan plan;
    Populations populations;
    Clusters clusters;
    StarLists lists;
    int64_t first;
    const int32_t* target;  // [clusters.n + lists.n], the image that each goes to
    float* segments;        // [cluster][knot][table_stride]
    Lots* lots;             // [cluster]
    float* spectra;         // [cluster][gaussian][x, y][mode], complex
    double* mass_parts;     // [cluster][strip]
    void* half;             // [image][column][row of cells], complex T: modes along x
    void* folded;           // [image][band][row of pixels][pixels / 2 + 1], complex T: modes along x, aliases folded
    float* images;          // [image][band][y][x]
    double* total_mass;     // [clusters.n], Msun
};

}  // namespace clustercnn::gpu
