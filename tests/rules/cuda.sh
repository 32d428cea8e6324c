#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What is compiled for a libtorch with CUDA alone compiles, on a machine that has neither:
# cuda.sh PYTHON  (with torch and CUDA's headers as packages)
set -euo pipefail
packages=$("$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
torch=$packages/torch/include
cuda=$(find "$packages/nvidia" -name cuda_runtime_api.h -printf '%h\n' | head -n 1)
[ -n "$cuda" ] || { echo "FAIL: CUDA's headers are not among the packages"; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# libtorch writes this one when it is built with CUDA.
mkdir -p "$scratch/c10/cuda/impl"
echo '#define C10_CUDA_BUILD_SHARED_LIBS' >"$scratch/c10/cuda/impl/cuda_cmake_macros.h"
g++ -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Wconversion -Werror \
  -isystem "$scratch" -isystem "$cuda" \
  -isystem "$torch" -isystem "$torch/torch/csrc/api/include" -Ishim shim/cuda/cuda_graph.cpp
