#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Who includes what: libtorch is included by shim/ alone, internal headers neither by the command
# nor by the examples; and each source file says its licence.
set -euo pipefail
failed=0
fail() { echo "FAIL: $*"; failed=1; }
sources() { find "$@" -type f \( -name '*.[ch]' -o -name '*.[ch]pp' \); }

sources shim | xargs grep -lE '#include <(torch|ATen|c10|caffe2)/' >/dev/null ||
  fail "no file in shim/ includes libtorch: has this rule's pattern aged?"
sources include lib tools examples tests |
  xargs grep -nE '#include *[<"](torch|ATen|c10|caffe2)/' && fail "libtorch outside shim/"
sources tools examples | xargs grep -nE '#include "[^"]*/' && fail "more than the public header"

while read -r file; do
  mapfile -n 3 begin <"$file"
  [[ ${begin[*]} == *'SPDX-License-Identifier: MIT'* ]] || fail "$file names no licence"
done < <(sources include lib shim tools examples tests
         find export train bench tests scripts .ci cmake -name '*.py' -o -name '*.sh' -o -name '*.cmake')
exit $failed
