# SPDX-License-Identifier: MIT
"""Runs contestants in turn, so that the machine's other work affects all of them alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[1]
_LIBRARY = _FOLDER.parent / "build/release/lib/libartfusion.so"


@dataclass
class Result:
    seconds: list[float] = field(default_factory=list)
    failure: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds) if self.seconds else float("nan")

    @property
    def spread(self) -> float:
        """Half of what lies between the quartiles, in parts of the median."""
        if len(self.seconds) < 4:
            return float("nan")
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return (high - low) / 2 / self.median

    def beyond(self, other: Result) -> tuple[float, float, float]:
        """What it takes more than `other`, in parts: quartiles over the rounds, of which each holds
        both, and what else the machine did in it."""
        more = [own / others - 1.0 for own, others in zip(self.seconds, other.seconds, strict=True)]
        low, median, high = statistics.quantiles(more, n=4)
        return low, median, high


class Contestant:
    def __init__(self, name: str, model: Path, threads: int, device: str) -> None:
        self.name = name
        command = [
            sys.executable, "-m", "artfusion_speed.peers", name, str(model), str(threads), device,
        ]  # fmt: skip
        environment = {"ARTFUSION_LIBRARY": str(_LIBRARY)} | os.environ
        self._process = subprocess.Popen(
            command, cwd=_FOLDER, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, bufsize=1,
        )  # fmt: skip
        self.failure = "" if self._read() == "ready" else "could not be started"

    def _read(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def ask(self, work: str) -> str:
        """The answer's text; "-" and a reason if there is none."""
        assert self._process.stdin
        if self.failure:
            return f"- {self.failure}"
        try:
            print(work, file=self._process.stdin)
        except BrokenPipeError:
            pass
        answer = self._read()
        if not answer:
            self.failure = f"ended with {self._process.wait()}"
            return f"- {self.failure}"
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def contest(
    contestants: Iterable[Contestant], work: str, rounds: int, *, ready: bool = False
) -> dict[str, Result]:
    """`rounds` times `work`, in turn, after each has prepared for it and done it once. `ready`: they have."""
    results = {contestant: Result() for contestant in contestants}
    for number in range(ready, rounds + 1):
        for contestant, result in results.items():
            if result.failure:
                continue
            answer = contestant.ask(work)
            if answer.startswith("-"):
                result.failure = answer[2:]
            elif number > 0:
                result.seconds.append(float(answer))
    return {contestant.name: result for contestant, result in results.items()}
