#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The set-up, with apt, dpkg and pip taken by scripts that write down what they are asked for: which packages a
# release of Debian or Ubuntu needs, what is said before gigabytes are downloaded, and that there is a hash of all.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() { echo "FAIL: $*"; failed=1; }

mkdir -p "$scratch/bin" "$scratch/tree/scripts" "$scratch/tree/.venv/bin"
script() { # FILE, its lines from standard input
  { echo '#!/usr/bin/env bash'; cat; } >"$1"
  chmod +x "$1"
}
for tool in awk bash sed tr grep cut cat dpkg mktemp rm env sha256sum find touch head cp uname dirname; do
  ln -s "$(command -v $tool)" "$scratch/bin/$tool"
done
script "$scratch/bin/id" <<<'echo 0'
script "$scratch/bin/dpkg-query" <<<"printf 'installed make\\ninstalled ca-certificates\\n'"
script "$scratch/bin/apt-get" <<EOF
echo "\$*" >>$scratch/asked
[[ "\$*" != *update* ]] || touch $scratch/updated
EOF
# It knows its packages once its lists are there.
script "$scratch/bin/apt-cache" <<EOF
[ -e $scratch/updated ] || exit 0
case "\$1" in
  depends) printf 'clang\n  Depends: clang-%s\n' "\$CLANG" ;;
  show) [ -z "\$LIBTORCH" ] || printf 'Package: libtorch-dev\nVersion: %s\n' "\$LIBTORCH" ;;
esac
EOF
setup() { env -i PATH="$scratch/bin" LIBTORCH="${LIBTORCH:-}" CLANG="${CLANG:-}" "$@" 2>&1; }

for release in 14 18 19; do # Debian 12, Ubuntu 24.04, Debian 13
  rm -f "$scratch/updated" "$scratch/asked"
  CLANG=$release setup bash scripts/setup-system.sh test >/dev/null
  [ "$(grep -c update "$scratch/asked")" = 1 ] || fail "clang $release: not one update: $(cat "$scratch/asked")"
  for package in clang "libclang-rt-$release-dev" "libfuzzer-$release-dev" doxygen; do
    grep -E "install .* $package( |\$)" "$scratch/asked" >/dev/null || fail "clang $release: no $package"
  done
done
script "$scratch/bin/clang" <<<'echo 17.0.6' # one that is there already
CLANG=19 setup bash scripts/setup-system.sh test >/dev/null
grep 'libfuzzer-17-dev' "$scratch/asked" >/dev/null || fail 'not the runtimes of the clang that is there'
rm "$scratch/bin/clang" "$scratch/asked"
setup bash scripts/setup-system.sh build >/dev/null
! grep clang "$scratch/asked" >/dev/null || fail 'clang, to build alone'
rm "$scratch/asked"
setup bash scripts/setup-system.sh quick >/dev/null
grep 'install .* libcmocka-dev' "$scratch/asked" >/dev/null || fail 'no libcmocka-dev for the quick tests'
! grep -E 'cargo|golang|libfuzzer' "$scratch/asked" >/dev/null || fail "too much for the quick tests: $(cat "$scratch/asked")"
for torch in '' 1.13.1+dfsg-4 2.6.0+dfsg-7; do # Ubuntu 24.04, Debian 12, Debian 13
  rm -f "$scratch/updated" "$scratch/asked"
  LIBTORCH=$torch setup bash scripts/setup-system.sh release >/dev/null
  grep 'install .* lintian' "$scratch/asked" >/dev/null || fail 'no lintian for a release'
  wanted=$([[ $torch != 2.* ]] || echo libtorch-dev)
  [ "$(grep -o libtorch-dev "$scratch/asked")" = "$wanted" ] || fail "with libtorch $torch: $(cat "$scratch/asked")"
done

# No root: the command to type, with the same names.
script "$scratch/bin/id" <<<'echo 1000'
said=$(CLANG=19 setup bash scripts/setup-system.sh test) && fail 'it ended well without root'
grep 'sudo apt-get install .*libclang-rt-19-dev' <<<"$said" >/dev/null || fail "without root: $said"

