#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes .venv hold the packages of a requirements file:  setup-python.sh requirements.txt
#
# Where pip gets packages from is pip's own configuration (pip.conf, PIP_INDEX_URL, ...). What it gets must be one
# of the files whose hashes requirements.lock has.
# libtorch comes in the torch package, of which there are builds for the CPU and for CUDA:
#   TORCH_BUILD  the one to prefer (default: cpu; cu126, ...). Where pip finds no +cpu, the plain one is
#                taken. PyPI has that alone, and it is for CUDA.
#   TORCH_INDEX  an index to look for it in besides pip's own. PyTorch has one for each build.
#   TORCH_UNVERIFIED=1  to take that build, and what it requires, without hashes: requirements.lock has those
#                of +cpu and of the plain one alone.
#   PYTHON       the interpreter to make the environment with (default: python3).
set -euo pipefail
cd "$(dirname "$0")/.."
requirements=$1
build=${TORCH_BUILD:-cpu}
unverified=${TORCH_UNVERIFIED:-}

# The stamp's name is a hash of all that decides what is installed.
hash=$(cat requirements*.txt requirements.lock - <<<"$build $unverified" | sha256sum | cut -c1-16)
[ -e ".venv/.$requirements-$hash" ] && .venv/bin/python -c '' && exit 0

pins() { # FILE: NAME==VERSION of it and of what it includes, a line each
  sed 's/[[:space:]]*#.*//; /^$/d; /^-r /d' "$1"
  sed -n 's/^-r //p' "$1" | while read -r included; do pins "$included"; done
}
locked() { # PINS: the same with hashes, as pip reads them
  PINS=$1 awk '
    BEGIN { count = split(ENVIRON["PINS"], wanted, "\n"); for (i = 1; i <= count; i++) missing[wanted[i]] = 1 }
    /^[^ #]/ { taken = $1 in missing; delete missing[$1] }
    taken
    END { for (pin in missing) { print "setup: requirements.lock has no hash of " pin >"/dev/stderr"; failed = 1 }
          exit failed }' requirements.lock
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
torch=$(grep '^torch==' requirements.txt)
locked "$(pins "$requirements" | grep -v '^torch==')" >"$work/others.txt"
# By ===, since == would take any other build for it.
locked "$torch
$(pins requirements-cuda.txt)" | sed 's/^torch==/torch===/' >"$work/plain.txt"
if [ -z "$unverified" ] && ! locked "$torch+$build" >"$work/build.txt" 2>/dev/null; then
  echo "setup: requirements.lock has no hashes of $torch+$build, so that neither it nor what it requires"
  echo "       could be verified. To take them as pip finds them: TORCH_UNVERIFIED=1 TORCH_BUILD=$build make ..."
  exit 1
fi >&2

if ! .venv/bin/python -c '' 2>/dev/null; then
  "${PYTHON:-python3}" - <<'PY'
import sys
if sys.version_info < (3, 11):
    sys.exit(f"setup: Python 3.11 or newer is needed, and {sys.executable} is "
             f"{sys.version.split()[0]}; another one can be given by PYTHON=")
PY
  "${PYTHON:-python3}" -m venv --clear .venv
fi
find .venv -maxdepth 1 -name '.requirements*' ! -name "*-$hash" -delete

pip() {
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
    ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} "$@"
}
# All that is required is pinned, so that pip has nothing to look for; and source packages, which would run code
# and bring more packages to be built with, are none of the files.
verified() { pip --require-hashes --no-deps --only-binary :all: -r "$1"; }
refused() { # FILE: pip's own words, if it was for their hashes that it took no files
  grep -q 'DO NOT MATCH THE HASHES' "$1" || return 1
  cat "$1"
  echo "setup: that is no file of requirements.lock, and nothing was installed of it. Either pip was given another"
  echo "       file by the same name, as by an index that somebody has changed, or it is a build that the lock"
  echo "       does not know: for torch, TORCH_UNVERIFIED=1 takes it as it is."
} >&2

echo "setup: $requirements into .venv (minutes at first, since libtorch is 0.2 GB to download)"
if ! verified "$work/others.txt" 2>"$work/said"; then
  refused "$work/said" || cat "$work/said" >&2
  exit 1
fi
if [ -n "$unverified" ]; then
  echo "setup: not verified, as TORCH_UNVERIFIED says: $torch+$build and what it requires"
  pip "$torch+$build"
elif ! verified "$work/build.txt" 2>"$work/said"; then
  ! refused "$work/said" || exit 1
  if ! .venv/bin/python -c 'from importlib.metadata import version; version("torch")' 2>/dev/null; then
    echo "setup: pip finds no $torch+$build, and takes the plain $torch, PyPI's, which is for CUDA: 3 GB to"
    echo "       download, 4.7 GB in .venv. To choose another one, stop this with Ctrl-C:"
    echo "         TORCH_INDEX=URL make ...   an index that has $torch+$build, such as PyTorch's own"
    echo "         TORCH_UNVERIFIED=1 TORCH_BUILD=cu126 TORCH_INDEX=URL make ...   another build, from its index"
    debian=$(LC_ALL=C apt-cache show libtorch-dev 2>/dev/null | sed -n 's/^Version: \(2[.][0-9.]*\).*/\1/p' | head -n 1)
    if [ -n "$debian" ]; then
      echo "         apt-get install libtorch-dev && make demo TORCH_DIR=/usr/lib/$(uname -m)-linux-gnu/cmake/Torch"
      echo "                                    the system's own $debian, for the CPU: 0.6 GB"
    fi
  fi
  if ! verified "$work/plain.txt" 2>"$work/said"; then
    refused "$work/said" || cat "$work/said" >&2
    exit 1
  fi
fi

stamp() { # also what it includes
  touch ".venv/.$1-$hash"
  sed -n 's/^-r //p' "$1" | while read -r included; do stamp "$included"; done
}
stamp "$requirements"
