# SPDX-License-Identifier: MIT
"""What the tests of the installed package share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import artfusion as af
import numpy as np
import pytest
from numpy.typing import NDArray

TREE = Path(__file__).resolve().parents[3]
IMAGES = TREE / "examples" / "images"
MODEL = TREE / "models" / "mini.artfusion"
PHOTO, PAINTING = IMAGES / "pagoda.jpg", IMAGES / "van-gogh.jpg"

Pixels = NDArray[np.uint8]


def run(
    command: list[str], *arguments: object, status: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*command, *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


def run_python(
    code: str, *arguments: object, status: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`code` in a process of its own."""
    return run([sys.executable, "-c", code], *arguments, status=status, **environment)


@pytest.fixture(scope="session")
def model() -> Iterator[af.Model]:
    with af.load() as model:
        yield model


@pytest.fixture
def photo() -> Pixels:
    with af.Image.load(PHOTO) as image, image.resize(64, 64) as small:
        return np.array(small)


@pytest.fixture(scope="session")
def style(model: af.Model) -> af.Style:
    return model.style(PAINTING)
