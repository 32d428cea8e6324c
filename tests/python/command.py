# SPDX-License-Identifier: MIT
"""The `artfusion` command as its tests run it: real files, real networks, few steps.

ARTFUSION_COMMAND names the command, ARTFUSION_MODEL the model. The fixtures are for test files to
import.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artfusion_export.bundle import append_manifest, read_manifest
from PIL import Image

SOURCE = Path(__file__).parents[2]
IMAGES = SOURCE / "examples" / "images"
COMMAND = os.environ["ARTFUSION_COMMAND"]
MODEL = os.environ["ARTFUSION_MODEL"]
COMMANDS = ("stylize", "sample", "reconstruct", "info")
BEFORE = b"what was there before"


def environment(**changes: str | None) -> dict[str, str]:
    # Threads that spin at OpenMP's barriers take minutes where other programs want the cores too.
    wanted = {**os.environ, "OMP_WAIT_POLICY": "passive", "TERM": "xterm", **changes}
    return {name: value for name, value in wanted.items() if value is not None}


def artfusion(*arguments: object, **changes: str | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
    )


def succeed(*arguments: object, **changes: str | None) -> str:
    done = artfusion(*arguments, **changes)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(command: object, *arguments: object, **changes: str | None) -> Any:
    """A failure, which --json makes an object of besides: its fields are under `.error`."""
    plain = artfusion(command, *arguments, **changes)
    assert plain.returncode in (1, 2) and plain.stdout == "", plain
    done: Any = artfusion(command, "--json", *arguments, **changes)
    assert (done.returncode, done.stderr) == (plain.returncode, plain.stderr)
    lines = done.stdout.splitlines()
    assert len(lines) == 1, done.stdout
    done.error = json.loads(lines[0])
    assert set(done.error) == {"status", "command", "message", "option", "file"}
    assert re.fullmatch("ARTFUSION_ERROR_[A-Z]+", done.error["status"])
    assert f"artfusion: {done.error['message']}" == done.stderr.splitlines()[0]
    assert done.returncode == 1 or done.error["status"] == "ARTFUSION_ERROR_ARGUMENT"
    done.stdout = plain.stdout
    return done


def report(*arguments: object) -> dict[str, Any]:
    """The JSON object that a command prints, and nothing else with it."""
    lines = succeed(*arguments, "--json", "--quiet").splitlines()
    assert len(lines) == 1
    found = json.loads(lines[0])
    assert isinstance(found, dict)
    return found


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.int32)


def alter_manifest(source: str, target: Path, **changes: object) -> None:
    """The model with other fields in its manifest, and the digest of what it is then."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            if not entry.filename.endswith("manifest.json"):
                new.writestr(entry.filename, old.read(entry))
    append_manifest(target, read_manifest(Path(source)) | changes)


@pytest.fixture(scope="module")
def model() -> dict[str, Any]:
    return report("info")


@pytest.fixture(scope="module")
def side(model: dict[str, Any]) -> int:
    """The smallest side that is quick and has a few latent pixels each way."""
    multiple: int = model["size_multiple"]
    return multiple * -(-64 // multiple)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    Image.open(IMAGES / "astronaut.jpg").resize((200, 100)).save(folder / "photo.png")
    Image.open(IMAGES / "van-gogh.jpg").resize((96, 128)).save(folder / "painting.jpg")
    yield folder


@pytest.fixture
def stylize(pictures: Path, tmp_path: Path) -> list[object]:
    """A command line that works, its last word the output."""
    return [
        "stylize",
        *("--content", pictures / "photo.png"),
        *("--style", pictures / "painting.jpg"),
        *("--out", tmp_path / "out.png"),
    ]


@pytest.fixture
def quick(stylize: list[object], side: int) -> list[object]:
    """The same, soon over."""
    return [*stylize, "--size", f"{side}x{side}", "--steps", 1]
