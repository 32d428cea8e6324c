#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the libraries that the core needs with musl, from Debian's sources, as static ones in build/machines/musl:
#   musl-libraries.sh JOBS
# What is there already is not built again.
set -euo pipefail
cd "$(dirname "$0")/../.."
jobs=$1
toolchain=$PWD/scripts/machines/musl.cmake
prefix=$PWD/build/machines/musl
sources=$PWD/build/machines/sources
mkdir -p "$prefix"/{include,lib/pkgconfig,built} "$sources"

# The kernel's headers, which the wrapper leaves out.
for folder in linux asm-generic; do
  ln -sfn /usr/include/$folder "$prefix/include/$folder"
done
ln -sfn "/usr/include/$(gcc -print-multiarch)/asm" "$prefix/include/asm"

# With apt's own configuration, except for its list of sources, and without root. The release's own packages: its
# updates come and go.
fetch() { # SOURCE PACKAGES...
  local apt=$sources/apt list
  mkdir -p "$apt"/lists/partial "$apt"/cache/archives/partial
  list=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
         sed -n 's/^\([^ ]*\) \([^ -]*\) main Debian$/deb-src [signed-by=@] \1 \2 main/p' | sort -u)
  [ -n "$list" ] || { echo "machines: apt-get has no lists of Debian's: run apt-get update" >&2; exit 1; }
  sed 's,@,/usr/share/keyrings/debian-archive-keyring.gpg,' <<<"$list" >"$apt/sources.list"
  local options=(-q -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
                 -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User="$(id -un)")
  apt-get "${options[@]}" update
  (cd "$sources" && apt-get "${options[@]}" source "$@")
}

by_cmake() { # FOLDER OPTIONS...
  local folder=$1
  shift
  cmake -S "$folder" -B "$work" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$toolchain" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR="$prefix/lib" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_SHARED_LIBS=OFF -DCMAKE_POLICY_VERSION_MINIMUM=3.5 "$@"
  cmake --build "$work" -j "$jobs"
  cmake --install "$work"
}
by_configure() { # FOLDER OPTIONS...
  local folder=$1
  shift
  mkdir -p "$work"
  (cd "$work" && "$folder/configure" --host=x86_64-linux-musl --prefix="$prefix" --disable-shared --with-pic CC=musl-gcc \
     CFLAGS="-O2 -isystem $prefix/include" LDFLAGS="-L$prefix/lib" "$@" && make -j "$jobs" && make install)
}

build() { # SOURCE PACKAGE
  local folder work
  work=$(mktemp -d)
  folder=$(find "$sources" -mindepth 1 -maxdepth 1 -type d -name "$1-*")
  case $1 in
    zlib) # which by CMake is built as a shared one, too
      (cd "$work" && CC=musl-gcc CFLAGS='-O2 -fPIC' "$folder/configure" --static --prefix="$prefix" && make -j "$jobs" libz.a && make install)
      ;;
    libpng1.6) by_cmake "$folder" -DPNG_SHARED=OFF -DPNG_TESTS=OFF ;;
    libjpeg-turbo) by_cmake "$folder" -DENABLE_SHARED=OFF -DWITH_TURBOJPEG=OFF -DWITH_SIMD=OFF ;;
    libwebp)
      by_cmake "$folder" -DWEBP_BUILD_{ANIM_UTILS,CWEBP,DWEBP,GIF2WEBP,IMG2WEBP,VWEBP,WEBPINFO,WEBPMUX,EXTRAS}=OFF ;;
    jansson) by_cmake "$folder" -DJANSSON_BUILD_DOCS=OFF -DJANSSON_WITHOUT_TESTS=ON -DJANSSON_EXAMPLES=OFF ;;
    lcms2) by_configure "$folder" --without-jpeg --without-tiff ;;
    popt) by_configure "$folder" --disable-nls ;;
    cmocka) # whose shared library is always built
      by_cmake "$folder" -DWITH_EXAMPLES=OFF -DWITH_STATIC_LIB=ON
      rm -f "$prefix"/lib/libcmocka.so*
      mv "$prefix/lib/libcmocka-static.a" "$prefix/lib/libcmocka.a"
      ;;
    openssl) # libcrypto alone, of which the core needs a digest
      (cd "$work" && CC=musl-gcc CFLAGS=-O1 "$folder/Configure" linux-x86_64 --prefix="$prefix" --libdir=lib \
         no-{shared,tests,dso,engine,module,afalgeng,legacy,asm,aria,bf,blake2,camellia,cast,chacha,cmac,cmp,cms,comp,ct} \
         no-{des,dh,dsa,ec,gost,idea,md4,mdc2,ocb,ocsp,poly1305,psk,rc2,rc4,rfc3779,rmd160,scrypt,seed,siphash,siv} \
         no-{sm2,sm3,sm4,sock,srp,ssl,tls,ts,ui-console,whirlpool} -isystem "$prefix/include" &&
         make -j "$jobs" build_generated && make -j "$jobs" libcrypto.a &&
         cp libcrypto.a "$prefix/lib/" && cp -r "$folder/include/openssl" include/openssl "$prefix/include/")
      printf '%s\n' 'Name: libcrypto' 'Description: of OpenSSL' "Version: ${folder##*-}" \
        "Cflags: -I$prefix/include" "Libs: -L$prefix/lib -lcrypto" >"$prefix/lib/pkgconfig/libcrypto.pc"
      ;;
  esac
  rm -rf "$work"
}

all=(openssl zlib libpng1.6 libjpeg-turbo libwebp jansson lcms2 popt cmocka)
missing=()
for name in "${all[@]}"; do
  [ -e "$prefix/built/$name" ] || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0
fetch "${missing[@]}" >"$prefix/log" 2>&1 || { tail -n 30 "$prefix/log" >&2; exit 1; }
for name in "${missing[@]}"; do
  echo "machines: $name for musl"
  # Not after `||` or in a condition, where bash would go on after a failure.
  (set -e; build "$name") >"$prefix/log" 2>&1 &
  wait $! || { tail -n 30 "$prefix/log" >&2; echo "machines: $name for musl failed" >&2; exit 1; }
  touch "$prefix/built/$name"
done
