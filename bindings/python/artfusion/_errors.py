# SPDX-License-Identifier: MIT
"""The library's statuses as exceptions."""

from __future__ import annotations

from typing import Any, ClassVar

from . import _abi


class Error(Exception):
    """A call that failed: str() is the library's sentence about it.

    The subclasses are of one status each. A status that this release doesn't know is a plain Error.

    >>> error = Error.of(_abi.ERROR_IO, "photo.jpg: no such file")
    >>> error
    FileError('photo.jpg: no such file')
    >>> error.status, error.name, isinstance(error, OSError)
    (-3, 'ARTFUSION_ERROR_IO', True)
    """

    status: int = 0
    _kinds: ClassVar[dict[int, type[Error]]] = {}

    def __init_subclass__(cls, *, status: int, **others: Any) -> None:
        super().__init_subclass__(**others)
        cls.status = status
        Error._kinds[status] = cls

    @staticmethod
    def of(status: int, message: str) -> Error:
        """The exception for a status."""
        error = Error._kinds.get(status, Error)(message)
        error.status = status
        return error

    @property
    def name(self) -> str:
        """The status as the C header names it, such as "ARTFUSION_ERROR_IO"."""
        return _NAMES.get(self.status, "unknown status")


class ArgumentError(Error, ValueError, status=_abi.ERROR_ARGUMENT):
    """A value that is out of range or unknown; the sentence says what would be right."""


class OutOfMemoryError(Error, MemoryError, status=_abi.ERROR_MEMORY):
    """An allocation failed."""


class FileError(Error, OSError, status=_abi.ERROR_IO):
    """A file could not be opened, read or written."""


class FormatError(Error, ValueError, status=_abi.ERROR_FORMAT):
    """The bytes of a picture, a model or of what was saved are not what they should be."""


class UnsupportedError(Error, status=_abi.ERROR_UNSUPPORTED):
    """Valid, but beyond this build or machine."""


class LimitError(Error, status=_abi.ERROR_LIMIT):
    """A limit that the caller may raise."""


class StateError(Error, RuntimeError, status=_abi.ERROR_STATE):
    """A call out of order, such as one on what is closed."""


class CancelledError(Error, status=_abi.ERROR_CANCELLED):
    """Ended by Sampler.cancel() or by a callback."""


class EngineError(Error, RuntimeError, status=_abi.ERROR_ENGINE):
    """The engine, or the libtorch that it needs, is missing or failed."""


class MismatchError(Error, ValueError, status=_abi.ERROR_MISMATCH):
    """A style of another model, or the saved state of a run with other options."""


class NumericError(Error, ArithmeticError, status=_abi.ERROR_NUMERIC):
    """NaN or infinity where numbers should be."""


class ChecksumError(Error, status=_abi.ERROR_CHECKSUM):
    """The file was changed since it was written."""


_NAMES = {
    value: f"ARTFUSION_{name}" for name, value in vars(_abi).items() if name.startswith("ERROR_")
}
