// Chooses, at run time, which of the compiled instruction sets draws; and what does not depend on it.
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels.hpp"

namespace clustercnn {

namespace portable {
std::unique_ptr<RenderPlan> make_plan_here(const PlanSpec&);
void expose_here(const Exposure&, const float* rate, float* out, int threads);
}
#ifdef CLUSTERCNN_X86
namespace avx2 {
std::unique_ptr<RenderPlan> make_plan_here(const PlanSpec&);
void expose_here(const Exposure&, const float* rate, float* out, int threads);
}
namespace avx512 {
std::unique_ptr<RenderPlan> make_plan_here(const PlanSpec&);
void expose_here(const Exposure&, const float* rate, float* out, int threads);
}
#endif

const char* best_instruction_set() {
#ifdef CLUSTERCNN_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return "avx512";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "avx2";
#endif
    return "portable";
}

std::unique_ptr<RenderPlan> make_plan(const PlanSpec& spec, const char* instruction_set) {
    const std::string name = *instruction_set ? instruction_set : best_instruction_set();
#ifdef CLUSTERCNN_X86
    if (name == "avx512") return avx512::make_plan_here(spec);
    if (name == "avx2") return avx2::make_plan_here(spec);
#endif
    if (name == "portable") return portable::make_plan_here(spec);
    throw std::invalid_argument("instruction_set: '" + name + "' was not compiled into this build");
}

void expose_cpu(const Exposure& exposure, const float* rate, float* out, int threads) {
#ifdef CLUSTERCNN_X86
    static const std::string best = best_instruction_set();
    if (best == "avx512") return avx512::expose_here(exposure, rate, out, threads);
    if (best == "avx2") return avx2::expose_here(exposure, rate, out, threads);
#endif
    portable::expose_here(exposure, rate, out, threads);
}

}  // namespace clustercnn
