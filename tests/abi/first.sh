#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Compiles the program of the first header, links it with the library of today, and compares its picture
# with that of a program of today's header:  first.sh LIBRARY
set -euo pipefail
folder=$(realpath "$(dirname "$1")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
build() { # HEADERS SOURCE
  cc -std=c99 -Wall -Wextra -Wpedantic -Werror -I"$1" "$2" -o "$scratch/$(basename "$2" .c)" \
    -L"$folder" -lartfusion -Wl,-rpath,"$folder"
}
build tests/abi/first tests/abi/first/program.c
build include examples/stylize.c
inputs=(models/mini.artfusion examples/images/coffee.jpg examples/images/monet.jpg)
"$scratch/program" "${inputs[@]}" "$scratch/first.png"
"$scratch/stylize" "${inputs[@]}" "$scratch/today.png"
cmp "$scratch/first.png" "$scratch/today.png"
