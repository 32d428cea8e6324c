# SPDX-License-Identifier: MIT
"""Which content meets which style."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from . import lists, peers
from .metrics import Pair


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


class Pairs:
    """The lists that the options name, and which content meets which style."""

    def __init__(self, options: argparse.Namespace) -> None:
        def load(kind: str, folder: Path, least: int) -> lists.Pictures:
            listed = lists.heldout(options.heldout, kind) if options.heldout else None
            return lists.load(folder, options.size, least, listed)

        self.contents = load("photos", options.contents, 1)
        self.styles = load("paintings", options.styles, 2)
        self.pairs = choose_pairs(len(self.contents.names), len(self.styles.names), options.pairs)
        self.stems = peers.stems(self.contents, self.styles, self.pairs)
