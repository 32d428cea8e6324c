# SPDX-License-Identifier: MIT
"""What the commands' options have in common."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

BASELINES = ("the photo", "the painting", "colour transfer", "latent AdaIN")


def count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def scales(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def shape(text: str) -> tuple[int, int]:
    down, across = text.lower().split("x")
    return count(down), count(across)


def peer(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not name.strip() or not folder or not name.isprintable() or set("|/") & set(name):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=DIR")
    return name.strip(), Path(folder)


def peer_names(parser: argparse.ArgumentParser, peers: Sequence[tuple[str, Path]]) -> None:
    named = [name for name, _ in peers]
    for name in named:
        if name in BASELINES or name.startswith("model ") or named.count(name) > 1:
            parser.error(f"--peer {name}: another contestant has this name")


def heldout_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options for the lists and the pairs."""
    add = parser.add_argument
    add("--contents", type=Path, required=True, metavar="DIR", help="photos")
    add("--styles", type=Path, required=True, metavar="DIR", help="paintings, at least 2")
    add("--heldout", type=Path, metavar="FILE", help="only the pictures it lists, hashes checked")
    add("--size", type=count, default=256, help="pixels per side (256)")
    add("--pairs", type=count, metavar="N", help="styles for each content (all)")
