#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes, runs and destroys samplers on one model, and looks at the process's memory:
rounds.py [--rounds 10000] [--plot FILE.png] [--record]

Fails where the resident memory goes on growing: where the median of the last tenth is more than 1 MiB
and 1 % above that of the second tenth. The library is ARTFUSION_LIBRARY, or build/release's.
--record writes the figures into docs/testing.md."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

import numpy

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "bindings" / "python"))
os.environ.setdefault("ARTFUSION_LIBRARY", str(TREE / "build/release/lib/libartfusion.so"))

import artfusion  # noqa: E402 - where it looks for the library is set above

SOLVERS = ("ddim", "ddpm", "dpmpp_2m", "dpmpp_2m_sde", "unipc")
SIDES = (64, 128)


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def do_round(model: artfusion.Model, number: int) -> None:
    """Another size, solver and picture each time: the photo and the style are new to the model's
    memory of them in every third."""
    side = SIDES[number // 5 % 2]
    photo = artfusion.Image.new(side, side)
    numpy.asarray(photo)[:, :, number % 3] = number // 3 % 256
    sampler = model.sampler(photo, photo, width=side, height=side, steps=2, seed=number,
                            solver=SOLVERS[number % 5], style_scale=1.0 + number % 2)
    sampler.run()
    if number % 2:
        sampler.image().close()
    sampler.close()


def plot(path: str, memory: list[int]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([m / 2**20 for m in memory], linewidth=0.8)
    axes.set(xlabel="samplers made, run and destroyed", ylabel="resident memory, MiB",
             ylim=(0, 1.15 * max(memory) / 2**20), xlim=(0, len(memory)))
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--plot", metavar="FILE.png", help="needs matplotlib")
    parser.add_argument("--record", action="store_true", help="into docs/testing.md")
    args = parser.parse_args()
    memory = []
    with artfusion.load(TREE / "models/mini.artfusion") as model:
        for number in range(args.rounds):
            do_round(model, number)
            memory.append(resident())
    tenth = max(1, args.rounds // 10)
    early, late = (statistics.median(part) for part in (memory[tenth:2 * tenth], memory[-tenth:]))
    figures = "\n".join([
        "| samplers made, run, destroyed | resident: second tenth | last tenth |",
        "| ---: | ---: | ---: |",
        f"| {args.rounds} | {early / 2**20:.1f} MiB | {late / 2**20:.1f} MiB |",
    ])
    print(figures)
    if args.plot:
        plot(args.plot, memory)
    if late > 1.01 * early + 2**20:
        sys.exit("rounds: the memory goes on growing")
    if args.record:
        subprocess.run([TREE / "scripts/testing-figures.py", "memory"], input=figures, text=True,
                       check=True)


if __name__ == "__main__":
    main()
