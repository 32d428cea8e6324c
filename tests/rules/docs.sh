#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The documentation site is made without a warning, is whole, and no link within it is broken:  docs.sh PYTHON
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() { echo "FAIL: $*"; failed=1; }
site=$scratch/site
scripts/docs.sh "$site" "$1"

has() { # PAGE TEXT
  grep -qF -- "$2" "$site/$1" || fail "$1 does not have '$2'"
}
has index.html docs/index.html
has docs/guide/server.html '<h1>'
has docs/performance.html speed.png
has docs/model.html sheet.jpg
has docs/reference/python.html 'id="artfusion.Model.stylize"'
has c/artfusion_8h.html artfusion_stylize_file
has c/classartfusion_1_1Sampler.html set_content
# Every public class and function of the Python package.
while read -r name; do
  has docs/reference/python.html "id=\"artfusion.$name\""
done < <(PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=bindings/python "$1" -c \
  'import artfusion, inspect
for name in artfusion.__all__:
    if inspect.isclass(value := getattr(artfusion, name)) or inspect.isfunction(value):
        print(name)')

# The check of links finds what is broken: a page, a place in a page, a picture.
broken() { # PAGE SED
  cp "$site/$1" "$scratch/page"
  sed -i "$2" "$site/$1"
  ! cmp -s "$site/$1" "$scratch/page" || fail "$1 has nothing for $2"
  ! tests/rules/links.py "$site" >"$scratch/said" || fail "a broken link passes: $2"
  grep -q "^FAIL: $1 " "$scratch/said" || fail "the broken link of $1 is not named"
  cp "$scratch/page" "$site/$1"
}
broken docs/index.html 's/guide\/README\.html/guide\/NONE.html/'
broken docs/guide/server.html 's/#what-isolation-holds/#what-isolation-drops/'
broken docs/model.html 's/src="\([^"]*\)sheet\.jpg/src="\1sheets.jpg/'
exit $failed
