/* SPDX-License-Identifier: MIT */
#include "network.hpp"

#include <ATen/Functions.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <sstream>
#include <vector>

#include "archive/archive.hpp"
#include "archive/records.hpp"
#include "arithmetic/arithmetic.hpp"
#include "base/device.hpp"
#include "base/failure.hpp"
#include "base/peak.hpp"
#include "base/runtime.hpp"
#include "base/scope.hpp"
#include "graph/inspect.hpp"

using af::CallScope;
using af::Failure;

namespace {

/* The published UNet is a quarter slower a pass with 48 passes of 256 positions at once than with 6 to
 * 16, whose activations stay in the caches. */
constexpr int32_t CPU_POSITIONS = 4096;

std::string describe(const at::Tensor &tensor)
{
    std::ostringstream text;
    text << tensor.dtype().name() << ' ' << tensor.sizes();
    return text.str();
}

std::string describe(at::IntArrayRef sizes)
{
    std::ostringstream text;
    text << "float " << sizes;
    return text.str();
}

/* `value` as a float32 tensor of `sizes`, where -1 is any size. `name` is what gave it, in float32
 * or in `type`. */
at::Tensor expect(const std::string &name, const c10::IValue &value, at::IntArrayRef sizes,
                  at::ScalarType type)
{
    if (!value.isTensor())
        throw Failure(ARTFUSION_ERROR_FORMAT,
                      name + " gave a " + value.tagKind() + "; a tensor was expected");
    const at::Tensor &tensor = value.toTensor();
    const bool fits =
        tensor.defined() && tensor.layout() == at::kStrided &&
        (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == type) &&
        tensor.dim() == static_cast<int64_t>(sizes.size()) &&
        std::equal(sizes.begin(), sizes.end(), tensor.sizes().begin(),
                   [](int64_t wanted, int64_t size) { return wanted == -1 || wanted == size; });
    if (!fits)
        throw Failure(ARTFUSION_ERROR_FORMAT, name + " gave " + describe(tensor) + "; " +
                                                  describe(sizes) + " was expected");
    return tensor.to(at::kFloat);
}

torch::jit::Module load(const af_model_records &records, c10::Device device)
{
    try {
        af::check_archive(records);
        const auto reader = std::make_shared<af::RecordArchive>(records);
        torch::jit::Module module = torch::jit::load(reader, device, /*load_debug_files=*/false);
        af::check_types(module);
        module.eval();
        return module;
    } catch (const Failure &) {
        throw;
    } catch (const std::exception &) { /* torch's compiler has errors of its own */
        af_engine_error error{};
        const artfusion_status status = af::report_exception(&error);
        throw Failure(status == ARTFUSION_ERROR_ENGINE ? ARTFUSION_ERROR_FORMAT : status,
                      std::string("torch cannot load the model file: ") + error.text);
    }
}

torch::jit::Module submodule_of(const torch::jit::Module &module, const std::string &name)
{
    if (!module.hasattr(name) || !module.attr(name).isModule())
        throw Failure(ARTFUSION_ERROR_FORMAT, "the model file has no submodule " + name);
    return module.attr(name).toModule();
}

af::Capture prepare(const torch::jit::Module &module, const std::string &submodule,
                    const std::string &method, af::Uses &uses)
{
    const auto found = submodule_of(module, submodule).find_method(method);
    if (!found)
        throw Failure(ARTFUSION_ERROR_FORMAT,
                      "the model file has no method " + submodule + "." + method);
    return af::prepare(submodule + "." + method, *found, uses);
}

at::Tensor null_style_of(const torch::jit::Module &module, int64_t width)
{
    const torch::jit::Module unet = submodule_of(module, "unet");
    if (!unet.hasattr("null_style"))
        throw Failure(ARTFUSION_ERROR_FORMAT, "the model file has no tensor unet.null_style");
    return expect("unet.null_style", unet.attr("null_style"), {width}, at::kHalf);
}

void write(const at::Tensor &tensor, float *values)
{
    at::from_blob(values, tensor.sizes(), at::kFloat).copy_(tensor);
}

} // namespace

