#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# package.sh LIB_DIR FOLDER: packages both crates, as they would be published, into FOLDER. They are built from the
# packaged files alone with the library in LIB_DIR, documented without it, as docs.rs does, and used by a program of
# the README's lines. CARGO_TARGET_DIR is where it builds. No registry is needed.
set -euo pipefail
[ $# = 2 ] || { echo "usage: $0 LIB_DIR FOLDER" >&2; exit 2; }
ARTFUSION_LIB_DIR=$(realpath "$1")
export ARTFUSION_LIB_DIR LD_LIBRARY_PATH=$ARTFUSION_LIB_DIR${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
mkdir -p "$2"
folder=$(realpath "$2")
cd "$(dirname "$0")"
root=$(realpath ../..)
CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_DIR
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

release=$(sed -n 's/^version = "\(.*\)"$/\1/p' artfusion/Cargo.toml)
packaged=$scratch/packaged
mkdir -p "$packaged"
package() { # CRATE ARGUMENTS...
  local crate=$1 file
  shift
  cargo package --offline --allow-dirty --quiet "$@" -p "$crate" # and builds it there
  file=$CARGO_TARGET_DIR/package/$crate-$release.crate
  cp "$file" "$folder"
  tar -xzf "$file" -C "$packaged"
  for wanted in README.md LICENSE Cargo.toml src/lib.rs; do
    [ -s "$packaged/$crate-$release/$wanted" ] || { echo "FAIL: $crate is packaged without $wanted"; exit 1; }
  done
}
patch="patch.crates-io.artfusion-sys.path='$packaged/artfusion-sys-$release'"
package artfusion-sys
package artfusion --config "$patch"
mkdir -p "$scratch/stranger/src"
cat >"$scratch/stranger/Cargo.toml" <<EOF
[package]
name = "stranger"
version = "0.1.0"
edition = "2021"
[dependencies]
artfusion = { path = "$packaged/artfusion-$release" }
[patch.crates-io]
artfusion-sys = { path = "$packaged/artfusion-sys-$release" }
EOF
{
  echo 'fn main() -> Result<(), Box<dyn std::error::Error>> {'
  sed -n '/^```rust$/,/^```$/p' artfusion/README.md | grep -v '^```'
  echo 'Ok(()) }'
} >"$scratch/stranger/src/main.rs"
(
  cd "$scratch/stranger"
  export CARGO_TARGET_DIR=$scratch/stranger-target
  cp "$root/examples/images/pagoda.jpg" photo.jpg
  cp "$root/examples/images/van-gogh.jpg" painting.jpg
  if env -u ARTFUSION_LIB_DIR PKG_CONFIG=false cargo doc --offline --quiet 2>"$scratch/said"; then
    echo 'FAIL: the library is not looked for'
    exit 1
  fi
  grep 'libartfusion was not found' "$scratch/said" >"$scratch/found" || { cat "$scratch/said"; exit 1; }
  env -u ARTFUSION_LIB_DIR PKG_CONFIG=false DOCS_RS=1 cargo doc --offline --quiet
  [ -s "$CARGO_TARGET_DIR/doc/artfusion/struct.Sampler.html" ] || { echo 'FAIL: no documentation'; exit 1; }
  ARTFUSION_MODEL=${ARTFUSION_MODEL:-$root/models/mini.artfusion} cargo run --offline --quiet
  [ -s result.png ] || { echo 'FAIL: the program of the README wrote nothing'; exit 1; }
)
echo "the packaged crates: built, documented without the library, used by the README's lines"
