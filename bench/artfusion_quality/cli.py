# SPDX-License-Identifier: MIT
"""quality.py [MODEL] --contents DIR --styles DIR: how well a model transfers style, in numbers."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import peers, report
from .contest import Contest, ModelContest
from .lists import InputError
from .options import count, heldout_options, peer, peer_names, scales, shape
from .pairs import Pairs
from .painter import Painter, Settings, af
from .report import Row
from .surface import MIN_SIDE

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


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="quality.py", description=__doc__)
    add = parser.add_argument
    add("model", type=Path, nargs="?", help="model file to measure beside the baselines and the peers")
    heldout_options(parser)
    add(
        "--peer", type=peer, action="append", default=[], metavar="NAME=DIR",
        help="somebody's results, DIR/CONTENT--STYLE.png by the pictures' names; repeatable",
    )
    add("--list", type=Path, metavar="FILE.tsv", help="write the pairs, and measure nothing")
    add("--steps", type=count, help="steps of the sampler (the model's)")
    add("--solver", choices=_SOLVERS, help="default: the model's")
    add("--spacing", choices=_SPACINGS, help="default: the model's")
    add("--eta", type=float, help="noise of DDIM's steps (the model's)")
    add("--seed", type=int, default=0)
    add("--batch", type=count, default=4, help="pairs in one run (4)")
    add("--content-scales", type=scales, default=[None], metavar="A,B", help="default: the model's")
    add("--style-scales", type=scales, default=[None], metavar="A,B", help="default: the model's")
    add("--diversity", type=int, default=8, metavar="N", help="pairs that are also painted with another seed (8)")
    add("--device", choices=_DEVICES, default="auto")
    add("--precision", choices=_PRECISIONS, default="auto")
    add("--library", type=Path, metavar="FILE", help="libartfusion.so (that of build/release)")
    add("--out", type=Path, metavar="DIR", help="write the results as PNG")
    add("--report", type=Path, metavar="FILE.md")
    add("--json", type=Path, metavar="FILE.json")
    add("--curve", type=Path, metavar="FILE.png", help="draw style against content over the scales")
    add("--sheet", type=Path, metavar="FILE.png", help="draw results: photos down, paintings across")
    add("--sheet-shape", type=shape, default=(4, 6), metavar="NxM", help="photos and paintings of the sheet (4x6)")
    options = parser.parse_args(arguments)
    for name in ("report", "json", "curve", "sheet", "list"):  # before hours of work
        path = getattr(options, name)
        if path and not path.parent.is_dir():
            parser.error(f"--{name} {path}: no such folder")
    if options.seed < 0:
        parser.error("--seed must not be negative")
    if options.size < MIN_SIDE:
        parser.error(f"--size {options.size}: at least {MIN_SIDE} are needed")
    peer_names(parser, options.peer)
    if not options.model:
        for name in ("curve", "sheet"):
            if getattr(options, name):
                parser.error(f"--{name} needs a model")
        if not options.peer and not options.list:
            parser.error("a model, --peer or --list is needed")
    return options


def _name(names: dict[str, int], value: int | None) -> str:
    return next(name for name, known in names.items() if known == value)


def _head(contest: Contest, options: argparse.Namespace) -> str:
    contents, styles = contest.contents, contest.styles
    return (
        f"{len(contents.names)} photos (list {contents.sha256[:16]}), "
        f"{len(styles.names)} paintings (list {styles.sha256[:16]}), "
        f"{len(contest.pairs)} pairs at {options.size} pixels"
    )


def _model_head(painter: Painter, options: argparse.Namespace, first: Settings, of: str) -> str:
    return (
        f"# {painter.name}\n\nWeights {painter.sha256[:16]}, {painter.machine}; {of}, "
        f"{first.steps} steps of {_name(_SOLVERS, first.solver)}, "
        f"{_name(_SPACINGS, first.spacing)}, eta {first.eta:g}, seed {first.seed}, "
        f"batches of {options.batch}. Reconstruction at content scale "
        f"{first.content_scale:g}, style scale {first.style_scale:g}.\n"
    )


class _Output:
    """What is known so far; written after each row, so that an interruption loses no hours."""

    def __init__(self, contest: Contest, options: argparse.Namespace) -> None:
        self._options = options
        self.head = f"# Peers\n\n{_head(contest, options)}.\n"
        self.rows: dict[str, Row] = {}
        self.same: dict[str, dict[str, float]] = {}
        self.control = contest.surface.halves()
        self.facts: dict[str, Any] = {
            "lists": {"photos": contest.contents.sha256, "paintings": contest.styles.sha256},
            "pairs": contest.pairs,
            "size": options.size,
            "batch": options.batch,
        }

    def text(self) -> str:
        return report.markdown(self.head, self.rows, self.control, self.same)

    def write(self) -> None:
        if self._options.report:
            self._options.report.write_text(self.text(), encoding="utf-8")
        if self._options.json:
            results = self.facts | {
                "transfer": {name: row.scores for name, row in self.rows.items()},
                "intervals": {name: row.intervals for name, row in self.rows.items()},
                "control": self.control,
                "reconstruction": self.same,
            }
            self._options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")

    def add(self, name: str, row: Row) -> None:
        self.rows[name] = row
        self.write()


def _grid(painter: Painter, options: argparse.Namespace) -> list[list[Settings]]:
    asked = Settings(
        steps=options.steps,
        seed=options.seed,
        solver=_SOLVERS.get(options.solver),
        spacing=_SPACINGS.get(options.spacing),
        eta=options.eta,
    )
    return [
        [
            painter.resolve(dataclasses.replace(asked, content_scale=c, style_scale=s))
            for s in options.style_scales
        ]
        for c in options.content_scales
    ]


def _measure_model(contest: ModelContest, options: argparse.Namespace, output: _Output) -> None:
    painter = contest.painter
    baselines = {name: row.scores for name, row in output.rows.items()}
    grid = _grid(painter, options)
    first = grid[0][0]
    output.head = _model_head(painter, options, first, _head(contest, options))
    output.facts |= {
        "model": {"name": painter.name, "sha256": painter.sha256, "machine": painter.machine},
        "settings": [dataclasses.asdict(settings) for line in grid for settings in line],
    }
    lines: dict[str, dict[str, dict[str, float]]] = {}
    for line in grid:
        points = lines[f"content scale {line[0].content_scale:g}"] = {}
        for settings in line:
            style = f"s{settings.style_scale:g}"
            name = f"model c{settings.content_scale:g} {style}"
            output.add(name, contest.model(name, settings, options.diversity))
            points[style] = output.rows[name].scores
    for name, scores in contest.reconstructions(first):
        output.same[name] = scores
        output.write()
    if options.curve:
        report.curve(options.curve, baselines, lines)
    if options.sheet:
        contest.sheet(options.sheet, options.sheet_shape, first)


def _measure(options: argparse.Namespace) -> None:
    if options.list:
        listed = Pairs(options)
        folders = options.contents, options.styles
        peers.write_list(options.list, folders, (listed.contents, listed.styles), listed.pairs)
        return
    if options.model:
        device, precision = _DEVICES[options.device], _PRECISIONS[options.precision]
        contest: Contest = ModelContest(options, device, precision)
    else:
        contest = Contest(options)
    output = _Output(contest, options)
    for name, method in contest.baselines().items():
        output.add(name, contest.transfer(name, method))
    for peer in contest.peers:
        output.add(peer.name, contest.peer(peer))
    if isinstance(contest, ModelContest):
        _measure_model(contest, options, output)
    print(output.text())


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
