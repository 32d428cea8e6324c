/* SPDX-License-Identifier: MIT
 * The engine's table. Each function is noexcept by way of `guarded`. */
#include <malloc.h>
#include <torch/version.h>

#include "arithmetic/arithmetic.hpp"
#include "base/failure.hpp"
#include "base/runtime.hpp"
#include "base/scope.hpp"
#include "network.hpp"

namespace {

using af::guarded;

artfusion_status open(const af_model_records *records, const af_network_options *options,
                      af_network **network, af_engine_error *error) noexcept
{
    *network = nullptr;
    return guarded(error, [&] { *network = af_network::open(*records, *options).release(); });
}

void close(af_network *network) noexcept
{
    guarded(nullptr, [&] { delete network; });
#ifdef __GLIBC__
    /* Weights lie between what libtorch keeps, and the allocator returns only what lies last. */
    if (network)
        malloc_trim(0);
#endif
}

artfusion_status info(const af_network *network, af_network_info *info,
                      af_engine_error *error) noexcept
{
    return guarded(error, [&] { *info = network->info(); });
}

artfusion_status encode(af_network *network, const float *rgb, int32_t batch, af_size size,
                        float *mode, af_engine_error *error) noexcept
{
    return guarded(error, [&] { network->encode(rgb, batch, size, mode); });
}

artfusion_status decode(af_network *network, const float *z, int32_t batch, af_size size,
                        float *rgb, af_engine_error *error) noexcept
{
    return guarded(error, [&] { network->decode(z, batch, size, rgb); });
}

artfusion_status style(af_network *network, const float *rgb, int32_t batch, af_size size,
                       float *codes, af_engine_error *error) noexcept
{
    return guarded(error, [&] { network->style(rgb, batch, size, codes); });
}

artfusion_status null_style(af_network *network, float *code, af_engine_error *error) noexcept
{
    return guarded(error, [&] { network->null_style(code); });
}

artfusion_status condition(af_network *network, const af_condition_inputs *inputs,
                           af_conditions **conditions, af_engine_error *error) noexcept
{
    *conditions = nullptr;
    return guarded(error, [&] { *conditions = network->condition(*inputs).release(); });
}

void conditions_destroy(af_conditions *conditions) noexcept
{
    guarded(nullptr, [&] { delete conditions; });
}

artfusion_status denoise(af_network *network, const af_conditions *conditions,
                         const af_passes *passes, af_engine_error *error) noexcept
{
    return guarded(error, [&] { network->denoise(*conditions, *passes); });
}

artfusion_status memory(af_network *network, af_stage stage, int32_t batch, af_size size,
                        uint64_t *bytes, af_engine_error *error) noexcept
{
    return guarded(error, [&] { *bytes = network->memory(stage, batch, size); });
}

/* libtorch's cpuinfo reads /proc/cpuinfo and /sys/devices/system/cpu when it is first asked what the
 * processor has, MKL /proc/self/environ and /proc/cpuinfo when it is first asked for threads. What
 * fails here fails again in `open`, which says so. */
void prepare() noexcept
{
    guarded(nullptr, [] {
        af::require_own_libtorch();
        const af::ThreadScope threads(0);
        (void)af::multiplies_bfloat16();
    });
}

constexpr af_engine engine = {
    .struct_size = sizeof(af_engine),
    .version = AF_ENGINE_VERSION,
    .name = "torchscript",
    .release = TORCH_VERSION,
    .open = open,
    .close = close,
    .info = info,
    .encode = encode,
    .decode = decode,
    .style = style,
    .null_style = null_style,
    .condition = condition,
    .conditions_destroy = conditions_destroy,
    .denoise = denoise,
    .memory = memory,
    .prepare = prepare,
};

} // namespace

extern "C" __attribute__((visibility("default"))) const af_engine *artfusion_engine_v1(void);

const af_engine *artfusion_engine_v1(void)
{
    return &engine;
}
