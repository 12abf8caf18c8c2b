// CUDA seam of a build without CUDA.
#include "kernels.hpp"

namespace clustercnn {

int cuda_device_count() { return 0; }
bool cuda_built() { return false; }

}  // namespace clustercnn
