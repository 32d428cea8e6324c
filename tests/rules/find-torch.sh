#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cmake/FindTorch.cmake, on empty files: the places where a libtorch's parts lie in PyTorch's builds, Debian's and
# Nix's, releases old and new, and what of CUDA is there.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
triple=$(cc -dumpmachine)

put() { # FILE...: empty ones
  local file
  for file in "$@"; do
    mkdir -p "${file%/*}"
    touch "$file"
  done
}
header() { # FILE MINOR
  mkdir -p "${1%/*}"
  printf '#define TORCH_VERSION_%s\n' 'MAJOR 2' "MINOR $2" 'PATCH 1' >"$1"
}
mkdir "$scratch/project"
cat >"$scratch/project/CMakeLists.txt" <<'EOF'
cmake_minimum_required(VERSION 3.25)
project(find LANGUAGES C)
option(ARTFUSION_CUDA "" ON)
list(APPEND CMAKE_C_IMPLICIT_LINK_DIRECTORIES ${LOADER})
find_package(Torch)
file(WRITE ${CMAKE_BINARY_DIR}/found "${Torch_FOUND} ${Torch_VERSION} ${TORCH_LIBRARY_DIR} ${torch_include} \
${TORCH_CXX_FLAGS} graphs ${TORCH_GRAPHS}, of the system ${TORCH_OF_SYSTEM}, ${TORCH_LINK_LIBRARIES}")
EOF
find_torch() { # DIR [OPTION]
  rm -rf "$scratch/build"
  cmake -S "$scratch/project" -B "$scratch/build" -DCMAKE_MODULE_PATH="$PWD/cmake" -DTorch_DIR="$@" \
    >"$scratch/said" 2>&1 || cat "$scratch/said"
  cat "$scratch/build/found"
}
expect() { # NAME WANTED GOT
  if [[ $3 == $2 ]]; then
    echo "found: $1"
  else
    printf 'FAIL: %s:\nwanted %s\ngot    %s\n' "$1" "$2" "$3"
    failed=1
  fi
}
libraries() { # FOLDER
  put "$1"/lib{torch,torch_cpu,c10}.so
}

pip=$scratch/site/torch
put "$pip/include/torch/script.h" "$pip/share/cmake/Torch/TorchConfig.cmake"
header "$pip/include/torch/headeronly/version.h" 15
libraries "$pip/lib"
expect "a torch package" "TRUE 2.15.1 $pip/lib $pip/include/ *ABI=1 graphs OFF, of the system OFF,*" \
  "$(find_torch "$pip/share/cmake/Torch")"
echo 'set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=0")' >"$pip/share/cmake/Torch/TorchConfig.cmake"
expect "one with the older std::string" "TRUE *ABI=0 *" "$(find_torch "$pip/share/cmake/Torch")"

debian=$scratch/usr
put "$debian/include/torch/script.h" "$debian/lib/$triple/cmake/Torch/TorchConfig.cmake"
header "$debian/include/torch/csrc/api/include/torch/version.h" 6
libraries "$debian/lib/$triple"
expect "Debian's" "TRUE 2.6.1 $debian/lib/$triple $debian/include/ *" \
  "$(find_torch "$debian/lib/$triple/cmake/Torch")"
expect "one in the loader's folders" "*of the system ON*" \
  "$(find_torch "$debian/lib/$triple/cmake/Torch" -DLOADER="$debian/lib/$triple")"

nix=$scratch/nix
put "$nix/dev/include/torch/script.h" "$nix/dev/share/cmake/Torch/TorchConfig.cmake" \
  "$nix/dev/share/cmake/Caffe2/Caffe2Targets-release.cmake"
header "$nix/dev/include/torch/headeronly/version.h" 11
libraries "$nix/out/lib"
cat >"$nix/dev/share/cmake/Caffe2/Caffe2Targets-release.cmake" <<EOF
set_target_properties(torch PROPERTIES
  IMPORTED_LOCATION_RELEASE "$nix/out/lib/libtorch.so"
  IMPORTED_SONAME_RELEASE "libtorch.so"
EOF
expect "Nix's, in two outputs" "TRUE 2.11.1 $nix/out/lib $nix/dev/include/ *" \
  "$(find_torch "$nix/dev/share/cmake/Torch")"

# Not another one that happens to lie above.
mkdir -p "$pip/share/cmake/Nothing"
expect "no libtorch" "FALSE *" "$(find_torch "$pip/share/cmake/Nothing")"

put "$pip/lib/"lib{torch_cuda,c10_cuda}.so
cuda=$scratch/site/nvidia/cu13/include
graphs() { # without a toolkit of this machine's
  CUDA_HOME="$scratch" find_torch "$pip/share/cmake/Torch" -DCMAKE_IGNORE_PATH=/usr/local/cuda/include "$@"
}
expect "CUDA without its headers" "*graphs OFF*libtorch_cuda.so*" "$(graphs)"
grep 'nvidia-cuda-crt' "$scratch/said" >/dev/null || { echo "FAIL: nothing was said of graphs"; failed=1; }
put "$cuda/crt/host_config.h"
expect "nvidia-cuda-crt alone" "*graphs OFF*" "$(graphs)"
put "$cuda/cuda_runtime_api.h"
expect "CUDA with its headers" "*graphs ON*libtorch_cuda.so*" "$(graphs)"
expect "without CUDA's part on demand" "*graphs OFF*/libc10.so" "$(graphs -DARTFUSION_CUDA=OFF)"
exit $failed