std::unique_ptr<af_network> af_network::open(const af_model_records &records,
                                             const af_network_options &options)
{
    af::require_own_process();
    af::require_own_libtorch();
    const c10::Device device = af::choose_device(options);
    const std::optional<c10::Stream> stream = af::new_stream(device);
    const CallScope scope(device, stream, options.threads);
    return std::unique_ptr<af_network>(
        new af_network(load(records, device), options, device, stream));
}

af_network::af_network(const torch::jit::Module &module, const af_network_options &options,
                       c10::Device device, const std::optional<c10::Stream> &stream)
    : options_(options), device_(device), stream_(stream),
      arithmetic_(af::choose_arithmetic(options, device)),
      null_style_(null_style_of(module, options.style_width))
{
    /* All methods are read before one of them takes its weights away. */
    af::Uses uses;
    af::Capture encoder = prepare(module, "encoder", "forward", uses),
                decoder = prepare(module, "decoder", "forward", uses),
                style = prepare(module, "style", "forward", uses),
                condition = prepare(module, "unet", "condition", uses),
                denoise = prepare(module, "unet", "denoise", uses);
    encoder_ = {encoder, arithmetic_, device};
    decoder_ = {decoder, arithmetic_, device};
    style_ = {style, arithmetic_, device};
    /* Once a run, and every step depends on it. */
    condition_ = {condition, at::kFloat, device};
    denoise_ = {denoise, arithmetic_, device};
    if (stream_)
        recorder_ = std::make_unique<af::Recorder>(*stream_);

    const at::Tensor timestep = at::zeros({1}, null_style_.options());
    condition_width_ = call(condition_, {timestep, null_style_.unsqueeze(0)}, {1, -1}).size(1);
    if (condition_width_ < 1 || condition_width_ > std::numeric_limits<int32_t>::max())
        throw Failure(ARTFUSION_ERROR_FORMAT, "unet.condition gave rows of " +
                                                  std::to_string(condition_width_) + " values");
}

af_network_info af_network::info() const
{
    af_network_info info{};
    info.device = device_.is_cpu() ? ARTFUSION_DEVICE_CPU : ARTFUSION_DEVICE_CUDA;
    info.device_index = device_.is_cpu() ? 0 : device_.index();
    info.threads = af::thread_count(options_.threads);
    info.condition_width = static_cast<int32_t>(condition_width_);
    info.positions_a_call = device_.is_cpu() ? CPU_POSITIONS : 0;
    static_cast<void>(std::snprintf(info.device_name, sizeof info.device_name, "%s",
                                    af::device_name(device_).c_str()));
    static_cast<void>(std::snprintf(info.arithmetic, sizeof info.arithmetic, "%s",
                                    af::arithmetic_name(arithmetic_)));
    return info;
}

void af_network::encode(const float *rgb, int64_t batch, int64_t height, int64_t width,
                        float *mode) const
{
    af::require_own_process();
    const CallScope scope(device_, stream_, options_.threads);
    const int64_t down = options_.downsample;
    write(call(encoder_, {to_device(rgb, {batch, 3, height, width})},
               {batch, options_.latent_channels, height / down, width / down}),
          mode);
}

void af_network::decode(const float *z, int64_t batch, int64_t h, int64_t w, float *rgb) const
{
    af::require_own_process();
    const CallScope scope(device_, stream_, options_.threads);
    const int64_t down = options_.downsample;
    write(call(decoder_, {to_device(z, {batch, options_.latent_channels, h, w})},
               {batch, 3, h * down, w * down}),
          rgb);
}

void af_network::style(const float *rgb, int64_t batch, int64_t height, int64_t width,
                       float *codes) const
{
    af::require_own_process();
    const CallScope scope(device_, stream_, options_.threads);
    write(call(style_, {to_device(rgb, {batch, 3, height, width})}, {batch, options_.style_width}),
          codes);
}

