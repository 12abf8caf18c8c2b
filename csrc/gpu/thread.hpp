// What a kernel knows of its place in the grid, and how its threads wait for each other. CUDA's own, or a stand-in that runs the
// same kernels on a CPU (tests/emulator), which defines CLUSTERCNN_EMULATED.
#pragma once

#include "../philox.hpp"

#if defined(CLUSTERCNN_EMULATED)
#include "emulated_thread.hpp"
#else

#define CLUSTERCNN_DEVICE static __device__ inline
#define CLUSTERCNN_KERNEL(name, Job) extern "C" __launch_bounds__(512) __global__ void name##_kernel(const Job* __restrict__ job)

namespace clustercnn::gpu {

__device__ __forceinline__ int thread() { return threadIdx.x; }
__device__ __forceinline__ int threads() { return blockDim.x; }
__device__ __forceinline__ int block_x() { return blockIdx.x; }
__device__ __forceinline__ int block_y() { return blockIdx.y; }
__device__ __forceinline__ int block_z() { return blockIdx.z; }
__device__ __forceinline__ void sync() { __syncthreads(); }
__device__ __forceinline__ void sync_warp() { __syncwarp(); }
// Bit l is set where lane l of the warp says so; all threads of the block must call it.
__device__ __forceinline__ uint32_t ballot(bool yes) { return __ballot_sync(0xFFFFFFFFu, yes); }
__device__ __forceinline__ int count_bits(uint32_t bits) { return __popc(bits); }

// The block's shared memory, as much as it was launched with.
__device__ __forceinline__ unsigned char* shared_memory() {
    extern __shared__ __align__(16) unsigned char memory[];
    return memory;
}

}  // namespace clustercnn::gpu
#endif

namespace clustercnn::gpu {

constexpr int kWarp = 32;

// Hands out the shared memory piece by piece; the launcher adds up the same pieces (render/cuda/shapes.py).
class SharedPieces {
  public:
    CLUSTERCNN_HD SharedPieces() : next_(shared_memory()) {}

    template <class T>
    CLUSTERCNN_HD T* take(int count) {
        T* piece = reinterpret_cast<T*>(next_);
        next_ += sizeof(T) * count;
        return piece;
    }

  private:
    unsigned char* next_;
};

}  // namespace clustercnn::gpu
