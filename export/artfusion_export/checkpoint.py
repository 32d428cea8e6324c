# SPDX-License-Identifier: MIT
"""Reads the tensors of a PyTorch checkpoint without running anything from it.

A checkpoint (torch.save since 1.6) is a ZIP archive with the pickled object tree in
`<root>/data.pkl` and one record `<root>/data/<n>` a storage. A pickle is a program, so the tree is
read by an unpickler that knows tensors and plain containers; every other name in it becomes a
placeholder that swallows its arguments. Storages are read one by one, when asked for, so that
nothing is spent on optimizer states.
"""

from __future__ import annotations

import collections
import io
import math
import pickle
import pickletools
import reprlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import torch
from torch import Tensor

# Far above what a tree of a few thousand tensors takes (the published one: 0.2 MB, 70,000
# opcodes), far below what would hurt: an opcode of one byte can make an object of 200.
_MAX_TREE_BYTES = 16 << 20
_MAX_OPCODES = 2_000_000
_MAX_TUPLE = 4096  # objects in a tuple, with those of the tuples in it, each as often as it is there
_MAX_DEPTH = 100  # of tuples in tuples
_MAX_SIDE = 1 << 40  # of a tensor
_MAX_SIDES = 16
_MAX_REPEATED = 1 << 20  # elements of a tensor that is larger than its storage
_LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_ZIP_MAGIC = b"PK\x03\x04"

_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class CheckpointError(Exception):
    """The file is not a checkpoint this program can read; the message says why."""


@dataclass(frozen=True)
class _Storage:
    dtype: torch.dtype
    record: str
    count: int


@dataclass(frozen=True)
class TensorRecord:
    """Where a tensor lies: elements of a storage from `offset` on, by `stride`."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def span(self) -> int:
        """The number of elements from its first to its last."""
        if 0 in self.shape:
            return 0
        return 1 + sum((n - 1) * s for n, s in zip(self.shape, self.stride, strict=True))


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> TensorRecord:
    numbers = (offset, *shape, *stride)
    sound = len(shape) == len(stride) <= _MAX_SIDES and all(
        type(n) is int and 0 <= n <= _MAX_SIDE for n in numbers
    )
    if not sound or not isinstance(storage, _Storage):
        raise CheckpointError("a tensor's description is malformed")
    record = TensorRecord(storage, offset, tuple(shape), tuple(stride))
    if offset + record.span > storage.count:
        raise CheckpointError("a tensor's description reaches beyond its storage")
    if math.prod(shape) > max(storage.count, _MAX_REPEATED):
        raise CheckpointError("a tensor's description repeats its storage too often")
    return record


class _Placeholder:
    """Stands for any object of a class that is not allowed. Does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> _Placeholder:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> _Placeholder:
        return _Placeholder()

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        pass

    def extend(self, _: Any) -> None:
        pass

    def add(self, _: Any) -> None:
        pass


def _rebuild_parameter(tensor: Any, *_: Any) -> TensorRecord | _Placeholder:
    if not isinstance(tensor, (TensorRecord, _Placeholder)):
        raise CheckpointError("a parameter has no tensor")
    return tensor


class _Function:
    """A function that a pickle may call but not change: BUILD sets a plain one's attributes."""

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(name)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Function(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): _Function(_rebuild_parameter),
    **{("torch", name): dtype for name, dtype in _DTYPES.items()},
}


class _TreeUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _ALLOWED.get((module, name), _Placeholder)

    def persistent_load(self, pid: Any) -> Any:
        match pid:
            case ("storage", torch.dtype() as dtype, str(record), _, int(count)):
                return _Storage(dtype, record, count)
            case _:  # of a type that is not in _DTYPES
                return _Placeholder()


@dataclass(frozen=True)
class _Weight:
    """What hash() of an object on the unpickler's stack costs: it visits tuples, those that occur
    more than once each time, with one C call per level."""

    objects: int = 1
    depth: int = 0


