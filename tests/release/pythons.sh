#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A wheel with each Python from 3.11 to 3.14 that is on the PATH, or with all that PYTHONS names: installed by pip into
# an environment of its own, and used there by the lines of README.md:  pythons.sh WHEEL PYTHON
# It says which of the four are not there. One that PYTHONS names must be.
#
# PYTHON's torch is lent to all of them: no part of it that is used, libtorch, is for one Python.
set -euo pipefail
[ $# = 2 ] || { echo "usage: $0 WHEEL PYTHON" >&2; exit 2; }
wheel=$(realpath "$1") python=$(realpath -s "$2")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
torch=$("$python" -c 'import importlib.metadata as m; print(m.distribution("torch").locate_file(""))')
mkdir "$scratch/lent"
ln -s "$torch"/torch "$torch"/torch-*.dist-info "$scratch/lent"
cp examples/images/pagoda.jpg "$scratch/photo.jpg"
cp examples/images/van-gogh.jpg "$scratch/painting.jpg"
sed -n '/^```python$/,/^```$/{/^```/d;p}' README.md >"$scratch/lines.py"
[ -s "$scratch/lines.py" ]
cd "$scratch"

tried=() absent=()
for name in ${PYTHONS:-python3.11 python3.12 python3.13 python3.14}; do
  # A shim of pyenv's may be there without its Python.
  if ! interpreter=$(command -v "$name") || ! "$interpreter" -c '' 2>/dev/null; then
    [ -z "${PYTHONS:-}" ] || { echo "FAIL: $name does not run"; exit 1; }
    absent+=("$name")
    continue
  fi
  "$interpreter" -m venv --without-pip "of-$name"
  "$python" -m pip --python "of-$name/bin/python" install --quiet --disable-pip-version-check --no-index --no-deps "$wheel"
  "of-$name/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))' >folder
  echo "$scratch/lent" >"$(cat folder)/lent.pth"
  rm -f result.png out.png
  "of-$name/bin/python" -W error lines.py
  "of-$name/bin/artfusion" stylize --quiet -c photo.jpg -s painting.jpg -o out.png --strength bold
  [ -s result.png ] && [ -s out.png ]
  tried+=("$("$interpreter" -c 'import platform; print(platform.python_version())')")
done
[ ${#tried[@]} -gt 0 ] || { echo 'FAIL: no Python was found'; exit 1; }
echo "the wheel works with Python ${tried[*]}"
[ ${#absent[@]} = 0 ] || echo "not tried, since they are not there: ${absent[*]}"
