#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes .venv hold the packages of a requirements file:  setup-python.sh requirements.txt
#
# Where pip gets packages from is pip's own configuration (pip.conf, PIP_INDEX_URL, ...).
# libtorch comes in the torch package, of which there are builds for the CPU and for CUDA:
#   TORCH_BUILD  the one to prefer (default: cpu; cu126, ...). Where pip finds none of that name,
#                the plain one is taken. PyPI has that alone, and on x86-64 it is for CUDA.
#   TORCH_INDEX  an index to look for it in besides pip's own. PyTorch has one for each build.
#   PYTHON       the interpreter to make the environment with (default: python3).
set -euo pipefail
cd "$(dirname "$0")/.."
requirements=$1
build=${TORCH_BUILD:-cpu}

# The stamp's name is a hash of all that decides what is installed.
hash=$(cat requirements*.txt - <<<"$build" | sha256sum | cut -c1-16)
[ -e ".venv/.$requirements-$hash" ] && .venv/bin/python -c '' && exit 0

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
    ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r "$requirements" "$@"
}
torch=$(grep '^torch==' requirements.txt)
echo "setup: $requirements into .venv (minutes at first, since libtorch is 0.2 GB to download)"
if ! pip "$torch+$build" 2>/dev/null; then
  if ! .venv/bin/python -c 'from importlib.metadata import version; version("torch")' 2>/dev/null; then
    echo "setup: pip finds no $torch+$build, and takes the plain $torch. On x86-64 PyPI's is for CUDA: 3 GB to"
    echo "       download, 4.7 GB in .venv. To choose another one, stop this with Ctrl-C:"
    echo "         TORCH_INDEX=URL make ...   an index that has $torch+$build, such as PyTorch's own"
    echo "         TORCH_BUILD=cu130 TORCH_INDEX=URL make ...   another build, from its index"
    debian=$(LC_ALL=C apt-cache show libtorch-dev 2>/dev/null | sed -n 's/^Version: \(2[.][0-9.]*\).*/\1/p' | head -n 1)
    if [ -n "$debian" ]; then
      echo "         apt-get install libtorch-dev && make demo TORCH_DIR=/usr/lib/$(uname -m)-linux-gnu/cmake/Torch"
      echo "                                    the system's own $debian, for the CPU: 0.6 GB"
    fi
  fi
  pip
fi

stamp() { # also what it includes
  touch ".venv/.$1-$hash"
  sed -n 's/^-r //p' "$1" | while read -r included; do stamp "$included"; done
}
stamp "$requirements"
