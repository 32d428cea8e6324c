#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the core and the command without libtorch and runs their tests but the slow ones, and the
# rules that take seconds:  test-quick.sh JOBS
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=$1

cmake --preset core >/dev/null
cmake --build --preset core -j "$jobs"
begin=$SECONDS
status=0
ctest --preset core -j "$jobs" -LE '^slow$' || status=$?

slow=$(ctest --test-dir build/core -N -L '^slow$' | sed -n 's/.*Test *#[0-9]*: //p' | tr '\n' ' ')
cat <<EOF

The tests took $((SECONDS - begin)) s. Left out here; \`make test\` runs them:
  slow tests: $slow
  what needs libtorch: the engine, Python, the bindings, the examples, installing and packaging
  the rules that build the library again: abi-variants, x86-32
  the core under AddressSanitizer, UBSan and ThreadSanitizer, all by clang, and the fuzzers' search
EOF
exit $status
