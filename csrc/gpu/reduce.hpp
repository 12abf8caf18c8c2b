// Sums over a block's threads, in an order that is always the same, and ranks found with them.
#pragma once

#include "thread.hpp"

namespace clustercnn::gpu {

constexpr int kParts = 32;

// The sum of every thread's value, given to all; `memory` holds threads() + kParts numbers. All threads must call it.
template <class T>
CLUSTERCNN_DEVICE T sum_of_block(T value, T* memory) {
    T* parts = memory + threads();
    memory[thread()] = value;
    sync();
    if (thread() < kParts) {
        T sum = 0;
        for (int t = thread(); t < threads(); t += kParts) sum += memory[t];
        parts[thread()] = sum;
    }
    sync();
    T sum = 0;
    for (int t = 0; t < kParts; ++t) sum += parts[t];
    sync();  // the memory is free again
    return sum;
}

// Numbers as integers of the same order.
CLUSTERCNN_DEVICE uint32_t rank_key(float value) {
    const uint32_t bits = bits_as<uint32_t>(value);
    return bits ^ (bits >> 31 ? 0xFFFFFFFFu : 0x80000000u);
}
CLUSTERCNN_DEVICE float of_rank_key(uint32_t key) { return bits_as<float>(key ^ (key >> 31 ? 0x80000000u : 0xFFFFFFFFu)); }

// The k-th smallest, from 0, of value(0) to value(n - 1): its bits are decided from the top by counting.
template <class Value>
CLUSTERCNN_DEVICE float kth_smallest(int k, int n, const Value& value, int* memory) {
    uint32_t key = 0;
    for (int bit = 31; bit >= 0; --bit) {
        const uint32_t next = key | uint32_t{1} << bit;
        int below = 0;
        for (int i = thread(); i < n; i += threads()) below += rank_key(value(i)) < next;
        if (sum_of_block(below, memory) <= k) key = next;
    }
    return of_rank_key(key);
}

}  // namespace clustercnn::gpu
