#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# No libtorch, another libtorch, two libtorches: each is one sentence, and none a crash.
# libtorch.sh LIBRARY ENGINE
set -euo pipefail
folder=$(realpath "$(dirname "$1")") engine=$(realpath "$2")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
cc -std=c99 -Iinclude examples/stylize.c -o "$scratch/stylize" \
  -L"$folder" -lartfusion -Wl,-rpath,"$folder"
refused() { # NAME, WORDS; then the environment
  local name=$1 words=$2 said status=0
  shift 2
  said=$(env "$@" "$scratch/stylize" models/mini.artfusion examples/images/coffee.jpg \
    examples/images/monet.jpg "$scratch/out.png" 2>&1) || status=$?
  if [ $status = 1 ] && grep -qE "$words" <<<"$said"; then
    echo "refused: $name: $said"
  else
    printf 'FAIL: %s ended with %d and said:\n%s\n' "$name" $status "$said"
    failed=1
  fi
}

cp "$engine" "$scratch/engine.so"
echo "file(RPATH_REMOVE FILE $scratch/engine.so)" >"$scratch/cut.cmake"
cmake -P "$scratch/cut.cmake"
# Which of libtorch's libraries is looked for first depends on its build.
refused 'no libtorch' 'cannot be loaded: libtorch(_cpu)?\.so: cannot open' ARTFUSION_ENGINE="$scratch/engine.so"

# What a host may have loaded before: one that has taken the engine's libtorch's place, and one of another
# name, as distributions have it.
mkdir "$scratch/other"
for soname in libtorch_cpu.so libtorch_cpu.so.1.13; do
  cc -shared -x c /dev/null -o "$scratch/other/$soname" -Wl,-soname,$soname
done
refused 'another libtorch' "undefined symbol.*$scratch/other/libtorch_cpu.so, which is not" \
  LD_PRELOAD="$scratch/other/libtorch_cpu.so" ARTFUSION_ENGINE="$engine"
refused 'two libtorches' "two libtorches, .*$scratch/other/libtorch_cpu.so.1.13" \
  LD_PRELOAD="$scratch/other/libtorch_cpu.so.1.13" ARTFUSION_ENGINE="$engine"

env ARTFUSION_ENGINE="$engine" "$scratch/stylize" models/mini.artfusion examples/images/coffee.jpg \
  examples/images/monet.jpg "$scratch/out.png" || { echo "FAIL: the one it was built with"; failed=1; }
exit $failed
