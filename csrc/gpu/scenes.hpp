// Samples put together: a background cut out, the light drawn on it, its signal-to-noise ratio, and the exposure. A block makes one
// sample; see scene/compose.py, which does the same on a CPU.
#pragma once

#include "../expose.hpp"
#include "reduce.hpp"

namespace clustercnn::gpu {

struct Mosaics {
    const float* const* data;         // of each mosaic: [band][y][x], e-/s
    const int32_t *heights, *widths;  // pixels
    int noisy;                        // they carry their noise already
};

struct Crops {  // [sample]; see scene/crops.py
    const int32_t *mosaic, *y, *x, *code;
};

struct Noise {  // [band]
    const float *seconds, *read_noise, *sky, *fixed;
};

// How the variance of a background is measured; see scene/visibility.py.
struct Structure {
    int step, middle, top;
    float normal_variance, least_snr;
};

struct Blemishes {  // see scene/blemishes.py
    const float* edges;      // [sample][3]
    const int64_t* first;    // [sample + 1]
    const int32_t* pixels;   // [hit pixel], places in a sample's images
    const float* rates;      // [hit pixel], e-/s
};

constexpr int32_t kNothing = -2;   // has been drawn on a sample
constexpr int32_t kConfuser = -1;  // or a confuser, or the cluster of this number

struct SceneJob {
    int64_t n, first;
    uint64_t seed;
    int size, bands;
    Mosaics mosaics;
    Crops crops;
    Noise noise;
    Structure structure;
    Blemishes blemishes;
    const int32_t* content;    // [n]
    const float* target;       // [n][label], with the masses aimed at
    const float* gains;        // [cluster][band], factors on the light
    const double* total_mass;  // [cluster], Msun
    float* images;             // [n][band][y][x]: the light; then the noisy sample
    float *present, *labels, *log_snr;
};

// One band's background of a sample.
class Background {
  public:
    CLUSTERCNN_HD Background(const SceneJob& job, int64_t sample, int band)
        : size_(job.size), code_(job.crops.code[sample]), width_(job.mosaics.widths[job.crops.mosaic[sample]]) {
        const int mosaic = job.crops.mosaic[sample];
        const int64_t plane = static_cast<int64_t>(band) * job.mosaics.heights[mosaic];
        corner_ = job.mosaics.data[mosaic] + (plane + job.crops.y[sample]) * width_ + job.crops.x[sample];
    }

    // orient() of scene/crops.py: first the two flips, then the exchange of the axes.
    CLUSTERCNN_HD float operator()(int y, int x) const {
        const int across = code_ & 4 ? y : x, along = code_ & 4 ? x : y;
        const int column = code_ & 1 ? size_ - 1 - across : across, row = code_ & 2 ? size_ - 1 - along : along;
        return corner_[static_cast<int64_t>(row) * width_ + column];
    }

  private:
    int size_, code_, width_;
    const float* corner_;
};

// Where a sample has no data.
class Edge {
  public:
    CLUSTERCNN_HD Edge(const SceneJob& job, int64_t sample) : size_(job.size), middle_(0.5f * static_cast<float>(job.size - 1)) {
        const float* edge = job.blemishes.edges + 3 * sample;
        across_ = edge[0], along_ = edge[1], limit_ = edge[2];
        there_ = limit_ < 1e30f;
    }
    CLUSTERCNN_HD bool there() const { return there_; }
    CLUSTERCNN_HD bool beyond(int p) const {
        if (!there_) return false;
        return across_ * (static_cast<float>(p % size_) - middle_) + along_ * (static_cast<float>(p / size_) - middle_) > limit_;
    }

