#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# pip itself, on packages made here, installs what requirements.lock has and nothing else: lock.sh PYTHON
set -euo pipefail
python=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() { echo "FAIL: $*"; failed=1; }

mkdir -p "$scratch/tree/scripts" "$scratch/wheels"
cp scripts/setup-python.sh "$scratch/tree/scripts"
cat >"$scratch/wheel.py" <<'PY'
import hashlib, sys, zipfile
folder, name, version, requires = sys.argv[1:]
info, path = f"{name}-{version}.dist-info", f"{folder}/{name}-{version}-py3-none-any.whl"
with zipfile.ZipFile(path, "w") as wheel:
    wheel.writestr(f"{name}.py", f"version = '{version}'\n")
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    wheel.writestr(f"{info}/METADATA", metadata + "".join(f"Requires-Dist: {one}\n" for one in requires.split()))
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: lock.sh\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{info}/RECORD", "")
with open(path, "rb") as file:
    print(f"{name}=={version} --hash=sha256:{hashlib.sha256(file.read()).hexdigest()}")
PY
wheel() { "$python" "$scratch/wheel.py" "$scratch/wheels" "$@"; }
cd "$scratch/tree"
printf 'small==1.0\ntorch==2.0\n' >requirements.txt
echo 'forgpus==3.0' >requirements-cuda.txt
{
  wheel small 1.0 ''
  wheel torch 2.0 forgpus==3.0
  wheel torch 2.0+cpu ''
  wheel forgpus 3.0 ''
} >requirements.lock
wheel torch 2.0+other 'unlisted>=1' >/dev/null
wheel unlisted 1.5 '' >/dev/null
cp requirements.lock right.lock
cp -r ../wheels ../all

# In one environment, emptied each time: what there is then is what was installed.
setup() { # VARIABLES...: what it says
  [ ! -e .venv/bin/python ] ||
    .venv/bin/python -m pip --disable-pip-version-check uninstall --quiet --yes small torch forgpus unlisted 2>/dev/null
  rm -f .venv/.requirements*
  env -u PIP_EXTRA_INDEX_URL -u TORCH_BUILD -u TORCH_INDEX -u TORCH_UNVERIFIED PIP_CONFIG_FILE=/dev/null \
    PIP_NO_INDEX=1 PIP_FIND_LINKS="$scratch/wheels" PYTHON="$python" "$@" bash scripts/setup-python.sh requirements.txt 2>&1
}
installed() { # which of them
  .venv/bin/python -c '
from importlib.metadata import distributions
names = {"small", "torch", "forgpus", "unlisted"}
print(*sorted(f"{d.name}=={d.version}" for d in distributions() if d.name in names))'
}
is() { [ "$(installed)" = "$1" ] || fail "$2: there is $(installed), not $1: $said"; }
says() { grep -F -- "$1" <<<"$said" >/dev/null || fail "$2: it does not say '$1': $said"; }

said=$(setup) || fail "the right files are refused: $said"
is 'small==1.0 torch==2.0+cpu' 'all as locked'
rm ../wheels/torch-2.0+cpu*
said=$(setup) || fail "the plain build is refused: $said"
is 'forgpus==3.0 small==1.0 torch==2.0' 'no build for the CPU'
cp ../all/* ../wheels

# Another file by the same name.
for name in small torch; do
  wheel $name "$([ $name = torch ] && echo 2.0+cpu || echo 1.0)" 'unlisted>=1' >/dev/null
  said=$(setup) && fail "another $name is installed"
  says 'no file of requirements.lock' "another $name"
  says "$(awk -F: "/^$name==[0-9.]*(\\+cpu)? /"' { print $2 }' right.lock | tail -n 1)" "another $name" # what was expected
  ! installed | grep -E "$name|forgpus" >/dev/null || fail "another $name: there is $(installed)"
  cp ../all/* ../wheels
done
# Another hash of the same file, and none.
sed '/^small/s/:[0-9a-f]\{8\}/:00000000/' right.lock >requirements.lock
said=$(setup) && fail 'a file is installed that the lock does not have'
says 'no file of requirements.lock' 'another hash'
sed '/^small/d' right.lock >requirements.lock
said=$(setup) && fail 'a package is installed that the lock does not have'
says 'no hash of small==1.0' 'no hash'
cp right.lock requirements.lock

# A build that the lock does not have, and what it requires, by a word.
said=$(setup TORCH_BUILD=other) && fail 'a build without hashes is installed'
says 'no hashes of torch==2.0+other' 'another build'
said=$(setup TORCH_BUILD=other TORCH_UNVERIFIED=1) || fail "a build that is asked for is refused: $said"
is 'small==1.0 torch==2.0+other unlisted==1.5' 'another build that is asked for'
says 'not verified, as TORCH_UNVERIFIED says: torch==2.0+other' 'another build that is asked for'
[ $failed = 1 ] || echo 'nothing is installed that the lock does not have'
exit $failed
