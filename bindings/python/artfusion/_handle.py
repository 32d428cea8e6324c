# SPDX-License-Identifier: MIT
"""Ownership of the library's handles and of the memory that belongs to them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, Self

from . import _abi
from ._errors import StateError
from ._library import check, library


class Owner:
    """A C handle, destroyed with the last reference to it.

    Calls that run and views of the handle's memory hold one: closing in the midst of them, from
    another thread too, leaves nothing dangling.
    """

    __slots__ = ("__weakref__", "_as_parameter_", "_destroy", "_needs")

    def __init__(self, handle: int, destroy: Callable[[Owner], None], needs: object = None) -> None:
        self._as_parameter_ = ctypes.c_void_p(handle)
        self._destroy = destroy
        self._needs = needs  # whose memory the handle borrows

    def __del__(self) -> None:
        self._destroy(self)


def create(
    kind: str,
    function: str,
    *arguments: Any,
    needs: object = None,
    path: str | os.PathLike[str] | None = None,
) -> Owner:
    """Calls artfusion_<function>, whose last parameter gives a handle of artfusion_<kind>. An error
    is about the file at `path`."""
    out = ctypes.c_void_p()
    check(getattr(library(), f"artfusion_{function}")(*arguments, ctypes.byref(out)), path)
    assert out.value is not None
    return Owner(out.value, getattr(library(), f"artfusion_{kind}_destroy"), needs)


def take_bytes(function: str, *arguments: Any) -> bytes:
    """Calls artfusion_<function>, whose last two parameters give memory and its size."""
    lib = library()
    data, size = _abi.bytes_p(), ctypes.c_size_t()
    check(getattr(lib, f"artfusion_{function}")(*arguments, data, size))
    try:
        return ctypes.string_at(data, size.value)
    finally:
        lib.artfusion_free(data)


def view(owner: Owner, address: Any, ctype: Any, count: int) -> Any:
    """`count` values at a C pointer, as a ctypes array that keeps their owner alive."""
    array = (ctype * count).from_address(ctypes.cast(address, ctypes.c_void_p).value or 0)
    array.owner = owner
    return array


class Handle:
    """Closed by close(), by the end of a `with`, or when nothing refers to it any more."""

    _kind: ClassVar[str]

    def __init__(self, owner: Owner) -> None:
        self._owner: Owner | None = owner

    @property
    def _c(self) -> Owner:
        """The handle that C functions take."""
        owner = self._owner
        if owner is None:
            raise StateError(f"the {self._kind} is closed")
        return owner

    @property
    def closed(self) -> bool:
        return self._owner is None

    def close(self) -> None:
        """Frees the memory, at once unless arrays made from it are in use. May be called any number
        of times."""
        self._owner = None

    def __enter__(self) -> Self:
        _ = self._c  # refuses what is closed
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"this {self._kind} can be neither copied nor pickled")


class Shared(Handle):
    """A handle that nothing changes: copies share it, and closing one leaves it to the others."""

    def __copy__(self) -> Self:
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self.__copy__()
