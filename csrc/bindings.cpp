// Python binding: shapes, dtypes, devices; nothing else. Any DLPack array on the CPU is taken as it is, never copied.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <string>

#include "footprint.hpp"
#include "kernels.hpp"
#include "stars.hpp"

namespace nb = nanobind;
using namespace nb::literals;
namespace cc = clustercnn;

namespace {

template <typename T, size_t N>
using Array = nb::ndarray<T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;

void require(bool ok, const char* what) {
    if (!ok) throw std::invalid_argument(what);
}

cc::BandModes band_modes(double radius, const Array<const double, 1>& response, const Array<const double, 4>& transfer) {
    const size_t modes = response.shape(0) - 1;
    require(response.shape(0) > 0 && transfer.shape(1) == modes + 1 && transfer.shape(2) == 2 * modes + 1 && transfer.shape(3) == 2,
            "transfer: shape [psf, modes + 1, 2 modes + 1, 2] is needed");
    return {int(modes), radius, {response.data(), response.data() + response.size()}, {transfer.data(), transfer.data() + transfer.size()}};
}

std::unique_ptr<cc::RenderPlan> plan(int size, bool double_precision, int margin, double reach, double cells_per_pixel,
                                     const Array<const double, 2>& taps, std::vector<cc::PeriodSpec> periods, const std::string& isa) {
    require(!periods.empty() && !periods[0].bands.empty() && periods[0].bands.size() <= cc::kMaxBands, "periods: none, or too many bands");
    require(taps.shape(0) >= 1 && taps.shape(0) <= cc::kMaxDegree + 1 && taps.shape(1) >= 2 && taps.shape(1) <= cc::kMaxTaps, "taps: too many");
    const int bands = int(periods[0].bands.size()), n_taps = int(taps.shape(1)), degree = int(taps.shape(0)) - 1;
    const size_t per_psf = 2 * size_t(periods[0].bands[0].modes + 1) * (2 * periods[0].bands[0].modes + 1);
    const int psfs = int(periods[0].bands[0].transfer.size() / per_psf);
    // a star at the far end of its reach, and its window, must lie on the grid
    require(size > 0 && reach >= 0 && (margin - reach) * cells_per_pixel >= 0.5 * n_taps + 1, "margin: too small for the window");
    const int canvas = int((size - 1 + reach + margin) * cells_per_pixel + 0.5 * n_taps) + 2;
    for (const cc::PeriodSpec& period : periods) {
        require(int(period.bands.size()) == bands && period.pixels % 2 == 0 && period.pixels >= size && period.cells >= period.pixels, "periods: too small, odd, or of other bands");
        for (const cc::BandModes& band : period.bands) {
            require(2 * band.modes < period.cells, "modes: more than the grid holds");
            require(band.transfer.size() == psfs * 2 * size_t(band.modes + 1) * (2 * band.modes + 1), "transfer: another number of kernels");
        }
    }
    require(periods.back().pixels >= size - 1 + 2 * reach && periods.back().cells >= int((size - 1 + 2 * reach) * cells_per_pixel) + n_taps + 1, "periods: the last does not hold every star");
    return cc::make_plan({size, bands, psfs, double_precision, margin, reach, cells_per_pixel, canvas, n_taps, degree,
                          {taps.data(), taps.data() + taps.size()}, std::move(periods)}, isa.c_str());
}

// Keeps the arrays alive that the plain struct points into.
struct PopulationArrays {
    Array<const float, 2> u, mass;
    Array<const float, 3> flux;
    Array<const float, 4> extinction;
    Array<const int32_t, 2> guide;

    cc::Populations view() const {
        return {int(u.shape(0)), int(u.shape(1)), int(flux.shape(2)), u.data(), mass.data(), flux.data(),
                extinction.data(), guide.data()};
    }
};

struct ClusterArrays {
    uint64_t seed;
    Array<const int64_t, 1> index;
    Array<const int32_t, 1> population;
    Array<const double, 1> mean_count;
    Array<const float, 2> shape;  // rows a_v, x, y, scale, exponent
    nb::object nodes;             // Array<const float, 1> or None
    Array<const float, 1> radius2;
    Array<const int32_t, 1> psf;
    float faint_fraction;
    Array<const float, 2> faint;  // rows floor, seconds, peak
    nb::object variety;           // Array<const float, 2> or None
    Array<const float, 2> rows;   // binary fraction, stretch, cosine, sine, segregation, scatter of A_V
    Array<const float, 1> law;    // base, slope, power, logarithmic of the mass ratio; mean mass

