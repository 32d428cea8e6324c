# SPDX-License-Identifier: MIT
"""The report: tables in Markdown, the trade-off as a curve, contact sheets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from .resampling import LEVEL
from .surface import OCTAVES, PERIODS

Scores = Mapping[str, float]


@dataclass
class Row:
    """One contestant: its numbers, and their intervals by resampling."""

    scores: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


_PERCENT = {"style_top1", "style_top5", "style_csls", "content_top1"}
_TRANSFER = {
    "style_top1": "style found",
    "style_top5": "in top 5",
    "style_csls": "found, hubs discounted",
    "content_top1": "content found",
    "style_distance": "style distance",
    "content_distance": "content distance",
    "colour_distance": "colour distance",
    "sharpness": "sharpness",
    "diversity": "diversity",
    "seconds": "s a picture",
    "memory_mb": "MB a picture",
}
_SURFACE = (
    {f"octave_{i + 1}": f"energy about {4 << i} px" for i in range(OCTAVES)}
    | {"brush": "brush, px", "marks_distance": "marks' distance, px"}
    | {f"peak_{period}": f"peak at {period} px" for period in PERIODS}
    | {"border": "border line"}
)
_RECONSTRUCTION = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "feature_distance": "feature distance",
    "sharpness": "sharpness",
}
_CONTROL = "the paintings, half against half"
_LEGEND = f"""\
Found: the result's own painting, or photo, is the nearest of the list to the judge; hubs
discounted: after a painting that is near to every result has lost that advantage. Distances: style
in standard deviations over the paintings, content 0 (same) to about 1 (unrelated), colour in
Delta E. Sharpness: high-frequency energy, the paintings' own being 1; the same by octaves of
wavelength. Brush: the harmonic mean width of marks, by granulometry; marks' distance: between the
distributions of widths of result and painting. Peak: natural logarithm of power at frequencies of
waves so many pixels long above those around, less the paintings' own; for the paintings, the 95th
percentile of one half of them against the other. Border line: of the mean gradient. Diversity:
feature distance between two seeds. In brackets: {LEVEL:.0%} intervals by resampling the paintings.
"""


def _number(name: str, value: float) -> str:
    if name in _PERCENT:
        return f"{100 * value:.1f}"
    return f"{value:.{1 if name in ('psnr', 'colour_distance') else 3}f}"


def _cell(name: str, row: Row) -> str:
    if name not in row.scores:
        return ""
    value = _number(name, row.scores[name]) + (" %" if name in _PERCENT else "")
    if name not in row.intervals:
        return value
    low, high = (_number(name, end) for end in row.intervals[name])
    return f"{value} ({low} to {high})"


def _table(first: str, columns: Mapping[str, str], rows: Mapping[str, Row]) -> str:
    shown = {k: v for k, v in columns.items() if any(k in row.scores for row in rows.values())}
    lines = [[first, *shown.values()], ["---"] * (len(shown) + 1)]
    lines += [[name, *(_cell(k, row) for k in shown)] for name, row in rows.items()]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def markdown(
    head: str,
    transfer: Mapping[str, Row],
    control: Mapping[str, float],
    same: Mapping[str, Scores],
) -> str:
    """The whole report: the tables, and what their columns mean."""
    tables = [
        _table("transfer", _TRANSFER, transfer),
        _table("surface", _SURFACE, {**transfer, _CONTROL: Row(dict(control))}),
    ]
    if same:
        rows = {name: Row(dict(scores)) for name, scores in same.items()}
        tables.append(_table("reconstruction", _RECONSTRUCTION, rows))
    return "\n".join([head, *tables, _LEGEND])


def curve(
    path: Path, baselines: Mapping[str, Scores], lines: Mapping[str, Mapping[str, Scores]]
) -> None:
    """Style against content, softly on the left and as rates on the right: baselines are crosses,
    a line is the model at one content scale, its points named by their style scales."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5.5), layout="constrained")
    soft, rates = figure.subplots(1, 2)
    for axes, x, y in (
        (soft, "content_distance", "style_distance"),
        (rates, "content_top1", "style_top1"),
    ):
        axes.margins(0.15)
        for name, scores in baselines.items():
            axes.scatter([scores[x]], [scores[y]], marker="x")
        for name, line in lines.items():
            at = [(p[x], p[y]) for p in line.values()]
            axes.plot(*zip(*at, strict=True), "o-", label=name)
        for points in (baselines, *lines.values()):
            for name, p in points.items():
                axes.annotate(name, (p[x], p[y]), (4, 4), textcoords="offset points", size=8)
        axes.legend()
        axes.grid(alpha=0.3)
        axes.set_xlabel(_TRANSFER[x])
        axes.set_ylabel(_TRANSFER[y])
    soft.set_title("lower left is better")
    rates.set_title("upper right is better")
    figure.savefig(path, dpi=110)


def save(path: Path, picture: Tensor) -> None:
    """uint8 [3,H,W]."""
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(path, quality=92)


def sheet(path: Path, contents: Tensor, styles: Tensor, results: Tensor) -> None:
    """Photos down, paintings across; results are those of every photo with every painting."""
    corner = torch.full_like(contents[:1], 255)
    rows = [torch.cat([corner, styles])]
    for i, content in enumerate(contents):
        rows.append(torch.cat([content[None], results[i * len(styles) : (i + 1) * len(styles)]]))
    padded = F.pad(torch.stack(rows), (2, 2, 2, 2), value=255)  # [rows, columns, 3, H, W]
    save(path, padded.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2))
