#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does the guard of the ABI bark?  variants.sh SOURCE
# Builds the library anew with one break at a time, each of a kind that has happened to somebody,
# and requires that abi/abi.sh fails and names what was broken.
set -euo pipefail
source=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

copy() { # a tree that builds the core alone
  rm -rf "$scratch/tree"
  mkdir "$scratch/tree"
  cp -r "$source"/{CMakeLists.txt,LICENSE,cmake,include,lib,abi,models} "$scratch/tree"
}
build() {
  cmake -S "$scratch/tree" -B "$scratch/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug \
    -DARTFUSION_ENGINE_TORCH=OFF -DARTFUSION_BUILD_TOOLS=OFF -DARTFUSION_WERROR=OFF >/dev/null &&
    cmake --build "$scratch/build" --target artfusion >"$scratch/log" 2>&1 ||
    { tail -n 20 "$scratch/log"; return 1; }
}
check() { "$scratch/tree/abi/abi.sh" check "$scratch/build/lib/libartfusion.so" 2>&1; }

variant() { # NAME, WHAT THE MESSAGE MUST SAY, then FILE and EXPRESSION for sed, in pairs
  local name=$1 word=$2 out
  shift 2
  copy
  while [ $# -gt 0 ]; do
    sed -i -E "$2" "$scratch/tree/$1"
    cmp -s "$scratch/tree/$1" "$source/$1" && { echo "FAIL: $name changed nothing in $1"; failed=1; }
    shift 2
  done
  build || { echo "FAIL: $name does not build"; failed=1; return; }
  if out=$(check); then
    echo "FAIL: $name was not caught"
    failed=1
  elif ! grep -qE "$word" <<<"$out"; then
    printf 'FAIL: %s was caught, but not by "%s":\n%s\n' "$name" "$word" "$out"
    failed=1
  else
    echo "caught: $name"
  fi
}

copy
build
check || { echo "FAIL: the library as it is differs from what abi/ keeps"; exit 1; }

header=include/artfusion.h
variant 'fields in another order' 'device_index' $header \
  '/^    int32_t device_index; +\/\*\*< 0: which GPU/d; s/^(    const char \*engine_path;.*)$/    int32_t device_index;\n\1/'
variant 'a field put between' 'steps' $header \
  's/^(    int32_t steps; +\/\*\*< 1\.\.the model.*)$/    int32_t more;\n    int32_t most;\n\1/'
variant 'a field retyped' 'seed' $header 's/^    uint64_t seed;/    int64_t seed;/'
variant 'a struct made smaller' 'artfusion_progress' $header \
  '/^    double seconds_total;/d' lib/sample/results.c '/\.seconds_total/d'
variant 'a parameter made wider' 'artfusion_sampler_kept' $header \
  's/int32_t entry, const float \*\*x,/int64_t entry, const float **x,/' \
  lib/sample/results.c 's/int32_t entry,/int64_t entry,/'
variant 'a constant renumbered' 'ARTFUSION_SOLVER_DDPM' $header \
  's/ARTFUSION_SOLVER_DDPM = 1/ARTFUSION_SOLVER_DDPM = 2/; s/ARTFUSION_SOLVER_DPMPP_2M = 2/ARTFUSION_SOLVER_DPMPP_2M = 1/'
variant 'a function removed' 'artfusion_sampler_kept_count' $header \
  '/^ARTFUSION_API int32_t artfusion_sampler_kept_count/d' \
  lib/sample/results.c 's/artfusion_sampler_kept_count/sampler_kept_count/'
variant 'a function no longer exported' 'artfusion_free' lib/artfusion.map \
  's/^    local:/    local:\n        artfusion_free;/'
variant 'hidden padding' 'padding' $header \
  's/^    int32_t threads; +\/\*\*< what a network call uses \*\//&\n    int32_t odd;/'
variant 'a library without debug information' 'no debug information' CMakeLists.txt \
  's/^include\(cmake\/Flags.cmake\)/add_link_options(-s)\n&/'
exit $failed