    cc::Clusters view() const {
        const size_t n = index.shape(0);
        const float* s = shape.data();
        return {int64_t(n), seed, index.data(), population.data(), mean_count.data(), s, s + n, s + 2 * n, s + 3 * n,
                s + 4 * n, psf.data(), nodes.is_none() ? nullptr : radius2.data(),
                {faint_fraction, faint.data(), faint.data() + faint.shape(1), faint.data() + 2 * faint.shape(1)},
                variety_view(n)};
    }

    cc::Variety variety_view(size_t n) const {
        const float *l = law.data(), *r = variety.is_none() ? nullptr : rows.data();
        const cc::MassRatio ratio{l[0], l[1], l[2], l[3] != 0.0f};
        if (!r) return {nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, ratio, l[4]};
        return {r, r + n, r + 2 * n, r + 3 * n, r + 4 * n, r + 5 * n, ratio, l[4]};
    }
};

ClusterArrays cluster_arrays(uint64_t seed, Array<const int64_t, 1> index, Array<const int32_t, 1> population,
                             Array<const double, 1> mean_count, Array<const float, 2> shape, Array<const int32_t, 1> psf, nb::object nodes,
                             float faint_fraction, Array<const float, 2> faint, nb::object variety, Array<const float, 1> law) {
    const size_t n = index.shape(0);
    require(population.shape(0) == n && mean_count.shape(0) == n && shape.shape(0) == 5 && shape.shape(1) == n && psf.shape(0) == n,
            "clusters: arrays of different length");
    require(faint.shape(0) == 3, "faint: rows floor, seconds, peak are needed");
    require(law.shape(0) == 5, "law: base, slope, power, logarithmic, mean mass are needed");
    ClusterArrays arrays{seed, index, population, mean_count, shape, nodes, {}, psf, faint_fraction, faint, variety, {}, law};
    if (!variety.is_none()) {
        arrays.rows = nb::cast<Array<const float, 2>>(variety);
        require(arrays.rows.shape(0) == 6 && arrays.rows.shape(1) == n, "variety: shape [6, n] is needed");
    }
    if (!nodes.is_none()) {
        arrays.radius2 = nb::cast<Array<const float, 1>>(nodes);
        require(arrays.radius2.shape(0) == cc::kRadiusNodes, "radius2: wrong number of nodes");
    }
    return arrays;
}

void check_populations(const cc::Populations& p, const ClusterArrays& c) {
    for (size_t i = 0; i < c.population.shape(0); ++i)
        require(c.population.data()[i] >= 0 && c.population.data()[i] < p.count, "population: index outside the table");
}

void render(cc::RenderPlan& plan, const PopulationArrays& p, const ClusterArrays& c, int threads, Array<float, 4> out,
            Array<double, 1> total_mass) {
    require(out.shape(0) == c.index.shape(0) && total_mass.shape(0) == c.index.shape(0), "out: wrong length");
    check_populations(p.view(), c);
    const nb::gil_scoped_release released;
    plan.render_cpu(p.view(), c.view(), threads, out.data(), total_mass.data());
}

void draw(cc::RenderPlan& plan, Array<const double, 1> x, Array<const double, 1> y, Array<const float, 2> flux, int psf, Array<float, 3> out) {
    require(x.shape(0) == y.shape(0) && x.shape(0) == flux.shape(0), "x, y, flux: arrays of different length");
    const nb::gil_scoped_release released;
    plan.draw_cpu({int64_t(x.shape(0)), x.data(), y.data(), flux.data()}, psf, out.data());
}

int64_t count(const cc::RenderPlan& plan, const PopulationArrays& p, const ClusterArrays& c, int64_t i, Array<double, 1> smooth) {
    require(int(smooth.shape(0)) == p.view().bands, "smooth: one number per band is needed");
    check_populations(p.view(), c);
    return plan.count_cpu(p.view(), c.view(), i, smooth.data());
}

void stars(const cc::RenderPlan& plan, const PopulationArrays& p, const ClusterArrays& c, int64_t i, Array<float, 2> columns,
           Array<float, 2> flux) {
    std::vector<double> smooth(p.view().bands);
    const int64_t n = plan.count_cpu(p.view(), c.view(), i, smooth.data());
    require(columns.shape(0) == 4 && int64_t(columns.shape(1)) == n && int64_t(flux.shape(0)) == n, "stars: wrong length");
    check_populations(p.view(), c);
    float* rows = columns.data();
    const nb::gil_scoped_release released;
    plan.stars_cpu(p.view(), c.view(), i, {rows, rows + n, rows + 2 * n, rows + 3 * n, flux.data()});
}

void expose(uint64_t seed, Array<const int64_t, 1> index, Array<const float, 3> rate, Array<const float, 1> seconds,
            Array<const float, 1> read_noise, int threads, Array<float, 3> out) {
    for (int d = 0; d < 3; ++d) require(rate.shape(d) == out.shape(d), "out: shape differs from rate");
    require(index.shape(0) == rate.shape(0) && seconds.shape(0) == rate.shape(1) && read_noise.shape(0) == rate.shape(1),
            "exposure: arrays of different length");
    const nb::gil_scoped_release released;
    cc::expose_cpu({seed, int64_t(rate.shape(0)), int(rate.shape(1)), int(rate.shape(2)), index.data(), seconds.data(), read_noise.data()},
                   rate.data(), out.data(), threads);
}

}  // namespace

