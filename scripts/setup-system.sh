#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the Debian or Ubuntu packages that are missing:  setup-system.sh build|quick|test|long|release
# Needs root or sudo only if there are any; without either it lists them and ends with 1.
set -euo pipefail

wanted=(gcc g++ cmake make ninja-build pkg-config python3-venv libpng-dev libjpeg-dev
        libwebp-dev liblcms2-dev libjansson-dev zlib1g-dev libssl-dev libpopt-dev)
quick=(libcmocka-dev clang binutils abigail-tools doxygen python3)
test=("${quick[@]}" dpkg-dev file git cargo golang-go libc++-dev libc++abi-dev)
# For 32-bit programs.
[ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ] || test+=(gcc-multilib)
# The packages of clang's runtimes, which are named after its release.
runtimes=()
long=(clang-tidy cppcheck valgrind llvm)
# For programs of other machines, which scripts/test-machines.sh makes on this kind alone.
[ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ] ||
  long+=(gcc-aarch64-linux-gnu g++-aarch64-linux-gnu qemu-user-static binfmt-support mmdebstrap musl-tools gcc-mingw-w64-x86-64-posix)
releasing=(build-essential debhelper dh-python lintian cargo golang-go git file)
case "${1:-}" in
  build) ;;
  quick) wanted+=("${quick[@]}") ;;
  test) wanted+=("${test[@]}") runtimes=(libclang-rt-%-dev libfuzzer-%-dev) ;;
  long) wanted+=("${test[@]}" "${long[@]}") runtimes=(libclang-rt-%-dev libfuzzer-%-dev) ;;
  release) wanted+=("${releasing[@]}") ;;
  *) echo "usage: $0 build|quick|test|long|release" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  # Another system: the build itself tells what it lacks.
  echo "setup: not a Debian system, so nothing is installed; what is needed, by Debian's names:" >&2
  echo "  ${wanted[*]} ${runtimes[*]/\%/RELEASE}" >&2
  exit 0
fi

if [ "$(id -u)" = 0 ]; then
  root=(env)
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
  root=(sudo env) # asks for a password on a terminal
else
  root=()
fi
log=$(mktemp)
kept=$(mktemp)
trap 'rm -f "$log" "$kept"' EXIT
apt() { # ARGUMENTS of apt-get
  "${root[@]}" DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q "$@" </dev/null >"$log" 2>&1 && return
  cat "$log" >&2
  echo "setup: apt-get $1 failed (above: its own words)" >&2
  exit 1
}
updated=''
update() {
  [ -n "$updated" ] || apt update
  updated=1
}

# The release of the clang that is there, or of the one that `clang` would bring. apt-get knows none before its
# first update, as on a system just made.
clang_release() {
  local version
  if version=$(clang -dumpversion 2>/dev/null); then
    echo "${version%%.*}"
  else
    LC_ALL=C apt-cache depends --important clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p'
  fi
}
if [ ${#runtimes[@]} -gt 0 ]; then
  release=$(clang_release)
  if [ -z "$release" ] && [ ${#root[@]} -gt 0 ]; then
    update
    release=$(clang_release)
  fi
  if [ -z "$release" ]; then
    echo "setup: apt-get knows no package clang, nor so the names of its runtimes' packages: run apt-get update" >&2
    exit 1
  fi
  wanted+=("${runtimes[@]/\%/$release}")
fi
# Debian's packages are built with Debian's libtorch, if that is new enough (scripts/debs.sh).
if [ "$1" = release ]; then
  [ ${#root[@]} = 0 ] || update
  version=$(LC_ALL=C apt-cache show libtorch-dev 2>/dev/null | sed -n 's/^Version: //p' | head -n 1)
  [ -z "$version" ] || dpkg --compare-versions "$version" lt 2.6 || wanted+=(libtorch-dev)
fi

# By what is provided, since real packages may stand for others (libjpeg-dev, pkg-config).
have=$(dpkg-query -W -f='${db:Status-Status} ${Package} ${Provides}\n' 2>/dev/null |
       sed -n 's/^installed //p' | sed -E 's/\([^)]*\)//g; s/,/ /g' | tr -s ' ' '\n')
missing=()
for package in "${wanted[@]}"; do
  grep -qxF -- "$package" <<<"$have" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

install=(install -y --no-install-recommends "${missing[@]}")
if [ ${#root[@]} = 0 ]; then
  printf 'setup: these packages are missing and installing them takes root. Run:\n\n  sudo apt-get %s\n\n' \
    "${install[*]}" >&2
  exit 1
fi
echo "setup: apt-get ${install[*]}"
# A bundle of certificates that is there without its package was put there by somebody, as behind a
# proxy that has one of its own. The package, which python3-venv brings, would replace it.
bundle=/etc/ssl/certs/ca-certificates.crt
if [ -s "$bundle" ] && ! grep -qxF ca-certificates <<<"$have"; then
  cp "$bundle" "$kept"
fi
update
apt "${install[@]}"
if [ -s "$kept" ]; then
  "${root[@]}" sh -c 'cat "$1" >>"$2"' - "$kept" "$bundle"
fi
