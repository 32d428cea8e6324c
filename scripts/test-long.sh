#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Everything that is tested, none of it for a short time:  test-long.sh JOBS [--record]
# After test.sh, whose builds it goes on with. Takes hours. With --record what is measured is written
# into docs/testing.md.
set -uo pipefail
cd "$(dirname "$0")/.."
jobs=$1 record=${2:-}
summary=() status=0

stage() { # NAME COMMAND...
  local name=$1 begin=$SECONDS word=ok
  shift
  printf '\n== %s\n' "$name"
  "$@" </dev/null || { word=FAILED; status=1; }
  summary+=("$(printf '%-46s %-6s %5d s' "$name" $word $((SECONDS - begin)))")
}

stage 'every fault, in turn' scripts/test-faults.sh $record
stage 'threads, processes, cancelling' tests/long/threads.sh $record
stage 'hostile model files' tests/python/hostile.sh build/release $record
stage 'a hundred thousand random programs' .venv/bin/python tests/long/programs.py $record
stage 'random programs, isolated' .venv/bin/python tests/long/programs.py --isolated --count 5000 $record
stage 'damaged model files and checkpoints' .venv/bin/python tests/mutated.py $record
stage 'folder runs killed' .venv/bin/python tests/long/kill.py $record
stage 'ten thousand samplers' .venv/bin/python tests/long/rounds.py $record
stage 'fuzzers, ten minutes each' python3 tests/fuzz/run.py $record
stage 'coverage' scripts/coverage.py -j "$jobs" $record
stage 'mutation' scripts/mutate.py -j "$jobs" $record
stage 'static analysis and valgrind' scripts/analyze.sh "$jobs" $record
stage 'other machines' scripts/test-machines.sh "$jobs"

printf '\n== Summary\n'
printf '%s\n' "${summary[@]}"
exit $status
