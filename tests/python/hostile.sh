#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Opens the hostile model files and puts what was answered into docs/testing.md:
#   hostile.sh BUILD
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/release}
export PYTHONPATH=export:tests/data:tests/python:bindings/python PYTHONDONTWRITEBYTECODE=1
export ARTFUSION_LIBRARY=$build/lib/libartfusion.so
export ARTFUSION_ENGINE=$build/lib/libartfusion-engine-torch.so
.venv/bin/python tests/python/test_hostile.py | scripts/testing-figures.py hostile
