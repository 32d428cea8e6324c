#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The examples in C++ print and paint what those in C do, to the byte:  examples.sh LIBRARY
set -euo pipefail
folder=$(realpath "$(dirname "$1")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
model=$PWD/models/mini.artfusion images=$PWD/examples/images
compare() { # EXAMPLE ARGUMENTS...
  local example=$1 language
  shift
  cc -std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror -Iinclude examples/"$example".c \
    -o "$scratch/c-program" -L"$folder" -lartfusion -Wl,-rpath,"$folder"
  c++ -std=c++17 -Wall -Wextra -Wpedantic -Wconversion -Werror -Iinclude examples/"$example".cpp \
    -o "$scratch/cpp-program" -L"$folder" -lartfusion -Wl,-rpath,"$folder"
  for language in c cpp; do
    rm -rf "${scratch:?}/$language"
    mkdir "$scratch/$language"
    (cd "$scratch/$language" &&
      status=0
      "../$language-program" "$@" >stdout 2>stderr || status=$?
      echo $status >status)
  done
  diff -r "$scratch/c" "$scratch/cpp"
  echo "$example: status $(cat "$scratch/c/status")," \
    "$(find "$scratch/c" -name '*.png' | wc -l) pictures, the same in C++"
}
compare stylize "$model" "$images/pagoda.jpg" "$images/monet.jpg" result.png
compare stylize "$model" "$images/pagoda.jpg" nowhere.jpg result.png
compare preview "$model" "$images/pagoda.jpg" "$images/monet.jpg" step- 3
compare blend "$model" "$images/pagoda.jpg" "$images/monet.jpg" "$images/klimt.jpg" 0.25 result.png