NB_MODULE(_native, m) {
    m.attr("GUIDE_OCTAVES") = int(cc::kGuideOctaves);
    m.attr("GUIDE_PER_OCTAVE") = int(cc::kGuidePerOctave);
    m.attr("RADIUS_NODES") = int(cc::kRadiusNodes);
    m.attr("MAX_BANDS") = int(cc::kMaxBands);
    m.attr("MAX_TAPS") = int(cc::kMaxTaps);
    m.def("best_instruction_set", &cc::best_instruction_set);

    nb::class_<cc::BandModes>(m, "BandModes");
    m.def("band_modes", &band_modes, "radius"_a, "response"_a, "transfer"_a);
    nb::class_<cc::PeriodSpec>(m, "Period").def(nb::init<int, int, std::vector<cc::BandModes>>(), "pixels"_a, "cells"_a, "bands"_a);

    nb::class_<PopulationArrays>(m, "Populations")
        .def(nb::init<Array<const float, 2>, Array<const float, 2>, Array<const float, 3>, Array<const float, 4>, Array<const int32_t, 2>>(),
             "u"_a, "mass"_a, "flux"_a, "extinction"_a, "guide"_a);
    nb::class_<ClusterArrays>(m, "Clusters");
    m.def("clusters", &cluster_arrays, "seed"_a, "index"_a, "population"_a, "mean_count"_a, "shape"_a, "psf"_a, "radius2"_a.none(),
          "faint_fraction"_a, "faint"_a, "variety"_a.none(), "law"_a);

    nb::class_<cc::RenderPlan>(m, "Plan")
        .def("render", &render, "populations"_a, "clusters"_a, "threads"_a, "out"_a.noconvert(), "total_mass"_a.noconvert())
        .def("draw", &draw, "x"_a, "y"_a, "flux"_a, "psf"_a, "out"_a.noconvert())
        .def("count", &count, "populations"_a, "clusters"_a, "i"_a, "smooth"_a.noconvert())
        .def("stars", &stars, "populations"_a, "clusters"_a, "i"_a, "columns"_a.noconvert(), "flux"_a.noconvert());
    m.def("plan", &plan, "size"_a, "double_precision"_a, "margin"_a, "reach"_a, "cells_per_pixel"_a, "taps"_a, "periods"_a, "instruction_set"_a = "");
    m.def("expose", &expose, "seed"_a, "index"_a, "rate"_a, "seconds"_a, "read_noise"_a, "threads"_a, "out"_a.noconvert());
}
