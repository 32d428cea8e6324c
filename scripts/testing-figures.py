#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts measured figures into docs/testing.md or hostile-model-files.md:  testing-figures.py SECTION < table.md

Each section of a page has a pair of markers; what lies between them is replaced by what is read, so
that no figure there is written by hand. Used by the scripts that measure."""
import re
import sys
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"
PAGES = [DOCS / "testing.md", DOCS / "hostile-model-files.md"]


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    section, figures = sys.argv[1], sys.stdin.read().strip()
    if not figures:
        sys.exit(f"testing-figures: nothing was measured for {section}")
    begin, end = f"<!-- {section}: measured -->\n", f"<!-- {section}: end -->"
    pages = [page for page in PAGES if begin in page.read_text()]
    if len(pages) != 1:
        sys.exit(f"testing-figures: {len(pages)} pages have a section {section!r}")
    # A function, since a string's backslashes would be read as references to groups.
    new, found = re.subn(re.escape(begin) + ".*?" + re.escape(end),
                         lambda _: begin + figures + "\n" + end, pages[0].read_text(), flags=re.DOTALL)
    if found != 1:
        sys.exit(f"testing-figures: {pages[0].name} has {found} sections {section!r}")
    pages[0].write_text(new)


if __name__ == "__main__":
    main()
