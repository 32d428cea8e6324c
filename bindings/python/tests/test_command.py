# SPDX-License-Identifier: MIT
"""The command that the package holds, by `python -m artfusion` and by its script."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

import artfusion as af
import pytest
from conftest import PAINTING, PHOTO, run

MODULE = [sys.executable, "-m", "artfusion"]
SCRIPT = [os.path.join(sysconfig.get_path("scripts"), "artfusion")]


@pytest.mark.parametrize("command", [MODULE, SCRIPT], ids=["module", "script"])
def test_it_is_the_command(command: list[str], model: af.Model, tmp_path: Path) -> None:
    """It finds libtorch, the engine and the model without a word, and makes the same picture."""
    assert run(command, "--version").stdout == f"artfusion {af.__version__}\n"
    out = tmp_path / "out.png"
    pictures = ["-c", PHOTO, "-s", PAINTING, "-o", out]
    run(command, "stylize", *pictures, "--steps", 1, "--fit", 64)
    assert out.read_bytes() == model.stylize(PHOTO, PAINTING, steps=1, longest=64).to_bytes()


def test_its_status_is_the_processs(tmp_path: Path) -> None:
    assert "stylize" in run(MODULE, status=2).stderr
    missing = ["-c", "none.jpg", "-s", PAINTING, "-o", tmp_path / "out.png"]
    assert "none.jpg" in run(MODULE, "stylize", *missing, status=1).stderr


def test_what_the_environment_names_is_taken(tmp_path: Path) -> None:
    environment = {"ARTFUSION_MODEL": str(tmp_path / "none.artfusion")}
    assert "none.artfusion" in run(MODULE, "info", status=1, **environment).stderr
    environment = {"ARTFUSION_ENGINE": str(tmp_path / "none.so")}
    assert "none.so" in run(MODULE, "info", status=1, **environment).stderr


def test_another_torch_is_refused(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('torch was imported')\n")
    (tmp_path / "torch" / "version.py").write_text("__version__ = '9.8.7'\n")
    said = run(MODULE, "info", status=1, PYTHONPATH=str(tmp_path)).stderr
    assert said.startswith("artfusion: ")
    assert "9.8.7" in said
