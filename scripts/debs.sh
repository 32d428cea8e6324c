#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Debian's packages of this source tree, checked by lintian:  debs.sh FOLDER JOBS
#
# The engine depends on the distribution's libtorch if libtorch-dev is installed, of release 2.6 or newer, as in
# Debian 13. Otherwise its package carries the libtorch of .venv, or that of TORCH_DIR.
set -euo pipefail
[ $# = 2 ] || { echo "usage: $0 FOLDER JOBS" >&2; exit 2; }
mkdir -p "$1"
folder=$(realpath "$1")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
options=(--build=binary --no-sign --jobs="$2")
export DEB_BUILD_OPTIONS="noautodbgsym ${DEB_BUILD_OPTIONS:-}"
known=() # what lintian has against a libtorch that is carried, and rightly
has=$(dpkg-query -W -f '${Version}' libtorch-dev 2>/dev/null || true)
if [ -z "$has" ] || dpkg --compare-versions "$has" lt 2.6; then
  TORCH_DIR=$(realpath "${TORCH_DIR:-$(echo .venv/lib/python3*/site-packages/torch/share/cmake/Torch)}")
  export TORCH_DIR
  options+=(-Ppkg.artfusion.torch)
  known=(--suppress-tags custom-library-search-path,embedded-library,unstripped-binary-or-object)
fi
# dpkg-buildpackage writes beside the tree.
mkdir "$work/tree"
tar -c --exclude=./.git --exclude=./.venv --exclude=./build . | tar -x -C "$work/tree"
(cd "$work/tree" && dpkg-buildpackage "${options[@]}") >"$work/log" 2>&1 ||
  { tail -n 60 "$work/log"; echo 'debs: dpkg-buildpackage failed'; exit 1; }
lintian --fail-on error,warning --allow-root "${known[@]}" "$work"/*.changes
mv "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$folder"
echo "$(ls "$folder"/*.deb | wc -l) packages, and nothing that lintian warns of"