  private:
    int size_;
    float middle_, across_, along_, limit_;
    bool there_;
};

// One band's light of a sample.
struct Light {
    float* image;
    float gain;  // 0: nothing has been drawn
    Edge edge;
    CLUSTERCNN_HD float operator()(int p) const { return gain > 0.0f && !edge.beyond(p) ? image[p] * gain : 0.0f; }
};

struct SceneMemory {
    double* sums;
    int* counts;
};

struct Level {  // of a background
    float median, variance;
};

// The background's median, and its variance, (e-/s)^2, its brightest pixels counting as the next brightest.
CLUSTERCNN_DEVICE Level measure(const SceneJob& job, const Background& background, const SceneMemory& memory) {
    const Structure& how = job.structure;
    const int side = (job.size + how.step - 1) / how.step, n = side * side;
    const auto pixel = [&](int i) { return background(i / side * how.step, i % side * how.step); };
    const float median = kth_smallest(how.middle, n, pixel, memory.counts);
    const float most = kth_smallest(how.top, n, pixel, memory.counts);
    double sum = 0.0, squares = 0.0;
    for (int i = thread(); i < n; i += threads()) sum += pixel(i) < most ? pixel(i) : most;
    const double mean = sum_of_block(sum, memory.sums) / n;
    for (int i = thread(); i < n; i += threads()) {
        const double off = (pixel(i) < most ? pixel(i) : most) - mean;
        squares += off * off;
    }
    return {median, static_cast<float>(sum_of_block(squares, memory.sums) / n) / how.normal_variance};
}

// Sum over a band's pixels of signal^2 / variance.
CLUSTERCNN_DEVICE double band_power(const SceneJob& job, const Background& background, int band, const Light& light, const Level& level, const SceneMemory& memory) {
    const float seconds = job.noise.seconds[band], fixed = job.noise.fixed[band], median = level.median;
    float everywhere = level.variance;
    if (job.mosaics.noisy)
        everywhere = everywhere > fixed ? everywhere : fixed;
    else
        everywhere += fixed;
    double power = 0.0;
    for (int p = thread(); p < job.size * job.size; p += threads()) {
        float rate = background(p / job.size, p % job.size);
        if (job.mosaics.noisy) rate = rate > median ? rate - median : 0.0f;
        rate += light(p);
        const float variance = (rate > 0.0f ? rate : 0.0f) / seconds + everywhere;
        power += static_cast<double>(light(p) * light(p) / variance);
    }
    return sum_of_block(power, memory.sums);
}

CLUSTERCNN_DEVICE float exposed(float rate, float seconds, float read_noise, uint32_t photons, uint32_t reading) {
    return (poisson(rate * seconds, photons) + read_noise * normal_quantile(reading)) / seconds;
}

// Light becomes the noisy image, with the random words of expose_cpu.cpp; beyond the edge it becomes ``missing``.
CLUSTERCNN_DEVICE void expose_band(const SceneJob& job, const Background& background, int64_t sample, int band, const Light& drawn, float missing) {
    constexpr int kHalf = kNoiseBlock / 2;
    const int pixels = job.size * job.size, blocks = (pixels + kNoiseBlock - 1) / kNoiseBlock;
    const float seconds = job.noise.seconds[band], sky = job.noise.sky[band], read_noise = job.noise.read_noise[band];
    for (int j = thread(); j < blocks * kHalf; j += threads()) {
        const Words words = philox(job.seed, band * blocks * kHalf + j, kNoise, job.first + sample);
        for (int half = 0; half < 2; ++half) {
            const int p = j / kHalf * kNoiseBlock + j % kHalf + half * kHalf;
            if (p >= pixels) continue;
            if (drawn.edge.beyond(p)) {
                drawn.image[p] = missing;
                continue;
            }
            const float given = drawn(p), light = given > 0.0f ? given : 0.0f, behind = background(p / job.size, p % job.size);
            const uint32_t photons = words.w[half], reading = words.w[2 + half];
            drawn.image[p] = job.mosaics.noisy ? behind + exposed(light, seconds, 0.0f, photons, reading)
                                         : exposed(light + behind + sky, seconds, read_noise, photons, reading) - sky;
        }
    }
}

// Cosmic rays, which are few: one thread adds those that cross in the CPU's order.
CLUSTERCNN_DEVICE void add_hits(const SceneJob& job, int64_t sample, const Edge& edge) {
    const Blemishes& hits = job.blemishes;
    const int pixels = job.size * job.size;
    float* const image = job.images + sample * job.bands * pixels;
    for (int64_t i = hits.first[sample]; i < hits.first[sample + 1]; ++i)
        if (!edge.beyond(hits.pixels[i] % pixels)) image[hits.pixels[i]] += hits.rates[i];
}

CLUSTERCNN_DEVICE void write_truth(const SceneJob& job, int64_t sample, double power) {
    const int32_t content = job.content[sample];
    const bool present = content >= 0;
    for (int k = 0; k < 4; ++k) job.labels[4 * sample + k] = job.target[4 * sample + k];
    job.present[sample] = present ? 1.0f : 0.0f;
    job.log_snr[sample] = job.target[4 * sample];  // NaN without a cluster
    if (!present) return;
    job.labels[4 * sample + 1] = static_cast<float>(log10(job.total_mass[content]));
    const double snr = sqrt(power), least = job.structure.least_snr;
    job.log_snr[sample] = static_cast<float>(log10(snr > least ? snr : least));
}

CLUSTERCNN_DEVICE void finish_scene(const SceneJob& job) {
    SharedPieces pieces;
    const SceneMemory memory{pieces.take<double>(threads() + kParts), pieces.take<int>(threads() + kParts)};
    const int64_t sample = block_x(), pixels = static_cast<int64_t>(job.size) * job.size;
    const int32_t content = job.content[sample];
    const Edge edge(job, sample);
    double power = 0.0;
    for (int band = 0; band < job.bands; ++band) {
        const float gain = content >= 0 ? job.gains[content * job.bands + band] : content == kConfuser ? 1.0f : 0.0f;
        const Light light{job.images + (sample * job.bands + band) * pixels, gain, edge};
        const Background background(job, sample, band);
        Level level{0.0f, 0.0f};
        if (content >= 0 || edge.there()) level = measure(job, background, memory);
        if (content >= 0) power += band_power(job, background, band, light, level, memory);
        expose_band(job, background, sample, band, light, level.median);
    }
    sync();
    if (thread() != 0) return;
    add_hits(job, sample, edge);
    write_truth(job, sample, power);
}

}  // namespace clustercnn::gpu
