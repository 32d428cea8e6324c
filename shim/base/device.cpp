/* SPDX-License-Identifier: MIT */
#include "base/device.hpp"

#include <dlfcn.h>
#include <torch/cuda.h>

#include "base/failure.hpp"

namespace af {
namespace {

/* libtorch's own way to what a GPU is needs CUDA's headers, which are not there where the CPU's
 * libtorch is built against. The driver is loaded once libtorch has found a GPU. */
class Driver {
public:
    Driver() : library_(dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD)) {}
    ~Driver()
    {
        if (library_)
            dlclose(library_);
    }
    Driver(const Driver &) = delete;
    Driver &operator=(const Driver &) = delete;

    template <class Signature> Signature *function(const char *name) const
    {
        return library_ ? reinterpret_cast<Signature *>(dlsym(library_, name)) : nullptr;
    }

    /* Negative: there is none. */
    int handle(c10::Device device) const
    {
        const auto get = function<int(int *, int)>("cuDeviceGet");
        int handle = 0;
        return get && get(&handle, device.index()) == 0 ? handle : -1;
    }

private:
    void *library_;
};

} // namespace

c10::Device choose_device(const af_network_options &options)
{
    switch (options.device) {
    case ARTFUSION_DEVICE_CPU: return {c10::kCPU};
    case ARTFUSION_DEVICE_AUTO:
        if (!torch::cuda::is_available())
            return {c10::kCPU};
        break;
    case ARTFUSION_DEVICE_CUDA: break;
    default:
        throw Failure(ARTFUSION_ERROR_ARGUMENT,
                      "device " + std::to_string(options.device) + " is none of auto, cpu, cuda");
    }
    const int32_t count = static_cast<int32_t>(torch::cuda::device_count());
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
    const Driver driver;
    const auto get_name = driver.function<int(char *, int, int)>("cuDeviceGetName");
    const int handle = driver.handle(device);
    char name[64] = "";
    if (handle < 0 || !get_name || get_name(name, sizeof name, handle) != 0)
        return device.str();
    return name;
}

int compute_capability(c10::Device device)
{
    constexpr int major = 75, minor = 76; /* CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_* */
    const Driver driver;
    const auto get = driver.function<int(int *, int, int)>("cuDeviceGetAttribute");
    const int handle = driver.handle(device);
    int high = 0, low = 0;
    if (handle < 0 || !get || get(&high, major, handle) != 0 || get(&low, minor, handle) != 0)
        return 0;
    return 10 * high + low;
}

} // namespace af
