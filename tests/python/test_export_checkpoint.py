# SPDX-License-Identifier: MIT
"""The checkpoint reader: runs nothing, reads tensors alone, says what is wrong with a file."""

from __future__ import annotations

import pickle
import random
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from artfusion_export.checkpoint import Checkpoint, CheckpointError


def rewritten(
    source: Path, target: Path, change: Callable[[str, bytes], bytes | None]
) -> Path:
    """A copy of an archive where `change` says what a record holds; None leaves it out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            data = change(info.filename.split("/", 1)[1], old.read(info))
            if data is not None:
                new.writestr(info.filename, data)
    return target


def archive(path: Path, tree: bytes) -> Path:
    """A checkpoint whose object tree is the given pickle."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", tree)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.ckpt"
    state = OrderedDict(a=torch.arange(6.0).reshape(2, 3), b=torch.ones(4))
    torch.save({"global_step": 7, "state_dict": state}, path)
    return path


# -- tensors --------------------------------------------------------------------------------


def test_tensors_of_every_kind_are_read_as_torch_reads_them(tmp_path: Path) -> None:
    base = torch.arange(120.0).reshape(4, 5, 6)
    shared = torch.randn(50)
    state: dict[str, torch.Tensor] = {
        "whole": base,
        "transposed": base.permute(2, 0, 1),
        "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "slice": base[1:3, ::2],
        "expanded": torch.tensor([1.5]).expand(3),
        "head": shared[:10],
        "tail": shared[40:],
        "scalar": torch.tensor(2.5),
        "empty": torch.empty(0, 3),
        "parameter": torch.nn.Parameter(torch.randn(3)),
        **{
            str(dtype): torch.arange(8).to(dtype)
            for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.int32, torch.int64,
                          torch.int16, torch.int8, torch.uint8, torch.bool)
        },
    }  # fmt: skip
    path = tmp_path / "kinds.ckpt"
    torch.save({"state_dict": state}, path)
    with Checkpoint(path) as checkpoint:
        assert list(checkpoint.tensors) == list(state)
        assert checkpoint.step is None
        for name, tensor in state.items():
            read = checkpoint.read(name)
            assert read.dtype == tensor.dtype
            assert checkpoint.shapes[name] == tuple(tensor.shape)
            assert torch.equal(read, tensor.detach())


class Foreign:
    """Stands for an object of a library that is not installed."""

    def __init__(self) -> None:
        self.settings = {"lr": 1e-4}


class ForeignList(list[int]):
    pass


class ForeignDict(dict[str, int]):
    pass


def test_objects_of_unknown_classes_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "lightning.ckpt"
    torch.save(
        {
            "callbacks": {Foreign: Foreign(), "list": ForeignList([1, 2]), "set": {1, 2}},
            "hyper_parameters": ForeignDict(a=1),
            "path": Path("/x"),
            "global_step": 7,
            "state_dict": {"a": torch.ones(2)},
        },
        path,
    )
    with Checkpoint(path) as checkpoint:
        assert checkpoint.step == 7
        assert torch.equal(checkpoint.read("a"), torch.ones(2))


def test_storages_of_the_optimizer_are_not_read(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.ckpt", tmp_path / "without.ckpt"
    moments = {"state": {0: {"exp_avg": torch.full((1000,), 3.0)}}}
    torch.save({"state_dict": {"a": torch.ones(2)}, "optimizer_states": [moments]}, whole)
    storage = torch.full((1000,), 3.0).numpy().tobytes()
    rewritten(whole, path, lambda _, data: None if data == storage else data)
    assert path.stat().st_size < whole.stat().st_size - 4000
    with Checkpoint(path) as checkpoint:
        assert torch.equal(checkpoint.read("a"), torch.ones(2))


# -- hostile pickles ------------------------------------------------------------------------


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def _hostile(marker: Path) -> dict[str, bytes]:
    """Pickles, each of which creates `marker` when a plain unpickler loads it."""
    touch = f"open({str(marker)!r}, 'w').close()"
    command = f"touch {marker}"
    return {
        "GLOBAL and REDUCE": b"cbuiltins\nexec\n(" + _text(touch) + b"tR.",
        "STACK_GLOBAL": b"\x80\x04" + _text("os") + _text("system") + b"\x93("
        + _text(command) + b"tR.",
        "INST": b"(" + _text(command) + b"ios\nsystem\n.",
        "OBJ": b"(cos\nsystem\n" + _text(command) + b"o.",
        "NEWOBJ": b"\x80\x02csubprocess\nPopen\n(" + _text(command) + b"I-1\nNNNNNI01\nI01\ntR.",
        "dotted name": b"\x80\x04" + _text("os") + _text("path.os.system") + b"\x93("
        + _text(command) + b"tR.",
        "torch.load within": b"ctorch.storage\n_load_from_bytes\n(B"
        + (lambda inner: struct.pack("<I", len(inner)) + inner)(
            b"cbuiltins\nexec\n(" + _text(touch) + b"tR.")
        + b"tR.",
    }  # fmt: skip


KINDS = list(_hostile(Path("x")))


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "torch.load within"])
def test_the_hostile_pickles_are_hostile(kind: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    result = pickle.loads(_hostile(marker)[kind])
    if kind == "NEWOBJ":
        result.wait()
    assert marker.exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["callbacks", "state_dict", "tree"])
