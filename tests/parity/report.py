# SPDX-License-Identifier: MIT
"""The parity table as a page of documentation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from stages import Result

_HEAD = """\
# Parity with the published code

What the C library computes, compared with what the published PyTorch code computes (arXiv 2306.09330), for a
checkpoint of the published layout with synthetic weights. `tests/parity/parity.py --precision float32,bfloat16
--markdown` measures every figure and writes this page.

An error is max |a − b| / max |b|. For pictures (`__rgb`) it is the largest difference in levels of 255; for
counts (`__n_inter`) and random numbers it is whether there is any difference. Because the weights are random,
latents reach several hundred, and the errors are relative to that. Pictures are truncated to
8 bits, so that a value on the edge between two levels may fall to either side.

`__x0_first` is the x0 predicted in a sample's first step, `__rgb` the sample's picture, and `__n_inter` the
number of latents kept on the way. All samples get the published code's own noise.

In 16 bits only the networks are compared. Their weights and what goes from layer to layer are
rounded; sums are float32, and so is everything outside the networks. [performance.md](performance.md) says what this
does to pictures of trained weights.
"""

Tables = dict[str, list[Result]]

# Rows of the table that stand for many stages: (pattern, title).
_GROUPS = (
    (r"betas_.*", "`betas_*`"),
    (r"alphas_cumprod_f32", "`alphas_cumprod_f32`"),
    (r"ts_.*", "`ts_*`: timesteps"),
    (r"alphas_prev_.*", "`alphas_prev_*`"),
    (r"alphas_.*", "`alphas_*`"),
    (r"sigmas_.*", "`sigmas_*`"),
    (r"(randn?|seq)_\d.*", "random numbers of the CPU generator"),
)


def _title(name: str) -> str:
    for pattern, title in _GROUPS:
        if re.fullmatch(pattern, name):
            return title
    return f"`{name}`"


def _grouped(results: Sequence[Result]) -> dict[str, list[Result]]:
    rows: dict[str, list[Result]] = {}
    for result in results:
        rows.setdefault(_title(result.name), []).append(result)
    return rows


def _cell(results: Sequence[Result]) -> str:
    if not results:
        return ""
    count = f" ({len(results)} stages)" if len(results) > 1 else ""
    failed = "" if all(result.ok for result in results) else " **FAIL**"
    return f"{max(result.error for result in results):.1e}{count}{failed}"


def _table(tables: Mapping[str, Sequence[Result]]) -> list[str]:
    """One row a stage or group of stages, one column a golden file."""
    columns = {name: _grouped(results) for name, results in tables.items()}
    titles = list(dict.fromkeys(title for rows in columns.values() for title in rows))
    heads = [name.removesuffix(".npz") for name in columns]
    lines = [
        f"| stage | bound | {' | '.join(f'`{head}`' for head in heads)} |",
        f"| --- | --- |{' --- |' * len(heads)}",
    ]
    for title in titles:
        found = [rows.get(title, []) for rows in columns.values()]
        bound = next(results[0].bound for results in found if results)
        cells = " | ".join(map(_cell, found))
        lines.append(f"| {title} | {bound:g} | {cells} |")
    return lines


def write_markdown(path: Path, sections: Mapping[str, Tables]) -> None:
    """A table for each setting: engine, device, arithmetic."""
    lines = [_HEAD.rstrip("\n")]
    for setting, tables in sections.items():
        lines += ["", f"## {setting}", "", *_table(tables)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
