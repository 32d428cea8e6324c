#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the Python package holds if there are engines of other releases of torch: all of them, and of the
# release it is built with the one that is built; from a folder without engines no package is made.
# engines.sh BUILD PYTHON
set -euo pipefail
build=$1 python=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "FAIL: $*"; exit 1; }

engine=libartfusion-engine-torch.so
own=$("$python" -c 'from importlib.metadata import version; print(version("torch").partition("+")[0])')
for release in 1.2.3 "$own"; do
  mkdir -p "$scratch/engines/torch-$release"
  echo "of $release" >"$scratch/engines/torch-$release/$engine"
done
configure() { # ENGINES
  ARTFUSION_ENGINES=$1 cmake -S . -B "$scratch/build" -G Ninja -DSKBUILD=2 -DCMAKE_BUILD_TYPE=Release \
    -DARTFUSION_BUILD_TESTS=OFF -DARTFUSION_BUILD_STATIC=OFF -DPython_EXECUTABLE="$python" \
    -DSKBUILD_METADATA_DIR="$scratch/package/artfusion-0.dist-info" \
    -DCMAKE_STRIP= -DCMAKE_SKIP_RPATH=ON >"$scratch/configured" 2>&1
}

mkdir "$scratch/empty"
configure "$scratch/empty" && fail "a folder without engines is taken"
tr -s '\n ' ' ' <"$scratch/configured" | grep 'where no engine is' >/dev/null ||
  { cat "$scratch/configured"; fail "it is not said that the folder has no engine"; }

configure "$scratch/engines" || { cat "$scratch/configured"; fail "it cannot be configured"; }
mkdir -p "$scratch/build/lib" "$scratch/build/bin"
cp -L "$build/lib/libartfusion.so" "$build/lib/$engine" "$build/lib/artfusion-engine-host" "$scratch/build/lib"
cp "$build/bin/artfusion" "$scratch/build/bin"
cmake --install "$scratch/build" --prefix "$scratch/package" >/dev/null
held=$(cd "$scratch/package/artfusion/engines" && ls -d */* | tr '\n' ' ')
[ "$held" = "torch-1.2.3/$engine torch-$own/$engine " ] || fail "the package holds $held"
[ "$(cat "$scratch/package/artfusion/engines/torch-1.2.3/$engine")" = "of 1.2.3" ] || fail "another engine is changed"
readelf -h "$scratch/package/artfusion/engines/torch-$own/$engine" >/dev/null 2>&1 ||
  fail "of torch $own it holds an engine of the folder, not the one that is built"
# Each with the torch that it is for.
document=$scratch/package/artfusion-0.dist-info/sboms/artfusion.spdx.json
for release in 1.2.3 "$own"; do
  grep "engines/torch-$release/$engine\"" "$document" >/dev/null || fail "what the package says does not name torch $release"
done
grep "pkg:pypi/torch@$own\"" "$document" >/dev/null || fail "what the package says does not name the torch that $own's engine needs"
