// The stand-in for a GPU's threads: a block's threads are fibres of one CPU thread, which run one after the other from barrier to
// barrier. See emulator.cpp.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#define CLUSTERCNN_DEVICE static inline
#define CLUSTERCNN_KERNEL(name, Job)                                                                      \
    static void name(const Job* job);                                                                     \
    static const clustercnn::gpu::Registered registered_##name{#name "_kernel", [](const void* job) { name(static_cast<const Job*>(job)); }}; \
    static void name(const Job* job)

namespace clustercnn::gpu {

int thread();
int threads();
int block_x();
int block_y();
int block_z();
void sync();
// Fibres do not interleave between barriers, so that a warp waits only where the order of its sums is to be a GPU's.
void sync_warp();
uint32_t ballot(bool yes);
inline int count_bits(uint32_t bits) { return __builtin_popcount(bits); }
unsigned char* shared_memory();

struct Registered {
    Registered(const char* name, void (*run)(const void*));
};

}  // namespace clustercnn::gpu
