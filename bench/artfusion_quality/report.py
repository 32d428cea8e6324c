# SPDX-License-Identifier: MIT
"""What one looks at: tables in Markdown, the trade-off as a curve, contact sheets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

Scores = Mapping[str, float]

_PERCENT = {"style_top1", "style_top5", "content_top1"}
_TRANSFER = {
    "style_top1": "style found",
    "style_top5": "in top 5",
    "content_top1": "content found",
    "style_distance": "style distance",
    "content_distance": "content distance",
    "colour_distance": "colour distance",
    "sharpness": "sharpness",
    "diversity": "diversity",
    "seconds": "s a picture",
    "memory_mb": "MB a picture",
}
_RECONSTRUCTION = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "feature_distance": "feature distance",
    "sharpness": "sharpness",
}
_LEGEND = """\
Found: the result's own painting, or photo, is the nearest of the list to the judge. Distances:
style in standard deviations over the paintings, content 0 (same) to about 1 (unrelated), colour in
Delta E. Sharpness: high-frequency energy, the paintings' own being 1. Diversity: feature distance
between two seeds.
"""


def _cell(name: str, scores: Scores) -> str:
    if name not in scores:
        return ""
    value = scores[name]
    if name in _PERCENT:
        return f"{100 * value:.1f} %"
    return f"{value:.{1 if name in ('psnr', 'colour_distance') else 3}f}"


def _table(first: str, columns: Mapping[str, str], rows: Mapping[str, Scores]) -> str:
    shown = {k: v for k, v in columns.items() if any(k in scores for scores in rows.values())}
    lines = [[first, *shown.values()], ["---"] * (len(shown) + 1)]
    lines += [[row, *(_cell(k, scores) for k in shown)] for row, scores in rows.items()]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def markdown(head: str, transfer: Mapping[str, Scores], same: Mapping[str, Scores]) -> str:
    """The whole report: both tables, and what their columns mean."""
    above = _table("transfer", _TRANSFER, transfer)
    below = _table("reconstruction", _RECONSTRUCTION, same)
    return "\n".join([head, above, below, _LEGEND])


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
