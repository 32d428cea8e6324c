#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Static analysis, and the tests under valgrind:  analyze.sh JOBS [--record] [-DTorch_DIR=DIR]
# A finding of any tool fails. What is left out is said, with its reason, in .clang-tidy (also those of
# folders), beside the line, or in tests/valgrind.supp. --record: the figures go into docs/testing.md.
# Half an hour on two cores, most of it clang-tidy's for what includes libtorch.
set -uo pipefail
cd "$(dirname "$0")/.."
jobs=$1
shift
record=
[ "${1:-}" != --record ] || { record=1; shift; }
for tool in gcc clang clang-tidy cppcheck valgrind; do
  command -v $tool >/dev/null ||
    { echo "analyze: $tool is missing; scripts/setup-system.sh long installs it" >&2; exit 1; }
done
build=build/analyze status=0

sources() { git ls-files "$@"; }
lines() { sources "$@" | xargs cat | wc -l; }
marks() { grep -rhoE "$1" lib tools tests/engine shim include | wc -l; } # WORD, in comments
stage() { # NAME COMMAND...
  local begin=$SECONDS
  printf '\n== %s\n' "$1"
  "${@:2}" </dev/null && echo "ok, $((SECONDS - begin)) s" || { echo "FAILED: $1"; status=1; }
}
core=('lib/*.[ch]' 'tools/*.[ch]' 'tests/engine/*.[ch]' 'include/*.h')
engine=('shim/*.[ch]pp')

# Warnings are errors, so that the build ends with what it finds.
fanalyzer() {
  cmake -S . -B $build/gcc -G Ninja -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DCMAKE_C_FLAGS=-fanalyzer -DARTFUSION_WERROR=ON -DARTFUSION_ENGINE_TORCH=OFF \
    -DARTFUSION_BUILD_TESTS=ON >/dev/null &&
    cmake --build $build/gcc -j "$jobs" --clean-first \
      --target artfusion artfusion_command artfusion-engine-test >$build/gcc.log 2>&1 ||
    { cat $build/gcc.log; return 1; }
}

# In the folder of each: messages name files of it.
tidy() { # PATTERN...: of what is compiled here
  sources "$@" | sed "s|^|$PWD/|" | grep -xFf <(sed -n 's/^ *"file": "\(.*\)",*$/\1/p' \
    $build/clang/compile_commands.json) >$build/files
  [ -s $build/files ] && xargs -P "$jobs" -n 1 clang-tidy -p $build/clang --quiet <$build/files
}

cppchecks() {
  cppcheck -j "$jobs" --enable=warning,performance,portability --inline-suppr --quiet \
    --error-exitcode=1 -Iinclude -Ilib -Ishim lib tools tests/engine shim
}

memcheck() { scripts/valgrind.py "$jobs" --row | tee $build/valgrind.log; }

mkdir -p $build
stage "gcc -fanalyzer: core, command, the tests' engine" fanalyzer
stage 'cppcheck: these, and the engine on libtorch' cppchecks
stage 'clang: how each file is compiled' cmake -S . -B $build/clang -G Ninja \
  -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
  -DARTFUSION_BUILD_TESTS=ON "$@"
stage "clang-tidy: core, command, the tests' engine" tidy "${core[@]}"
stage 'clang-tidy: the engine on libtorch' tidy "${engine[@]}"
stage 'valgrind: the tests of the core, the command' memcheck
[ $status = 0 ] || exit 1

[ -n "$record" ] || exit 0
row() { # TOOL VERSION LEFT_OUT PATTERN...
  echo "| $1 | $2 | $(sources "${@:4}" | wc -l) files, $(lines "${@:4}") lines | 0 | $3 |"
}
scripts/testing-figures.py static <<EOF
| tool | version | what | findings | left out, with a reason |
| --- | --- | --- | ---: | ---: |
$(row 'gcc -fanalyzer' "$(gcc -dumpfullversion)" "$(marks Wanalyzer)" "${core[@]}")
$(row cppcheck "$(cppcheck --version | cut -d' ' -f2)" "$(marks cppcheck-suppress)" \
    "${core[@]}" "${engine[@]}")
$(row clang-tidy "$(clang-tidy --version | sed -n 's/.*version \([0-9.]*\).*/\1/p')" \
    $(($(marks NOLINT) + $(cat .clang-tidy {tools,shim}/.clang-tidy | grep -cE '^  -[a-z]'))) \
    "${core[@]}" "${engine[@]}")
$(tail -n 1 $build/valgrind.log)
EOF
