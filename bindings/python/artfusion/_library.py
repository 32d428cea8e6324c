# SPDX-License-Identifier: MIT
"""The loaded library, and what every call to it needs."""

from __future__ import annotations

import ctypes
import functools
import operator
import os
import sys
from pathlib import Path
from typing import Any

from . import _abi
from ._errors import ArgumentError, Error, FileError


def packaged(name: str) -> Path | None:
    """A file of the package. Installed for editing, its folders are several."""
    for folder in sys.modules[__package__].__path__:
        path = Path(folder, name)
        if path.is_file():
            return path
    return None


# A distribution has the library in a package of its own, where the loader finds it.
_SYSTEMS = "libartfusion.so.1"


@functools.cache
def library() -> ctypes.CDLL:
    """The library, with every function declared: the one that the environment variable
    ARTFUSION_LIBRARY names, or else the package's own, or else the system's."""
    path = os.environ.get("ARTFUSION_LIBRARY") or packaged("libartfusion.so")
    try:
        loaded = ctypes.CDLL(os.fspath(path or _SYSTEMS))
    except OSError as error:
        if path is not None:
            raise
        raise FileError(
            f"the package holds no libartfusion.so, and the system's cannot be loaded ({error}): install "
            "the package (pip install .), or name the library by the environment variable ARTFUSION_LIBRARY"
        ) from None
    # First, since a library of another release may lack functions.
    loaded.artfusion_error_message.restype = ctypes.c_char_p
    if loaded.artfusion_check_version(ctypes.c_uint32(_abi.VERSION)) < 0:
        raise Error.of(_abi.ERROR_UNSUPPORTED, loaded.artfusion_error_message().decode())
    _abi.declare(loaded)
    return loaded


def check(status: int, path: str | os.PathLike[str] | None = None) -> int:
    """Raises the exception for an error, about the file at `path`; returns any other status."""
    if status < 0:
        message = library().artfusion_error_message().decode(errors="replace")
        raise Error.of(status, message, path)
    return status


def default_model_path() -> str:
    """The path of the default model: the one that the environment variable ARTFUSION_MODEL names, or
    else the package's own.

    >>> os.path.basename(default_model_path())
    'mini.artfusion'
    """
    lib, path = library(), _abi.chars_p()
    check(lib.artfusion_default_model_path(path))
    try:
        return os.fsdecode(ctypes.string_at(path))
    finally:
        lib.artfusion_free(path)


def encoded(text: str | os.PathLike[str]) -> bytes:
    """A path or a name for C, where it ends at a zero byte."""
    data = os.fsencode(text)
    if b"\0" in data:
        raise ArgumentError(f"{os.fspath(text)!r} has a zero byte")
    return data


def file_bytes(source: bytes | bytearray | memoryview) -> bytes:
    """The bytes of a file in memory, copied only if they could change."""
    return source if isinstance(source, bytes) else bytes(memoryview(source))


def whole(name: str, value: Any) -> int:
    """An argument that is a whole number."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}: a whole number is right") from None


def int32(name: str, value: Any) -> int:
    """An argument of 32 bits; ctypes would drop the bits beyond them."""
    number = whole(name, value)
    if not -(2**31) <= number < 2**31:
        raise ArgumentError(f"{name} is {number}: beyond 32 bits")
    return number


def uint64(name: str, value: Any) -> int:
    """An argument of 64 bits without a sign."""
    number = whole(name, value)
    if not 0 <= number < 2**64:
        raise ArgumentError(f"{name} is {number}: 0 to 2^64 - 1")
    return number


def value_of(enumeration: int, name: Any) -> int:
    """The number of a named constant."""
    if not isinstance(name, str):
        raise TypeError(f"{name!r} is a {type(name).__name__}: a name is right")
    value = ctypes.c_int32()
    check(library().artfusion_value_of(enumeration, encoded(name), value))
    return value.value


def name_of(enumeration: int, value: int) -> str:
    name: bytes | None = library().artfusion_name_of(enumeration, value)
    return str(value) if name is None else name.decode()