def test_nothing_of_a_hostile_pickle_runs(kind: str, place: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    hostile = _hostile(marker)[kind].removesuffix(b".")
    if hostile.startswith(b"\x80"):
        hostile = hostile[2:]
    if place == "callbacks":
        tree = b"\x80\x04}(" + _text("callbacks") + hostile + _text("state_dict") + b"}u."
    elif place == "state_dict":
        tree = b"\x80\x04}(" + _text("state_dict") + b"}" + _text("a") + hostile + b"su."
    else:
        tree = b"\x80\x04" + hostile + b"."
    path = archive(tmp_path / "hostile.ckpt", tree)
    if place == "callbacks":
        with Checkpoint(path) as checkpoint:
            assert not checkpoint.tensors
    else:
        with pytest.raises(CheckpointError, match=r"'a'\] is not a plain|no state_dict"):
            Checkpoint(path)
    assert not marker.exists()


def _storage(count: int, record: str = "0") -> bytes:
    return (
        b"(" + _text("storage") + b"ctorch\nFloatStorage\n" + _text(record) + _text("cpu")
        + b"J" + struct.pack("<i", count) + b"tQ"
    )  # fmt: skip


def _tensor(storage: bytes, offset: int, shape: bytes, stride: bytes) -> bytes:
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"J" + struct.pack("<i", offset)
        + b"(" + shape + b"t(" + stride + b"tI00\nNtR"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (_tensor(_storage(4), 0, b"K\x05", b"K\x01"), "beyond its storage"),
        (_tensor(_storage(4), 1, b"K\x04", b"K\x01"), "beyond its storage"),
        (_tensor(_storage(4), 0, b"K\x02", b"K\x04"), "beyond its storage"),
        (_tensor(_storage(4), -1, b"K\x02", b"K\x01"), "malformed"),
        (_tensor(_storage(4), 0, b"K\x02", b"J\xff\xff\xff\xff"), "malformed"),
        (_tensor(_storage(4), 0, b"K\x02K\x01", b"K\x01"), "malformed"),
        (_tensor(b"N", 0, b"K\x02", b"K\x01"), "malformed"),
        (_tensor(_storage(4), 0, b"K\x01" * 17, b"K\x01" * 17), "malformed"),
        (_tensor(_storage(4), 0, b"K\x01" * 200_000, b"K\x01" * 200_000), "tuple"),
        (b"ctorch._utils\n_rebuild_parameter\n(K\x01tR", "has no tensor"),
    ],
)
def test_impossible_tensors_are_refused(tensor: bytes, message: str, tmp_path: Path) -> None:
    tree = b"\x80\x02}(" + _text("state_dict") + b"}" + _text("a") + tensor + b"su."
    with pytest.raises(CheckpointError, match=message):
        Checkpoint(archive(tmp_path / "bad.ckpt", tree))


def _wrapped(start: bytes, levels: int) -> bytes:
    """Tuples in tuples, in each of which pickles can nest them."""
    return start + b"\x85" * levels


_PARAMETER = b"ctorch._utils\n_rebuild_parameter\n"
TUPLES = {
    "deep": _wrapped(b")", 1_500_000),
    "deep, by marks": b"(" * 600_000 + b")" + b"t" * 600_000,
    "deep, by a memo": b")q\x00" + b"0h\x00\x85q\x00" * 300_000,
    "deep, by frozen sets": b"(" * 300_000 + b")" + b"\x91" * 300_000,
    "deep, by pairs": b"N" * 600_000 + b")" + b"\x86" * 600_000,
    "deep, by calls that give back what they get": _PARAMETER * 200_000 + b")" + b"\x85\x85R" * 200_000,
    "doubled": b")" + b"2\x86" * 60,
    "doubled, by a memo": b")" + b"".join(b"\x94h" + bytes([n]) + b"\x86" for n in range(60)),
    "tripled": b")" + b"22\x87" * 40,
    "wide": b"(" + b"N" * 1_000_000 + b"t",
}
PLACES = {
    "a key": (b"", b"Ns."),
    "of a set": (b"\x8f(", b"\x90Ns."),
    "a value": (b"N", b"s."),
}
READER = """
import sys
from pathlib import Path
from artfusion_export.checkpoint import Checkpoint, CheckpointError
for path in map(Path, sys.argv[1:]):
    print(path.stem, end=": ", flush=True)
    try:
        Checkpoint(path)
    except CheckpointError as error:
        print(error, flush=True)
"""


