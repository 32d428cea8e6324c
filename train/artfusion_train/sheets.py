# SPDX-License-Identifier: MIT
"""What one looks at while training: curves and contact sheets, as PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .loop import save_atomically


def to_u8(rgb: Tensor) -> np.ndarray:
    """float [N,3,H,W] in [-1,1] -> uint8 [N,H,W,3]."""
    u8 = ((rgb.float().clamp(-1.0, 1.0) + 1.0) * 127.5).to(torch.uint8)
    return u8.permute(0, 2, 3, 1).cpu().numpy()


def grid(path: Path, rows: list[Tensor]) -> None:
    """A contact sheet: each row is a batch [N,3,H,W] in [-1,1]."""
    lines = [np.concatenate(list(to_u8(row)), axis=1) for row in rows]
    picture = Image.fromarray(np.concatenate(lines, axis=0))
    save_atomically(path, lambda partial: picture.save(partial, "PNG"))


def curve(path: Path, train: list[dict[str, float]], scores: list[dict[str, float]]) -> None:
    """Loss above, scores below, against samples."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 7), layout="constrained")
    for axes, rows in zip(figure.subplots(2, 1, sharex=True), (train, scores), strict=True):
        for name in sorted({key for row in rows for key in row} - {"samples"}):
            points = [(row["samples"], row[name]) for row in rows if name in row]
            axes.plot(*zip(*points, strict=True), label=name, linewidth=1)
        if rows:
            axes.legend()
        axes.set_yscale("log" if rows is train else "linear")
        axes.grid(alpha=0.3)
        axes.set_xlabel("samples")
    save_atomically(path, lambda partial: figure.savefig(partial, format="png", dpi=110))
