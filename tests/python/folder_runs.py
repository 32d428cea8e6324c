# SPDX-License-Identifier: MIT
"""A folder run killed at random moments and begun again, and what it must not do: lose, redo or half
write a picture. Shared by test_long_runs.py and long/kill.py."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from command import COMMAND, IMAGES, environment
from PIL import Image


@dataclass
class Tally:
    kills: int = 0
    runs: int = 0
    finished: int = 0
    different: int = 0  # from what an undisturbed run makes
    lost: int = 0
    made_again: int = 0
    seconds: list[float] = field(default_factory=list)  # from start to SIGKILL


class FolderRun:
    """Pictures of a folder that are small, so that a kill meets every part of a run."""

    def __init__(self, folder: Path, count: int, side: int) -> None:
        self.contents, self.expected = folder / "contents", folder / "expected"
        self.results = folder / "results"
        self.contents.mkdir()
        photo = Image.open(IMAGES / "coffee.jpg")
        for i in range(count):
            photo.crop((8 * i, 4 * i, 8 * i + 2 * side, 4 * i + 2 * side)).resize(
                (side, side)).save(self.contents / f"{i:03d}.png")
        self.options = ["--size", f"{side}x{side}", "--steps", "3", "--quiet"]
        began = time.monotonic()
        self.start(self.expected).wait()
        self.seconds = time.monotonic() - began
        self.bytes = {path.name: path.read_bytes() for path in self.expected.glob("*.png")}
        assert len(self.bytes) == count

    def start(self, results: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [COMMAND, "stylize", "--content", self.contents, "--out", results,
             "--style", IMAGES / "monet.jpg", *self.options], env=environment())

    def look(self, before: dict[str, tuple[int, int]], tally: Tally) -> dict[str, tuple[int, int]]:
        """What is there; counts what of it is not whole, and what was there and is not untouched."""
        there = {}
        for path in self.results.glob("*.png"):
            tally.different += path.read_bytes() != self.bytes.get(path.name)
            status = os.stat(path)
            there[path.name] = (status.st_ino, status.st_mtime_ns)
        for name, identity in before.items():
            tally.lost += name not in there
            tally.made_again += name in there and there[name] != identity
        return there

    def kill_and_resume(self, kills: int, seed: int) -> Tally:
        """Until so many kills met a run that was going on; then the last one is left to finish."""
        moments, tally = random.Random(seed), Tally()
        while tally.kills < kills:
            shutil.rmtree(self.results, ignore_errors=True)
            there: dict[str, tuple[int, int]] = {}
            while len(there) < len(self.bytes):
                process = self.start(self.results)
                tally.runs += 1
                if tally.kills < kills:
                    delay = moments.uniform(0, self.seconds)
                    try:
                        process.wait(delay)
                    except subprocess.TimeoutExpired:
                        process.send_signal(signal.SIGKILL)
                        tally.kills += 1
                        tally.seconds.append(delay)
                code = process.wait()
                assert code in (0, -signal.SIGKILL), code
                there = self.look(there, tally)
                assert code != 0 or len(there) == len(self.bytes), "it ended without all pictures"
            tally.finished += len(there)
            # What was half written is gone with the run that came through.
            if self.start(self.results).wait() == 0:
                self.look(there, tally)
            left = {path.name for path in self.results.iterdir()} - set(self.bytes)
            assert left == {"artfusion-run.json"}, left
        return tally
