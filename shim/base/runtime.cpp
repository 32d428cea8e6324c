/* SPDX-License-Identifier: MIT */
#include "base/runtime.hpp"

#include <ATen/Version.h>
#include <link.h>
#include <torch/version.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"

namespace af {

namespace {

/* Paths of the loaded objects that hold libtorch's kernels. */
std::vector<std::string> loaded()
{
    std::vector<std::string> paths;
    dl_iterate_phdr(
        [](dl_phdr_info *object, size_t, void *data) {
            const std::string_view path = object->dlpi_name ? object->dlpi_name : "";
            const std::string_view name = path.substr(path.rfind('/') + 1); /* npos + 1 is 0 */
            if (name.substr(0, name.find(".so")) == "libtorch_cpu")
                static_cast<std::vector<std::string> *>(data)->emplace_back(path);
            return 0;
        },
        &paths);
    return paths;
}

/* The release of the libtorch that this engine's calls go to, as it says itself. */
std::string release()
{
    constexpr std::string_view key = "TORCH_VERSION=";
    const std::string config = at::show_config();
    const size_t at = config.find(key);
    if (at == std::string::npos)
        return "unknown";
    const size_t begin = at + key.size();
    return config.substr(begin, config.find(',', begin) - begin);
}

} // namespace

void require_own_libtorch()
{
    const std::vector<std::string> paths = loaded();
    if (paths.size() > 1)
        throw Failure(ARTFUSION_ERROR_ENGINE, "this process has two libtorches, " + paths[0] +
                                                  " and " + paths[1] +
                                                  ": networks run with one alone");
    static const std::string found = release();
    if (found != TORCH_VERSION)
        throw Failure(ARTFUSION_ERROR_ENGINE,
                      "this process has libtorch " + found + " (" +
                          (paths.empty() ? std::string("linked in") : paths[0]) +
                          "), and the engine is built for " TORCH_VERSION);
}

} // namespace af
