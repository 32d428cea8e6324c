# SPDX-License-Identifier: MIT
"""Checkpoints that were damaged, and such as were made to harm who reads them."""

from __future__ import annotations

import copyreg
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import mutated
import pytest
import torch
from artfusion_export import checkpoint as reader
from artfusion_export.checkpoint import Checkpoint, CheckpointError
from conftest import TREE


def test_damaged_checkpoints_are_refused_or_read_alike(tmp_path: Path) -> None:
    figures = mutated.run(tmp_path, int(os.environ.get("ARTFUSION_VARIANTS", "600")))
    for kind, (made, refused) in figures.items():
        assert made >= 60, kind
        assert refused >= made // 3, kind


def test_a_flipped_bit_of_a_storage_used_in_part_is_found(tmp_path: Path) -> None:
    shared = torch.arange(9000.0)  # more than zipfile reads ahead
    path = tmp_path / "views.ckpt"
    torch.save({"state_dict": {"head": shared[:10], "middle": shared[20:30]}}, path)
    data = bytearray(path.read_bytes())
    data[data.index(struct.pack("<2f", 25, 26))] ^= 1
    path.write_bytes(data)
    with Checkpoint(path) as checkpoint, pytest.raises(CheckpointError, match="middle.*CRC"):
        checkpoint.read("middle")


