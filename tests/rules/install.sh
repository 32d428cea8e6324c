#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs a build, moves it to a folder with a space in its name, and uses it as strangers would:
# install.sh BUILD
# Programs are built by a Makefile and pkg-config, by CMake's package, from the source as a subdirectory,
# and with the static libraries both ways; each is run, and finds engine and model by itself.
set -euo pipefail
build=$1 source=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset ARTFUSION_ENGINE ARTFUSION_ENGINE_HOST ARTFUSION_MODEL ARTFUSION_LIBRARY
fail() { echo "FAIL: $*"; exit 1; }

cmake --install "$build" --prefix "$scratch/there" >/dev/null
mkdir "$scratch/some where"
mv "$scratch/there" "$scratch/some where/else"
prefix="$scratch/some where/else"
model=$prefix/share/artfusion/mini.artfusion
pictures=(examples/images/coffee.jpg examples/images/monet.jpg)

# Who installs as root for everybody learns that somebody else can replace the libtorch that is loaded.
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$scratch/of root" "$scratch/of somebody/lib"
  chown 65534 "$scratch/of somebody"
  grep -q 65534 <<<"$(cmake -DTORCH_LIBRARY_DIR="$scratch/of somebody/lib" -P cmake/torch-owner.cmake 2>&1)" ||
    fail 'nothing is said of a libtorch that somebody else can replace'
  said=$(cmake -DTORCH_LIBRARY_DIR="$scratch/of root" -P cmake/torch-owner.cmake 2>&1)
  [ -z "$said" ] || fail "it is said of root's own libtorch: $said"
  grep -q torch-owner "$build/cmake_install.cmake" || fail 'an installation does not ask who owns libtorch'
fi

version=$("$prefix/bin/artfusion" --version)
release=$(PKG_CONFIG_PATH="$prefix/lib/pkgconfig" pkg-config --modversion artfusion)
[[ $version == *"$release"* ]] || fail "the command is of '$version', pkg-config's release $release"
"$prefix/bin/artfusion" stylize --content "${pictures[0]}" --style "${pictures[1]}" \
  --fit 64 --steps 2 --out "$scratch/command.png"
[ -s "$scratch/command.png" ] || fail "the command wrote nothing"
for file in share/doc/artfusion/{LICENSE,LICENSE-efficientnet-lite0.txt} share/man/man1/artfusion.1 \
            share/bash-completion/completions/artfusion; do
  [ -s "$prefix/$file" ] || fail "no $file is installed"
done

try() { # HOW: the three programs in $scratch/HOW
  local program
  for program in stylize stylize++; do
    "$scratch/$1/$program" "$model" "${pictures[@]}" "$scratch/$1-$program.png"
    cmp "$scratch/$1-$program.png" "$scratch/pkg-config-stylize.png" ||
      fail "$1: $program makes another picture"
  done
  resize "$1"
}
resize() {
  [ "$("$scratch/$1/resize" "${pictures[0]}" "$scratch/$1-small.png" 40 30)" = "$release" ] ||
    fail "$1: the program runs with another release"
}

# The default model is found by the library, where it lies now, and by those who build with it.
own_model() { # HOW: the program `default` in $scratch/HOW
  local found
  found=$("$scratch/$1/default" "${pictures[@]}" "$scratch/$1-default.png")
  [ "$found" = "$model" ] || fail "$1: the default model is '$found', not $model"
  cmp "$scratch/$1-default.png" "$scratch/pkg-config-stylize.png" ||
    fail "$1: the default model makes another picture"
}

# What pkg-config prints has the space escaped for a shell.
make_all() { # PACKAGE FOLDER
  mkdir "$scratch/$2"
  PKG_CONFIG_PATH="$prefix/lib/pkgconfig" make --silent -f tests/install/Makefile \
    PACKAGE="$1" EXAMPLES=examples OUT="$scratch/$2"
}
make_all artfusion pkg-config
try pkg-config
own_model pkg-config
"$scratch/pkg-config/isolated" || fail "the program for isolated engines is not found or does not run"
folder=$(eval "echo $(PKG_CONFIG_PATH="$prefix/lib/pkgconfig" pkg-config --variable=modeldir artfusion)")
[ "$(realpath "$folder/mini.artfusion")" = "$(realpath "$model")" ] || fail "pkg-config's modeldir is $folder"
# As on Debian, whose libraries lie in a folder for the architecture; and without a model at all.
mkdir "$prefix/lib/of-this-machine"
mv "$prefix/lib"/libartfusion.so* "$prefix/lib/of-this-machine"
LD_LIBRARY_PATH="$prefix/lib/of-this-machine" ARTFUSION_ENGINE="$prefix/lib/artfusion/libartfusion-engine-torch.so" \
  own_model pkg-config
mv "$model" "$scratch/away"
if LD_LIBRARY_PATH="$prefix/lib/of-this-machine" "$scratch/pkg-config/default" "${pictures[@]}" \
  "$scratch/none.png" 2>"$scratch/said"; then fail 'a model was found that is not there'; fi
grep -qF "$model" "$scratch/said" || fail "what is said of no model: $(cat "$scratch/said")"
mv "$scratch/away" "$model"
mv "$prefix/lib/of-this-machine"/* "$prefix/lib"
rmdir "$prefix/lib/of-this-machine"

cmake -S tests/install/cmake -B "$scratch/package" -G Ninja -DEXAMPLES="$source/examples" \
  -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$scratch/package" >/dev/null
try package
own_model package
grep -qF "$(realpath "$prefix")/share/artfusion" "$scratch/package/model-dir" ||
  fail "artfusion_MODEL_DIR of CMake's package is $(cat "$scratch/package/model-dir")"

# Static: libtorch alone stays shared, and no library of artfusion's is needed.
make_all artfusion-static pkg-config-static
cmake -S tests/install/static -B "$scratch/package-static" -G Ninja -DEXAMPLES="$source/examples" \
  -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$scratch/package-static" >/dev/null
for how in pkg-config-static package-static; do
  readelf -d "$scratch/$how/stylize" | grep 'NEEDED.*libartfusion' >/dev/null && fail "$how: not static"
  mv "$prefix/lib" "$prefix/lib-away"
  try $how
  mv "$prefix/lib-away" "$prefix/lib"
done

cmake -S tests/install/subdirectory -B "$scratch/subdirectory" -G Ninja \
  -DARTFUSION_SOURCE="$source" >/dev/null
cmake --build "$scratch/subdirectory" >/dev/null
resize subdirectory
