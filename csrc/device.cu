// CUDA seam: what machine is there.
#include <cuda_runtime.h>

#include "kernels.hpp"

namespace clustercnn {

int cuda_device_count() {
    int count = 0;
    // no driver, or one older than the toolkit, is the same to the caller as no device
    return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

bool cuda_built() { return true; }

}  // namespace clustercnn
