// SPDX-License-Identifier: MIT
// A C++ program that uses no network, so that no engine is loaded:  resize IN OUT WIDTH HEIGHT
#include <artfusion.h>

#include <cstdlib>
#include <iostream>
#include <memory>

namespace {
struct Destroy {
    void operator()(artfusion_image *image) const { artfusion_image_destroy(image); }
};
using Image = std::unique_ptr<artfusion_image, Destroy>;

int failed()
{
    std::cerr << artfusion_error_message() << '\n';
    return 1;
}
} // namespace

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    artfusion_image *raw = nullptr;
    if (artfusion_image_load_file(argv[1], nullptr, &raw) != ARTFUSION_OK)
        return failed();
    const Image image(raw);
    if (artfusion_image_resize(image.get(), std::atoi(argv[3]), std::atoi(argv[4]),
                               ARTFUSION_FILTER_BICUBIC, &raw) != ARTFUSION_OK)
        return failed();
    const Image resized(raw);
    if (artfusion_image_save_file(resized.get(), argv[2], nullptr) != ARTFUSION_OK)
        return failed();
    std::cout << artfusion_version_string() << '\n';
}
