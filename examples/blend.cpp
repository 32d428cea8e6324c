/* SPDX-License-Identifier: MIT
 *
 * A photo in a style between two paintings', in C++:
 *
 *     c++ -std=c++17 blend.cpp -o blend $(pkg-config --cflags --libs artfusion)
 *     ./blend mini.artfusion photo.jpg first.jpg second.jpg 0.5 result.png
 *
 * The share, from 0 to 1, is that of the second painting.
 */
#include <artfusion.hpp>

#include <cstdlib>
#include <iostream>

int main(int argc, char **argv)
{
    if (argc != 7) {
        std::cerr << "usage: " << argv[0] << " MODEL PHOTO FIRST SECOND SHARE RESULT\n";
        return 2;
    }
    const double share = std::strtod(argv[5], nullptr);
    try {
        const artfusion::Context context;
        const artfusion::Model model(context, argv[1]);
        const artfusion::Image photo = artfusion::Image::load(argv[2]);
        const artfusion::Style first = model.style(artfusion::Image::load(argv[3]));
        const artfusion::Style second = model.style(artfusion::Image::load(argv[4]));

        artfusion::Options options(model);
        options.size(model, photo);
        artfusion::Sampler sampler(model, options);
        sampler.set_content(photo);
        sampler.set_style(artfusion::Style::blend({{&first, 1.0 - share}, {&second, share}}));
        sampler.run();
        sampler.image().save(argv[6]);
    } catch (const artfusion::Error &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
