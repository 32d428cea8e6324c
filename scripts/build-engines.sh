#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the engine for several releases of torch:  build-engines.sh FOLDER RELEASE...
#
#   scripts/build-engines.sh build/engines 2.11.0 2.13.0 2.15.0
#   ARTFUSION_ENGINES=$PWD/build/engines pip wheel --no-deps .
#
# The Python package that is then built has all of them, and loads the one for the torch that is there. Each
# lies in FOLDER/torch-RELEASE. Of a release only the torch package itself is downloaded and unpacked (0.2 GB for
# the CPU, 0.6 GB for CUDA; removed afterwards), from where pip gets it. Engines serve both builds of a release,
# and so do without CUDA graphs.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: $0 FOLDER RELEASE..." >&2; exit 2; }
mkdir -p "$1"
folder=$(realpath "$1")
shift
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=.venv/bin/python
[ -x $python ] || python=${PYTHON:-python3}

for release in "$@"; do
  echo "engines: torch $release"
  $python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --dest "$work" "torch==$release"
  $python -m zipfile -e "$work"/torch-*.whl "$work/site"
  cmake -S . -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DARTFUSION_WERROR=OFF \
    -DARTFUSION_BUILD_TOOLS=OFF -DARTFUSION_BUILD_STATIC=OFF -DARTFUSION_CUDA=OFF \
    -DTorch_DIR="$work/site/torch/share/cmake/Torch" >/dev/null
  cmake --build "$work/build" --target artfusion-engine-torch
  engine=$folder/torch-$release/libartfusion-engine-torch.so
  mkdir -p "${engine%/*}"
  strip -o "$engine" "$work/build/lib/${engine##*/}"
  # Where pip puts torch beside the Python package.
  echo 'file(RPATH_SET FILE ${ENGINE} NEW_RPATH [[$ORIGIN/../../../torch/lib]])' >"$work/path.cmake"
  cmake -DENGINE="$engine" -P "$work/path.cmake"
  rm -r "$work"/*
done
