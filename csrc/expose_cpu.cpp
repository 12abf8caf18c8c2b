// Noise on the CPU: threads over images.
#include "expose.hpp"

#include "kernels.hpp"

namespace clustercnn {

void expose_cpu(const Exposure& e, const float* rate, float* out, int threads) {
    const int64_t per_image = static_cast<int64_t>(e.bands) * e.pixels;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1)
    for (int64_t i = 0; i < e.n; ++i)
        for (int b = 0; b < e.bands; ++b)
            for (int p = 0; p < e.pixels; ++p) {
                const int64_t at = i * per_image + static_cast<int64_t>(b) * e.pixels + p;
                RandomStream stream{e.seed, static_cast<uint64_t>(e.index[i]), static_cast<uint32_t>(b * e.pixels + p), kNoise};
                double electrons = poisson(static_cast<double>(rate[at]) * e.seconds[b], stream);
                if (e.read_noise[b] > 0.0f) electrons += e.read_noise[b] * gauss(stream);
                out[at] = static_cast<float>(electrons / e.seconds[b]);
            }
}

}  // namespace clustercnn
