# SPDX-License-Identifier: MIT
"""What loading libtorch finds in the process, and leaves there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MODEL, run_python

LOOK = """
import ctypes, os
look = ctypes.CDLL(None).getenv
look.restype = ctypes.c_char_p
def seen():
    return dict(os.environ), look(b"OMP_WAIT_POLICY"), look(b"GOMP_SPINCOUNT")
before = seen()
"""
OPEN = """
import artfusion
artfusion.load(threads=1)
assert seen() == before, "the environment was changed"
"""


def openmp_settings(code: str, **changes: str) -> tuple[str, str]:
    """Policy and number of turns, as GNU's OpenMP says them when it is loaded."""
    kept = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    done = subprocess.run(
        [sys.executable, "-c", LOOK + code],
        env=kept | {"OMP_DISPLAY_ENV": "verbose"} | changes,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    said = re.findall(r"(OMP_WAIT_POLICY|GOMP_SPINCOUNT) *= *'(.*)'", done.stderr)
    assert len(said) == 2, said  # by one runtime
    found = dict(said)
    return found["OMP_WAIT_POLICY"], found["GOMP_SPINCOUNT"]


def test_threads_spin_shortly() -> None:
    assert openmp_settings(OPEN) == ("PASSIVE", "1000")


def test_what_the_user_set_stays() -> None:
    assert openmp_settings(OPEN, OMP_WAIT_POLICY="active") == ("ACTIVE", "30000000000")
    assert openmp_settings(OPEN, GOMP_SPINCOUNT="77")[1] == "77"


def test_an_openmp_that_is_there_stays_as_it_is() -> None:
    alone = openmp_settings("import torch")
    assert alone[1] != "1000"
    assert openmp_settings(f"import torch\n{OPEN}") == alone


@pytest.mark.parametrize("place", ["removed", "deep"])
def test_folders_without_a_path(tmp_path: Path, place: str) -> None:
    """Where MKL would end the process."""
    code = """
import os, sys
import artfusion as af
home, place = sys.argv[1:3]
os.chdir(home)
for _ in range(17 if place == "deep" else 1):
    os.mkdir("d" * 250)
    os.chdir("d" * 250)
if place == "removed":
    os.rmdir("../" + "d" * 250)
try:
    af.load()
except af.EngineError as error:
    assert "working directory" in str(error), error
else:
    raise SystemExit("it was opened")
os.chdir(home)
assert af.load(sys.argv[3]).info().name == "mini"
"""
    run_python(code, tmp_path, place, MODEL)


def test_a_libtorch_that_is_there_is_used_in_any_folder(tmp_path: Path) -> None:
    code = """
import os, sys
import torch
import artfusion as af
gone, model = sys.argv[1:]
os.mkdir(gone)
os.chdir(gone)
os.rmdir(gone)
assert af.load(model).info().name == "mini"
"""
    run_python(code, tmp_path / "gone", MODEL)
