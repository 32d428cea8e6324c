# SPDX-License-Identifier: MIT
"""Damaged checkpoints: what makes them, and what the reader may do with one."""

from __future__ import annotations

import collections
import random
from collections.abc import Iterator
from pathlib import Path

import torch
from artfusion_export.checkpoint import Checkpoint, CheckpointError

SEED = 20230609
Tensors = dict[str, tuple[torch.dtype, tuple[int, ...], bytes]]
Reading = tuple[int | None, Tensors]


class Foreign:
    """An object of a class that the reader does not know."""

    def __init__(self) -> None:
        self.settings = {"lr": 1e-4}


def write_checkpoints(folder: Path) -> list[Path]:
    """Two that differ in their tensors and are alike in their names, and one of views."""
    paths = []
    for number in range(2):
        draw = torch.Generator().manual_seed(number)
        state = collections.OrderedDict(
            (f"model.layer{i}.weight", torch.randn(3, 4 + i, generator=draw)) for i in range(4)
        )
        state["logvar"] = torch.arange(20, dtype=torch.float64) + number
        state["half"] = torch.randn(7, generator=draw).half()
        state["count"] = torch.tensor(5 + number)
        paths.append(folder / f"plain{number}.ckpt")
        torch.save({"global_step": 7 + number, "state_dict": state, "callbacks": {"a": Foreign()},
                    "optimizer_states": [{"m": torch.ones(40)}]}, paths[-1])  # fmt: skip
    base = torch.arange(120.0).reshape(4, 5, 6)
    views = {"whole": base, "slice": base[1:3, ::2], "turned": base.permute(2, 0, 1),
             "tail": base.reshape(-1)[100:], "parameter": torch.nn.Parameter(torch.ones(3))}
    paths.append(folder / "views.ckpt")
    torch.save({"global_step": 9, "state_dict": views}, paths[-1])
    return paths


def read(path: Path) -> Reading:
    """All there is in it, by the reader under test."""
    with Checkpoint(path) as checkpoint:
        return checkpoint.step, {
            name: (tensor.dtype, tuple(tensor.shape), tensor.contiguous().numpy().tobytes())
            for name in checkpoint.tensors
            for tensor in (checkpoint.read(name),)
        }


def _place(data: bytes, draw: random.Random) -> int:
    """Near the end, where the directory is, as often as elsewhere."""
    near = draw.random() < 0.3
    return len(data) - 1 - draw.randrange(min(len(data), 1500)) if near else draw.randrange(len(data))


def variant(kind: str, data: bytes, other: bytes, draw: random.Random) -> bytes:
    at = _place(data, draw)
    length = 1 + draw.randrange(16 if draw.random() < 0.5 else len(data) - at)
    match kind:
        case "bits flipped":
            changed = bytearray(data)
            for _ in range(draw.randint(1, 3)):
                changed[_place(data, draw)] ^= 1 << draw.randrange(8)
            return bytes(changed)
        case "cut":
            return data[:at] + data[at + length :]
        case "repeated":
            return data[: at + length] + data[at:]
        case _:
            return data[:at] + other[_place(other, draw) :]


KINDS = ("bits flipped", "cut", "repeated", "spliced")


def variants(sources: list[bytes], count: int) -> Iterator[tuple[str, int, int, bytes]]:
    """(kind, source, other source, bytes), the same ones each time."""
    draw = random.Random(SEED)
    for _ in range(count):
        kind, a, b = draw.choice(KINDS), draw.randrange(len(sources)), draw.randrange(len(sources))
        yield kind, a, b, variant(kind, sources[a], sources[b], draw)


def run(folder: Path, count: int) -> dict[str, tuple[int, int]]:
    """(variants, refused) of each kind. Raises where one is neither refused nor read alike, or
    where the reader raises anything else than its own error."""
    paths = write_checkpoints(folder)
    sources = [path.read_bytes() for path in paths]
    readings = [read(path) for path in paths]
    made, refused = collections.Counter[str](), collections.Counter[str]()
    path = folder / "variant.ckpt"
    for number, (kind, a, b, data) in enumerate(variants(sources, count)):
        path.write_bytes(data)
        made[kind] += 1
        try:
            reading = read(path)
        except CheckpointError as error:
            assert str(path) in str(error), error
            refused[kind] += 1
        except BaseException as error:
            raise AssertionError(f"variant {number} ({kind}) raised {error!r}") from error
        else:
            assert reading in (readings[a], readings[b]), f"variant {number} ({kind}) reads otherwise"
    return {kind: (made[kind], refused[kind]) for kind in KINDS}
