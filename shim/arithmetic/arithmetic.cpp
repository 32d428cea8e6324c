/* SPDX-License-Identifier: MIT */
#include "arithmetic/arithmetic.hpp"

#include <ATen/cpu/Utils.h>
#include <c10/util/Exception.h>
#include <torch/version.h>

#include <string>
#include <vector>

#include "arithmetic/product.hpp"
#include "base/device.hpp"
#include "base/failure.hpp"

namespace af {
namespace {

bool cpu_multiplies_bfloat16()
{
#if TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR < 11
    return at::cpu::is_avx512_bf16_supported() || at::cpu::is_amx_tile_supported();
#else
    const auto known = at::cpu::get_cpu_capabilities();
    for (const char *feature : {"avx512_bf16", "amx_bf16"}) {
        const auto found = known.find(feature);
        if (found != known.end() && found->second.isBool() && found->second.toBool())
            return true;
    }
    return false;
#endif
}

/* Below that generation bfloat16 is emulated. */
constexpr int CUDA_BFLOAT16 = 80;

at::ScalarType fastest(c10::Device device)
{
    const bool multiplies =
        device.is_cuda() ? compute_capability(device) >= CUDA_BFLOAT16 : multiplies_bfloat16();
    return multiplies ? at::kBFloat16 : at::kFloat;
}

} // namespace

bool multiplies_bfloat16()
{
    if (!cpu_multiplies_bfloat16())
        return false;
    /* oneDNN may have been built or told (ONEDNN_MAX_CPU_ISA) to do without. */
    constexpr int64_t n = 16;
    const std::vector<at::BFloat16> ones(n * n, at::BFloat16(1.0f));
    std::vector<float> sums(n * n);
    try {
        product(n, n, n, n, n, n, false, ones.data(), ones.data(), sums.data());
        products_done();
    } catch (const c10::Error &) {
        return false;
    }
    return sums[0] == static_cast<float>(n);
}

at::ScalarType choose_arithmetic(const af_network_options &options, c10::Device device)
{
    switch (options.precision) {
    case ARTFUSION_PRECISION_AUTO: return fastest(device);
    case ARTFUSION_PRECISION_FLOAT32: return at::kFloat;
    case ARTFUSION_PRECISION_BFLOAT16: return at::kBFloat16;
    case ARTFUSION_PRECISION_FLOAT16: return at::kHalf;
    default:
        throw Failure(ARTFUSION_ERROR_ARGUMENT, "precision " + std::to_string(options.precision) +
                                                    " is none of auto, float32, bfloat16, float16");
    }
}

const char *arithmetic_name(at::ScalarType type)
{
    return type == at::kBFloat16 ? "bfloat16" : type == at::kHalf ? "float16" : "float32";
}

} // namespace af
