# SPDX-License-Identifier: MIT
"""Blind choices: `sheets` draws two contestants' results of the same pair side by side, without
names; `count` reads what viewers answered."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from . import choices
from .choices import Shown
from .lists import InputError
from .options import count, heldout_options, peer, peer_names
from .pairs import Pairs
from .peers import Peer

_ACROSS, _DOWN = 2, 2  # questions on a sheet: many viewers shrink a larger one
_GAP = 24
_LABEL = 32
_INK, _PAPER = (0, 0, 0), (255, 255, 255)


def questions(
    pairs: Sequence[str], contestants: Sequence[str], each: int, seed: int
) -> list[Shown]:
    """`each` questions for every two contestants, of pairs drawn without repetition, in random
    order; either stands on the left as often as the other, to within one."""
    rng = np.random.default_rng(seed)
    drawn = []
    for two in itertools.combinations(sorted(contestants), 2):
        swapped = rng.permutation(np.arange(each) % 2)
        for pair, swap in zip(rng.permutation(len(pairs))[:each], swapped, strict=True):
            left, right = two[::-1] if swap else two
            drawn.append((pairs[pair], left, right))
    order = rng.permutation(len(drawn))
    return [Shown(number, *drawn[at]) for number, at in enumerate(order, 1)]


def _image(picture: Tensor) -> Image.Image:
    return Image.fromarray(picture.permute(1, 2, 0).numpy())


def block(number: int, content: Tensor, style: Tensor, left: Tensor, right: Tensor) -> Image.Image:
    """A question: its number, content and style at half size, and below them the two results."""
    size = left.shape[-1]
    half, font = size // 2, ImageFont.load_default(24)
    drawn = Image.new("RGB", (2 * size + 8, _LABEL + half + _LABEL + size), _PAPER)
    draw = ImageDraw.Draw(drawn)
    draw.text((0, 2), f"{number}", _INK, font)
    for x, name, picture in ((half - 4, "photo", content), (size + 4, "painting", style)):
        draw.text((x, 2), name, _INK, font)
        small = _image(picture).resize((half, half), Image.Resampling.BICUBIC)
        drawn.paste(small, (x, _LABEL))
    for x, name, picture in ((0, "left", left), (size + 8, "right", right)):
        draw.text((x, _LABEL + half + 2), name, _INK, font)
        drawn.paste(_image(picture), (x, _LABEL + half + _LABEL))
    return drawn


def sheet(blocks: Sequence[Image.Image]) -> Image.Image:
    width, height = (side + _GAP for side in blocks[0].size)
    down = -(-len(blocks) // _ACROSS)
    drawn = Image.new("RGB", (_ACROSS * width + _GAP, down * height + _GAP), _PAPER)
    for i, picture in enumerate(blocks):
        drawn.paste(picture, (_GAP + i % _ACROSS * width, _GAP + i // _ACROSS * height))
    return drawn


def _draw(options: argparse.Namespace) -> None:
    listed = Pairs(options)
    peers = {name: Peer(name, folder, listed.stems) for name, folder in options.peer}
    if options.each > len(listed.pairs):
        raise InputError(f"--each {options.each}: there are {len(listed.pairs)} pairs")
    shown = questions(listed.stems, list(peers), options.each, options.seed)
    of = dict(zip(listed.stems, listed.pairs, strict=True))
    options.out.mkdir(parents=True, exist_ok=True)
    if any(options.out.iterdir()):
        raise InputError(f"{options.out}: not empty; old sheets would mix with the new")
    at_once = _ACROSS * _DOWN
    for first in range(0, len(shown), at_once):
        blocks = []
        for s in shown[first : first + at_once]:
            content, style = of[s.pair]
            results = (peers[name].read(s.pair, options.size) for name in (s.left, s.right))
            pictures = listed.contents.pixels[content], listed.styles.pixels[style]
            blocks.append(block(s.number, *pictures, *results))
        sheet(blocks).save(options.out / f"sheet-{first // at_once + 1:02}.png")
    choices.write_key(options.key, shown)


def _count(options: argparse.Namespace) -> None:
    shown = choices.read_key(options.key)
    viewers = {path.stem: choices.read_answers(path, shown) for path in options.answers}
    if len(viewers) < len(options.answers):
        raise InputError("two files of answers have the same name")
    print(choices.report(shown, viewers))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="blind.py", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="{sheets,count}")
    sheets = commands.add_parser("sheets", help="draw the sheets and write the key")
    heldout_options(sheets)
    add = sheets.add_argument
    add("--peer", type=peer, action="append", required=True, metavar="NAME=DIR", help="a contestant's results; two or more")
    add("--each", type=count, default=60, help="questions for every two contestants (60)")
    add("--seed", type=int, default=0, help="seed of the draw (0)")
    add("--out", type=Path, required=True, metavar="DIR", help="empty folder for sheet-01.png, ...")
    add("--key", type=Path, required=True, metavar="FILE", help="file that says who stands where; not in DIR")
    sheets.set_defaults(command=_draw)
    counting = commands.add_parser("count", help="count what viewers answered")
    counting.add_argument("key", type=Path)
    counting.add_argument("answers", type=Path, nargs="+", help="one file per viewer, with lines like '12 left'")
    counting.set_defaults(command=_count)
    options = parser.parse_args(arguments)
    if options.command is _draw:
        peer_names(parser, options.peer)
        if len(options.peer) < 2:
            parser.error("at least two --peer are needed")
        if options.seed < 0:
            parser.error("--seed must not be negative")
        if options.key.resolve().is_relative_to(options.out.resolve()):
            parser.error(f"--key {options.key}: viewers would find it among the sheets")
        if not options.key.parent.is_dir():
            parser.error(f"--key {options.key}: no such folder")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        options = _options(arguments)
        options.command(options)
    except InputError as error:
        print(f"blind: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"blind: {error}", file=sys.stderr)
        return 1
    return 0
