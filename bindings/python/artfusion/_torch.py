# SPDX-License-Identifier: MIT
"""The libtorch that the package's engine runs on: that of the `torch` package, loaded without
importing it.

It is the one that `import torch` would take, or has taken. Two libtorches in one process end in
crashes, so all that can be known is checked before any is loaded.

An engine runs with the one release of torch that it was built with. The package has one or several,
each in a folder of that release's name: engines/torch-2.13.0.
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

_ENGINE = "libartfusion-engine-torch.so"


def _release(text: str) -> str:
    """Without the local part, which names the kind of build: "2.13.0+cpu" is 2.13.0."""
    return text.partition("+")[0]


def releases() -> list[str]:
    """Those of torch that the package has an engine for, the oldest first."""
    folders = (Path(folder, "engines") for folder in sys.modules[__package__].__path__)
    engines = (path for folder in folders for path in folder.glob(f"torch-*/{_ENGINE}"))
    found = {path.parent.name.removeprefix("torch-") for path in engines}
    return sorted(found, key=lambda release: [int(part) for part in release.split(".")])


def _needed() -> str:
    """The same as the beginning of a sentence."""
    *others, last = releases()
    if not others:
        return f"the engine is built for torch {last}"
    return f"there are engines for torch {', '.join(others)} and {last}"


def _folder() -> Path | None:
    """Where the torch package lies."""
    try:
        spec = find_spec("torch")
    except ValueError:  # something put into sys.modules under its name
        spec = None
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


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
    """Where the torch package lies, which is of a release that there is an engine for."""
    if not releases():
        raise EngineError("the package has no engine: it was built without one")
    folder, newest = _folder(), releases()[-1]
    if folder is None:
        raise EngineError(
            f"{_needed()}, and {sys.executable} has no torch package: pip install torch=={newest}"
        )
    version = _version(folder)
    if _release(version) not in releases():
        raise EngineError(
            f"{_needed()}, and {folder} is torch {version}: pip install torch=={newest}, or build "
            "artfusion with this one: pip install --no-build-isolation, in its source"
        )
    return folder


def own_engine() -> Path:
    """The package's engine for the torch that is there."""
    release = _release(_version(torch_folder()))
    path = packaged(f"engines/torch-{release}/{_ENGINE}")
    assert path is not None  # it is one of releases()
    return path


def _other(own: Path) -> str | None:
    """Another libtorch than `own` that the process has."""
    for path in _loaded():
        if not (os.path.exists(path) and own.exists() and os.path.samefile(path, own)):
            return path
    return None


@functools.cache
def load() -> None:
    """Loads the torch package's libtorch for the engine, or says why it can't be."""
    folder = torch_folder()
    own = folder / "lib" / "libtorch_cpu.so"
    other = _other(own)
    if other is not None:
        raise EngineError(
            f"this process has another libtorch, {other}, than {own}, which the engine for "
            f"torch {_release(_version(folder))} runs on: networks run with one alone, unless they "
            'are isolated: isolation="process"'
        )
    try:
        # Needs all that the build has, the kernels for a GPU too. The engine, loaded next, finds
        # them by their names.
        with contextlib.nullcontext() if _loaded() else gently():
            ctypes.CDLL(os.fspath(folder / "lib" / "libtorch.so"))
    except OSError as error:
        raise EngineError(f"libtorch cannot be loaded: {error}") from error


def _is_own(engine: object) -> bool:
    """Whether it is the package's that is meant: one that was named is its owner's affair."""
    named = engine or os.environ.get("ARTFUSION_ENGINE") or os.environ.get("ARTFUSION_LIBRARY")
    return not named and bool(releases())


def engine_path(engine: str | os.PathLike[str] | None) -> str | os.PathLike[str] | None:
    """Which engine a context is given: `engine`, or else the package's. None if that cannot be: when
    a model is opened, load_for() says why."""
    if not _is_own(engine):
        return engine
    try:
        return own_engine()
    except EngineError:
        return None


def load_for(engine: object, *, isolated: bool) -> None:
    """Before a model is opened by `engine`, None for the package's own. An isolated one may have
    another libtorch than this process: where they lie beside each other it finds the right one."""
    if not _is_own(engine):
        return
    if not isolated or _other(torch_folder() / "lib" / "libtorch_cpu.so") is None:
        load()
