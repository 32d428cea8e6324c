// SPDX-License-Identifier: MIT
// A C++ program that uses no network, so that no engine is loaded:  resize IN OUT WIDTH HEIGHT
#include <artfusion.hpp>

#include <iostream>
#include <string>

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    artfusion::Image::load(argv[1]).resize(std::stoi(argv[3]), std::stoi(argv[4])).save(argv[2]);
    std::cout << artfusion_version_string() << '\n';
}
