#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How many steps a solver needs: the distance of a run's result to the ODE's solution."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

TREE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TREE / "bindings" / "python"))
os.environ.setdefault("ARTFUSION_LIBRARY", str(TREE / "build/release/lib/libartfusion.so"))

import artfusion as af  # noqa: E402
import numpy as np  # noqa: E402

# Solvers of the probability-flow ODE (arXiv 2011.13456); with eta, DDIM and the others are SDEs.
SOLVERS = ("ddim", "dpmpp_2m", "unipc")
SPACINGS = ("trailing", "uniform", "quad", "linspace")
STEPS = (5, 8, 10, 15, 20, 30, 50, 100, 250)
SOLUTION = {"solver": "dpmpp_2m", "spacing": "trailing", "steps": 1000}
_IMAGES = TREE / "examples" / "images"
PAIRS = (
    ("pagoda", "van-gogh"), ("coffee", "monet"), ("astronaut", "kandinsky"), ("chelsea", "munch"),
)  # fmt: skip


def _picture(name: str) -> af.Image:
    return af.Image.load(next(_IMAGES.glob(f"{name}.*")))


class Runs:
    """The same pictures, styles and noise under any sampling."""

    def __init__(
        self, model: Path, size: int, pairs: int, precision: str, scales: dict[str, float]
    ) -> None:
        self._model = af.Model.open(model, context=af.Context(precision=precision))
        self._size, self._scales = size, scales
        used = PAIRS[:pairs]
        self._contents = [_picture(content).resize(size, size) for content, _ in used]
        self._styles = [self._model.style(_picture(style)) for _, style in used]

    def latents(self, **sampling: Any) -> np.ndarray:
        sampler = self._model.sampler(
            batch=len(self._styles), width=self._size, height=self._size, eta=0.0, seed=1,
            **self._scales, **sampling,
        )  # fmt: skip
        for i, (content, style) in enumerate(zip(self._contents, self._styles, strict=True)):
            sampler.set_content(content, i)
            sampler.set_style(style, i)
        sampler.run()
        return np.array(sampler.x)


def _plot(path: Path, errors: dict[str, dict[str, dict[int, float]]], title: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(SPACINGS), figsize=(13, 3.6), sharey=True)
    for panel, spacing in zip(panels, SPACINGS, strict=True):
        for solver in SOLVERS:
            points = errors[solver][spacing]
            panel.plot(list(points), list(points.values()), marker=".", label=solver)
        panel.set(xscale="log", yscale="log", title=spacing, xlabel="steps")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("RMS distance to the solution / its RMS")
    panels[0].legend(frameon=False)
    figure.suptitle(title, fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("model", type=Path)
    add("--size", type=int, default=256, help="pixels per side (256)")
    add("--pairs", type=int, default=len(PAIRS), help=f"pairs of content and style ({len(PAIRS)})")
    add("--precision", default="float32", help="what the engine computes in (float32)")
    add("--content-scale", type=float, help="guidance towards the content (the model's)")
    add("--style-scale", type=float, help="guidance towards the style (the model's)")
    add("--steps", default=",".join(map(str, STEPS)), metavar="A,B")
    add("--json", type=Path, metavar="FILE")
    add("--plot", type=Path, metavar="FILE.png")
    options = parser.parse_args()
    given = {"content_scale": options.content_scale, "style_scale": options.style_scale}
    scales = {name: value for name, value in given.items() if value is not None}
    runs = Runs(options.model, options.size, options.pairs, options.precision, scales)
    solution = runs.latents(**SOLUTION)
    scale = float(np.sqrt(np.mean(solution**2)))
    errors: dict[str, dict[str, dict[int, float]]] = {}
    steps = [int(n) for n in options.steps.split(",")]
    print(f"{'solver':10} {'spacing':9} " + " ".join(f"{n:>8}" for n in steps))
    for solver in SOLVERS:
        for spacing in SPACINGS:
            row = errors.setdefault(solver, {}).setdefault(spacing, {})
            for n in steps:
                difference = runs.latents(solver=solver, spacing=spacing, steps=n) - solution
                row[n] = float(np.sqrt(np.mean(difference**2))) / scale
            print(f"{solver:10} {spacing:9} " + " ".join(f"{e:8.4f}" for e in row.values()))
            sys.stdout.flush()
    if options.json:
        options.json.write_text(json.dumps(errors, indent=1) + "\n", encoding="utf-8")
    if options.plot:
        _plot(options.plot, errors, f"{options.model.name}, {options.size} pixels, {options.precision}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
