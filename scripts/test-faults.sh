#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every failure, in turn, and none left out:  test-faults.sh [--record]
# After test.sh, whose builds it runs. With --record the tables go into docs/testing.md.
set -euo pipefail
cd "$(dirname "$0")/.."
tables=$(mktemp -d)
trap 'rm -rf "$tables"' EXIT

faults() { # PRESET [OPTION...]
  local preset=$1
  shift
  ARTFUSION_TEST_ENGINE=$PWD/build/$preset/lib/libartfusion-engine-test.so \
    "build/$preset/tests/test_faults" --all "$@"
}

faults release --table "$tables/calls"
faults asan
export ARTFUSION_MODEL=$PWD/models/mini.artfusion
export ARTFUSION_ENGINE=$PWD/build/release/lib/libartfusion-engine-torch.so
export ARTFUSION_ENGINE_HOST=$PWD/build/release/lib/artfusion-engine-host
export ARTFUSION_FAULTS_PRELOAD=$PWD/build/release/tests/libfault_preload.so
export ARTFUSION_FAULTS_ENGINE=$PWD/build/release/tests/engine_faults
.venv/bin/python tests/python/engine_faults.py --long --table "$tables/engine"
.venv/bin/python tests/python/engine_faults.py --long --isolated --table "$tables/isolated"

if [ "${1-}" = --record ]; then
  { cat "$tables/calls"; echo; cat "$tables/engine"; echo; cat "$tables/isolated"; } |
    scripts/testing-figures.py faults
fi
