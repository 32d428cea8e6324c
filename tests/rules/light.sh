#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Who only asks for the release, or only reads and writes pictures, loads no engine and no libtorch and
# stays small:  light.sh LIBRARY COMMAND
set -euo pipefail
folder=$(realpath "$(dirname "$1")") command=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
most=20 # MB of resident memory

c++ -std=c++17 -Iinclude tests/install/resize.cpp -o "$scratch/resize" \
  -L"$folder" -lartfusion -Wl,-rpath,"$folder"
check() { # COMMAND...
  LD_DEBUG=files LD_DEBUG_OUTPUT="$scratch/files" "$@" >/dev/null
  cat "$scratch"/files.* | grep 'libc\.so' >/dev/null || { echo "FAIL: the loader told nothing"; exit 1; }
  if cat "$scratch"/files.* | grep -E 'file=[^ ]*(torch|engine|c10)'; then
    echo "FAIL: $* loads these"
    exit 1
  fi
  rm "$scratch"/files.*
  python3 - "$most" "$@" <<'PY'
import os, sys, time

begin = time.perf_counter()
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ,
                     file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
_, status, usage = os.wait4(pid, 0)
memory = usage.ru_maxrss / 1024
print(f"{(time.perf_counter() - begin) * 1e3:.0f} ms, {memory:.1f} MB: {' '.join(sys.argv[2:])}")
sys.exit(status != 0 or memory > float(sys.argv[1]))
PY
}
check "$command" --version
check "$scratch/resize" examples/images/pagoda.jpg "$scratch/small.png" 640 480
