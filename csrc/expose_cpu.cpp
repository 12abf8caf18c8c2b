// Noise on the CPU: threads over images, SIMD over pixels. Compiled once per instruction set.
#include "expose.hpp"

#include <algorithm>

#include "kernels.hpp"
#include "philox_block.hpp"

namespace clustercnn {
inline namespace CLUSTERCNN_ISA {
namespace {

constexpr int kBlock = kNoiseBlock;

void draw_words(uint64_t seed, uint32_t item, uint64_t image, uint32_t* photons, uint32_t* reading) {
    alignas(64) uint32_t words[4][kLanes];
    for (int start = 0; start < kBlock / 2; start += kLanes) {
        philox_block(seed, item + static_cast<uint32_t>(start), kNoise, image, words);
        for (int l = 0; l < std::min(kLanes, kBlock / 2 - start); ++l) {
            photons[start + l] = words[0][l];
            photons[start + l + kBlock / 2] = words[1][l];
            reading[start + l] = words[2][l];
            reading[start + l + kBlock / 2] = words[3][l];
        }
    }
}

// Poisson deviates of those pixels of a block whose mean is small: the exact quantile, by adding up probabilities, all at once.
void poisson_small_block(const float* mean, const uint32_t* word, float* electrons) {
    alignas(64) double p[kBlock], rest[kBlock], small[kBlock], count[kBlock] = {};
    for (int l = 0; l < kBlock; ++l) {
        small[l] = mean[l] < kSmallMean ? mean[l] : 0.0f;
        p[l] = exp_negative(small[l]);
        rest[l] = (word[l] + 0.5) * 0x1p-32;
    }
    for (int k = 1, more = 1; more && k <= kMostSmall; ++k) {
        const double per_k = 1.0 / k;
        more = 0;
        for (int l = 0; l < kBlock; ++l) {
            const bool beyond = rest[l] > p[l];
            rest[l] -= beyond ? p[l] : 0.0;
            count[l] += beyond ? 1.0 : 0.0;
            p[l] *= beyond ? small[l] * per_k : 1.0;  // a pixel that has its count stays where it is
            more |= beyond;
        }
    }
    for (int l = 0; l < kBlock; ++l) electrons[l] = mean[l] < kSmallMean ? static_cast<float>(count[l]) : electrons[l];
}

void expose_block(const Exposure& e, uint64_t image, int band, int first, const float* rate, float* out) {
    alignas(64) uint32_t photons[kBlock], reading[kBlock];
    alignas(64) float mean[kBlock], electrons[kBlock];
    const uint32_t item = (static_cast<uint32_t>(band) * ((e.pixels + kBlock - 1) / kBlock) + first / kBlock) * (kBlock / 2);
    draw_words(e.seed, item, image, photons, reading);
    const int used = std::min(kBlock, e.pixels - first);
    const float seconds = e.seconds[band], read_noise = e.read_noise[band];
    float lowest = kSmallMean;
    for (int l = 0; l < kBlock; ++l) mean[l] = l < used ? rate[first + l] * seconds : kSmallMean;
    for (int l = 0; l < kBlock; ++l) lowest = std::min(lowest, mean[l]);
    for (int l = 0; l < kBlock; ++l) electrons[l] = poisson_large(mean[l], normal_quantile(photons[l]));
    if (lowest < kSmallMean) poisson_small_block(mean, photons, electrons);
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
