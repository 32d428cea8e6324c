/* SPDX-License-Identifier: MIT
 *
 * A photo in a painting's style, in C++:
 *
 *     c++ -std=c++17 stylize.cpp -o stylize $(pkg-config --cflags --libs artfusion)
 *     ./stylize mini.artfusion photo.jpg painting.jpg result.png
 */
#include <artfusion.hpp>

#include <iostream>

int main(int argc, char **argv)
{
    if (argc != 5) {
        std::cerr << "usage: " << argv[0] << " MODEL PHOTO PAINTING RESULT\n";
        return 2;
    }
    try {
        const artfusion::Context context;
        const artfusion::Model model(context, argv[1]);
        const artfusion::Image photo = artfusion::Image::load(argv[2]);

        artfusion::Options options(model);
        options.size(model, photo);
        artfusion::Sampler sampler(model, options);
        sampler.set_content(photo);
        sampler.set_style(model.style(artfusion::Image::load(argv[3])));
        sampler.run();
        sampler.image().save(argv[4]);
    } catch (const artfusion::Error &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
