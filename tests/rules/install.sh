#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs a build, moves it, and uses it as a stranger would:  install.sh BUILD
# A program is compiled by pkg-config's word alone and run, and the command finds library, engine
# and model by itself.
set -euo pipefail
build=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset ARTFUSION_ENGINE ARTFUSION_MODEL ARTFUSION_LIBRARY

cmake --install "$build" --prefix "$scratch/there" >/dev/null
mv "$scratch/there" "$scratch/here"
prefix=$scratch/here
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
read -ra flags <<<"$(pkg-config --cflags --libs artfusion)"
cc -std=c99 -Werror examples/stylize.c -o "$scratch/stylize" "${flags[@]}" -Wl,-rpath,"$prefix/lib"

version=$("$prefix/bin/artfusion" --version)
[[ $version == *"$(pkg-config --modversion artfusion)"* ]] || { echo "FAIL: $version"; exit 1; }
"$prefix/bin/artfusion" stylize --content examples/images/coffee.jpg \
  --style examples/images/monet.jpg --fit 64 --steps 2 --out "$scratch/command.png"
[ -s "$scratch/command.png" ] || { echo "FAIL: the command wrote nothing"; exit 1; }
