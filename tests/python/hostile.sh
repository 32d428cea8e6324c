#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Opens the hostile model files with a build, and prints what was answered:
#   hostile.sh BUILD [--record]
# With --record it goes into docs/hostile-model-files.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/release}
export PYTHONPATH=export:tests/data:tests/python:bindings/python PYTHONDONTWRITEBYTECODE=1
export ARTFUSION_LIBRARY=$build/lib/libartfusion.so
export ARTFUSION_ENGINE=$build/lib/libartfusion-engine-torch.so
if [ "${2:-}" = --record ]; then
  .venv/bin/python tests/python/test_hostile.py | scripts/testing-figures.py hostile
else
  .venv/bin/python tests/python/test_hostile.py
fi
