#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The public headers alone, in every dialect a user may have them in:  header.sh FOLDER
set -euo pipefail
folder=$1
failed=0
check() { # HEADER COMPILER LANGUAGE STANDARD
  printf '#include "%s"\n' "$1" |
    "$2" -x "$3" -std="$4" -I"$folder" -fsyntax-only -Wall -Wextra -Wpedantic \
      -Wconversion -Wundef -Werror - || { echo "FAIL: $1 by $2 -std=$4"; failed=1; }
}
for standard in c99 c11 c17 gnu17 c2x; do
  check artfusion.h gcc c $standard
  check artfusion.h clang c $standard
done
for standard in c++11 c++14 c++17 c++20; do
  check artfusion.h g++ c++ $standard
  check artfusion.h clang++ c++ $standard
done
for standard in c++17 c++20; do
  check artfusion.hpp g++ c++ $standard
  check artfusion.hpp clang++ c++ $standard
done
exit $failed