def test_tuples_that_would_be_hashed_for_ever_are_refused(tmp_path: Path) -> None:
    """In a process of its own: hash() of a deep one overflows the stack, of a doubled one never ends."""
    cases = [archive(tmp_path / f"{kind}, {place}.ckpt", b"\x80\x04}" + before + made + after)
             for kind, made in TUPLES.items() for place, (before, after) in PLACES.items()]
    done = subprocess.run([sys.executable, "-c", READER, *map(str, cases)], capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr[-300:]
    lines = done.stdout.splitlines()
    assert [line.split(": ")[0] for line in lines] == [path.stem for path in cases]
    for line in lines:
        assert "has a tuple" in line or "has no tensor" in line, line


def test_tuples_of_real_checkpoints_are_read(tmp_path: Path) -> None:
    path = tmp_path / "states.ckpt"
    deep: Any = 1.0
    for _ in range(50):
        deep = (deep, [deep])
    torch.save({"random": random.getstate(), "numpy": np.random.get_state(), "deep": deep,
                ("a", 1, ("b",)): {1: None, frozenset({"x"}): 2},
                "state_dict": {"a": torch.nn.Parameter(torch.ones(1, 1, 1, 1, 1, 1, 1, 2))}}, path)
    with Checkpoint(path) as checkpoint:
        assert checkpoint.shapes == {"a": (1, 1, 1, 1, 1, 1, 1, 2)}


@pytest.mark.parametrize("record", ["0", "1", "../data.pkl"])
def test_a_storage_that_is_short_or_absent_is_named(record: str, tmp_path: Path) -> None:
    tensor = _tensor(_storage(4, record), 0, b"K\x04", b"K\x01")
    tree = b"\x80\x02}(" + _text("state_dict") + b"}" + _text("layer") + tensor + b"su."
    path = archive(tmp_path / "short.ckpt", tree)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("archive/data/0", bytes(12))
    with Checkpoint(path) as checkpoint, pytest.raises(CheckpointError, match="tensor layer"):
        checkpoint.read("layer")


# -- damaged and foreign files --------------------------------------------------------------


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_cut_off_download_is_told_with_its_size(
    share: float, tmp_path: Path, plain: Path
) -> None:
    data = plain.read_bytes()
    size = max(int(len(data) * share), 4)
    path = tmp_path / "cut.ckpt"
    path.write_bytes(data[:size])
    with pytest.raises(CheckpointError, match=rf"end is missing after {size:,} bytes.* 3 GB"):
        Checkpoint(path)


def test_a_flipped_byte_of_a_tensor_is_found_and_the_tensor_named(plain: Path) -> None:
    data = bytearray(plain.read_bytes())
    at = data.index(torch.ones(4).numpy().tobytes())
    data[at] ^= 1
    plain.write_bytes(data)
    with Checkpoint(plain) as checkpoint:
        assert checkpoint.read("a").shape == (2, 3)
        with pytest.raises(CheckpointError, match="tensor b cannot be read.*CRC"):
            checkpoint.read("b")


def test_damaged_trees_are_refused_or_read_alike(tmp_path: Path, plain: Path) -> None:
    """Every byte of the object tree flipped in turn: an error of ours, or tensors."""
    with zipfile.ZipFile(plain) as file:
        tree = file.read("plain/data.pkl")
    refused = 0
    for at in range(len(tree)):
        damaged = tree[:at] + bytes([tree[at] ^ 0x55]) + tree[at + 1 :]
        path = rewritten(plain, tmp_path / "flip.ckpt", {"data.pkl": damaged}.get)
        try:
            with Checkpoint(path) as checkpoint:
                for name in checkpoint.tensors:
                    checkpoint.read(name)
        except CheckpointError:
            refused += 1
    assert refused > len(tree) // 2


def _legacy(path: Path) -> None:
    torch.save({"state_dict": {}}, path, _use_new_zipfile_serialization=False)


def _big_endian(path: Path) -> None:
    source = path.with_suffix(".little")
    torch.save({"state_dict": {}}, source)
    rewritten(source, path, lambda name, data: b"big" if name == "byteorder" else data)


def _other_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("word/document.xml", "<x/>")


FOREIGN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "empty": (lambda p: p.write_bytes(b""), r"not a PyTorch checkpoint \(0 bytes\)"),
    "a web page": (lambda p: p.write_bytes(b"<!DOCTYPE html>"), r"not a PyTorch .*DOCT"),
    "legacy": (_legacy, "format of PyTorch before 1.6, which is not supported"),
    "another archive": (_other_archive, "a ZIP archive, but not a PyTorch checkpoint"),
    "big-endian": (_big_endian, "not little-endian"),
    "no state_dict": (lambda p: torch.save({"a": torch.ones(1)}, p), "no state_dict"),
    "a bare tensor": (lambda p: torch.save(torch.ones(1), p), "no state_dict"),
    "a number among the tensors": (
        lambda p: torch.save({"state_dict": {"a": 1}}, p),
        r"state_dict\['a'\] is not a plain tensor",
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_checkpoint_is_told_what_it_is(kind: str, tmp_path: Path) -> None:
    write, message = FOREIGN[kind]
    path = tmp_path / "foreign.ckpt"
    write(path)
    with pytest.raises(CheckpointError, match=message) as raised:
        Checkpoint(path)
    assert str(path) in str(raised.value)


def test_a_directory_and_a_missing_file_are_errors_of_the_system(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(OSError, match=str(path)):
            Checkpoint(path)
