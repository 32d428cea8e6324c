#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The public header alone, in every dialect a user may have it in:  header.sh HEADER
set -euo pipefail
header=$1
failed=0
check() { # COMPILER LANGUAGE STANDARD
  printf '#include "%s"\n' "$(basename "$header")" |
    "$1" -x "$2" -std="$3" -I"$(dirname "$header")" -fsyntax-only -Wall -Wextra -Wpedantic \
      -Wconversion -Wundef -Werror - || { echo "FAIL: $1 -std=$3"; failed=1; }
}
for standard in c99 c11 c17 gnu17 c2x; do
  check gcc c $standard
  check clang c $standard
done
for standard in c++11 c++14 c++17 c++20; do
  check g++ c++ $standard
  check clang++ c++ $standard
done
exit $failed
