#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the library computes by itself has the same bits in a 32-bit build for x86, and it refuses to be
# compiled for the x87:  x86-32.sh
set -euo pipefail
source=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "FAIL: $*"; exit 1; }

program() { # WIDTH: of the files that need no other library
  local width=$1 objects
  cmake -G Ninja -S . -B "$scratch/$width" -DCMAKE_C_FLAGS="-m$width" -DARTFUSION_ENGINE_TORCH=OFF \
    -DARTFUSION_BUILD_TOOLS=OFF -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
  mapfile -t objects < <(cd lib && printf 'lib/CMakeFiles/artfusion_objects.dir/%s.o\n' \
    math/{box_muller,ddim,philox,rng,rng_counter,rng_torch,schedule,timesteps}.c \
    base/{check,error,floats,memory,names,options,version}.c image/{image,resize}.c)
  ninja -C "$scratch/$width" "${objects[@]}" >/dev/null
  (cd "$scratch/$width" && cc "-m$width" -msse2 -mfpmath=sse -std=c17 -Wall -Wextra -Werror -I"$source/include" \
   "$source/tests/rules/bits.c" "${objects[@]}" -lm -o bits)
  "$scratch/$width/bits" >"$scratch/$width.txt"
}
program 64
program 32
lines=$(wc -l <"$scratch/64.txt")
[ "$lines" -gt 20000 ] || fail "only $lines values were computed"
cmp "$scratch/64.txt" "$scratch/32.txt" ||
  fail "$(diff "$scratch/64.txt" "$scratch/32.txt" | grep -c '^<') of $lines values differ"
echo "$lines values, the same in 32 bits"

if cc -std=c17 -mfpmath=387 -Iinclude -Ilib -c lib/math/box_muller.c -o "$scratch/x87.o" \
  2>"$scratch/x87.txt"; then
  fail "lib/math/box_muller.c was compiled for the x87"
fi
grep -q 'error: #error .*-msse2 -mfpmath=sse' "$scratch/x87.txt" || fail "$(cat "$scratch/x87.txt")"
