#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The same source gives the same bytes in any folder, at any time: reproducible.sh [LIBTORCH'S TorchConfig FOLDER]
# Builds the library, the engine's process and the command twice, in folders whose names are of other lengths, in
# other time zones and languages, and with a libtorch a file of the engine as well, with its headers' templates and
# the messages of its checks.
set -euo pipefail
torch=${1:-}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "FAIL: $*"; failed=1; }
failed=0
built=(lib/libartfusion.so lib/artfusion-engine-host bin/artfusion)
unit=shim/CMakeFiles/artfusion_engine_objects.dir/network.cpp.o
[ -z "$torch" ] || built+=($unit)

build() { # FOLDER
  mkdir -p "$1"
  tar c --exclude=./build --exclude=./.venv --exclude=./.git . | tar x -C "$1"
  cmake -S "$1" -B "$1/out" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DARTFUSION_BUILD_STATIC=OFF \
    -DARTFUSION_ENGINE_TORCH="$([ "$torch" ] && echo ON || echo OFF)" -DTorch_DIR="$torch" >/dev/null
  cmake --build "$1/out" --target "${built[@]}" >"$1/log" ||
    { cat "$1/log"; exit 1; }
}
one=$scratch/a
two=$scratch/a/folder/with-a-longer-name
TZ=UTC LC_ALL=C build "$one"
TZ=Asia/Kolkata LC_ALL=C.UTF-8 build "$two"

for file in "${built[@]}"; do
  cmp "$one/out/$file" "$two/out/$file" || fail "$file differs"
  # In the bytes themselves, lest both say the same place.
  grep -c "$scratch" "$one/out/$file" >/dev/null && fail "$file names the folder it was built in"
done
exit $failed
