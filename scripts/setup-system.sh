#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the Debian or Ubuntu packages that are missing:  setup-system.sh build|test|long
# Needs root or sudo only if there are any; without either it lists them and ends with 1.
set -euo pipefail

build=(gcc g++ cmake make ninja-build pkg-config python3-venv libpng-dev libjpeg-dev
       libwebp-dev liblcms2-dev libjansson-dev libminizip-dev zlib1g-dev libssl-dev libpopt-dev)
# The packages of clang's runtimes are named after its release: Debian 12's where there is none yet.
clang=$(clang -dumpversion 2>/dev/null || echo 14)
clang=${clang%%.*}
test=("${build[@]}" libcmocka-dev clang "libclang-rt-$clang-dev" "libfuzzer-$clang-dev" binutils
      abigail-tools dpkg-dev file doxygen cargo golang-go)
long=("${test[@]}" clang-tidy cppcheck valgrind llvm)
case "${1:-}" in
  build) wanted=("${build[@]}") ;;
  test) wanted=("${test[@]}") ;;
  long) wanted=("${long[@]}") ;;
  *) echo "usage: $0 build|test|long" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  # Another system: the build itself tells what it lacks.
  echo "setup: not a Debian system, so nothing is installed; what is needed, by Debian's names:" >&2
  echo "  ${wanted[*]}" >&2
  exit 0
fi

# By what is provided, since real packages may stand for others (libjpeg-dev, pkg-config).
have=$(dpkg-query -W -f='${db:Status-Status} ${Package} ${Provides}\n' 2>/dev/null |
       sed -n 's/^installed //p' | sed -E 's/\([^)]*\)//g; s/,/ /g' | tr -s ' ' '\n')
missing=()
for package in "${wanted[@]}"; do
  grep -qxF -- "$package" <<<"$have" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

install="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" = 0 ]; then
  root=(env)
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
  root=(sudo env) # asks for a password on a terminal
else
  printf 'setup: these packages are missing and installing them takes root. Run:\n\n  sudo %s\n\n' \
    "$install" >&2
  exit 1
fi
echo "setup: $install"
log=$(mktemp)
kept=$(mktemp)
trap 'rm -f "$log" "$kept"' EXIT
# A bundle of certificates that is there without its package was put there by somebody, as behind a
# proxy that has one of its own. The package, which python3-venv brings, would replace it.
bundle=/etc/ssl/certs/ca-certificates.crt
if [ -s "$bundle" ] && ! grep -qxF ca-certificates <<<"$have"; then
  cp "$bundle" "$kept"
fi
export_options=(DEBIAN_FRONTEND=noninteractive LC_ALL=C)
if ! { "${root[@]}" "${export_options[@]}" apt-get update -q &&
       "${root[@]}" "${export_options[@]}" $install -q; } </dev/null >"$log" 2>&1; then
  cat "$log" >&2
  echo "setup: installing the packages failed (above: apt-get's own words)" >&2
  exit 1
fi
if [ -s "$kept" ]; then
  "${root[@]}" sh -c 'cat "$1" >>"$2"' - "$kept" "$bundle"
fi
