# SPDX-License-Identifier: MIT
"""Damaged checkpoints: what makes them, and what the reader may do with one."""

from __future__ import annotations

import collections
import encodings.cp437  # noqa: F401  these two zipfile and pickle import when they first meet
import encodings.raw_unicode_escape  # noqa: F401  a damaged name or an old string
import io
import random
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from artfusion_export.checkpoint import Checkpoint, CheckpointError

SEED = 20230609
Tensors = dict[str, tuple[torch.dtype, tuple[int, ...], bytes]]
Reading = tuple[int | None, Tensors]


# What the interpreter tells of (PEP 578) when code is run, a program started, a library loaded.
_FORBIDDEN = ("exec", "compile", "import", "os.system", "os.exec", "os.posix_spawn", "os.fork",
              "os.remove", "os.rename", "subprocess.Popen", "socket.connect", "ctypes.dlopen",
              "code.__new__", "marshal.loads")  # fmt: skip
_watching = False
_told: list[str] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _watching and event in _FORBIDDEN:
        _told.append(f"{event} {arguments!r:.200}")


sys.addaudithook(_watch)  # for good: hooks cannot be taken away


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
    shared = torch.arange(50.0)  # only parts of which are anybody's
    views |= {"head": shared[:10], "middle": shared[20:30]}
    torch.save({"global_step": 9, "state_dict": views}, paths[-1])
    return paths


def read(path: Path) -> Reading:
    """All there is in it, by the reader under test."""
    global _watching
    _told.clear()
    _watching = True
    try:
        with Checkpoint(path) as checkpoint:
            tensors = {name: checkpoint.read(name) for name in checkpoint.tensors}
            step = checkpoint.step
    finally:
        _watching = False
        if _told:  # whatever else was raised
            raise AssertionError(f"{path}: the reader ran something: {_told}")
    return step, {
        name: (tensor.dtype, tuple(tensor.shape), bytes(tensor.reshape(-1).view(torch.uint8)))
        for name, tensor in tensors.items()
    }


def _place(data: bytes, draw: random.Random) -> int:
    """Near the end, where the directory is, as often as elsewhere."""
    if draw.random() < 0.3:
        return len(data) - 1 - draw.randrange(min(len(data), 1500))
    return draw.randrange(len(data))


def variant(kind: str, data: bytes, other: bytes, draw: random.Random) -> bytes:
    at = _place(data, draw)
    length = 1 + draw.randrange(16 if draw.random() < 0.5 else len(data) - at)
    match kind:
        case "bits flipped":
            changed = bytearray(data)
            for _ in range(draw.choice((1, 1, 1, 2, 3))):
                changed[_place(data, draw)] ^= 1 << draw.randrange(8)
            return bytes(changed)
        case "cut":
            return data[:at] + data[at + length :]
        case "repeated":
            return data[: at + length] + data[at:]
        case _:
            # Files of one layout joined at one place have both halves where they belong.
            return data[:at] + other[at if draw.random() < 0.5 else _place(other, draw) :]


KINDS = ("bits flipped", "cut", "repeated", "spliced")
TREE = "the pickle alone, with right CRCs"


def with_tree(data: bytes, tree: bytes) -> bytes:
    """The archive with another object tree."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            is_tree = info.filename.endswith("/data.pkl")
            new.writestr(info.filename, tree if is_tree else old.read(info))
    return out.getvalue()


def tree_of(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(next(n for n in archive.namelist() if n.endswith("/data.pkl")))


def variants(sources: list[bytes], count: int) -> Iterator[tuple[str, int, int, bytes]]:
    """(kind, source, other source, bytes), the same ones each time."""
    draw = random.Random(SEED)
    trees = [tree_of(data) for data in sources]
    for number in range(count):
        a, b = draw.randrange(len(sources)), draw.randrange(len(sources))
        kind = draw.choice(KINDS)
        if number % 4:
            yield kind, a, b, variant(kind, sources[a], sources[b], draw)
        else:
            yield TREE, a, b, with_tree(sources[a], variant(kind, trees[a], trees[b], draw))


def run(folder: Path, count: int) -> dict[str, tuple[int, int]]:
    """(variants, refused) of each kind. Raises where one is neither refused nor read alike, where
    the reader raises anything else than its own error, and where it runs anything. A pickle that
    was changed with its CRC may well describe other tensors."""
    paths = write_checkpoints(folder)
    sources = [path.read_bytes() for path in paths]
    readings = [read(path) for path in paths]
    made: collections.Counter[str] = collections.Counter()
    refused: collections.Counter[str] = collections.Counter()
    path = folder / "variant.ckpt"
    for number, (kind, a, b, data) in enumerate(variants(sources, count)):
        path.write_bytes(data)
        made[kind] += 1
        try:
            reading = read(path)
        except CheckpointError as error:
            assert str(path) in str(error), error
            refused[kind] += 1
        except Exception as error:
            raise AssertionError(f"variant {number} ({kind}) raised {error!r}") from error
        else:
            alike = kind == TREE or reading in (readings[a], readings[b])
            assert alike, f"variant {number} ({kind}) reads otherwise"
    return {kind: (made[kind], refused[kind]) for kind in (*KINDS, TREE)}
