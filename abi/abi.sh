#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Is the ABI what was promised?  abi.sh check LIBRARY [HEADER]
# Take a build's over as what is promised from now on:  abi.sh update LIBRARY
#
# Compares a build with debug information, and its header, with what this folder keeps. Any
# difference fails, an addition too: after an update the commit shows what was added, and
# docs/abi.md says what may be.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
action=$1 library=$(realpath "$2") header=$(realpath "${3:-$here/../include/artfusion.h}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() { echo "FAIL: $*"; failed=1; }

# Constants, sizes, offsets and declarations, by name.
python3 "$here/table.py" "$header" >"$scratch/table.tsv"
# The types behind the symbols, as the compiler wrote them down.
readelf -S "$library" | grep '\.debug_info' >/dev/null || { # not -q, whose early end readelf minds
  echo "FAIL: $library has no debug information, without which no type would differ"
  exit 1
}
# The header is found by the path that the compiler wrote down: a build that is installed has paths from the source's
# root on, another one whole ones.
root=$(realpath "$(dirname "$header")/..")
for spelt in "$header" "./${header#"$root"/}"; do
  (cd "$root" && abidw --no-architecture --no-elf-needed --no-show-locs --no-corpus-path --no-comp-dir-path \
    --exported-interfaces-only --drop-private-types --header-file "$spelt" \
    --out-file "$scratch/artfusion-1.abixml" "$library")
  grep -E "<class-decl .*size-in-bits" "$scratch/artfusion-1.abixml" >/dev/null && break
done
sed -Ei "s@ path='($root|[.])/@ path='@" "$scratch/artfusion-1.abixml"
# A header other than the one the library was compiled with, a copy of it too, hides them all.
awk -F'\t' '$1 == "size" { print $2, $3 * 8 }' "$scratch/table.tsv" | while read -r name bits; do
  # Releases of abidw write the attributes in other orders.
  grep -qE "<class-decl name='$name' ([^>]* )?size-in-bits='$bits' " "$scratch/artfusion-1.abixml" || {
    echo "FAIL: $library was not compiled with $header: it knows no $name of $bits bits"
    exit 1
  }
done

if [ "$action" = update ]; then
  cp "$scratch/table.tsv" "$scratch/artfusion-1.abixml" "$here"
  exit
fi

difference=$(diff "$here/table.tsv" "$scratch/table.tsv" | grep '^[<>]' || true)
[ -z "$difference" ] || fail "promised (<) and present (>) differ:"$'\n'"$difference"

# Each field begins where the one before it ends, and the last ends the struct.
padding=$(awk -F'\t' '
  $1 == "size"  { if (size != end) print name; name = $2; size = $3; end = 0 }
  $1 == "field" { if ($3 != end) print $2; end = $3 + $4 }
  END           { if (size != end) print name }' "$scratch/table.tsv")
[ -z "$padding" ] || fail "hidden padding before a field, or at the end of a struct: $padding"

abidiff "$here/artfusion-1.abixml" "$scratch/artfusion-1.abixml" ||
  fail "abidiff ended with $? (bits: 4 a change, 8 an incompatible one)"
exit $failed
