#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the built files import and export:  symbols.sh LIBRARY [ENGINE]
# The library exports the functions of the public header, neither more nor fewer, and knows nothing
# of libtorch or C++; the engine, in a build that has it, exports its entry alone.
set -euo pipefail
library=$1 engine=${2:-}
failed=0
fail() { echo "FAIL: $*"; failed=1; }

# Versioned names without their version; the version nodes themselves are no symbols.
exports() { nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort; }
declared() { # FOLDER of a header
  cc -E -P "$1/artfusion.h" | tr '\n' ' ' | tr ';{}' '\n\n\n' |
    sed -nE 's/.*visibility\("default"\)[^(]*\)\)(.*)/\1/p' | grep -oE '^[^(]*\(' |
    grep -oE 'artfusion_[a-z0-9_]+ *\($' | tr -d ' (' | sort
}

[ "$(declared include | wc -l)" -gt 0 ] || fail "no declaration was found in include/artfusion.h"
difference=$(diff <(declared include) <(exports "$library") | grep "^[<>]" || true)
[ -z "$difference" ] || fail "declared (<) and exported (>) differ: $difference"

# What no later node of the version map names falls into the first one, which is released.
first=$(nm -D --defined-only "$library" | awk 'sub(/@@ARTFUSION_1\.0$/, "", $3) { print $3 }' | sort)
difference=$(diff <(declared tests/abi/first) <(echo "$first") | grep "^[<>]" || true)
[ -z "$difference" ] || fail "the first release (<) and its node (>) differ: $difference"

needed=$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
grep -E 'torch|c10|stdc\+\+' <<<"$needed" && fail "$library needs these"
nm -D --undefined-only "$library" | grep -E ' _Z|torch|c10|caffe2' && fail "$library imports these"
soname=$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
[ "$soname" = libartfusion.so.1 ] || fail "$library has the soname $soname"

[ -z "$engine" ] || [ "$(exports "$engine")" = artfusion_engine_v1 ] ||
  fail "$engine exports: $(exports "$engine" | tr '\n' ' ')"
exit $failed
