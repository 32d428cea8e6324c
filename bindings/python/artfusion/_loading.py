# SPDX-License-Identifier: MIT
"""What libtorch reads from the process when it is loaded."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from ._errors import EngineError

_PATH_MAX = 4096  # Linux's

# OpenMP's threads spin for so many turns, some microseconds, before they sleep: GNU's runtime reads
# the number, LLVM's and Intel's the policy. By themselves they spin for milliseconds, which
# programs beside this one want, and which it then lacks.
_WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}


def _has_named_folder() -> bool:
    """Whether MKL, which is in libtorch, finds the working directory's path."""
    try:
        return len(os.fsencode(os.getcwd())) < _PATH_MAX
    except OSError:
        return False


@contextlib.contextmanager
def gently() -> Iterator[None]:
    """Around the loading of libtorch: it is refused where it would end the process, and its OpenMP
    is told to leave the cores to others while threads wait. An OpenMP that the process has
    already, and what its user has set, stay as they are; so does the environment in the end, which
    children inherit."""
    if not _has_named_folder():
        raise EngineError(
            "libtorch cannot be loaded from this working directory, which was removed or has a "
            f"path of {_PATH_MAX} bytes or more: change to another"
        )
    if any(name in os.environ for name in _WAITING):
        yield
        return
    os.environ.update(_WAITING)
    try:
        yield
    finally:
        for name in _WAITING:
            os.environ.pop(name, None)
