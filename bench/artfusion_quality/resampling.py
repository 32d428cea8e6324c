# SPDX-License-Identifier: MIT
"""Confidence by resampling paintings: the bootstrap over clusters (Davison and Hinkley 1997,
"Bootstrap Methods and their Application", section 3.8). Results of one painting succeed or fail
together, so that intervals by resampling pairs would be too narrow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from .metrics import Pair

Columns = Mapping[str, Tensor]  # of each quantity one value, or vector, a result: [P,...]
Scores = Callable[[Columns, Tensor], dict[str, Tensor]]  # of results that weigh [R,P]: [R] each

REPLICATES = 1000
LEVEL = 0.95


def plain(columns: Columns, scores: Scores) -> dict[str, float]:
    """Scores of results that weigh alike."""
    count = len(next(iter(columns.values())))
    found = scores(columns, torch.ones(1, count, dtype=torch.float64))
    return {name: float(value) for name, value in found.items()}


def weights(pairs: Sequence[Pair], seed: int = 0) -> Tensor:
    """[REPLICATES,P]: each replicate draws as many paintings as there are, with replacement, and
    takes all results of a painting as often as it was drawn. The same paintings are drawn for every
    contestant."""
    styles = torch.tensor([s for _, s in pairs])
    _, index = styles.unique(return_inverse=True)
    count = int(index.max()) + 1
    rng = torch.Generator().manual_seed(seed)
    drawn = torch.randint(count, (REPLICATES, count), generator=rng)
    times = torch.zeros(REPLICATES, count, dtype=torch.float64)
    return times.scatter_add_(1, drawn, torch.ones_like(times))[:, index]


def intervals(
    columns: Columns, scores: Scores, weighing: Tensor
) -> dict[str, tuple[float, float]]:
    """The central LEVEL of each score over replicates."""
    tail = (1.0 - LEVEL) / 2.0
    ends = scores(columns, weighing)
    return {k: (float(v.quantile(tail)), float(v.quantile(1.0 - tail))) for k, v in ends.items()}
