#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Threads, processes and cancelling, for longer than make test has:  threads.sh [--record] [MINUTES]
#
# C tests under ThreadSanitizer; processes ended in mid-run, 50 times by the test engine and 10 by
# the real one; MINUTES (10) of threads on real networks; 250 cancels; isolated engines ended, 1,000
# times the tests' own and 60 times the real one. --record writes what the last three measured into
# docs/testing.md. Needs the release build of make test. About 50 minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
record=cat
if [ "${1:-}" = --record ]; then
  record=scripts/testing-figures.py
  shift
fi
minutes=${1:-10} build=build/release status=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The tests' own environment, as CMake has it.
eval "$(ctest --preset release -N -V -R '^c/stress$' 2>/dev/null |
        sed -nE "s/^[0-9]+:  ([A-Z_]+)=(.*)$/export \1='\2'/p")"
: "${ARTFUSION_ENGINE:?threads.sh: no release build with tests: make test makes it}"

note() { printf '\n== %s\n' "$*"; }
into() { # SECTION FILE
  if [ "$record" = cat ]; then cat "$2"; else "$record" "$1" <"$2"; fi
}

note 'C tests under ThreadSanitizer'
cmake --preset tsan -DARTFUSION_BUILD_TESTS=ON >/dev/null
cmake --build --preset tsan -j 2
# Without what unloads the library and leaves threads behind, which ThreadSanitizer does not follow.
ctest --preset tsan -L c -j 2 -E 'test_processes|test_isolation_fork' | tee "$scratch/tsan" || status=1

note 'processes ended in mid-run'
ended=0 astray=0
for program in test_processes:50 test_engine_torch_processes:10; do
  for way in return exit quick_exit; do
    for ((i = 0; i < ${program#*:}; i++)); do
      code=0
      timeout 300 "$build/tests/${program%:*}" --leave $way $((1000 + i)) || code=$?
      ended=$((ended + 1))
      [ $code = 7 ] || { echo "FAIL: ${program%:*} $way $i ended with $code"; status=1 astray=$((astray + 1)); }
    done
  done
done
echo "$ended processes"

note "$minutes minutes of threads on real networks"
"$build/tests/stress" --minutes "$minutes" >"$scratch/stress" || status=1
{
  cat "$scratch/stress"
  echo "| processes left in mid-run by exit, quick_exit or main's end | $ended |"
  echo "| of these, that ended with another status than their own | $astray |"
  echo "| C test programs under ThreadSanitizer | $(sed -n 's/.*tests passed.* out of //p' "$scratch/tsan") |"
  echo "| of these, with a report or a failure | $(grep -c '[*][*][*]' "$scratch/tsan") |"
} >"$scratch/threads"
into threads "$scratch/threads"

note '250 cancels'
"$build/tests/cancel" --cancels 250 >"$scratch/cancel" || status=1
into cancel "$scratch/cancel"

note 'isolated engines ended at random moments'
"$build/tests/kills" --kills 1000 >"$scratch/kills" || status=1
echo >>"$scratch/kills"
"$build/tests/kills" --kills 60 --engine torch >>"$scratch/kills" || status=1
into kills "$scratch/kills"
exit $status
