# SPDX-License-Identifier: MIT
"""What viewers chose: reads their answers, and what these say about the contestants."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .lists import InputError

_Z = 1.959963984540054  # of 95 %
_REPLICATES = 1000
_ROUNDS = 300


@dataclass(frozen=True)
class Shown:
    """One question: a pair's results by two contestants, and on which side each stands."""

    number: int
    pair: str
    left: str
    right: str

    @property
    def contestants(self) -> tuple[str, str]:
        """The contestants, in an order that says nothing about the sides."""
        first, second = sorted((self.left, self.right))
        return first, second


def write_key(path: Path, shown: Sequence[Shown]) -> None:
    lines = ["number\tpair\tleft\tright"]
    lines += [f"{s.number}\t{s.pair}\t{s.left}\t{s.right}" for s in shown]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_key(path: Path) -> list[Shown]:
    lines = _lines(path)
    if not lines or lines[0].split("\t") != ["number", "pair", "left", "right"]:
        raise InputError(f"{path}: not a key that blind.py wrote")
    shown = []
    for at, line in enumerate(lines[1:], 2):
        fields = line.split("\t")
        if len(fields) != 4 or fields[0] != str(at - 1):
            raise InputError(f"{path}, line {at}: not of the form 'number pair left right'")
        shown.append(Shown(int(fields[0]), *fields[1:]))
    if not shown:
        raise InputError(f"{path}: a key without questions")
    return shown


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def read_answers(path: Path, shown: Sequence[Shown]) -> list[str]:
    """Who was chosen at each question, from lines like '12 left'; # begins a comment."""
    given: dict[int, str] = {}
    double = []
    for at, line in enumerate(_lines(path), 1):
        fields = line.partition("#")[0].split()
        if not fields:
            continue
        if len(fields) != 2 or not fields[0].isdecimal() or fields[1] not in ("left", "right"):
            raise InputError(f"{path}, line {at}: {line.strip()!r} is not like '12 left'")
        number = int(fields[0])
        if not 1 <= number <= len(shown):
            raise InputError(f"{path}, line {at}: no question {number}; the last is {len(shown)}")
        if number in given:
            double.append(number)
        given[number] = fields[1]
    missing = [s.number for s in shown if s.number not in given]
    wrong = [
        f"{what}: {', '.join(map(str, numbers))}"
        for what, numbers in (("answered twice", double), ("not answered", missing))
        if numbers
    ]
    if wrong:
        raise InputError(f"{path}: {'; '.join(wrong)}")
    return [s.left if given[s.number] == "left" else s.right for s in shown]


def wilson(wins: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927, "Probable inference, the law of succession, and
    statistical inference")."""
    share, square = wins / of, _Z * _Z / of
    middle = (share + square / 2.0) / (1.0 + square)
    half = _Z * math.sqrt(share * (1.0 - share) / of + square / (4.0 * of)) / (1.0 + square)
    return middle - half, middle + half


def bradley_terry(wins: Tensor) -> Tensor:
    """Strengths [...,K], their mean logarithm 0, of wins [...,K,K] of each (down) over each: of two
    contestants one is chosen by its share of their strengths (Bradley and Terry 1952); by Hunter's
    MM algorithm (2004, "MM algorithms for generalized Bradley-Terry models"). Every two contestants
    are given half a win over each other, so that one who always wins stays finite."""
    count = wins.shape[-1]
    wins = wins + 0.5 * (1.0 - torch.eye(count, dtype=wins.dtype))
    met, won = wins + wins.mT, wins.sum(-1)
    strength = torch.ones_like(won)
    for _ in range(_ROUNDS):
        strength = won / (met / (strength[..., :, None] + strength[..., None, :])).sum(-1)
        strength = strength / strength.log().mean(-1, keepdim=True).exp()
    return strength


def _share(wins: int, of: int) -> str:
    low, high = wilson(wins, of)
    return f"{wins} of {of}, {wins / of:.1%} ({low:.1%} to {high:.1%})"


def _duel(shown: Sequence[Shown], viewers: Mapping[str, Sequence[str]]) -> list[str]:
    """Two contestants: by viewer, by all answers, and by the majority of each question."""
    first, second = shown[0].contestants
    lines = [f"{first} over {second}"]
    chosen = {name: [c == first for c in choices] for name, choices in viewers.items()}
    lines += [f"  {name}: {_share(sum(wins), len(wins))}" for name, wins in chosen.items()]
    if len(chosen) > 1:
        votes = [sum(at) for at in zip(*chosen.values(), strict=True)]
        lines.append(f"  all answers: {_share(sum(votes), len(votes) * len(chosen))}")
        decided = [2 * v > len(chosen) for v in votes if 2 * v != len(chosen)]
        if decided:
            lines.append(f"  majorities: {_share(sum(decided), len(decided))}")
        agreed = sum(v in (0, len(chosen)) for v in votes)
        lines.append(f"  all viewers agree at {agreed} of {len(votes)}")
    return lines


def _ranking(
    names: Sequence[str], shown: Sequence[Shown], viewers: Mapping[str, Sequence[str]]
) -> list[str]:
    index = {name: i for i, name in enumerate(names)}
    wins = torch.zeros(len(shown), len(names), len(names), dtype=torch.float64)
    for choices in viewers.values():
        for question, (s, choice) in enumerate(zip(shown, choices, strict=True)):
            loser = s.right if choice == s.left else s.left
            wins[question, index[choice], index[loser]] += 1.0
    rng = torch.Generator().manual_seed(0)
    drawn = torch.randint(len(shown), (_REPLICATES, len(shown)), generator=rng)
    times = torch.zeros(_REPLICATES, len(shown), dtype=torch.float64)
    times.scatter_add_(1, drawn, torch.ones_like(times))
    strength = bradley_terry(wins.sum(0)).log()
    resampled = bradley_terry(torch.einsum("rq,qij->rij", times, wins)).log()
    low, high = (resampled.quantile(q, 0) for q in (0.025, 0.975))
    lines = ["Bradley-Terry, logarithm of strength (by resampling questions)"]
    for i in strength.argsort(descending=True).tolist():
        lines.append(f"  {names[i]}: {strength[i]:+.2f} ({low[i]:+.2f} to {high[i]:+.2f})")
    return lines


def report(shown: Sequence[Shown], viewers: Mapping[str, Sequence[str]]) -> str:
    names = sorted({name for s in shown for name in s.contestants})
    lines = []
    for name, choices in viewers.items():
        left = sum(c == s.left for s, c in zip(shown, choices, strict=True))
        lines.append(f"{name} chose the left one at {left} of {len(shown)}")
    for two in itertools.combinations(names, 2):
        at = [i for i, s in enumerate(shown) if s.contestants == two]
        if at:
            theirs = {name: [choices[i] for i in at] for name, choices in viewers.items()}
            lines += ["", *_duel([shown[i] for i in at], theirs)]
    if len(names) > 2:
        lines += ["", *_ranking(names, shown, viewers)]
    return "\n".join(lines)
