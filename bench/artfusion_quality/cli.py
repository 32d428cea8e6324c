# SPDX-License-Identifier: MIT
"""quality.py MODEL --contents DIR --styles DIR: how well a model transfers style, in numbers."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import lists, report
from .baselines import reinhard
from .judge import pretrained
from .lists import InputError
from .metrics import Pair, Scorer, as_rgb, compare, summary
from .painter import Cost, Painter, Settings, af, choose_library

# Of the contents and the styles of some pairs, one of each a pair, and these pairs: pictures.
Method = Callable[[Tensor, Tensor, Sequence[Pair]], Tensor]
_DEVICES = {"auto": af.DEVICE_AUTO, "cpu": af.DEVICE_CPU, "cuda": af.DEVICE_CUDA}
_PRECISIONS = {
    "auto": af.PRECISION_AUTO,
    "float32": af.PRECISION_FLOAT32,
    "bfloat16": af.PRECISION_BFLOAT16,
    "float16": af.PRECISION_FLOAT16,
}
_SOLVERS = {
    "ddim": af.SOLVER_DDIM,
    "ddpm": af.SOLVER_DDPM,
    "dpmpp_2m": af.SOLVER_DPMPP_2M,
    "dpmpp_2m_sde": af.SOLVER_DPMPP_2M_SDE,
    "unipc": af.SOLVER_UNIPC,
}
_SPACINGS = {
    "uniform": af.SPACING_UNIFORM,
    "quad": af.SPACING_QUAD,
    "trailing": af.SPACING_TRAILING,
    "linspace": af.SPACING_LINSPACE,
}


def choose_pairs(contents: int, styles: int, each: int | None) -> list[Pair]:
    """Every pair, or `each` styles a content: drawn once for all, all styles about as often."""
    if each is None or each >= styles:
        return [(c, s) for c in range(contents) for s in range(styles)]
    rng = np.random.default_rng(0)
    order = rng.permutation(styles)
    shifts = rng.permutation(styles)[:each]
    return [(c, int(order[(c + shift) % styles])) for c in range(contents) for shift in shifts]


def evenly(count: int, of: int) -> list[int]:
    """Indices of at most `count` things spread over `of`."""
    return [i * of // count for i in range(count)] if count < of else list(range(of))


class Progress:
    """One line on stderr: rewritten on a terminal, else a new one every half minute."""

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total, self.done = name, total, 0
        self.begin = self.told = time.monotonic()

    def add(self, count: int) -> None:
        self.done += count
        now, terminal = time.monotonic(), sys.stderr.isatty()
        if not terminal and now - self.told < 30:
            return
        self.told = now
        left = (now - self.begin) / self.done * (self.total - self.done)
        line = f"{self.name}: {self.done} of {self.total} pictures, {left:.0f} s left"
        if terminal:
            line = "\r\x1b[K" + (line if self.done < self.total else "")
        print(line, end="" if terminal else "\n", file=sys.stderr, flush=True)


class Bench:
    """The lists, the judge and the painter, and what is measured with them."""

    def __init__(self, options: argparse.Namespace) -> None:
        def load(kind: str, folder: Path, least: int) -> lists.Pictures:
            listed = lists.heldout(options.heldout, kind) if options.heldout else None
            return lists.load(folder, options.size, least, listed)

        choose_library(options.library)
        self.contents = load("photos", options.contents, 1)
        self.styles = load("paintings", options.styles, 2)
        self.painter = Painter(
            options.model,
            options.size,
            _DEVICES[options.device],
            _PRECISIONS[options.precision],
        )
        on_gpu = options.device != "cpu" and torch.cuda.is_available()
        self.judge = pretrained().to("cuda" if on_gpu else "cpu")
        self.scorer = Scorer(self.judge, self.contents.pixels, self.styles.pixels)
        self.pairs = choose_pairs(len(self.contents.names), len(self.styles.names), options.pairs)
        self.batch: int = options.batch
        self.out: Path | None = options.out

    def _run(
        self, name: str, contents: Tensor, styles: Tensor, pairs: Sequence[Pair], method: Method
    ) -> Iterator[tuple[Sequence[Pair], Tensor]]:
        """The method's pictures, a batch at a time, and their pairs."""
        progress = Progress(name, len(pairs))
        for i in range(0, len(pairs), self.batch):
            chunk = pairs[i : i + self.batch]
            of_chunk = contents[[c for c, _ in chunk]], styles[[s for _, s in chunk]]
            yield chunk, method(*of_chunk, chunk)
            progress.add(len(chunk))

    def baselines(self) -> dict[str, Method]:
        return {
            "the photo": lambda contents, styles, _: contents,
            "the painting": lambda contents, styles, _: styles,
            "colour transfer": lambda contents, styles, _: reinhard(contents, styles),
            "latent AdaIN": lambda contents, styles, _: self.painter.adain(contents, styles),
        }

    def _painting(self, settings: Settings, cost: Cost | None = None) -> Method:
        return lambda contents, styles, pairs: self.painter.paint(
            contents, styles, pairs, settings, cost
        )

    def transfer(self, name: str, method: Method) -> dict[str, float]:
        """Scores over all pairs; the results are written where --out says."""
        folder = self.out and self.out / name.replace(" ", "-")
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        parts = []
        contents, styles = self.contents, self.styles
        for chunk, results in self._run(name, contents.pixels, styles.pixels, self.pairs, method):
            parts.append(self.scorer.measure(results, chunk))
            if folder:
                for (c, s), picture in zip(chunk, as_rgb(results).round().byte(), strict=True):
                    content, style = Path(contents.names[c]).stem, Path(styles.names[s]).stem
                    report.save(folder / f"{content}--{style}.png", picture)
        return summary(parts)

    def model(self, name: str, settings: Settings, diverse: int) -> dict[str, float]:
        """The same of the model, what it cost, and how much `diverse` pairs vary with the seed."""
        cost = Cost()
        scores = self.transfer(name, self._painting(settings, cost)) | cost.summary()
        some = [self.pairs[i] for i in evenly(diverse, len(self.pairs))]
        if some:
            other = dataclasses.replace(settings, seed=settings.seed + 1)
            both = [self.paint("diversity", some, seed) for seed in (settings, other)]
            a, b = (as_rgb(results.to(self.scorer.device)) for results in both)
            scores["diversity"] = float(self.judge.feature_distance(a, b).mean())
        return scores

    def paint(self, name: str, pairs: Sequence[Pair], settings: Settings) -> Tensor:
        contents, styles = self.contents.pixels, self.styles.pixels
        runs = self._run(name, contents, styles, pairs, self._painting(settings))
        return torch.cat([results for _, results in runs])

    def reconstructions(self, settings: Settings) -> Iterator[tuple[str, dict[str, float]]]:
        """What comes back of a picture: through the autoencoder, and painted in its own style."""
        methods: dict[str, Method] = {
            "autoencoder": lambda contents, styles, _: self.painter.reconstruct(contents),
            "own style": self._painting(settings),
        }
        for how, method in methods.items():
            for kind, pictures in (("paintings", self.styles), ("photos", self.contents)):
                name, x = f"{how}, {kind}", pictures.pixels
                runs = self._run(name, x, x, [(i, i) for i in range(len(x))], method)
                parts = [
                    compare(self.judge, results, x[[i for i, _ in chunk]])
                    for chunk, results in runs
                ]
                yield name, summary(parts)

    def sheet(self, path: Path, shape: tuple[int, int], settings: Settings) -> None:
        contents, styles = self.contents.pixels, self.styles.pixels
        down, across = evenly(shape[0], len(contents)), evenly(shape[1], len(styles))
        results = self.paint("sheet", [(c, s) for c in down for s in across], settings)
        report.sheet(path, contents[down], styles[across], results)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _scales(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def _shape(text: str) -> tuple[int, int]:
    down, across = text.lower().split("x")
    return _count(down), _count(across)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="quality.py", description=__doc__)
    add = parser.add_argument
    add("model", type=Path)
    add("--contents", type=Path, required=True, metavar="DIR", help="photos")
    add("--styles", type=Path, required=True, metavar="DIR", help="paintings, at least 2")
    add("--heldout", type=Path, metavar="FILE", help="only the pictures it lists, hashes checked")
    add("--size", type=_count, default=256, help="pixels a side (256)")
    add("--pairs", type=_count, metavar="N", help="styles a content (all)")
    add("--steps", type=_count, help="of the sampler (the model's)")
    add("--solver", choices=_SOLVERS, help="(the model's)")
    add("--spacing", choices=_SPACINGS, help="of the timesteps (the model's)")
    add("--eta", type=float, help="noise of ddim's steps (the model's)")
    add("--seed", type=int, default=0)
    add("--batch", type=_count, default=4, help="pairs in one run (4)")
    add("--content-scales", type=_scales, default=[None], metavar="A,B", help="(the model's)")
    add("--style-scales", type=_scales, default=[None], metavar="A,B", help="(the model's)")
    add("--diversity", type=int, default=8, metavar="N", help="pairs under another seed too (8)")
    add("--device", choices=_DEVICES, default="auto")
    add("--precision", choices=_PRECISIONS, default="auto")
    add("--library", type=Path, metavar="FILE", help="libartfusion.so (build/release's)")
    add("--out", type=Path, metavar="DIR", help="the results as PNG")
    add("--report", type=Path, metavar="FILE.md")
    add("--json", type=Path, metavar="FILE.json")
    add("--curve", type=Path, metavar="FILE.png", help="style against content over the scales")
    add("--sheet", type=Path, metavar="FILE.png", help="photos down, paintings across")
    add("--sheet-shape", type=_shape, default=(4, 6), metavar="NxM", help="(4x6)")
    options = parser.parse_args(arguments)
    for name in ("report", "json", "curve", "sheet"):  # before hours of work
        path = getattr(options, name)
        if path and not path.parent.is_dir():
            parser.error(f"--{name} {path}: no such folder")
    if options.seed < 0:
        parser.error("--seed must not be negative")
    return options


