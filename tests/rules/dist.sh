#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `make dist` of a clone of this tree: the committed files and no other, the same bytes each time, checksums that are
# right; and refused where something is not committed.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() { echo "FAIL: $*"; failed=1; }

# Whoever owns the checkout.
export HOME=$scratch/home
mkdir "$HOME"
git config --global safe.directory '*'
git clone --quiet --no-hardlinks --depth 1 "file://$PWD" "$scratch/clone"
git clone --quiet --no-hardlinks --depth 1 "file://$PWD" "$scratch/an other/clone"
release=$(sed -n 's/^#define ARTFUSION_VERSION_[A-Z]* \([0-9]*\)$/\1/p' include/artfusion.h | paste -sd .)
dist() { # CLONE VARIABLES...
  local clone=$1
  shift
  (cd "$clone" && rm -rf build && env "$@" make --silent dist) 2>&1
}

said=$(dist "$scratch/clone" LC_ALL=C TZ=UTC) || fail "it ends badly: $said"
find "$scratch/an other/clone" -type f -exec touch -d 2001-01-01 {} +
said=$(umask 077 && dist "$scratch/an other/clone" LC_ALL=C.UTF-8 TZ=Asia/Tokyo GZIP=-1) || fail "elsewhere it ends badly: $said"
first=$scratch/clone/build/dist second="$scratch/an other/clone/build/dist"
[ "$(ls "$first")" = "$(printf 'SHA256SUMS\nartfusion-%s.tar.gz' "$release")" ] || fail "it made $(ls "$first")"
for file in SHA256SUMS "artfusion-$release.tar.gz"; do
  cmp "$first/$file" "$second/$file" || fail "$file has other bytes when it is made again"
done
(cd "$first" && sha256sum --quiet --strict -c SHA256SUMS) || fail 'the checksums are wrong'
[ "$(wc -l <"$first/SHA256SUMS")" = 1 ] || fail "SHA256SUMS lists $(cat "$first/SHA256SUMS")"

# What is committed, as it is, and no more.
mkdir "$scratch/unpacked"
tar -xzf "$first/artfusion-$release.tar.gz" -C "$scratch/unpacked"
[ "$(ls "$scratch/unpacked")" = "artfusion-$release" ] || fail "the tarball holds $(ls "$scratch/unpacked")"
cd "$scratch/unpacked/artfusion-$release"
diff <(git -C "$scratch/clone" ls-files | sort) <(find . ! -type d -printf '%P\n' | sort) ||
  fail 'the tarball does not hold what is committed'
diff -r --exclude .git --exclude build "$scratch/clone" . || fail 'files in the tarball are not as they are committed'
make --silent help >/dev/null || fail 'no make in the tarball'
cd "$OLDPWD"

# What is not committed, is said, and nothing made.
refuses() { # WHAT FILE
  said=$(dist "$scratch/clone") && fail "$1: it makes a release"
  grep -F "$2" <<<"$said" >/dev/null || fail "$1: it does not say which: $said"
  [ ! -e "$first" ] || fail "$1: it leaves $(ls "$first")"
}
echo >>"$scratch/clone/README.md"
refuses 'a changed file' README.md
git -C "$scratch/clone" add README.md
refuses 'a changed file that is to be committed' README.md
git -C "$scratch/clone" reset --quiet --hard
echo >"$scratch/clone/lib/new.c"
refuses 'a new file' lib/new.c
rm "$scratch/clone/lib/new.c" "$scratch/clone/LICENSE"
refuses 'a removed file' LICENSE
said=$(cd "$scratch/unpacked/artfusion-$release" && GIT_CEILING_DIRECTORIES=/ make --silent dist 2>&1) &&
  fail 'a release is made of what is no checkout'
grep 'no checkout of git' <<<"$said" >/dev/null || fail "without git: $said"
[ $failed = 1 ] || echo 'a release is what is committed'
exit $failed