# -- pickles that would run something, beyond those of test_export_checkpoint.py ----------------


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def archive(path: Path, tree: bytes, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("archive/data.pkl", tree)
        file.writestr("archive/data/0", bytes(16))
    return path


def state_dict(value: bytes) -> bytes:
    return b"\x80\x04}(" + text("state_dict") + b"}" + text("a") + value + b"su."


STORAGE = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x04tQ"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"


def tensor(shape: bytes, stride: bytes, storage: bytes = STORAGE) -> bytes:
    return TENSOR + b"(" + storage + b"K\0(" + shape + b"t(" + stride + b"tI00\nNtR"


def test_an_extension_code_runs_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    hostile = b"\x82\xf0(" + text(f"touch {marker}") + b"tR"
    copyreg.add_extension("os", "system", 0xF0)
    try:
        pickle.loads(b"\x80\x04" + hostile + b".")  # elsewhere it does, and is remembered
        assert marker.exists()
        marker.unlink()
        with pytest.raises(CheckpointError, match="extension code"):
            mutated.read(archive(tmp_path / "ext.ckpt", state_dict(hostile)))
        assert not marker.exists()
    finally:
        copyreg.remove_extension("os", "system", 0xF0)
        copyreg.clear_extension_cache()


class Toucher:
    """Stands for a class whose constructor does something."""

    def __new__(cls, *, path: str) -> Toucher:
        Path(path).touch()
        return super().__new__(cls)


def test_a_keyword_constructor_runs_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    hostile = (f"c{__name__}\nToucher\n".encode() + b")}" + text("path") + text(str(marker))
               + b"s\x92")  # fmt: skip
    with pytest.raises(CheckpointError, match="not a plain tensor"):
        mutated.read(archive(tmp_path / "new.ckpt", state_dict(hostile)))
    assert not marker.exists()
    pickle.loads(b"\x80\x04" + hostile + b".")
    assert marker.exists()


@pytest.mark.parametrize("name", ["items", "get", "keys", "__iter__"])
def test_a_container_keeps_its_own_methods(name: str, tmp_path: Path) -> None:
    """BUILD gives an OrderedDict attributes: they stand before its class's methods."""
    ordered = b"ccollections\nOrderedDict\n)R"
    attributes = b"}" + text(name) + b"ctorch\nWhatever\ns"
    tree = (b"\x80\x04" + ordered + b"(" + text("state_dict") + ordered + text("a")
            + tensor(b"K\x04", b"K\x01") + b"s" + attributes + b"bu" + attributes
            + b"b.")  # fmt: skip
    step, tensors = mutated.read(archive(tmp_path / "build.ckpt", tree))
    assert step is None
    assert tensors == {"a": (torch.float32, (4,), bytes(16))}


@pytest.mark.parametrize("what", [TENSOR, b"ccollections\nOrderedDict\n", b"cos\nsystem\n",
                                  b"ctorch\nFloatStorage\n"])  # fmt: skip
@pytest.mark.parametrize("state", [b"}" + text("x") + b"K\1s",
                                   b"N}" + text("__doc__") + b"K\1s\x86"])  # fmt: skip
def test_a_pickle_changes_nothing_of_the_reader(what: bytes, state: bytes, tmp_path: Path) -> None:
    def attributes() -> list[object]:
        things = [*reader._ALLOWED.values(), reader._Placeholder, reader._rebuild_tensor]
        return [(vars(thing) if hasattr(thing, "__dict__") else None, thing.__doc__)
                for thing in things]  # fmt: skip

    before = repr(attributes())
    with pytest.raises(CheckpointError):
        mutated.read(archive(tmp_path / "build.ckpt", state_dict(what + state + b"b")))
    assert repr(attributes()) == before


# -- small files that would take all memory -----------------------------------------------------

_CHILD = """
import resource, sys
from pathlib import Path
from artfusion_export.checkpoint import Checkpoint, CheckpointError
pages = int(Path("/proc/self/statm").read_text().split()[0])
room = pages * resource.getpagesize() + (300 << 20)
resource.setrlimit(resource.RLIMIT_AS, (room, room))
for path in sys.argv[1:]:
    try:
        with Checkpoint(Path(path)) as checkpoint:
            for name in checkpoint.tensors:
                checkpoint.read(name).clone()
        print("read")
    except CheckpointError as error:
        print(str(error).replace("\\n", " "))
"""


def test_no_file_takes_memory_that_it_does_not_fill(tmp_path: Path) -> None:
    huge = b"\x8a\x08" + struct.pack("<q", 1 << 38)  # LONG1
    storage = STORAGE.replace(b"K\x04tQ", huge + b"tQ")
    bombs = {
        "a memo far off": (b"\x80\x02}r" + struct.pack("<I", 0x7FFFFFFF) + b".",
                           "memo is out of order"),
        "a byte array": (b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".", "is damaged"),
        "bytes": (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b".", "is damaged"),
        "a frame": (b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"N.",
                    "is damaged|no state_dict"),
        "many sets": (b"\x80\x04(" + b"\x8f" * (3 << 20) + b"t.", "more than 2,000,000 opcodes"),
        "a large tree": (b"\x80\x04" + bytes(17 << 20), "data.pkl has 17,825,794 bytes"),
        "a storage that is not there": (state_dict(tensor(huge, b"K\x01", storage)),
                                        "its record holds 16 of them"),
        "a storage repeated": (state_dict(tensor(huge, b"K\0")), "repeats its storage"),
        "sides whose product overflows": (state_dict(tensor(huge + huge, b"K\0K\0")), "repeats"),
    }  # fmt: skip
    paths = [archive(tmp_path / f"{number}.ckpt", tree, zipfile.ZIP_DEFLATED)
             for number, (tree, _) in enumerate(bombs.values())]  # fmt: skip
    order = archive(tmp_path / "order.ckpt", b"N.")
    with zipfile.ZipFile(order, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/byteorder", bytes(400 << 20))
    assert max(path.stat().st_size for path in paths) < 1 << 20
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *map(str, paths), str(order)],
        env=os.environ | {"PYTHONPATH": str(TREE / "export")},
        capture_output=True, text=True, timeout=300)  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == len(bombs) + 1, done.stderr
    assert "not little-endian" in lines.pop()
    for (name, (_, message)), line in zip(bombs.items(), lines, strict=True):
        assert "MemoryError" not in line, name
        assert any(part in line for part in message.split("|")), f"{name}: {line}"
