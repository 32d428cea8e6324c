/* SPDX-License-Identifier: MIT
 *
 * A model file's TorchScript module as the seam wants it: four submodules
 *
 *     encoder.forward(rgb[N, 3, H, W]) -> mode[N, C, H / down, W / down]
 *     decoder.forward(z[N, C, h, w]) -> rgb[N, 3, h * down, w * down]
 *     style.forward(rgb[N, 3, H, W]) -> codes[N, style_width]
 *     unet.condition(timesteps[T], styles[S, style_width]) -> modulations[T * S, M]
 *     unet.denoise(x[N, C, h, w], content[N, C, h, w], modulation[N, M]) -> prediction[N, C, h, w]
 *
 * and the tensor unet.null_style[style_width].
 */
#ifndef AF_SHIM_NETWORK_HPP
#define AF_SHIM_NETWORK_HPP

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/api/module.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

#include "cuda/recorder.hpp"
#include "graph/program.hpp"
#include "model/engine.h"

/* On the network's device. Does not keep the network alive. */
struct af_conditions {
    const af_network *network;
    at::Tensor modulations; /* [timesteps * styles, condition_width] */
    at::Tensor contents;    /* [1 + contents, C, height, width], the null content first */
};

/* Immutable once it stands: any number of threads may call it at once. All functions throw. */
struct af_network {
public:
    static std::unique_ptr<af_network> open(const af_model_records &records,
                                            const af_network_options &options);

    af_network_info info() const;
    void encode(const float *rgb, int64_t batch, af_size size, float *mode) const;
    void decode(const float *z, int64_t batch, af_size size, float *rgb) const;
    void style(const float *rgb, int64_t batch, af_size size, float *codes) const;
    void null_style(float *code) const;
    std::unique_ptr<af_conditions> condition(const af_condition_inputs &inputs) const;
    void denoise(const af_conditions &conditions, const af_passes &passes) const;
    uint64_t memory(af_stage stage, int64_t batch, af_size size) const;

private:
    af_network(const torch::jit::Module &module, const af_network_options &options,
               c10::Device device, const std::optional<c10::Stream> &stream);

    at::Tensor call(const af::Program &program, std::initializer_list<at::Tensor> inputs,
                    at::IntArrayRef sizes) const;
    at::Tensor to_device(const float *values, at::IntArrayRef sizes) const;

    af_network_options options_;
    c10::Device device_;
    std::optional<c10::Stream> stream_;
    at::ScalarType arithmetic_;
    at::Tensor null_style_; /* [style_width], on the device */
    af::Program encoder_, decoder_, style_, condition_, denoise_;
    int64_t condition_width_;
    std::unique_ptr<af::Recorder> recorder_; /* on a GPU */
};

#endif
