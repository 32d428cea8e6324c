#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the Python package, installs it into an environment of its own, and tests what was
# installed:  test.sh BUILD_DIR [PYTEST ARGUMENTS]
#
# BUILD_DIR is a build of the project, whose library the C examples are linked with; what the wheel
# is made of stays in its folder `wheel`. torch and the tools come from .venv.
set -euo pipefail
build=$(realpath "$1")
shift
cd "$(dirname "$0")/../.."
tools=$PWD/.venv/bin

# The package is to find all by itself.
unset ARTFUSION_LIBRARY ARTFUSION_ENGINE ARTFUSION_MODEL PYTHONPATH MYPYPATH
export OMP_WAIT_POLICY=passive # threads that spin while they wait slow a busy machine tenfold
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 ARTFUSION_BUILD=$build

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
stage() { # NAME COMMAND...
  printf '== %s\n' "$1"
  shift
  "$@" || status=1
}

echo '== wheel'
"$tools/python" scripts/wheel.py . "$build/wheel" "$work"
case $(basename "$work"/*.whl) in
*-py3-none-manylinux_2_*) ;;
*) echo 'FAIL: that is no wheel for any Python on any Linux of some age'; status=1 ;;
esac
"$tools/python" -m zipfile -e "$work"/*.whl "$work/unpacked"
stage 'what the wheel says that it holds' "$tools/python" tests/rules/sbom.py wheel "$work/unpacked"
"$tools/python" -m venv --without-pip "$work/venv"
"$tools/pip" --python "$work/venv/bin/python" install --quiet --no-index --no-deps "$work"/*.whl
site=$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
"$tools/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))' >"$site/tools.pth"

mypy=("$tools/mypy" --strict --no-error-summary --cache-dir "$work/mypy")
as_installed=("${mypy[@]}" --python-executable "$work/venv/bin/python")
stage 'mypy: the package' env MYPYPATH="$site" "${mypy[@]}" -p artfusion
stage 'mypy: its tests' "${as_installed[@]}" bindings/python/tests
for example in examples/python/*.py; do
  stage "mypy: $example" "${as_installed[@]}" "$example"
done
stage pytest "$work/venv/bin/python" -m pytest -q -p no:cacheprovider bindings/python/tests "$@"
exit $status
