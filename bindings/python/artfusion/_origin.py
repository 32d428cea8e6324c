# SPDX-License-Identifier: MIT
"""Where a model came from: what a pickle of it, or of a style of it, holds."""

from __future__ import annotations

import dataclasses
import os
import threading
import weakref

from ._context import Context, Settings
from ._errors import MismatchError
from ._handle import Owner, create
from ._info import model_info
from ._library import default_model_path, encoded
from ._signals import deferred
from ._torch import load_for


def open_file(path: str | os.PathLike[str] | None, context: Context) -> Owner:
    """The model file, None for the default model."""
    if path is None:
        path = default_model_path()
    owner = context._c
    load_for(context._engine, isolated=context._isolated)
    with deferred():  # the log is called back
        return create("model", "model_open_file", owner, encoded(path), path=path)


@dataclasses.dataclass(frozen=True)
class Origin:
    """A model file, and with what it was opened."""

    path: str | None  # None: the default model, wherever it lies
    settings: Settings
    digest: str  # of the weights

    @staticmethod
    def of(
        owner: Owner, path: str | os.PathLike[str] | None, context: Context
    ) -> Origin:
        """That of a model just opened."""
        absolute = None if path is None else os.fspath(os.path.abspath(path))
        origin = Origin(absolute, context._settings, model_info(owner).weights_sha256)
        _opened[origin] = owner
        return origin

    def owner(self) -> Owner:
        """The model; a process opens it once, however many refer to it."""
        with _lock:
            owner = _opened.get(self)
            if owner is None:
                with Context(**self.settings._asdict()) as context:
                    owner = open_file(self.path, context)
                if model_info(owner).weights_sha256 != self.digest:
                    raise MismatchError(
                        f"{self.path or 'the default model'} has other weights than when the "
                        "model or the style was pickled"
                    )
                _opened[self] = owner
        return owner


_lock = threading.Lock()
_opened: weakref.WeakValueDictionary[Origin, Owner] = weakref.WeakValueDictionary()
