# SPDX-License-Identifier: MIT
"""Where networks run."""

from __future__ import annotations

import ctypes
import logging
import math
import os
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, TypeAlias, Union

from . import _abi
from ._errors import ArgumentError
from ._handle import Shared, create
from ._library import check, encoded, int32, library, uint64, value_of
from ._torch import engine_path

# A GPU by its number is "cuda:1".
Device: TypeAlias = Union[Literal["auto", "cpu", "cuda"], str]
Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]
Isolation: TypeAlias = Literal["none", "process", "auto"]

_LEVELS = {
    _abi.LOG_WARNING: logging.WARNING,
    _abi.LOG_INFO: logging.INFO,
    _abi.LOG_DEBUG: logging.DEBUG,
}


def _hand_on(_user_data: int | None, level: int, message: bytes) -> None:
    text = message.decode(errors="replace")
    logging.getLogger("artfusion").log(_LEVELS.get(level, logging.WARNING), "%s", text)


_log = _abi.log_callback(_hand_on)  # outlives every context, which models keep alive


class Settings(NamedTuple):
    """What a context was made with."""

    device: Device
    threads: int
    precision: Precision
    engine: str | None
    memory_limit: int
    isolation: Isolation
    isolation_timeout: float | None
    trusted: tuple[str, ...]


class Context(Shared):
    """Where and how networks run.

    `device` is "auto", "cpu", "cuda" or "cuda:1". `threads` is the number of threads; 0 is as many
    as the engine uses by itself. `precision` is the type that networks compute in: "float32", which
    is the slowest, "bfloat16", "float16", or "auto", which is bfloat16 if the device has
    instructions for it and otherwise float32. `engine` is the path of another engine than the
    package's.

    `memory_limit` is how many bytes a run may take in addition to its model (see
    Model.memory_needed()); 0 is no limit. Large batches are then computed in smaller parts, and a
    run that does not fit at all is a LimitError.

    `isolation` says where a model's networks run: "none", in this process; "process", in one of
    their own for each model; "auto", in one of their own unless the model file came with the
    package or its SHA-256, as sha256sum prints it, is one of `trusted`. If that process ends, the
    calls in it raise EngineError, and so does a call that takes longer than `isolation_timeout`
    seconds. The model's next call starts another process; a sampler's next call repeats the step
    that failed, and its result is the same, byte for byte. A forked child may open isolated models,
    whatever its parent had opened.

    The library's log goes to the logger "artfusion".
    """

    _kind = "context"

    def __init__(
        self,
        *,
        device: Device = "auto",
        threads: int = 0,
        precision: Precision = "auto",
        engine: str | os.PathLike[str] | None = None,
        memory_limit: int = 0,
        isolation: Isolation = "none",
        isolation_timeout: float | None = None,
        trusted: Iterable[str] = (),
    ) -> None:
        options = _abi.ContextOptions()
        check(library().artfusion_context_options_init(options, ctypes.sizeof(options)))
        options.device, options.device_index = _device(device)
        options.threads = int32("threads", threads)
        options.precision = value_of(_abi.ENUM_PRECISION, precision)
        path = engine_path(engine)
        options.engine_path = None if path is None else encoded(path)
        options.memory_limit = uint64("memory_limit", memory_limit)
        options.isolation = value_of(_abi.ENUM_ISOLATION, isolation)
        options.isolation_timeout = _milliseconds(isolation_timeout)
        digests = _digests(trusted)
        options.trusted = encoded(",".join(digests))
        options.log = _log
        options.log_level = _abi.LOG_DEBUG  # logging has levels of its own
        super().__init__(create("context", "context_create", options))
        path = None if engine is None else os.fspath(engine)
        self._settings = Settings(
            device,
            threads,
            precision,
            path,
            memory_limit,
            isolation,
            isolation_timeout,
            digests,
        )

    @property
    def _engine(self) -> str | None:
        return self._settings.engine

    @property
    def _isolated(self) -> bool:
        return self._settings.isolation == "process"

    def __reduce__(self) -> tuple[Any, ...]:
        _ = self._c  # refuses what is closed
        return _again, (self._settings,)

    def __repr__(self) -> str:
        if self.closed:
            return "<artfusion.Context closed>"
        return f"<artfusion.Context {self._settings.device}, {self._settings.precision}>"


def _again(settings: Settings) -> Context:
    return Context(**settings._asdict())


def _milliseconds(seconds: float | None) -> int:
    if seconds is None:
        return 0
    if not 0 < seconds < 2**31 / 1000:  # nor a NaN
        raise ArgumentError(f"isolation_timeout is {seconds}: seconds are right, or None")
    return math.ceil(seconds * 1000)


def _digests(trusted: Iterable[str]) -> tuple[str, ...]:
    if isinstance(trusted, str):
        raise TypeError("trusted is a string: a list of them is right")
    return tuple(trusted)


def _device(text: str) -> tuple[int, int]:
    """The number of the kind, and which of them."""
    if not isinstance(text, str):
        raise TypeError(f"device is {text!r}: a name is right, such as 'cpu' or 'cuda:1'")
    name, colon, index = text.partition(":")
    if colon and not (index.isascii() and index.isdigit()):
        raise ArgumentError(f"device is {text!r}: a number follows the colon")
    kind = value_of(_abi.ENUM_DEVICE, name)
    if int(index or 0) and kind != _abi.DEVICE_CUDA:
        raise ArgumentError(f"device is {text!r}: only 'cuda' has numbers")
    return kind, int32("the device's number", int(index or 0))
