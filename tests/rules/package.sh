#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes the tarball of a build, unpacks it, and stylises with nothing but what is in it, and with the system's
# libtorch if it was built with that; and what it says that it holds is right: package.sh BUILD PYTHON [FOLDER]
# FOLDER is where the tarball is left, if all of that is so.
set -euo pipefail
build=$1 python=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "FAIL: $*"; exit 1; }

cpack --config "$build/CPackConfig.cmake" -B "$scratch/package" >/dev/null
tarball=$(echo "$scratch"/package/artfusion-*-linux-*.tar.gz)
[ -f "$tarball" ] || fail "no package was made"
searched() { # ENGINE: where it looks for libtorch, other than where all libraries are
  readelf -d "$1" | sed -n 's/.*R.*PATH.*\[\(.*\)\]/\1/p'
}
files=(include/artfusion.h lib/libartfusion.so lib/artfusion/artfusion-engine-host share/artfusion/mini.artfusion
       share/man/man1/artfusion.1 share/doc/artfusion/LICENSE share/doc/artfusion/copyright)
if [ -n "$(searched "$build/lib/libartfusion-engine-torch.so")" ]; then
  files+=(lib/artfusion/libtorch_cpu.so share/doc/artfusion/libtorch/licenses/LICENSE)
  wanted='$ORIGIN'
else # the system's, which it needs
  wanted=''
fi

mkdir "$scratch/un packed"
tar -xzf "$tarball" --strip-components=1 -C "$scratch/un packed" # as docs/guide/deploy.md has it
"$python" tests/rules/sbom.py tarball "$scratch/un packed"
"$python" tests/rules/copyright.py "$scratch/un packed"
cd "$scratch/un packed"
for file in "${files[@]}"; do
  [ -s "$file" ] || fail "$file is not in the package"
done
[ -z "$(find . -name '*.a')" ] || fail "static libraries know this machine's libtorch"
path=$(searched lib/artfusion/libartfusion-engine-torch.so)
[ "$path" = "$wanted" ] || fail "the engine looks for libtorch in '$path'"
[ -n "$wanted" ] || [ -z "$(find . -name 'libtorch*')" ] || fail "it holds the system's libtorch"

env -i bin/artfusion stylize --quiet --fit 64 --steps 2 --out "$scratch/result.png" \
  --content "$OLDPWD/examples/images/coffee.jpg" --style "$OLDPWD/examples/images/monet.jpg"
[ -s "$scratch/result.png" ] || fail "the packaged command wrote nothing"
[ -z "${3:-}" ] || mv "$tarball" "$3"
