#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Damaged model files and checkpoints, 10,000 variants of each:  mutated.py [--record]

What c/test_mutated and python/test_mutated do with some hundreds. Needs .venv and a build with the
tests (--build). Prints a table; fails where a variant is neither refused nor read alike."""
from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]


def model_files(build: Path, variants: int) -> list[str]:
    """By the C test, in the environment that ctest gives it."""
    done = subprocess.run(
        ["ctest", "--test-dir", build, "-V", "-R", "^c/test_mutated$", "--no-tests=error"],
        env=os.environ | {"ARTFUSION_VARIANTS": str(variants), "ARTFUSION_FIGURES": "1"},
        capture_output=True, text=True)  # fmt: skip
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return [re.sub(r"\d+", lambda number: f"{int(number[0]):,}", line[line.index("|") :])
            for line in done.stdout.splitlines() if "| model file |" in line]  # fmt: skip


def checkpoints(variants: int) -> list[str]:
    sys.path[:0] = [str(TREE / "export"), str(TREE / "tests" / "python")]
    import mutated  # the module of python/test_mutated, not this script

    with tempfile.TemporaryDirectory() as folder:
        figures = mutated.run(Path(folder), variants)
    return [f"| checkpoint | {kind} | {made:,} | {refused:,} | {made - refused:,} |"
            for kind, (made, refused) in figures.items()]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", type=int, default=10_000, help="of each (10000)")
    parser.add_argument("--build", type=Path, default=TREE / "build" / "release")
    parser.add_argument("--record", action="store_true", help="into docs/testing.md")
    options = parser.parse_args()
    sys.path.remove(str(Path(__file__).parent))
    rows = ["| file | damage | variants | refused | read |", "| --- | --- | ---: | ---: | ---: |"]
    rows += model_files(options.build, options.variants)
    rows += checkpoints(options.variants)
    table = "\n".join(rows)
    print(table)
    if options.record:
        subprocess.run([sys.executable, TREE / "scripts" / "testing-figures.py", "archives"],
                       input=table, text=True, check=True)  # fmt: skip


if __name__ == "__main__":
    main()
