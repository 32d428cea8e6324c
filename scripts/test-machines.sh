#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The core on machines other than this one, without libtorch:  test-machines.sh JOBS [aarch64|musl|windows...]
#
#   aarch64  compiled against Debian's libraries; the C tests, run by qemu-user
#   musl     compiled against musl and libraries built with it; the C tests
#   windows  lib/ compiled by MinGW, which must have all that it needs of the system; nothing is run
#
# On the first two the arithmetic must give the bits that it gives here (tests/rules/bits.c).
# For x86-64 and Debian. What it sets up stays in build/machines. qemu needs to be the kernel's interpreter of
# aarch64's programs, because tests start programs: that takes root, or a system that has set it up.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=$1
shift
[ $# -gt 0 ] || set -- aarch64 musl windows
if [ "$(uname -m)" != x86_64 ] || ! grep -q '^ID=debian' /etc/os-release; then
  echo "machines: this takes Debian on x86-64, whose packages it uses" >&2
  exit 1
fi

configure() { # MACHINE OPTIONS...
  local machine=$1
  shift
  cmake -S . -B "build/$machine" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$PWD/scripts/machines/$machine.cmake" \
    -DCMAKE_BUILD_TYPE=RelWithDebInfo -DARTFUSION_ENGINE_TORCH=OFF -DARTFUSION_WERROR=ON "$@" >/dev/null
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# What the library computes by itself, of the files that need no other library.
bits() { # BUILD COMPILER [VARIABLE=VALUE]
  local build=$1 compiler=$2 objects
  shift 2
  mapfile -t objects < <(printf 'lib/CMakeFiles/artfusion_objects.dir/%s.o\n' \
    math/{box_muller,ddim,philox,rng,rng_counter,rng_torch,schedule,timesteps}.c \
    base/{check,error,floats,memory,names,options,version}.c image/{image,resize}.c)
  ninja -C "$build" "${objects[@]}" >/dev/null
  (cd "$build" && "$compiler" -std=c17 -I../../include ../../tests/rules/bits.c "${objects[@]}" -lm -o bits)
  env "$@" "$build/bits" >"$build/bits.txt"
}
same_bits() { # BUILD COMPILER [VARIABLE=VALUE]
  cmake --preset core >/dev/null
  bits build/core cc
  bits "$@"
  cmp build/core/bits.txt "$1/bits.txt"
  echo "$(wc -l <"$1/bits.txt") values have the same bits"
}

# The libraries' packages, unpacked and not installed: none of their programs runs here.
make_root() {
  local root=build/machines/aarch64 sources
  [ ! -e "$root.complete" ] || return 0
  sources=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
            sed -n 's/^\([^ ]*\) \([^ ]*\) main Debian$/deb \1 \2 main/p' | sort -u)
  [ -n "$sources" ] || { echo "machines: apt-get has no lists of Debian's: run apt-get update" >&2; exit 1; }
  rm -rf "$root"
  mkdir -p build/machines
  as_root mmdebstrap --quiet --mode=root --variant=extract --architectures=arm64 --include="$(tr '\n' , <<'PACKAGES'
libc6-dev
libstdc++-12-dev
libpng-dev
libjpeg62-turbo-dev
libwebp-dev
liblcms2-dev
libjansson-dev
zlib1g-dev
libssl-dev
libpopt-dev
libcmocka-dev
PACKAGES
    )" '' "$root" - <<<"$sources"
  # qemu looks for every path here first.
  as_root rm -rf "$root"/{dev,proc,sys,run,tmp,home,root,var,etc}
  touch "$root.complete"
}

# Whether programs for aarch64 start as others do; makes it so.
start_foreign() {
  local folder=/proc/sys/fs/binfmt_misc
  [ ! -e $folder/qemu-aarch64 ] || return 0
  [ -e $folder/register ] || as_root mount -t binfmt_misc binfmt_misc $folder
  [ -e $folder/qemu-aarch64 ] || as_root update-binfmts --enable qemu-aarch64
}

# What asks more of the kernel than qemu-user passes on: seccomp, Landlock, RLIMIT_DATA, why a program could not be
# started. What measures the process's memory, which is qemu's too. And what takes hours under it.
not_emulated='^c/(test_isolation_(calls|fork|process|sandbox)|kills|test_processes|test_faults|test_memory_failures_pictures|test_sampler_steps)$'