cp scripts/setup-python.sh "$scratch/tree/scripts"
cp requirements*.txt requirements.lock "$scratch/tree"
torch=$(grep '^torch==' requirements.txt)
# It writes down what the file that it is given asks for, and finds no other build of torch than +$FOUND.
script "$scratch/tree/.venv/bin/python" <<EOF
case "\$*" in
  *pip*--require-hashes*--no-deps*--only-binary\ :all:*-r\ *)
    wanted=\$(cat "\${!#}")
    wanted=\${wanted/===/==}
    [[ "\$wanted" != *+* || "\$wanted" = *+\$FOUND* ]] || exit 1
    echo "\$wanted" >>$scratch/pip ;;
  *pip*) echo "unverified \$*" >>$scratch/pip ;;
  *metadata*) exit 1 ;;
esac
EOF
python() { # [FILE] VARIABLES...
  local file=requirements.txt
  [[ "${1:-}" != requirements* ]] || { file=$1; shift; }
  (cd "$scratch/tree" && rm -f .venv/.req* "$scratch/pip" && setup "$@" bash scripts/setup-python.sh "$file")
}
touch "$scratch/updated"
said=$(python FOUND=cpu)
grep -- "$torch+cpu" "$scratch/pip" >/dev/null || fail 'not the CPU build that pip finds'
! grep 4.7 <<<"$said" >/dev/null || fail "of gigabytes, though there is a CPU build: $said"
said=$(LIBTORCH=2.6.0+dfsg-7 python FOUND=cu130)
! grep -F + "$scratch/pip" >/dev/null || fail 'not the plain build in the end'
for words in "no $torch+cpu" '4.7 GB' TORCH_INDEX= TORCH_BUILD= "TORCH_DIR=/usr/lib/$(uname -m)-linux-gnu/cmake/Torch" \
             "own 2.6.0"; do
  grep -F -- "$words" <<<"$said" >/dev/null || fail "it does not say '$words': $said"
done
said=$(LIBTORCH=1.13.1+dfsg-4 python FOUND=cu130)
! grep TORCH_DIR <<<"$said" >/dev/null || fail "an old libtorch is offered: $said"

# Nothing comes without a hash, of whatever file, of either build.
for file in requirements*.txt; do
  [ $file != requirements-cuda.txt ] || continue # which comes with the plain build of torch, whatever is asked for
  for build in cpu none; do
    said=$(python "$file" FOUND=$build) || fail "$file, $build: $said"
    ! grep unverified "$scratch/pip" >/dev/null || fail "$file, $build: $(grep unverified "$scratch/pip")"
    while read -r pin; do
      case $pin in
      "$torch") [ $build = none ] || pin+=+cpu ;;
      esac
      block=$(sed -n "/^$pin "'/,/[^\\]$/p' "$scratch/pip")
      grep -E -- '--hash=sha256:[0-9a-f]{64}$' <<<"$block" >/dev/null || fail "$file, $build: $pin comes without a hash"
    done < <(grep -h '^[^#-]' "$file" requirements.txt $([ $build = cpu ] || echo requirements-cuda.txt))
  done
done
said=$(python FOUND=cpu) || fail "the CPU build: $said"
! grep '^triton==' "$scratch/pip" >/dev/null || fail 'the CPU build comes with what is for GPUs'

# Without one only by a word, and what that is, is said.
said=$(python FOUND=cu126 TORCH_BUILD=cu126) && fail 'a build without hashes is taken'
for words in "no hashes of $torch+cu126" TORCH_UNVERIFIED=1; do
  grep -F -- "$words" <<<"$said" >/dev/null || fail "it does not say '$words': $said"
done
said=$(python FOUND=cu126 TORCH_BUILD=cu126 TORCH_UNVERIFIED=1) || fail "a build that is asked for: $said"
grep -F "not verified, as TORCH_UNVERIFIED says: $torch+cu126" <<<"$said" >/dev/null || fail "it does not say what is not verified: $said"
[ "$(grep -c unverified "$scratch/pip")" = 1 ] || fail "not one call without hashes: $(cat "$scratch/pip")"

# A pin that the lock does not have.
sed 's/^numpy==.*/numpy==1.0.0/' requirements.txt >"$scratch/tree/requirements.txt"
said=$(python FOUND=cpu) && fail 'a release without a hash is installed'
grep -F 'no hash of numpy==1.0.0' <<<"$said" >/dev/null || fail "it does not say what has no hash: $said"
[ $failed = 1 ] || echo 'the set-up asks for the right things'
exit $failed
