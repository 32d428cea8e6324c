#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The source of a release, and its checksum, ready to be signed:  dist.sh FOLDER
#
# The tarball holds what git has committed, and is the same bytes whenever and wherever it is made of one commit:
# names, times and modes are those of the commit. Whoever has the commit can check it so.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C TZ=UTC
version=$(sed -n 's/^#define ARTFUSION_VERSION_[A-Z]* \([0-9]*\)$/\1/p' include/artfusion.h | paste -sd .)
name=artfusion-$version

if ! changed=$(git status --porcelain); then
  echo "dist: this is no checkout of git, so that it cannot be told what belongs to a release" >&2
  exit 1
fi
if [ -n "$changed" ]; then
  echo "dist: these are not committed, and so would not be in the release:" >&2
  printf '%s\n' "$changed" >&2
  exit 1
fi
mkdir -p "$1"
folder=$(realpath "$1")
git -c tar.umask=0022 archive --format=tar --prefix="$name/" HEAD | gzip -9 -n >"$folder/$name.tar.gz"
(cd "$folder" && sha256sum "$name.tar.gz" >SHA256SUMS)
echo "dist: $folder/$name.tar.gz, $(git rev-parse --short HEAD), and SHA256SUMS to sign:"
echo "        gpg --armor --detach-sign '$folder/SHA256SUMS'"
