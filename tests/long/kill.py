#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills a folder run (`artfusion stylize --content FOLDER`) at random moments and begins it again:
kill.py [--kills 50] [--pictures 12] [--seed 1] [--record]

Fails where a picture is lost, made again, or not what an undisturbed run makes. ARTFUSION_COMMAND
names the command, build/release's otherwise. --record writes the figures into docs/testing.md."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tests" / "python"))
os.environ.setdefault("ARTFUSION_COMMAND", str(TREE / "build/release/bin/artfusion"))
os.environ.setdefault("ARTFUSION_MODEL", str(TREE / "models/mini.artfusion"))

from folder_runs import FolderRun  # noqa: E402 - what it needs of the environment is set above


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", action="store_true", help="into docs/testing.md")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="artfusion-kill-") as folder:
        tally = FolderRun(Path(folder), args.pictures, side=64).kill_and_resume(args.kills,
                                                                               args.seed)
    figures = "\n".join([
        "| SIGKILLs | starts | folders finished | pictures | lost | made twice | not as undisturbed |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        f"| {tally.kills} | {tally.runs} | {tally.finished // args.pictures} | {tally.finished} "
        f"| {tally.lost} | {tally.made_again} | {tally.different} |",
        "",
        f"Killed {min(tally.seconds):.2f} to {max(tally.seconds):.2f} s after the start, "
        f"{statistics.median(tally.seconds):.2f} in the median.",
    ])
    print(figures)
    if tally.lost or tally.made_again or tally.different:
        sys.exit("kill: pictures were lost, made again, or are not what they should be")
    if args.record:
        subprocess.run([TREE / "scripts/testing-figures.py", "long-runs"], input=figures, text=True,
                       check=True)


if __name__ == "__main__":
    main()
