#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How long the command takes beside busy programs, by how long OpenMP's threads spin while they wait.

    bench/neighbour.py COMMAND [--rounds N] [--options "..."]

Each round runs every way of waiting once with idle cores and once beside one endless loop per core,
pinned to it. Two equal programs on a core get half of it each, so that twice the idle time is fair.
Prints medians, as a table in Markdown.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IMAGES = Path(__file__).parents[1] / "examples" / "images"
WAYS: dict[str, dict[str, str]] = {
    "OpenMP's own (300000 turns)": {"GOMP_SPINCOUNT": "300000"},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "1000 turns": {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"},
    "10000 turns": {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "10000"},
    "100000 turns": {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "100000"},
    "the command's own": {},
}


@contextmanager
def busy(cores: set[int]) -> Iterator[None]:
    loops = []
    for core in cores:
        loops.append(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
        os.sched_setaffinity(loops[-1].pid, {core})
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def run(command: list[str], way: dict[str, str]) -> tuple[float, float, float]:
    """Seconds, processor seconds, and how often a thread of it slept, in thousands."""
    environment = {k: v for k, v in os.environ.items() if k not in WAYS["1000 turns"]}
    start = time.monotonic()
    process = subprocess.Popen(command, env=environment | way, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{shlex.join(command)}: status {process.returncode}")
    seconds = time.monotonic() - start
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_nvcsw / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--options", default="--steps 20", help="options of stylize (--steps 20)")
    parser.add_argument("--ways", help="only the ways of waiting with these words, separated by commas")
    arguments = parser.parse_args()
    ways = {
        name: way
        for name, way in WAYS.items()
        if not arguments.ways or any(word in name for word in arguments.ways.split(","))
    }
    out = Path(os.environ.get("TMPDIR", "/tmp")) / f"neighbour-{os.getpid()}.png"
    command = [arguments.command, "stylize", "-q", "-c", str(IMAGES / "pagoda.jpg")]
    command += ["-s", str(IMAGES / "monet.jpg"), "-o", str(out), *shlex.split(arguments.options)]
    cores = os.sched_getaffinity(0)
    taken: dict[tuple[str, bool], list[tuple[float, float, float]]] = {}
    run(command, {})
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            taken.setdefault((name, False), []).append(run(command, way))
            with busy(cores):
                taken.setdefault((name, True), []).append(run(command, way))
    out.unlink()
    print(f"{len(cores)} cores, load before {os.getloadavg()[0]:.1f}, {arguments.rounds} rounds\n")
    print("| threads spin | idle, s | cpu, s | sleeps, 10³ | busy, s | cpu, s | busy to idle |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in ways:
        idle, beside = (
            [statistics.median(values) for values in zip(*taken[name, with_busy], strict=True)]
            for with_busy in (False, True)
        )
        print(
            f"| {name} | {idle[0]:.2f} | {idle[1]:.2f} | {idle[2]:.1f} "
            f"| {beside[0]:.2f} | {beside[1]:.2f} | {beside[0] / idle[0]:.2f} |"
        )


if __name__ == "__main__":
    main()