_LIGHT = _Weight()  # what is no tuple: it has a hash of its own, or none
_TUPLES = ("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "FROZENSET")


class _Stack:
    """The unpickler's stack and memo, as the weights of what would be there."""

    def __init__(self) -> None:
        self._items: list[_Weight | None] = []  # None: a mark
        self._memo: dict[int, _Weight] = {}

    def apply(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        name = opcode.name
        if name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            at = len(self._memo) if name == "MEMOIZE" else argument
            self._memo[at] = self._top()
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self._items.append(self._memo.get(argument, _LIGHT))
        elif name == "DUP":
            self._items.append(self._top())
        elif name == "MARK":
            self._items.append(None)
        elif name == "POP":
            self._take(1)
        else:
            taken = self._taken_by(opcode)
            if name in _TUPLES:
                self._items.append(self._tuple(taken))
            else:
                self._items.extend(_LIGHT for _ in opcode.stack_after)

    def _taken_by(self, opcode: pickletools.OpcodeInfo) -> list[_Weight | None]:
        before = opcode.stack_before
        if pickletools.markobject not in before:
            return self._take(len(before))
        above = next((n for n, item in enumerate(reversed(self._items)) if item is None), None)
        if above is None:
            raise CheckpointError("data.pkl is damaged: no mark is left")
        taken = self._take(above)
        self._take(1 + before.index(pickletools.markobject))  # with what the rest is put into
        return taken

    def _take(self, count: int) -> list[_Weight | None]:
        if count > len(self._items):
            raise CheckpointError("data.pkl is damaged: it takes more than there is")
        at = len(self._items) - count
        taken = self._items[at:]
        del self._items[at:]
        return taken

    def _top(self) -> _Weight:
        return (self._items and self._items[-1]) or _LIGHT

    @staticmethod
    def _tuple(parts: Sequence[_Weight | None]) -> _Weight:
        weights = [part or _LIGHT for part in parts]
        made = _Weight(1 + sum(part.objects for part in weights),
                       1 + max((part.depth for part in weights), default=0))
        if made.objects > _MAX_TUPLE or made.depth > _MAX_DEPTH:
            raise CheckpointError(
                f"data.pkl has a tuple of more than {_MAX_TUPLE} objects or {_MAX_DEPTH} levels"
            )
        return made


def _check_opcodes(tree: bytes) -> None:
    """Checks what an unpickler would believe: where memos are put (it makes room for all before),
    how many objects there are, and which keys it hashes. genops itself checks each
    opcode's length. Extension codes may stand for objects that find_class is not asked for."""
    memos = 0
    stack = _Stack()
    for count, (opcode, argument, _) in enumerate(pickletools.genops(tree)):
        if count >= _MAX_OPCODES:
            raise CheckpointError(f"data.pkl has more than {_MAX_OPCODES:,} opcodes")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memos += 1
            if argument is None or argument > 2 * memos + 255:
                raise CheckpointError("data.pkl is damaged: a memo is out of order")
        if opcode.name in ("EXT1", "EXT2", "EXT4"):
            raise CheckpointError("data.pkl has an extension code, which no checkpoint has")
        stack.apply(opcode, argument)


class Checkpoint:
    """The `state_dict` of a checkpoint, tensor by tensor. Close it, or use `with`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sound: set[str] = set()  # records whose CRC was checked
        self._file: IO[bytes] = path.open("rb")
        try:
            self._archive = self._open_archive()
            self._root = self._find_root()
            tree = self._read_tree()
            self.tensors = self._state_dict(tree)
            self.step = self._step(tree)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {name: record.shape for name, record in self.tensors.items()}

    def read(self, name: str) -> Tensor:
        """A copy of the tensor `name`, in the type it is stored in."""
        record = self.tensors[name]
        size = record.storage.dtype.itemsize
        try:
            data = self._read_span(record, size)
        except Exception as error:  # zipfile raises nearly anything at damaged bytes
            raise CheckpointError(f"{self._path}: tensor {name} cannot be read: {error}") from error
        if len(data) != record.span * size:
            raise CheckpointError(
                f"{self._path}: tensor {name} needs {record.span * size} bytes, "
                f"its record holds {len(data)} of them"
            )
        if not data:
            return torch.empty(record.shape, dtype=record.storage.dtype)
        flat = torch.frombuffer(data, dtype=record.storage.dtype)
        return flat.as_strided(record.shape, record.stride)

    def _read_span(self, record: TensorRecord, size: int) -> bytearray:
        """Reads as much as there is: no memory is allocated for what a description promises."""
        begin, end = record.offset * size, (record.offset + record.span) * size
        name = f"{self._root}/data/{record.storage.record}"
        data = bytearray()
        with self._archive.open(name) as member:
            if name in self._sound:
                at = member.seek(begin)
            else:  # from its start to its end, which has its CRC checked
                at = 0
            while (at < end or name not in self._sound) and (part := member.read(1 << 24)):
                data += part[max(begin - at, 0) : max(end - at, 0)]
                at += len(part)
        self._sound.add(name)
        return data

    def _open_archive(self) -> zipfile.ZipFile:
        start = self._file.read(len(_LEGACY_MAGIC))
        size = self._file.seek(0, 2)
        if start == _LEGACY_MAGIC:
            raise CheckpointError(
                f"{self._path}: is in the format of PyTorch before 1.6, which is not supported. "
                "If you trust its origin, load it with torch.load and save it with torch.save."
            )
        if not start.startswith(_ZIP_MAGIC):
            raise CheckpointError(
                f"{self._path}: is not a PyTorch checkpoint ({size:,} bytes"
                + (f", beginning with {start[:8]!r})" if start else ")")
            )
        try:
            return zipfile.ZipFile(self._file)
        except zipfile.BadZipFile as error:
            raise CheckpointError(
                f"{self._path}: the archive's end is missing after {size:,} bytes: the download "
                "broke off, or the file was cut. The official file is about 3 GB; fetch it again."
            ) from error
        except Exception as error:  # zipfile raises nearly anything at damaged bytes
            raise CheckpointError(
                f"{self._path}: the archive's directory is damaged: {error}"
            ) from error

    def _find_root(self) -> str:
        roots = [n.removesuffix("/data.pkl") for n in self._archive.namelist()
                 if n.endswith("/data.pkl") and n.count("/") == 1]
        if len(roots) != 1:
            raise CheckpointError(f"{self._path}: a ZIP archive, but not a PyTorch checkpoint")
        return roots[0]

    def _read_tree(self) -> Any:
        try:
            self._check_order()
            info = self._archive.getinfo(f"{self._root}/data.pkl")
            if info.file_size > _MAX_TREE_BYTES:
                raise CheckpointError(f"data.pkl has {info.file_size:,} bytes")
            data = self._archive.read(info)  # whole, which has its CRC checked
            _check_opcodes(data)
            return _TreeUnpickler(io.BytesIO(data), encoding="utf-8").load()
        except CheckpointError as error:
            raise CheckpointError(f"{self._path}: {error}") from error
        except Exception as error:  # damaged bytes make zipfile and pickle raise nearly anything
            raise CheckpointError(
                f"{self._path}: data.pkl is damaged: {type(error).__name__}: {error}"
            ) from error

    def _check_order(self) -> None:
        try:
            member = self._archive.open(f"{self._root}/byteorder")
        except KeyError:  # PyTorch before 2.1 knew only the one
            return
        with member:
            if member.read(16) != b"little":
                raise CheckpointError("is not little-endian")

    def _state_dict(self, tree: Any) -> dict[str, TensorRecord]:
        # By dict's own functions: an OrderedDict may have been given others by BUILD.
        state = dict.get(tree, "state_dict") if isinstance(tree, dict) else None
        if not isinstance(state, dict):
            raise CheckpointError(f"{self._path}: holds no state_dict")
        for name, record in dict.items(state):
            if not isinstance(name, str) or not isinstance(record, TensorRecord):
                raise CheckpointError(
                    f"{self._path}: state_dict[{reprlib.repr(name)}] is not a plain tensor"
                )
        return dict(dict.items(state))

    @staticmethod
    def _step(tree: Any) -> int | None:
        step = dict.get(tree, "global_step")
        return step if type(step) is int else None


def averaged(key: str) -> str:
    """The name of the exponential average of the raw weight `key`; other names as they are."""
    if key.startswith("model."):
        return "model_ema." + key.removeprefix("model.").replace(".", "")
    if key.startswith("null_style_vector."):
        return key.replace("null_style_vector.", "null_style_vector_ema.", 1)
    return key


def listed(names: Sequence[str], limit: int = 8) -> str:
    """Names for an error message, no more than a person reads."""
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest
