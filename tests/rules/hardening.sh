#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What was built has what cmake/Flags.cmake asks for, as far as the files themselves show it:
# hardening.sh LIBRARY ENGINE COMMAND HOST OBJECTS...
set -euo pipefail
library=$1 engine=$2 command=$3 host=$4
shift 4
failed=0
fail() { echo "FAIL: $*"; failed=1; }

# Every folder of RUNPATH is a whole path, or begins where the file lies: an empty element, as CMake
# leaves one behind a path that it is to replace, is the current folder, and so is one that begins
# anywhere else. Whoever may write there has his code run.
check_run_path() { # FILE ITS-DYNAMIC-SECTION
  local line element
  while IFS= read -r line; do
    while IFS= read -r -d : element; do
      case $element in
      /* | '$ORIGIN' | '$ORIGIN/'*) ;;
      *) fail "$1: '$element' in its run path, $line" ;;
      esac
    done < <(printf '%s:' "$line")
  done < <(sed -nE 's/.*\((RPATH|RUNPATH)\).*\[(.*)\]$/\2/p' <<<"$2")
}

# Into a variable each time: grep -q would end a pipe early, and with it readelf's writing.
for file in "$library" "$engine" "$command" "$host"; do
  segments=$(readelf -lW "$file") dynamic=$(readelf -dW "$file")
  grep -qE 'GNU_STACK .* RW +0x' <<<"$segments" || fail "$file: the stack is executable"
  grep -qE ' RWE ' <<<"$segments" && fail "$file: a segment is both written and executed"
  grep -q 'GNU_RELRO' <<<"$segments" || fail "$file: no RELRO"
  grep -qE 'BIND_NOW|FLAGS_1.* NOW' <<<"$dynamic" || fail "$file: symbols are bound later than at start"
  grep -q 'TEXTREL' <<<"$dynamic" && fail "$file: relocations in code"
  check_run_path "$file" "$dynamic"
  # The functions of glibc that were used with a size known to the compiler, and the stack's guard.
  symbols=$(nm -D --undefined-only "$file")
  grep -qE ' U __[a-z]+_chk(@|$)' <<<"$symbols" || fail "$file: no checked function of glibc (_FORTIFY_SOURCE)"
  grep -q ' U __stack_chk_fail' <<<"$symbols" || fail "$file: no stack guard"
done
for program in "$command" "$host"; do
  header=$(readelf -hW "$program")
  grep -qE 'Type: +DYN' <<<"$header" || fail "$program is at a fixed address (no PIE)"
done

# Indirect branches and shadow stack are marked in each object. The linker keeps the mark only
# where the system's own objects have it, which those of Debian's glibc have not.
case $(readelf -hW "$library") in
*X86-64*)
  [ $# -gt 0 ] || fail "no objects were given"
  for object in "$@"; do
    grep -q 'IBT, SHSTK' <<<"$(readelf -nW "$object")" || fail "$object: no -fcf-protection"
  done
  # A frame of more than a page is taken page by page, each touched by an `or` of nothing, so that it
  # cannot step over the guard page.
  for file in "$library" "$command"; do
    code=$(objdump -d --no-show-raw-insn "$file")
    grep -qE 'orq +\$0x0,.*\(%rsp' <<<"$code" || fail "$file: no -fstack-clash-protection"
  done
  start=$(cc -print-file-name=crti.o)
  if grep -q 'IBT, SHSTK' <<<"$(readelf -nW "$start")"; then
    for file in "$library" "$engine" "$command"; do
      grep -q 'IBT, SHSTK' <<<"$(readelf -nW "$file")" || fail "$file: the mark of -fcf-protection is lost"
    done
  fi
  ;;
esac

exit $failed
