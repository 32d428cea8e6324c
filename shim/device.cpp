/* SPDX-License-Identifier: MIT */
#include "device.hpp"

#include <dlfcn.h>
#include <torch/cuda.h>

#include "failure.hpp"

namespace af {

c10::Device choose_device(const af_network_options &options)
{
    switch (options.device) {
    case ARTFUSION_DEVICE_CPU:
        return {c10::kCPU};
    case ARTFUSION_DEVICE_AUTO:
        if (!torch::cuda::is_available())
            return {c10::kCPU};
        break;
    case ARTFUSION_DEVICE_CUDA:
        break;
    default:
        throw Failure(ARTFUSION_ERROR_ARGUMENT,
                      "device " + std::to_string(options.device) + " is none of auto, cpu, cuda");
    }
    const int32_t count = torch::cuda::device_count();
    if (options.device_index < 0 || options.device_index >= count)
        throw Failure(ARTFUSION_ERROR_UNSUPPORTED,
                      "CUDA device " + std::to_string(options.device_index) +
                          " was asked for; libtorch finds " + std::to_string(count) +
                          (count == 1 ? " CUDA device" : " CUDA devices"));
    return {c10::kCUDA, static_cast<c10::DeviceIndex>(options.device_index)};
}

std::string device_name(c10::Device device)
{
    if (device.is_cpu())
        return "cpu";
    /* libtorch's own way to it needs CUDA's headers, which are not there where the CPU's libtorch
     * is built against. The driver is loaded once libtorch has found a GPU. */
    char name[64] = "";
    if (void *driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD)) {
        const auto get = reinterpret_cast<int (*)(int *, int)>(dlsym(driver, "cuDeviceGet"));
        const auto get_name =
            reinterpret_cast<int (*)(char *, int, int)>(dlsym(driver, "cuDeviceGetName"));
        int handle = 0;
        if (!get || !get_name || get(&handle, device.index()) != 0 ||
            get_name(name, sizeof name, handle) != 0)
            name[0] = '\0';
        dlclose(driver);
    }
    return name[0] ? name : device.str();
}

} // namespace af