def _name(names: dict[str, int], value: int | None) -> str:
    return next(name for name, known in names.items() if known == value)


def _head(bench: Bench, options: argparse.Namespace, first: Settings) -> str:
    painter, contents, styles = bench.painter, bench.contents, bench.styles
    return (
        f"# {painter.name}\n\nWeights {painter.sha256[:16]}, {painter.machine}; "
        f"{len(contents.names)} photos (list {contents.sha256[:16]}), "
        f"{len(styles.names)} paintings (list {styles.sha256[:16]}), "
        f"{len(bench.pairs)} pairs at {options.size} pixels, "
        f"{first.steps} steps of {_name(_SOLVERS, first.solver)}, {_name(_SPACINGS, first.spacing)}, "
        f"eta {first.eta:g}, seed {first.seed}, batches of {options.batch}. Reconstruction at "
        f"content scale {first.content_scale:g}, style scale {first.style_scale:g}.\n"
    )


def _measure(options: argparse.Namespace) -> None:
    bench = Bench(options)
    painter = bench.painter
    asked = Settings(
        steps=options.steps,
        seed=options.seed,
        solver=_SOLVERS.get(options.solver),
        spacing=_SPACINGS.get(options.spacing),
        eta=options.eta,
    )
    grid = [
        [
            painter.resolve(dataclasses.replace(asked, content_scale=c, style_scale=s))
            for s in options.style_scales
        ]
        for c in options.content_scales
    ]
    first = grid[0][0]
    head = _head(bench, options, first)
    rows: dict[str, dict[str, float]] = {}
    same: dict[str, dict[str, float]] = {}
    results: dict[str, Any] = {
        "model": {"name": painter.name, "sha256": painter.sha256, "machine": painter.machine},
        "lists": {"photos": bench.contents.sha256, "paintings": bench.styles.sha256},
        "pairs": bench.pairs,
        "size": options.size,
        "batch": options.batch,
        "settings": [dataclasses.asdict(settings) for line in grid for settings in line],
        "transfer": rows,
        "reconstruction": same,
    }

    def write() -> None:  # after each row, so that hours of work survive an interruption
        if options.report:
            options.report.write_text(report.markdown(head, rows, same), encoding="utf-8")
        if options.json:
            options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")

    for name, method in bench.baselines().items():
        rows[name] = bench.transfer(name, method)
        write()
    baselines = dict(rows)
    lines: dict[str, dict[str, dict[str, float]]] = {}
    for line in grid:
        points = lines[f"content scale {line[0].content_scale:g}"] = {}
        for settings in line:
            style = f"s{settings.style_scale:g}"
            name = f"model c{settings.content_scale:g} {style}"
            rows[name] = points[style] = bench.model(name, settings, options.diversity)
            write()
    for name, scores in bench.reconstructions(first):
        same[name] = scores
        write()
    print(report.markdown(head, rows, same))
    if options.curve:
        report.curve(options.curve, baselines, lines)
    if options.sheet:
        bench.sheet(options.sheet, options.sheet_shape, first)


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        _measure(_options(arguments))
    except InputError as error:
        print(f"quality: {error}", file=sys.stderr)
        return 2
    except (OSError, af.ArtfusionError) as error:
        print(f"quality: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
