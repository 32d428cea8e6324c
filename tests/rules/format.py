#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""C and C++ are laid out as .clang-format says, by the release of clang-format that requirements-test.txt pins:
format.py [--fix] [CLANG-FORMAT]"""

import argparse
import subprocess
import sys
from pathlib import Path

from tree import files

ROOT = Path(__file__).resolve().parents[2]
# The first release's header, which is what it was.
KEPT = ("tests/abi/first/",)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fix", action="store_true", help="lay them out so")
    parser.add_argument("program", nargs="?", default=ROOT / ".venv" / "bin" / "clang-format")
    given = parser.parse_args()
    sources = [
        path
        for path in files(ROOT)
        if path.suffix in (".c", ".h", ".cpp", ".hpp") and not str(path).startswith(KEPT)
    ]
    if len(sources) < 200:
        print(f"FAIL: only {len(sources)} files of C and C++ were found")
        return 1
    how = ["-i"] if given.fix else ["--dry-run", "--Werror"]
    status = subprocess.run([given.program, *how, *sources], cwd=ROOT).returncode
    if status:
        print("FAIL: see above; tests/rules/format.py --fix lays them out")
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
