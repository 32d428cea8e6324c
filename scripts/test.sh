#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds and runs all tests:  test.sh JOBS [-DTorch_DIR=DIR]
# A failure stops only the tests of what could not be built; the summary names each stage that ran.
set -uo pipefail
cd "$(dirname "$0")/.."
jobs=$1
shift
summary=() status=0

stage() { # NAME COMMAND...
  local name=$1 begin=$SECONDS word=ok
  shift
  printf '\n== %s\n' "$name"
  "$@" </dev/null || { word=FAILED; status=1; }
  summary+=("$(printf '%-42s %-6s %4d s' "$name" $word $((SECONDS - begin)))")
  [ $word = ok ]
}
build() { # PRESET [CONFIGURE OPTIONS]
  local preset=$1
  shift
  cmake --preset "$preset" -DARTFUSION_BUILD_TESTS=ON "$@" >/dev/null &&
    cmake --build --preset "$preset" -j "$jobs"
}

stage 'build: gcc, with libtorch' build release "$@" &&
  stage 'tests: C, Python, rules' ctest --preset release -j "$jobs"
stage 'build: ASan and UBSan, without libtorch' build asan &&
  stage 'tests: C under ASan and UBSan' ctest --preset asan -j "$jobs"
stage 'build: TSan, without libtorch' build tsan &&
  stage 'tests: threads under TSan' ctest --preset tsan -L threads -j "$jobs"
stage 'build: clang, with libtorch' build clang "$@"

printf '\n== Summary\n'
printf '%s\n' "${summary[@]}"
exit $status
