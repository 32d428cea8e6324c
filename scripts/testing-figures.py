#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts measured figures into docs/testing.md:  testing-figures.py SECTION < table.md

The page has a pair of markers a section; what lies between them is replaced by what is read, so
that no figure on it is written by hand. Used by the scripts that measure."""
import re
import sys
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "testing.md"


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    section, figures = sys.argv[1], sys.stdin.read().strip()
    if not figures:
        sys.exit(f"testing-figures: nothing was measured for {section}")
    begin, end = f"<!-- {section}: measured -->\n", f"<!-- {section}: end -->"
    page = PAGE.read_text()
    # A function, since a string's backslashes would be read as references to groups.
    new, found = re.subn(re.escape(begin) + ".*?" + re.escape(end),
                         lambda _: begin + figures + "\n" + end, page, flags=re.DOTALL)
    if found != 1:
        sys.exit(f"testing-figures: {PAGE.name} has {found} sections {section!r}")
    PAGE.write_text(new)


if __name__ == "__main__":
    main()
