#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes the documentation site, and fails if a link within it leads nowhere:  docs.sh DIR [PYTHON]
# Sphinx makes the pages and the Python reference, Doxygen the reference of the headers, in DIR/c.
set -euo pipefail
cd "$(dirname "$0")/.."
site=$1 python=${2:-.venv/bin/python}
export PYTHONDONTWRITEBYTECODE=1 ARTFUSION_DOCS=$site
mkdir -p "$site"
"$python" -m sphinx --quiet --fail-on-warning --keep-going --fresh-env -d "$site/.doctrees" -c docs/site . "$site"
rm -r "$site/.doctrees"
doxygen docs/Doxyfile
forward() { # PAGE URL
  echo "<!DOCTYPE html><meta http-equiv=\"refresh\" content=\"0; url=$2\"><title>libartfusion</title>" >"$site/$1"
}
forward index.html docs/index.html
forward c/index.html ../docs/reference/headers.html # Doxygen's own first page would be empty
tests/rules/links.py "$site"
