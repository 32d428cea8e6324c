#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the engine with other libtorches, and tests each:  test-libtorch.sh DIR...
#
# DIR is the folder of a TorchConfig.cmake: /usr/lib/x86_64-linux-gnu/cmake/Torch, or share/cmake/Torch of a torch
# package. Builds stay in build/libtorch-*, no deeper than others, so that they find the source tree's models. The
# tests' Python is that of .venv, whose own torch makes the models that are opened, or PYTHON=. Tests that have torch
# in one process with the library run only if that torch is of the engine's release: two in a process are refused.
# The rest of `make test` is not about libtorch.
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: $0 DIR..." >&2; exit 2; }
folders=()
for folder in "$@"; do
  folders+=("$(realpath "$folder")")
done
cd "$(dirname "$0")/.."
python=$(realpath -s "${PYTHON:-.venv/bin/python}")
torch=$("$python" -c 'from importlib.metadata import version; print(version("torch").partition("+")[0])')
summary=() status=0

for folder in "${folders[@]}"; do
  begin=$SECONDS
  build=build/libtorch-${folder//\//_}
  cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DARTFUSION_BUILD_TESTS=ON \
    -DTorch_DIR="$folder" -DARTFUSION_PYTHON="$python" >/dev/null
  cmake --build "$build" -j "$(nproc)"
  engine=$("$build/bin/artfusion" info models/mini.artfusion | grep -o 'torchscript [0-9.]*')
  tests='^(engine/|c/|cpp/)|^python/test_(parity|cli_.*|memory|long_runs)$'
  word=''
  if [ "$engine" = "torchscript $torch" ]; then
    tests+='|^python/test_(precision|quality|host|speed|mutated)$'
  else
    word+=", without the tests that have torch $torch in their process"
  fi
  ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" -R "$tests" ||
    { word+=': FAILED'; status=1; }
  summary+=("$engine$word, $((SECONDS - begin)) s")
done
printf '\n== Summary\n'
printf '%s\n' "${summary[@]}"
exit $status
