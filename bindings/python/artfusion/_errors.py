# SPDX-License-Identifier: MIT
"""The library's statuses as exceptions."""

from __future__ import annotations

import errno
import functools
import os
import sys
import warnings
from typing import Any, ClassVar

from . import _abi


class Error(Exception):
    """Raised if a call fails. str() is the library's sentence about it.

    Each subclass stands for one status. A status that this release does not know is a plain Error.

    >>> error = Error.of(_abi.ERROR_IO, "photo.jpg: no such file")
    >>> error
    FileError('photo.jpg: no such file')
    >>> error.status, error.name, isinstance(error, OSError)
    (-3, 'ARTFUSION_ERROR_IO', True)
    """

    status: int = 0
    _kinds: ClassVar[dict[int, type[Error]]] = {}

    def __init_subclass__(cls, *, status: int | None = None, **others: Any) -> None:
        super().__init_subclass__(**others)
        if status is not None:
            cls.status = status
            Error._kinds[status] = cls

    @staticmethod
    def of(
        status: int, message: str, path: str | os.PathLike[str] | bytes | None = None
    ) -> Error:
        """The exception for a status. `path` is the file that the call was about."""
        if status == _abi.ERROR_IO:
            return FileError.about(message, path)
        error = Error._kinds.get(status, Error)(message)
        error.status = status
        return error

    @property
    def name(self) -> str:
        """The status as the C header names it, such as "ARTFUSION_ERROR_IO"."""
        return _NAMES.get(self.status, "unknown status")


class ArgumentError(Error, ValueError, status=_abi.ERROR_ARGUMENT):
    """A value is out of range or unknown; the sentence says what would be right."""


class OutOfMemoryError(Error, MemoryError, status=_abi.ERROR_MEMORY):
    """An allocation failed."""


class FileError(Error, OSError, status=_abi.ERROR_IO):
    """A file could not be opened, read or written.

    `filename`, `errno` and `strerror` are as in any OSError. It is also a FileNotFoundError, a
    PermissionError or an IsADirectoryError if that is the reason.

    >>> try:
    ...     model.load_style("none.style")
    ... except FileNotFoundError as error:
    ...     print(isinstance(error, FileError), error.filename, error.strerror)
    True none.style No such file or directory
    """

    @staticmethod
    def about(message: str, path: str | os.PathLike[str] | bytes | None) -> FileError:
        """The exception for the library's sentence, which ends with the system's words for an
        errno."""
        _, _, words = message.rpartition(": ")
        number = next((n for n in errno.errorcode if os.strerror(n) == words), None)
        if number is None and path is not None and os.path.isdir(path):
            number, words = errno.EISDIR, os.strerror(errno.EISDIR)
        error = _file_error(number)(message)
        error.filename = path
        if number is not None:
            error.errno, error.strerror = number, words
        return error

    def __str__(self) -> str:  # OSError's would be put together from errno and filename
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:  # the class has no name to be found by
        return FileError.about, (str(self), self.filename)


@functools.cache
def _file_error(number: int | None) -> type[FileError]:
    """FileError, and the class that Python itself raises for this errno."""
    kind = OSError if number is None else type(OSError(number, ""))
    if kind is OSError:
        return FileError
    return type("FileError", (FileError, kind), {"__module__": __name__})


class FormatError(Error, ValueError, status=_abi.ERROR_FORMAT):
    """The bytes of a picture, a model, or a saved style or run are not what they should be."""


class UnsupportedError(Error, status=_abi.ERROR_UNSUPPORTED):
    """The request is valid, but this build or machine does not support it."""


class LimitError(Error, status=_abi.ERROR_LIMIT):
    """A limit was exceeded that the caller may raise."""


class StateError(Error, RuntimeError, status=_abi.ERROR_STATE):
    """A call came out of order, such as one on a closed handle."""


class CancelledError(Error, status=_abi.ERROR_CANCELLED):
    """Sampler.cancel() ended the call. A callback may raise this, or any other exception, to end
    the call that it is in."""


class EngineError(Error, RuntimeError, status=_abi.ERROR_ENGINE):
    """The engine, or the libtorch that it needs, is missing or failed."""


class MismatchError(Error, ValueError, status=_abi.ERROR_MISMATCH):
    """A style belongs to another model, or a saved state to a run with other options."""


class NumericError(Error, ArithmeticError, status=_abi.ERROR_NUMERIC):
    """A value is NaN or infinity."""


class ChecksumError(Error, status=_abi.ERROR_CHECKSUM):
    """The file was changed after it was written."""


_NAMES = {
    value: f"ARTFUSION_{name}" for name, value in vars(_abi).items() if name.startswith("ERROR_")
}


class PictureWarning(UserWarning):
    """A picture was read, but something in its file was ignored; the warning says what."""


def warn(text: str, kind: type[Warning]) -> None:
    """Warns as if the line that called the package did."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(text, kind, level)
