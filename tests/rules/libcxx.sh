#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Programs whose C++ library is LLVM's open models and paint what others do:  libcxx.sh LIBRARY
# LLVM's is among a program's first libraries, before those of libtorch, which needs GNU's.
set -euo pipefail
folder=$(realpath "$(dirname "$1")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export OMP_WAIT_POLICY=passive # threads that spin while they wait slow a busy machine tenfold
fail() { echo "FAIL: $*"; exit 1; }
arguments=(models/mini.artfusion examples/images/pagoda.jpg examples/images/monet.jpg)
linked=(-Iinclude -L"$folder" -lartfusion -Wl,-rpath,"$folder")

cc -std=c99 examples/stylize.c -o "$scratch/gnu" "${linked[@]}"
cc -std=c99 examples/stylize.c -o "$scratch/c" "${linked[@]}" -Wl,--no-as-needed -lc++
clang++ -std=c++17 -stdlib=libc++ examples/stylize.cpp -o "$scratch/c++" "${linked[@]}"
for program in gnu c c++; do
  "$scratch/$program" "${arguments[@]}" "$scratch/$program.png" ||
    fail "$program: status $?"
  [ $program = gnu ] && continue
  readelf -d "$scratch/$program" | grep -q 'NEEDED.*libc++' || fail "$program: it has no libc++"
  cmp "$scratch/gnu.png" "$scratch/$program.png" || fail "$program: it paints another picture"
done

# With a malloc of its own besides, it is told what to do.
cat >"$scratch/malloc.c" <<'END'
#include <stddef.h>
void *__libc_malloc(size_t size);
void *malloc(size_t size) { return __libc_malloc(size); }
END
cc -shared -fPIC "$scratch/malloc.c" -o "$scratch/malloc.so"
if LD_PRELOAD=$scratch/malloc.so "$scratch/c" "${arguments[@]}" "$scratch/none.png" 2>"$scratch/words"; then
  fail 'a program with libc++ and its own malloc was not refused'
fi
grep -q 'libc++abi.*malloc\.so.*LD_PRELOAD=libstdc++\.so\.6$' "$scratch/words" ||
  fail "$(cat "$scratch/words")"
LD_PRELOAD="$scratch/malloc.so libstdc++.so.6" "$scratch/c" "${arguments[@]}" "$scratch/told.png"
cmp "$scratch/gnu.png" "$scratch/told.png"
echo 'programs with libc++ paint the same'
