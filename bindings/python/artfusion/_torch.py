# SPDX-License-Identifier: MIT
"""The libtorch that the package's engine runs on: that of the `torch` package, loaded without
importing it.

It is the one that `import torch` would take, or has taken. Two libtorches in one process end in
crashes, so all that can be known is checked before any is loaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

from ._errors import EngineError
from ._library import packaged
from ._loading import gently


def _release(text: str) -> str:
    """Without the local part, which names the kind of build: "2.13.0+cpu" is 2.13.0."""
    return text.partition("+")[0]


def _folder(needed: str) -> Path:
    """Where the torch package lies."""
    try:
        spec = find_spec("torch")
    except ValueError:  # something put into sys.modules under its name
        spec = None
    if spec is None or spec.origin is None:
        raise EngineError(
            f"the engine is built for torch {needed}, and {sys.executable} has no torch package: "
            f"pip install torch=={needed}"
        )
    return Path(spec.origin).parent


def _version(folder: Path) -> str:
    try:
        text = (folder / "version.py").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^__version__(?:: *\w+)? *= *['\"]([^'\"]+)", text, re.MULTILINE)
    return found[1] if found else "of an unknown version"


def _loaded() -> set[str]:
    """Paths of the libtorch_cpu that the process has."""
    maps = Path("/proc/self/maps").read_bytes()
    lines = (os.fsdecode(line) for line in maps.splitlines())
    paths = (line[line.index("/") :] for line in lines if "/" in line)
    return {path for path in paths if re.search(r"/libtorch_cpu\.so[^/]*$", path)}


def torch_folder() -> Path:
    """Where the torch package lies, which is of the release that the engine needs."""
    from ._build import TORCH  # made with the engine

    folder = _folder(TORCH)
    version = _version(folder)
    if _release(version) != TORCH:
        raise EngineError(
            f"the engine is built for torch {TORCH}, and {folder} is torch {version}: "
            f"pip install torch=={TORCH}"
        )
    return folder


@functools.cache
def load() -> None:
    """Loads the torch package's libtorch for the engine, or says why it can't be."""
    from ._build import TORCH

    folder = torch_folder()
    own = folder / "lib" / "libtorch_cpu.so"
    loaded = _loaded()
    for path in loaded:
        if not (os.path.exists(path) and own.exists() and os.path.samefile(path, own)):
            raise EngineError(
                f"this process has another libtorch, {path}, than {own}, which the engine for "
                f"torch {TORCH} runs on: networks run with one alone"
            )
    try:
        # Needs all that the build has, the kernels for a GPU too. The engine, loaded next, finds
        # them by their names.
        with contextlib.nullcontext() if loaded else gently():
            ctypes.CDLL(os.fspath(folder / "lib" / "libtorch.so"))
    except OSError as error:
        raise EngineError(f"libtorch cannot be loaded: {error}") from error


def load_for(engine: object) -> None:
    """Before a model is opened by `engine`, None for the package's own: one that was named is
    its owner's affair."""
    named = engine or os.environ.get("ARTFUSION_ENGINE") or os.environ.get("ARTFUSION_LIBRARY")
    if not named and packaged("libartfusion-engine-torch.so"):
        load()
