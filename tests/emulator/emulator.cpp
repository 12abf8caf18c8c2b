// Runs the GPU's kernels on a CPU, one block after the other, so that their results are known where there is no GPU.
//
// A block's threads are fibres. They run in an order that the caller gives, each up to its next barrier; kernels whose results
// depend on that order lack a barrier. Shared memory starts as NaNs, and what lies behind it is watched.
//
// g++ -std=c++20 -O2 -fPIC -shared -DCLUSTERCNN_EMULATED -I<here> -I<csrc>/gpu emulator.cpp -o emulator.so
#include "emulated_thread.hpp"

#include <ucontext.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace clustercnn::gpu {
namespace {

constexpr size_t kStack = 128 * 1024, kWatched = 4096;
enum class Wait { nothing, block, warp, ballot, done };

struct Fibre {
    ucontext_t context;
    std::unique_ptr<char[]> stack{new char[kStack]};
    Wait wait = Wait::nothing;
};

struct Block {
    int x, y, z;
    std::vector<Fibre> fibres;
    std::vector<unsigned char> shared;
    std::vector<uint32_t> votes, counted;
    ucontext_t scheduler;
    int running = 0;
    bool warps_wait = false;
    void (*kernel)(const void*);
    const void* job;
};

Block* block = nullptr;
std::map<std::string, void (*)(const void*)>& kernels() {
    static std::map<std::string, void (*)(const void*)> all;
    return all;
}
std::string error;

void wait_for(Wait what) {
    Fibre& me = block->fibres[block->running];
    me.wait = what;
    swapcontext(&me.context, &block->scheduler);
}

void start() {
    block->kernel(block->job);
    block->fibres[block->running].wait = Wait::done;
    swapcontext(&block->fibres[block->running].context, &block->scheduler);
}

// Every thread up to its next barrier; all must come to the same one.
void advance(Block& b, const std::vector<int>& order) {
    for (int t : order) {
        b.running = t;
        swapcontext(&b.scheduler, &b.fibres[t].context);
    }
    for (const Fibre& fibre : b.fibres)
        if (fibre.wait != b.fibres[0].wait) throw std::runtime_error("threads of one block wait at different barriers");
    b.counted = b.votes;
    std::fill(b.votes.begin(), b.votes.end(), 0u);
}

void run(Block& b, const std::vector<int>& order, size_t shared) {
    std::fill(b.shared.begin(), b.shared.end(), 0xFF);
    for (Fibre& fibre : b.fibres) {
        getcontext(&fibre.context);
        fibre.context.uc_stack.ss_sp = fibre.stack.get();
        fibre.context.uc_stack.ss_size = kStack;
        fibre.context.uc_link = nullptr;
        makecontext(&fibre.context, start, 0);
    }
    do advance(b, order);
    while (b.fibres[0].wait != Wait::done);
    for (size_t i = shared; i < b.shared.size(); ++i)
        if (b.shared[i] != 0xFF) throw std::runtime_error("the block wrote beyond its shared memory");
}

// 0: in order; 1: backwards; others: shuffled.
std::vector<int> order_of(int threads, int kind) {
    std::vector<int> order(threads);
    std::iota(order.begin(), order.end(), 0);
    if (kind == 1) std::reverse(order.begin(), order.end());
    if (kind > 1) std::shuffle(order.begin(), order.end(), std::mt19937(kind));
    return order;
}

}  // namespace

int thread() { return block->running; }
int threads() { return static_cast<int>(block->fibres.size()); }
int block_x() { return block->x; }
int block_y() { return block->y; }
int block_z() { return block->z; }
void sync() { wait_for(Wait::block); }
void sync_warp() {
    if (block->warps_wait) wait_for(Wait::warp);
}
uint32_t ballot(bool yes) {
    const int warp = thread() / 32;
    block->votes[warp] |= static_cast<uint32_t>(yes) << (thread() % 32);
    wait_for(Wait::ballot);
    return block->counted[warp];
}
unsigned char* shared_memory() { return block->shared.data(); }

Registered::Registered(const char* name, void (*kernel)(const void*)) { kernels()[name] = kernel; }

}  // namespace clustercnn::gpu

extern "C" {

const char* emulator_error() { return clustercnn::gpu::error.c_str(); }

int emulator_launch(const char* kernel, const int* grid, int threads, size_t shared, const void* job, int order, int warps_wait) {
    using namespace clustercnn::gpu;
    try {
        Block b{0, 0, 0, std::vector<Fibre>(threads), std::vector<unsigned char>(shared + kWatched), std::vector<uint32_t>((threads + 31) / 32), {}, {}, 0, warps_wait != 0, kernels().at(kernel), job};
        const std::vector<int> turns = order_of(threads, order);
        block = &b;
        for (b.z = 0; b.z < grid[2]; ++b.z)
            for (b.y = 0; b.y < grid[1]; ++b.y)
                for (b.x = 0; b.x < grid[0]; ++b.x) run(b, turns, shared);
        return 0;
    } catch (const std::exception& e) {
        error = std::string(kernel) + ": " + e.what();
        return 1;
    }
}

}

#include "kernels.cu"

extern "C" size_t emulator_size_of(const char* name) {
    static const std::map<std::string, size_t> sizes = {{"Job", sizeof(clustercnn::gpu::Job)}, {"ListJob", sizeof(clustercnn::gpu::ListJob)},
                                                        {"Lots", sizeof(clustercnn::gpu::Lots)}, {"Plan", sizeof(clustercnn::gpu::Plan)},
                                                        {"SceneJob", sizeof(clustercnn::gpu::SceneJob)}};
    return sizes.at(name);
}
