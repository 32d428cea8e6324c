#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No file has more than 600 lines, except those that nobody writes by hand and the one header."""

import sys
from pathlib import Path

from tree import files

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 600
LONG = {
    "include/artfusion.h": "a user's only header",
    "tests/abi/first/artfusion.h": "that of the first release",
    "docs/performance.json": "measured",
    "abi/artfusion-1.abixml": "written by abidw",
    "train/pictures.sha256": "one line a picture",
}
DATA = ("tests/data/", "tests/fuzz/corpus/", "tests/fuzz/dictionaries/")  # of tests


def main() -> int:
    lengths = {}
    for path in files(ROOT):
        data = (ROOT / path).read_bytes()
        if b"\0" not in data and not str(path).startswith(DATA):
            lengths[str(path)] = data.count(b"\n")
    long = {path for path, lines in lengths.items() if lines > LIMIT}
    for path in sorted(long - LONG.keys()):
        print(f"FAIL: {path} has {lengths[path]} lines, limit {LIMIT}")
    for path in sorted(LONG.keys() - long):
        print(f"FAIL: {path} has {lengths.get(path, 0)} lines: it is no longer one of the long files")
    print(f"{len(lengths)} files")
    return long != LONG.keys() or len(lengths) < 300


if __name__ == "__main__":
    sys.exit(main())
