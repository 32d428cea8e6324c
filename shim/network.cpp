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

/* [2, batch]: of the modulations, and of the contents, of which the first is the null content. */
at::Tensor rows_of(const af_conditions &conditions, const af_passes &passes)
{
    const int64_t modulations = conditions.modulations.size(0),
                  contents = conditions.contents.size(0) - 1, height = conditions.contents.size(2),
                  width = conditions.contents.size(3);
    if (passes.size.height != height || passes.size.width != width)
        throw Failure(ARTFUSION_ERROR_ARGUMENT, "the conditions are of " + std::to_string(width) +
                                                    "x" + std::to_string(height) +
                                                    ", the passes of " +
                                                    std::to_string(passes.size.width) + "x" +
                                                    std::to_string(passes.size.height));
    at::Tensor rows = at::empty({2, passes.batch}, at::kInt);
    int32_t *const to = rows.mutable_data_ptr<int32_t>();
    for (int64_t i = 0; i < passes.batch; i++) {
        const int32_t modulation = passes.modulation_rows[i], content = passes.content_rows[i];
        if (modulation < 0 || modulation >= modulations)
            throw Failure(ARTFUSION_ERROR_ARGUMENT, "row " + std::to_string(modulation) +
                                                        " of the conditions was asked for; "
                                                        "there are " +
                                                        std::to_string(modulations));
        if (content != AF_NULL_CONTENT && (content < 0 || content >= contents))
            throw Failure(ARTFUSION_ERROR_ARGUMENT, "content " + std::to_string(content) +
                                                        " of the conditions was asked for; "
                                                        "there are " +
                                                        std::to_string(contents));
        to[i] = modulation;
        to[passes.batch + i] = content == AF_NULL_CONTENT ? 0 : 1 + content;
    }
    return rows;
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

void af_network::encode(const float *rgb, int64_t batch, af_size size, float *mode) const
{
    af::require_own_process();
    const CallScope scope(device_, stream_, options_.threads);
    const int64_t down = options_.downsample;
    write(call(encoder_, {to_device(rgb, {batch, 3, size.height, size.width})},
               {batch, options_.latent_channels, size.height / down, size.width / down}),
          mode);
}

void af_network::decode(const float *z, int64_t batch, af_size size, float *rgb) const
{
    af::require_own_process();
    const CallScope scope(device_, stream_, options_.threads);
    const int64_t down = options_.downsample;
    write(call(decoder_, {to_device(z, {batch, options_.latent_channels, size.height, size.width})},
               {batch, 3, size.height * down, size.width * down}),
          rgb);
}

void af_network::style(const float *rgb, int64_t batch, af_size size, float *codes) const
{
    af::require_own_process();
    const CallScope scope(device_, stream_, options_.threads);
    write(call(style_, {to_device(rgb, {batch, 3, size.height, size.width})},
               {batch, options_.style_width}),
          codes);
}

void af_network::null_style(float *code) const
{
    af::require_own_process();
    const CallScope scope(device_, stream_, options_.threads);
    write(null_style_, code);
}

std::unique_ptr<af_conditions> af_network::condition(const af_condition_inputs &inputs) const
{
    af::require_own_process();
    const CallScope scope(device_, stream_, options_.threads);
    const int64_t timesteps = inputs.timestep_count, styles = inputs.style_count,
                  given = inputs.content_count;
    const int64_t channels = options_.latent_channels, height = inputs.size.height,
                  width = inputs.size.width;
    auto conditions = std::make_unique<af_conditions>();
    conditions->network = this;
    conditions->modulations = call(condition_,
                                   {to_device(inputs.timesteps, {timesteps}),
                                    to_device(inputs.styles, {styles, options_.style_width})},
                                   {timesteps * styles, condition_width_});
    conditions->contents = at::zeros({1 + given, channels, height, width},
                                     at::TensorOptions(device_).dtype(at::kFloat));
    if (given)
        conditions->contents.narrow(0, 1, given)
            .copy_(at::from_blob(const_cast<float *>(inputs.contents),
                                 {given, channels, height, width}, at::kFloat));
    return conditions;
}

void af_network::denoise(const af_conditions &conditions, const af_passes &passes) const
{
    af::require_own_process();
    if (conditions.network != this)
        throw Failure(ARTFUSION_ERROR_ARGUMENT, "the conditions are of another network");
    const CallScope scope(device_, stream_, options_.threads);
    const af::Passes chosen{conditions.modulations, conditions.contents,
                            rows_of(conditions, passes), passes.x, passes.prediction};
    const std::vector<int64_t> latents{passes.batch, options_.latent_channels, passes.size.height,
                                       passes.size.width};
    const auto evaluate = [&](const at::Tensor &x, const at::Tensor &content,
                              const at::Tensor &modulation) {
        return call(denoise_, {x, content, modulation}, latents);
    };
    if (recorder_ && recorder_->run(chosen, evaluate))
        return;
    const at::Tensor rows = chosen.rows.to(device_);
    write(evaluate(to_device(passes.x, latents), chosen.contents.index_select(0, rows[1]),
                   chosen.modulations.index_select(0, rows[0])),
          passes.prediction);
}

/* By a call on zeros of that size. Of the UNet one that is not recorded as a graph, whose memory stays
 * in its pool. */
uint64_t af_network::memory(af_stage stage, int64_t batch, af_size size) const
{
    af::require_own_process();
    const CallScope scope(device_, stream_, options_.threads);
    const int64_t channels = options_.latent_channels, down = options_.downsample;
    const int64_t h = size.height, w = size.width;
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
            call(denoise_, {zeros(latent), zeros(latent), zeros({batch, condition_width_})},
                 latent);
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
