#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes the Debian package of a build, unpacks it, and stylises with nothing but what is in it:
# package.sh BUILD
set -euo pipefail
build=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "FAIL: $*"; exit 1; }

cpack --config "$build/CPackConfig.cmake" -G DEB -B "$scratch/package" >/dev/null
deb=$(echo "$scratch"/package/*.deb)
[ -f "$deb" ] || fail "no package was made"
for library in libc6 libpng libjpeg libwebp liblcms2 libjansson libminizip libssl libpopt libstdc++6; do
  dpkg-deb -f "$deb" Depends | grep "$library" >/dev/null || fail "the package does not depend on $library"
done

dpkg-deb -x "$deb" "$scratch/un packed"
cd "$scratch/un packed/usr"
for file in include/artfusion.h lib/libartfusion.so lib/artfusion/libtorch_cpu.so \
            share/artfusion/mini.artfusion share/man/man1/artfusion.1 share/doc/artfusion/LICENSE \
            share/doc/artfusion/libtorch/licenses/LICENSE; do
  [ -s "$file" ] || fail "$file is not in the package"
done
[ -z "$(find . -name '*.a')" ] || fail "static libraries know this machine's libtorch"
path=$(readelf -d lib/artfusion/libartfusion-engine-torch.so | sed -n 's/.*R.*PATH.*\[\(.*\)\]/\1/p')
[ "$path" = '$ORIGIN' ] || fail "the engine looks for libtorch in '$path'"

env -i bin/artfusion stylize --quiet --fit 64 --steps 2 --out "$scratch/result.png" \
  --content "$OLDPWD/examples/images/coffee.jpg" --style "$OLDPWD/examples/images/monet.jpg"
[ -s "$scratch/result.png" ] || fail "the packaged command wrote nothing"