aarch64() {
  make_root
  start_foreign
  local root=$PWD/build/machines/aarch64
  PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/usr/lib/aarch64-linux-gnu/pkgconfig:$root/usr/share/pkgconfig \
    configure aarch64 -DARTFUSION_BUILD_TESTS=ON
  cmake --build build/aarch64 -j "$jobs"
  same_bits build/aarch64 aarch64-linux-gnu-gcc QEMU_LD_PREFIX="$root"
  QEMU_LD_PREFIX=$root ctest --test-dir build/aarch64 --output-on-failure --no-tests=error -j "$jobs" -L '^(c|fuzz)$' \
    -E "$not_emulated"
  echo "left out, because of qemu-user: $not_emulated"
}

# musl's raise is tkill, for which the sandbox ends a process, its mmap says ENOMEM for EPERM, and its dlclose keeps
# the library.
not_of_musl='^c/test_(isolation|isolation_sandbox|processes)$'

musl() {
  scripts/machines/musl-libraries.sh "$jobs"
  PKG_CONFIG_LIBDIR=$PWD/build/machines/musl/lib/pkgconfig configure musl -DARTFUSION_BUILD_TESTS=ON
  cmake --build build/musl -j "$jobs"
  same_bits build/musl musl-gcc
  ctest --test-dir build/musl --output-on-failure --no-tests=error -j "$jobs" -L '^(c|fuzz)$' -E "$not_of_musl"
  echo "left out, because of musl: $not_of_musl"
}

# No libraries, since nothing is linked: the headers of this machine's own.
windows() {
  local headers=build/machines/windows multiarch library missing
  multiarch=$(gcc -print-multiarch)
  mkdir -p $headers/openssl
  ln -sfn /usr/include/{png,pngconf,pnglibconf,jpeglib,jmorecfg,jerror,lcms2,lcms2_plugin,jansson,zlib,zconf}.h /usr/include/webp \
    /usr/include/"$multiarch"/{jconfig,jansson_config}.h $headers/
  ln -sfn /usr/include/openssl/*.h /usr/include/"$multiarch"/openssl/*.h $headers/openssl/
  mkdir -p $headers/pkgconfig
  for library in libpng libjpeg libwebp lcms2 jansson zlib libcrypto; do
    printf '%s\n' "Name: $library" 'Description: its headers' "Version: $(pkg-config --modversion $library)" \
      >$headers/pkgconfig/$library.pc
  done
  PKG_CONFIG_LIBDIR=$PWD/$headers/pkgconfig configure windows -DARTFUSION_BUILD_TOOLS=OFF
  cmake --build build/windows -j "$jobs" -t artfusion_objects artfusion_internal
  # Linking fails for want of those libraries, and of nothing else.
  missing=$(cmake --build build/windows -t artfusion 2>&1 || true)
  missing=$(sed -n "s/.*undefined reference to \`\(.*\)'$/\1/p" <<<"$missing" | sort -u)
  grep '^png_' <<<"$missing" >/dev/null || { echo "machines: the linker's words are others than expected" >&2; return 1; }
  missing=$(grep -vE '^(png_|jpeg_|WebP|cms|json_|inflate|crc32|SHA256_|OPENSSL_)' <<<"$missing" || true)
  [ -z "$missing" ] || { echo "machines: MinGW lacks $missing" >&2; return 1; }
  echo "$(grep -c 'artfusion_\(objects\|internal\)[.]dir.*-c ' build/windows/compile_commands.json) files compiled, which need nothing of the system that MinGW lacks"
}

summary=() status=0
for machine in "$@"; do
  begin=$SECONDS word=ok
  printf '\n== %s\n' "$machine"
  # Not in a condition, in which bash would go on after a failure.
  (set -e; "$machine") </dev/null &
  wait $! || { word=FAILED; status=1; }
  summary+=("$(printf '%-10s %-6s %5d s' "$machine" $word $((SECONDS - begin)))")
done
printf '\n== Summary\n'
printf '%s\n' "${summary[@]}"
exit $status
