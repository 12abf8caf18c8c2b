// Noise on the CPU: threads over images, SIMD over pixels. Compiled once per instruction set.
#include "expose.hpp"

#include <algorithm>

#include "kernels.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {
namespace {

constexpr int kBlock = 16;  // pixels that share eight blocks of random words: one word for photons, one for read-out

void expose_block(const Exposure& e, uint64_t image, int band, int first, const float* rate, float* out) {
    alignas(64) uint32_t photons[kBlock], reading[kBlock];
    alignas(64) float mean[kBlock], electrons[kBlock];
    const uint32_t item = (static_cast<uint32_t>(band) * ((e.pixels + kBlock - 1) / kBlock) + first / kBlock) * (kBlock / 2);
    for (int l = 0; l < kBlock / 2; ++l) {
        const Words words = philox(e.seed, item + static_cast<uint32_t>(l), kNoise, image);
        photons[l] = words.w[0];
        photons[l + kBlock / 2] = words.w[1];
        reading[l] = words.w[2];
        reading[l + kBlock / 2] = words.w[3];
    }
    const int used = std::min(kBlock, e.pixels - first);
    const float seconds = e.seconds[band], read_noise = e.read_noise[band];
    float lowest = kSmallMean;
    for (int l = 0; l < kBlock; ++l) mean[l] = l < used ? rate[first + l] * seconds : kSmallMean;
    for (int l = 0; l < kBlock; ++l) lowest = std::min(lowest, mean[l]);
    for (int l = 0; l < kBlock; ++l) electrons[l] = poisson_large(mean[l], normal_quantile(photons[l]));
    if (lowest < kSmallMean)
        for (int l = 0; l < used; ++l)
            if (mean[l] < kSmallMean) electrons[l] = poisson_small(mean[l], photons[l]);
    for (int l = 0; l < kBlock; ++l) electrons[l] += read_noise * normal_quantile(reading[l]);
    for (int l = 0; l < used; ++l) out[first + l] = electrons[l] / seconds;
}

}  // namespace

void expose_here(const Exposure& e, const float* rate, float* out, int threads) {
    const int64_t per_image = static_cast<int64_t>(e.bands) * e.pixels;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1)
    for (int64_t i = 0; i < e.n; ++i)
        for (int b = 0; b < e.bands; ++b) {
            const int64_t start = i * per_image + static_cast<int64_t>(b) * e.pixels;
            for (int first = 0; first < e.pixels; first += kBlock)
                expose_block(e, static_cast<uint64_t>(e.index[i]), b, first, rate + start, out + start);
        }
}

}  // namespace CLUSTERCNN_ISA
}  // namespace clustercnn
