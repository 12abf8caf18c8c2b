// The kernels of the GPU renderer, each with one structure as its argument. Compiled by nvcc into a fat binary with the package, or
// by NVRTC when first needed; the tests compile it with g++ for their stand-in of a GPU.
#include "columns.hpp"
#include "list_stars.hpp"
#include "rows.hpp"
#include "scenes.hpp"
#include "strips.hpp"

namespace cg = clustercnn::gpu;

CLUSTERCNN_KERNEL(prepare, cg::Job) { cg::prepare(*job); }
CLUSTERCNN_KERNEL(smooth_light, cg::Job) { cg::smooth_light(*job); }
CLUSTERCNN_KERNEL(draw_strip_float, cg::Job) { cg::draw_strip<float>(*job); }
CLUSTERCNN_KERNEL(draw_strip_double, cg::Job) { cg::draw_strip<double>(*job); }
CLUSTERCNN_KERNEL(transform_columns_float, cg::Job) { cg::transform_columns<float>(*job); }
CLUSTERCNN_KERNEL(transform_columns_double, cg::Job) { cg::transform_columns<double>(*job); }
CLUSTERCNN_KERNEL(transform_rows_float, cg::Job) { cg::transform_rows<float>(*job); }
CLUSTERCNN_KERNEL(transform_rows_double, cg::Job) { cg::transform_rows<double>(*job); }
CLUSTERCNN_KERNEL(list_stars, cg::ListJob) { cg::list_stars(*job); }
CLUSTERCNN_KERNEL(finish_scene, cg::SceneJob) { cg::finish_scene(*job); }
