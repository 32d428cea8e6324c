# SPDX-License-Identifier: MIT
"""The command: what is measured, in which order, and what is printed of it."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

from .contest import Contestant, Result, contest
from .machine import describe
from .networks import GFLOP, TREE, make_model
from .pictures import by_command, by_reference

OWN = ("artfusion float32", "artfusion bfloat16")
EAGER = ("torch float32", "torch bfloat16")
COMPILED = ("torch.compile float32", "torch.compile bfloat16")
OTHERS = ("onnxruntime float32", "openvino float32", "openvino bfloat16")
PEAKS = ("peak float32", "peak bfloat16")

BALANCED = ("--strength", "balanced")
CONVOLUTION_FLOP = 2 * 9 * 384 * 384 * 16 * 16  # a picture's, of Peak.work


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="speed.py",
        description="Speed of the library against what a user would pick instead: the published "
        "network at its own size, synthetic weights, all contestants in turn in one run.",
    )
    add = parser.add_argument
    add("--rounds", type=int, default=7, help="of each work (7)")
    add("--threads", type=int, default=os.cpu_count() or 1, help="of the CPU (all)")
    add("--json", type=Path, metavar="FILE", help="all figures")
    add("--plot", type=Path, metavar="FILE.png", help="a guided step of all contestants")
    add("--quick", action="store_true", help="a guided step at 256 x 256 alone")
    add(
        "--folder", type=Path, default=TREE / "build/bench", metavar="DIR",
        help="where the model is kept (build/bench)",
    )  # fmt: skip
    return parser


def _table(title: str, results: dict[str, Result], best: float = float("nan")) -> None:
    print(f"\n{title}")
    ours = results.get("artfusion bfloat16", Result()).median
    for name, result in results.items():
        if result.failure:
            print(f"  {name:24} {'-':>9}           {result.failure[:60]}")
            continue
        line = f"  {name:24} {result.median * 1e3:8.1f} ms  ±{result.spread:4.0%}"
        line += f"  {result.median / ours:5.2f} x ours" if ours == ours else ""
        line += f"  {best / result.median:4.0%} of the peak" if best == best else ""
        print(line, flush=True)


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.model = make_model(options.folder)
        self.figures: dict[str, Any] = {"machine": describe(options.threads)}

    def contest(self, title: str, names: tuple[str, ...], work: str, **more: Any) -> dict[str, Result]:
        with contextlib.ExitStack() as stack:
            contestants = [
                stack.enter_context(
                    contextlib.closing(Contestant(name, self.model, self.options.threads))
                )
                for name in names
            ]
            results = contest(contestants, work, self.options.rounds)
            for contestant in contestants:
                if not results[contestant.name].failure:
                    self.figures.setdefault("memory", {}).setdefault(work, {})[
                        contestant.name
                    ] = int(contestant.ask("memory"))
        self.figures.setdefault("seconds", {})[work] = {
            name: result.failure or {"median": result.median, "all": result.seconds}
            for name, result in results.items()
        }
        if title:
            _table(title, results, **more)
        return results

    def step(self) -> None:
        """A guided step beside the machine's peak: the figure that the others follow from."""
        names = OWN + EAGER + COMPILED + OTHERS + PEAKS
        results = self.contest("", names, "step 3 256")
        flops = {}
        for name in PEAKS:
            peak = results.pop(name)
            flops[name] = 3 * CONVOLUTION_FLOP / peak.median
        self.figures["peak"] = flops
        bound = 3 * GFLOP * 1e9 / flops["peak bfloat16"]
        _table("A guided step: three passes, 256 x 256", results, best=bound)
        for name, flop in flops.items():
            print(f"  a 3x3 convolution's peak, {name.split()[1]}: {flop / 1e9:.0f} GFLOP/s")
        peers = {n: r for n, r in results.items() if n not in OWN and not r.failure}
        fastest = min(peers, key=lambda n: peers[n].median)
        ratio = peers[fastest].median / results[OWN[1]].median
        eager = peers[EAGER[1]].median / results[OWN[1]].median
        print(f"  {ratio:.2f} x as fast as the fastest peer, {fastest}; {eager:.2f} x as eager bfloat16")
        self.figures["ratio"] = {"fastest": fastest, "to fastest": ratio, "to eager": eager}
        if self.options.plot:
            _plot(self.options.plot, results, bound, self.figures["machine"])

    def batches(self) -> None:
        for batch, what in ((1, "an unguided step"), (6, "two pictures"), (24, "eight pictures")):
            self.contest(
                f"{batch} passes ({what}), 256 x 256", OWN + EAGER + COMPILED[1:], f"step {batch} 256"
            )

    def sizes(self) -> None:
        for size in (512, 1024):
            self.contest(
                f"A guided step, {size} x {size}", OWN[1:] + EAGER[1:] + COMPILED[1:], f"step 3 {size}"
            )
        seconds = self.figures["seconds"]
        small, large = (seconds[f"step 3 {s}"][OWN[1]]["median"] for s in (256, 1024))
        print(f"  1024 x 1024 costs {large / small:.1f} x as much as 256 x 256")

    def stages(self) -> None:
        for work in ("encode", "decode", "style"):
            self.contest(f"{work}, 256 x 256", OWN + EAGER, f"{work} 1 256")

    def pictures(self) -> None:
        threads = self.options.threads
        print("\nA picture of 256 x 256, from files to file")
        reference = by_reference(self.model, threads)
        runs = [by_command(self.model, threads, *BALANCED) for _ in range(5)]
        wall = statistics.median(run["wall"] for run in runs)
        stages = {
            key: statistics.median(run["stages"][key] for run in runs) for key in runs[0]["stages"]
        }
        print(f"  250 steps in eager PyTorch, float32   {reference:7.2f} s")
        print(f"  artfusion {' '.join(BALANCED)}   {wall:.2f} s, 1 / {reference / wall:.0f}")
        print("    " + ", ".join(f"{name} {value:.2f}" for name, value in stages.items()))
        print(f"    peak memory {runs[0]['memory'] / 2**20:.0f} MiB", flush=True)
        self.figures["picture"] = {"reference": reference, "runs": runs}


def _plot(path: Path, results: dict[str, Result], bound: float, machine: dict[str, str]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = {name: r.median * 1e3 for name, r in results.items() if not r.failure}
    names = sorted(shown, key=lambda name: -shown[name])
    figure, axes = pyplot.subplots(figsize=(8, 0.42 * len(names) + 1.2))
    colours = ["tab:blue" if name in OWN else "0.7" for name in names]
    bars = axes.barh(names, [shown[name] for name in names], color=colours)
    axes.bar_label(bars, fmt=" %.0f")
    axes.axvline(bound * 1e3, color="tab:red", lw=1, ls="--")
    axes.set_xlabel("ms a guided step, 256 × 256; dashed: all its arithmetic at the convolution's peak")
    axes.set_title(f"{machine['CPU']}; {machine['cores']}", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> int:
    options = _parser().parse_args()
    bench = Bench(options)
    for key, value in bench.figures["machine"].items():
        print(f"{key}: {value}")
    parts = [bench.step] if options.quick else [
        bench.step, bench.batches, bench.sizes, bench.stages, bench.pictures,
    ]  # fmt: skip
    for part in parts:
        part()
        if options.json:
            options.json.write_text(json.dumps(bench.figures, indent=1) + "\n", encoding="utf-8")
    if options.json:
        print(f"\n{options.json}", file=sys.stderr)
    return 0