void af_network::null_style(float *code) const
{
    af::require_own_process();
    const CallScope scope(device_, stream_, options_.threads);
    write(null_style_, code);
}

std::unique_ptr<af_conditions> af_network::condition(const float *timesteps, int64_t timestep_count,
                                                     const float *styles,
                                                     int64_t style_count) const
{
    af::require_own_process();
    const CallScope scope(device_, stream_, options_.threads);
    at::Tensor rows = call(condition_,
                           {to_device(timesteps, {timestep_count}),
                            to_device(styles, {style_count, options_.style_width})},
                           {timestep_count * style_count, condition_width_});
    return std::make_unique<af_conditions>(af_conditions{this, std::move(rows)});
}

void af_network::denoise(const af_conditions &conditions, const int32_t *rows, const float *x,
                         const float *content, int64_t batch, int64_t h, int64_t w,
                         float *prediction) const
{
    af::require_own_process();
    if (conditions.network != this)
        throw Failure(ARTFUSION_ERROR_ARGUMENT, "the conditions are of another network");
    const int64_t count = conditions.rows.size(0);
    for (int64_t i = 0; i < batch; i++)
        if (rows[i] < 0 || rows[i] >= count)
            throw Failure(ARTFUSION_ERROR_ARGUMENT,
                          "row " + std::to_string(rows[i]) + " of the conditions was asked for; " +
                              "there are " + std::to_string(count));

    const CallScope scope(device_, stream_, options_.threads);
    const int64_t channels = options_.latent_channels;
    const auto evaluate = [&](const at::Tensor &xs, const at::Tensor &contents,
                              const at::Tensor &modulations) {
        return call(denoise_, {xs, contents, modulations}, {batch, channels, h, w});
    };
    if (recorder_ && recorder_->run({conditions.rows, rows, x, content, batch, channels, h, w,
                                     prediction},
                                    evaluate))
        return;
    const at::Tensor index =
        at::from_blob(const_cast<int32_t *>(rows), {batch}, at::kInt).to(device_);
    write(evaluate(to_device(x, {batch, channels, h, w}), to_device(content, {batch, channels, h, w}),
                   conditions.rows.index_select(0, index)),
          prediction);
}

/* By a call on zeros of that size. Of the UNet one that is not recorded as a graph, whose memory stays
 * in its pool. */
uint64_t af_network::memory(af_stage stage, int64_t batch, int64_t h, int64_t w) const
{
    af::require_own_process();
    const CallScope scope(device_, stream_, options_.threads);
    const int64_t channels = options_.latent_channels, down = options_.downsample;
    const auto zeros = [&](at::IntArrayRef sizes) {
        return at::zeros(sizes, at::TensorOptions(device_).dtype(at::kFloat));
    };
    const std::vector<int64_t> latent{batch, channels, h, w}, picture{batch, 3, h * down, w * down};
    return af::peak_bytes([&] {
        switch (stage) {
        case AF_STAGE_ENCODE: call(encoder_, {zeros(picture)}, latent); break;
        case AF_STAGE_DECODE: call(decoder_, {zeros(latent)}, picture); break;
        case AF_STAGE_CONDITION:
            call(condition_, {zeros({batch}), zeros({1, options_.style_width})},
                 {batch, condition_width_});
            break;
        default:
            call(denoise_, {zeros(latent), zeros(latent), zeros({batch, condition_width_})}, latent);
        }
    });
}

at::Tensor af_network::call(const af::Program &program, std::initializer_list<at::Tensor> inputs,
                            at::IntArrayRef sizes) const
{
    return expect(program.name(), program(inputs), sizes, arithmetic_);
}

/* Always a copy: a program may write to its inputs, and an address of its own alignment makes the
 * result independent of the caller's. */
at::Tensor af_network::to_device(const float *values, at::IntArrayRef sizes) const
{
    return at::from_blob(const_cast<float *>(values), sizes, at::kFloat)
        .to(device_, at::kFloat, /*non_blocking=*/false, /*copy=*/true);
}
