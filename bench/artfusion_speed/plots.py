# SPDX-License-Identifier: MIT
"""The plots: a guided step of all contestants, and how the cost grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def plot_step(
    path: Path, seconds: Mapping[str, float], own: Sequence[str], bound: float, machine: Mapping[str, str]
) -> None:
    """`bound`: seconds that the step's arithmetic takes at the peak."""
    names = sorted(seconds, key=lambda name: -seconds[name])
    figure, axes = _pyplot().subplots(figsize=(8, 0.42 * len(names) + 1.2))
    colours = ["tab:blue" if name in own else "0.7" for name in names]
    bars = axes.barh(names, [seconds[name] * 1e3 for name in names], color=colours)
    axes.bar_label(bars, fmt=" %.0f")
    axes.axvline(bound * 1e3, color="tab:red", lw=1, ls="--")
    axes.set_xlabel("ms a guided step, 256 × 256; dashed: all its arithmetic at the convolution's peak")
    axes.set_title(f"{machine['CPU']}; {machine['cores']}", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def plot_growth(path: Path, curves: Mapping[str, Mapping[str, Mapping[float, float]]]) -> None:
    """A panel a quantity: {quantity: {contestant: {its value: seconds}}}, all logarithmic."""
    from matplotlib.ticker import LogLocator

    figure, panels = _pyplot().subplots(1, len(curves), figsize=(4 * len(curves), 3.4))
    for axes, (quantity, contestants) in zip(panels, curves.items(), strict=True):
        others = iter(("tab:orange", "0.5", "tab:green", "tab:red"))
        for name, points in contestants.items():
            values = sorted(points)
            colour = "tab:blue" if name.startswith("artfusion") else next(others)
            axes.plot(values, [points[v] for v in values], marker="o", label=name, color=colour)
        axes.set(xscale="log", yscale="log", xlabel=quantity, ylabel="seconds")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        ticks = sorted({v for points in contestants.values() for v in points})
        axes.set_xticks(ticks, [f"{v:g}" for v in ticks])
        axes.minorticks_off()
        axes.legend(fontsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
