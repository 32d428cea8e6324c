# SPDX-License-Identifier: MIT
"""The command: what is measured, in which order, and what is printed of it."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .contest import Contestant, Result, contest
from .machine import describe
from .networks import GFLOP, TREE, make_model
from .pictures import by_command, by_reference
from .plots import plot_growth, plot_step
from .wholes import STEPS

OWN = ("artfusion float32", "artfusion bfloat16")
EAGER = ("torch float32", "torch bfloat16")
COMPILED = ("torch.compile float32", "torch.compile bfloat16", "AOTInductor bfloat16")
BFLOAT16 = (OWN[1], EAGER[1], COMPILED[1])
OTHERS = ("onnxruntime float32", "openvino float32", "openvino bfloat16")
PLAIN, ISOLATED = "artfusion auto", "isolated auto"
PEAKS = ("peak float32", "peak bfloat16")

BALANCED = ("--preset", "balanced")
CONVOLUTION_FLOP = 2 * 9 * 384 * 384 * 16 * 16  # a picture's, of Peak.work
GROWTH_STEPS = (5, 10, 20, 40)
MINI = TREE / "models" / "mini.artfusion"
PRODUCT_FLOP = 2 * 4096 * 1152 * 2048  # Peak.work's, too


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="speed.py",
        description="Speed of the library against what a user would pick instead: the published "
        "network at its own size, synthetic weights, all contestants in turn in one run.",
    )
    add = parser.add_argument
    add("--rounds", type=int, default=7, help="rounds of each work (7)")
    add("--threads", type=int, default=os.cpu_count() or 1, help="threads on the CPU (all)")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    add("--json", type=Path, metavar="FILE", help="write all figures")
    add("--plot", type=Path, metavar="FILE.png", help="draw a guided step of all contestants")
    add("--growth", type=Path, metavar="FILE.png", help="draw the cost over size, batch and steps")
    add("--quick", action="store_true", help="measure only a guided step at 256 x 256")
    add("--isolation", action="store_true", help="measure only what isolation costs")
    add(
        "--folder", type=Path, default=TREE / "build/bench", metavar="DIR",
        help="folder for the model (build/bench)",
    )  # fmt: skip
    return parser


def _table(title: str, results: dict[str, Result], best: float = float("nan")) -> None:
    print(f"\n{title}")
    ours = results.get("artfusion bfloat16", Result()).median
    for name, result in results.items():
        if result.failure:
            print(f"  {name:24} {'-':>9}           {result.failure[:60]}")
            continue
        line = f"  {name:24} {result.median * 1e3:8.1f} ms"
        line += f"  ±{result.spread:4.0%}" if result.spread == result.spread else " " * 7
        line += f"  {result.median / ours:5.2f} x ours" if ours == ours else ""
        line += f"  {best / result.median:4.0%} of the peak" if best == best else ""
        print(line, flush=True)


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.model = make_model(options.folder)
        self._where = options.threads, options.device
        self.figures: dict[str, Any] = {"machine": describe(options.threads, options.device)}

    @contextlib.contextmanager
    def contestants(self, *names: str, model: Path | None = None) -> Iterator[list[Contestant]]:
        with contextlib.ExitStack() as stack:
            yield [
                stack.enter_context(
                    contextlib.closing(Contestant(name, model or self.model, *self._where))
                )
                for name in names
            ]

    def contest(self, title: str, names: tuple[str, ...], work: str, **more: Any) -> dict[str, Result]:
        with self.contestants(*names) as contestants:
            results = contest(contestants, work, self.options.rounds)
            for contestant in contestants:
                if not results[contestant.name].failure:
                    self.figures.setdefault("memory", {}).setdefault(work, {})[
                        contestant.name
                    ] = int(contestant.ask("memory"))
        self._note(work, results)
        if title:
            _table(title, results, **more)
        return results

    def _note(self, work: str, results: dict[str, Result]) -> None:
        self.figures.setdefault("seconds", {})[work] = {
            name: result.failure or {"median": result.median, "all": result.seconds}
            for name, result in results.items()
        }

    def step(self) -> None:
        """A guided step beside the machine's peak: the figure that the others follow from."""
        others = OTHERS if self.options.device == "cpu" else ()
        names = OWN + EAGER + COMPILED + others + PEAKS
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
        for name, result in self.contest("", PEAKS, "gemm 1 256").items():
            flop = PRODUCT_FLOP / result.median
            flops[f"product, {name.split()[1]}"] = flop
            print(f"  a matrix product's, {name.split()[1]}: {flop / 1e9:.0f} GFLOP/s")
        if self.options.plot:
            shown = {name: r.median for name, r in results.items() if not r.failure}
            plot_step(self.options.plot, shown, OWN, bound, self.figures["machine"])

    def batches(self) -> None:
        works = [(1, "an unguided step"), (6, "two pictures"), (24, "eight pictures")]
        if self.options.device == "cuda":
            works.append((96, "32 pictures"))
        for batch, what in works:
            self.contest(
                f"{batch} passes ({what}), 256 x 256", OWN + EAGER + COMPILED[1:2], f"step {batch} 256"
            )

    def sizes(self) -> None:
        for size in (512, 1024):
            self.contest(
                f"A guided step, {size} x {size}", BFLOAT16, f"step 3 {size}"
            )
        seconds = self.figures["seconds"]
        small, large = (seconds[f"step 3 {s}"][OWN[1]]["median"] for s in (256, 1024))
        print(f"  1024 x 1024 costs {large / small:.1f} x as much as 256 x 256")

    def stages(self) -> None:
        for work in ("encode", "decode", "style"):
            self.contest(f"{work}, 256 x 256", OWN + EAGER, f"{work} 1 256")

    def isolation(self) -> None:
        """What a process of its own costs, both in turn in each round."""
        rounds = 3 * self.options.rounds  # of percents
        print(f"\nIn a process of its own, by {rounds} rounds of both: more, quartiles")
        self.figures["isolation"] = {}
        for what, model, work in (
            ("a guided step, published size", self.model, "step 3 256"),
            ("a guided step, default model", MINI, "step 3 256"),
            ("a picture by the default model", MINI, "pictures 1 256"),
            ("opening the default model", MINI, "open 1 256"),
        ):
            with self.contestants(PLAIN, ISOLATED, model=model) as contestants:
                results = contest(contestants, work, rounds)
            plain, apart = results[PLAIN], results[ISOLATED]
            if plain.failure or apart.failure:
                print(f"  {what:32} {plain.failure or apart.failure}")
                continue
            low, median, high = apart.beyond(plain)
            print(
                f"  {what:32} {plain.median * 1e3:8.1f} ms, isolated {apart.median * 1e3:8.1f} ms: "
                f"{median:+.1%} ({low:+.1%} to {high:+.1%})",
                flush=True,
            )
            self.figures["isolation"][what] = {
                "plain": plain.seconds, "isolated": apart.seconds, "more": [low, median, high],
            }  # fmt: skip

    def files(self) -> None:
        print("\nA picture of 256 x 256, from files to file")
        reference = by_reference(self.model, *self._where)
        eager = [by_reference(self.model, *self._where, STEPS, "bfloat16") for _ in range(3)]
        runs = [by_command(self.model, *self._where, *BALANCED) for _ in range(5)]
        wall = statistics.median(run["wall"] for run in runs)
        stages = {
            key: statistics.median(run["stages"][key] for run in runs) for key in runs[0]["stages"]
        }
        print(f"  250 steps in eager PyTorch, float32     {reference:7.2f} s")
        print(f"  {STEPS} steps in eager PyTorch, bfloat16     {statistics.median(eager):7.2f} s")
        print(f"  artfusion {' '.join(BALANCED)}     {wall:7.2f} s, 1 / {reference / wall:.0f} of the first")
        print("    " + ", ".join(f"{name} {value:.2f}" for name, value in stages.items()), flush=True)
        with self.contestants(*OWN) as contestants:
            memory = {
                c.name: {"open": int(c.ask("resident")), "opening": int(c.ask("memory"))} for c in contestants
            }
        memory["a run"] = {"peak": runs[0]["memory"], "file": self.model.stat().st_size}
        for name, figures in memory.items():
            print(f"    {name}: " + ", ".join(f"{k} {v / 2**20:.0f} MiB" for k, v in figures.items()))
        self.figures["picture"] = {
            "reference": reference, "eager bfloat16": eager, "runs": runs, "memory": memory,
        }  # fmt: skip

    def pictures(self) -> None:
        """Pictures a second with the model open, and what is known of them or not."""
        with self.contestants(*BFLOAT16) as contestants:
            for count, rounds in ((1, self.options.rounds), (8, 3), (64, 1)):
                work = f"pictures {count} 256"
                results = contest(contestants, work, rounds, ready=count == 64)
                self._note(work, results)
                _table(f"{count} pictures of 256 x 256, {STEPS} steps", results)
                rate = count / results[OWN[1]].median
                print(f"  artfusion: {rate:.2f} pictures a second", flush=True)
            own = contestants[:1]
            for work, what in (("again 1 256", "of known content and style"), ("decode 1 256", "decoder")):
                results = contest(own, work, self.options.rounds)
                self._note(work, results)
                print(f"  {what}: {results[OWN[1]].median:.3f} s")
            for steps in GROWTH_STEPS:
                work = f"run {steps} 256"
                self._note(work, contest(own, work, 3))
            outside = [float(own[0].ask("outside 1 256")) for _ in range(self.options.rounds)]
        self.figures["outside the networks"] = outside
        print(f"  outside the networks: {statistics.median(outside):.2%} of a run", flush=True)
        if self.options.growth:
            plot_growth(self.options.growth, self._growth())

    def _growth(self) -> dict[str, dict[str, dict[float, float]]]:
        def curve(names: tuple[str, ...], work: str, values: tuple[int, ...]) -> dict[str, dict[float, float]]:
            found: dict[str, dict[float, float]] = {}
            for value in values:
                for name in names:
                    result = self.figures["seconds"].get(work.format(value), {}).get(name)
                    if isinstance(result, dict):
                        found.setdefault(name, {})[value] = result["median"]
            return found

        return {
            "side of the picture, pixels: a guided step": curve(BFLOAT16, "step 3 {}", (256, 512, 1024)),
            "passes at once: a step": curve(BFLOAT16, "step {} 256", (1, 3, 6, 24)),
            "steps: a picture": curve(OWN[1:], "run {} 256", GROWTH_STEPS),
        }


def main() -> int:
    options = _parser().parse_args()
    bench = Bench(options)
    for key, value in bench.figures["machine"].items():
        print(f"{key}: {value}")
    parts = [
        bench.step, bench.batches, bench.sizes, bench.stages, bench.isolation, bench.files,
        bench.pictures,
    ]  # fmt: skip
    if options.quick or options.isolation:
        parts = [bench.step] * options.quick + [bench.isolation] * options.isolation
    for part in parts:
        part()
        if options.json:
            options.json.write_text(json.dumps(bench.figures, indent=1) + "\n", encoding="utf-8")
    if options.json:
        print(f"\n{options.json}", file=sys.stderr)
    return 0
