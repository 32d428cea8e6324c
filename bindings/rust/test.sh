#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# test.sh LIB_DIR: everything about the Rust crates with the library in LIB_DIR: their tests, the
# examples, which must do what those in C do, and formatting and lints where the tools for them are.
# CARGO_TARGET_DIR is where it builds, ARTFUSION_MODEL another model than the repository's.
set -euo pipefail
if [ $# -ne 1 ] || [ ! -e "$1/libartfusion.so" ]; then
  echo "usage: $0 LIB_DIR, a folder with libartfusion.so" >&2
  exit 2
fi
ARTFUSION_LIB_DIR=$(realpath "$1")
export ARTFUSION_LIB_DIR LD_LIBRARY_PATH=$ARTFUSION_LIB_DIR${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
# Tests run at once, each with threads of its own: those that wait must not spin.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
cd "$(dirname "$0")"
root=$(realpath ../..)
CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_DIR
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

rustc --version
if cargo fmt --version >"$scratch/tool" 2>&1; then
  cargo fmt --all -- --check
else
  echo "skipped: cargo fmt, which is not there"
fi
if cargo clippy --version >"$scratch/tool" 2>&1; then
  cargo clippy --offline --all-targets -- -D warnings
else
  echo "skipped: cargo clippy, which is not there"
fi
RUSTDOCFLAGS="-D warnings" cargo doc --offline --no-deps
cargo test --offline
cargo build --offline --release --examples

./package.sh "$ARTFUSION_LIB_DIR" "$scratch/crates"

# Each example beside the one in C: the same exit status, the same lines, the same pictures.
if ! command -v "${CC:-cc}" >"$scratch/tool"; then
  echo "skipped: the examples in C, as ${CC:-cc} is not there"
  exit
fi
model=${ARTFUSION_MODEL:-$root/models/mini.artfusion}
images=$root/examples/images
run() { # FOLDER PROGRAM ARGUMENTS...
  mkdir -p "$1"
  local status=0
  (cd "$1" && shift && "$@" >stdout 2>stderr) || status=$?
  echo "$status" >"$1/status"
}
compare() { # EXAMPLE ARGUMENTS...
  local example=$1
  shift
  "${CC:-cc}" -std=c99 -I"$root/include" "$root/examples/$example.c" -o "$scratch/$example" \
    -L"$ARTFUSION_LIB_DIR" -lartfusion
  rm -rf "$scratch/c" "$scratch/rust"
  run "$scratch/c" "$scratch/$example" "$@"
  run "$scratch/rust" "$CARGO_TARGET_DIR/release/examples/$example" "$@"
  diff -r "$scratch/c" "$scratch/rust"
  echo "the example $example: status $(cat "$scratch/c/status")," \
    "$(find "$scratch/c" -name '*.png' | wc -l) pictures, as in C"
}
# Rust's standard library before rust-lang/rust#113525 has signal stacks that are too small for AMX:
# Linux grants it to the program in C alone, whose last bits are then other ones.
export ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16
photo=$images/pagoda.jpg painting=$images/van-gogh.jpg
compare stylize "$model" "$photo" "$painting" result.png
compare stylize "$model" "$photo" "$images/coffee.jpg" result.png # no square, and larger than native
compare stylize "$model" "$photo" nowhere.jpg result.png
compare blend "$model" "$photo" "$painting" "$images/monet.jpg" 0.25 result.png
compare preview "$model" "$photo" "$painting" step-
compare preview "$model" "$photo" "$painting" step- 3
