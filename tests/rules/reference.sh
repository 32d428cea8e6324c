#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The reference has no warning, and the C in the guide compiles.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
ARTFUSION_DOCS=$scratch doxygen docs/Doxyfile
for page in docs/guide/*.md; do
  name=$(basename "$page" .md)
  awk -v out="$scratch/$name" '/^```c$/ { n++; on = 1; next } /^```/ { on = 0 }
                               on { print > (out "-" n ".c") }' "$page"
done
for source in "$scratch"/*.c; do
  cc -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Werror -Iinclude -c "$source" -o /dev/null ||
    { echo "FAIL: $(basename "$source") of docs/guide"; failed=1; }
done
[ "$(find "$scratch" -name '*.c' | wc -l)" -ge 6 ] || { echo "FAIL: too little C in docs/guide"; failed=1; }
exit $failed
