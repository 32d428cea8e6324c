/* SPDX-License-Identifier: MIT
 *
 * What a program with a window does, in C++: a preview after each step, and the user may stop.
 *
 *     c++ -std=c++17 preview.cpp -o preview $(pkg-config --cflags --libs artfusion)
 *     ./preview mini.artfusion photo.jpg painting.jpg step- 3
 *
 * writes step-1.png, step-2.png and step-3.png and is then stopped; without the number, or with one
 * that is not reached, step-8.png is the result.
 */
#include <artfusion.hpp>

#include <cstdlib>
#include <iostream>
#include <string>

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 6) {
        std::cerr << "usage: " << argv[0] << " MODEL PHOTO PAINTING PREFIX [LAST]\n";
        return 2;
    }
    constexpr int steps = 8;
    const std::string prefix = argv[4];
    const int last = argc == 6 ? std::atoi(argv[5]) : steps + 1;
    try {
        const artfusion::Context context;
        const artfusion::Model model(context, argv[1]);
        const artfusion::Image photo = artfusion::Image::load(argv[2]);

        artfusion::Options options(model);
        options.size(model, photo);
        options.steps = steps;
        options.on_step = [&](artfusion::Sampler &sampler) {
            const artfusion_progress progress = sampler.progress();
            sampler.image().save(prefix + std::to_string(progress.step) + ".png");
            std::cout << "step " << progress.step << " of " << progress.steps << '\n';
            return progress.step != last;
        };
        artfusion::Sampler sampler(model, options);
        sampler.set_content(photo);
        sampler.set_style(model.style(artfusion::Image::load(argv[3])));
        sampler.run();
    } catch (const artfusion::Error &error) {
        if (error.status() == ARTFUSION_ERROR_CANCELLED && argc == 6) {
            std::cout << "stopped\n";
            return 0;
        }
        std::cerr << error.what() << '\n';
        return 1;
    }
}
