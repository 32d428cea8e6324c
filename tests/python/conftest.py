# SPDX-License-Identifier: MIT
"""What several test files share: the synthetic checkpoint and the model converted from it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

# Before torch is imported: OpenMP threads that spin while they wait slow a busy machine tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

TREE = Path(__file__).resolve().parents[2]
DATA = TREE / "tests" / "data"
for folder in (TREE / "export", TREE / "train", TREE / "bench", DATA):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

# Channels of an attention head in the test-size network; no tensor's shape tells.
TINY_HEAD_CHANNELS = 32


def run_export(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`python -m artfusion_export` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "artfusion_export", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(TREE / "export")},
        capture_output=True,
        text=True,
        timeout=600,
    )


def enlargements(path: Path) -> set[str]:
    """The operators of a model file's code that resample, those in branches that are never taken
    too: libtorch must know every one of them to open the file."""
    with zipfile.ZipFile(path) as archive:
        code = "".join(
            archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")
        )
    return set(re.findall(r"\b\w*(?:upsample|grid_sampl|bicubic|lanczos)\w*(?=\()", code))


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint behind golden_tiny.npz and golden_tiny_rect.npz."""
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.ckpt"
    command = [DATA / "make_checkpoint.py", DATA / "keys_tiny.tsv", "--seed", "1", "-o", path]
    subprocess.run([sys.executable, *map(str, command)], check=True, timeout=600)
    return path


@pytest.fixture(scope="session")
def tiny_model(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file of tiny_checkpoint, float32."""
    path = tmp_path_factory.mktemp("model") / "tiny.artfusion"
    done = run_export(tiny_checkpoint, "-o", path, "--head-channels", TINY_HEAD_CHANNELS)
    assert done.returncode == 0, done.stderr
    return path
