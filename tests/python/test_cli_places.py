# SPDX-License-Identifier: MIT
"""The command where it is started in odd places, beside busy programs, and ended early."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import COMMAND, IMAGES, MODEL, environment
from PIL import Image

PATIENCE = 120  # seconds until a command counts as hung; nothing is measured by them


def paint(out: object, *arguments: object) -> list[str]:
    pictures = ["-c", IMAGES / "pagoda.jpg", "-s", IMAGES / "monet.jpg"]
    return [*map(str, [COMMAND, "stylize", "-m", MODEL, *pictures, "-o", out, *arguments])]


# ---- working directories ---------------------------------------------------------------------


@pytest.fixture
def home() -> Iterator[None]:
    before = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    yield
    os.fchdir(before)
    os.close(before)


def deepen(folder: Path) -> None:
    """Into a folder whose path is longer than PATH_MAX, so that getcwd fails."""
    os.chdir(folder)
    for _ in range(17):
        os.mkdir("d" * 250)
        os.chdir("d" * 250)
    assert len(os.fsencode(os.getcwd())) > os.pathconf(".", "PC_PATH_MAX")


def ends_well(out: str, why_not: str | None = None) -> None:
    """In the working directory that the test is in: with its picture, or a sentence."""
    done = subprocess.run(
        paint(out, "--steps", 1, "--fit", 64, "-q"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(),
        stdin=subprocess.DEVNULL,
    )
    assert "FATAL" not in done.stderr
    if why_not:
        assert done.returncode == 1
        assert re.fullmatch(rf"artfusion: out\.png.*: {why_not}\n", done.stderr)
    else:
        assert (done.returncode, done.stderr) == (0, "")
        assert max(Image.open(out).size) == 64


@pytest.mark.usefixtures("home")
def test_folder_with_a_long_path(tmp_path: Path) -> None:
    deepen(tmp_path)
    ends_well(str(tmp_path / "out.png"))
    ends_well("out.png", "File name too long")


@pytest.mark.usefixtures("home")
def test_removed_folder(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    ends_well(str(tmp_path / "out.png"))
    ends_well("out.png", "No such file or directory")


# ---- signals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_while_opening(tmp_path: Path, number: signal.Signals) -> None:
    """By an engine that is never loaded: at once, and with the usual words."""
    engine = os.environ["ARTFUSION_WAITING_ENGINE"]
    with subprocess.Popen(
        paint(tmp_path / "out.png"),
        stderr=subprocess.PIPE,
        text=True,
        env=environment(ARTFUSION_ENGINE=engine),
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == "waiting\n"
            process.send_signal(number)
            assert process.wait(timeout=PATIENCE) == 128 + number
            assert process.stderr.read() == "artfusion: interrupted, nothing was written\n"
        finally:
            process.kill()
    assert os.listdir(tmp_path) == []


# ---- neighbours ----------------------------------------------------------------------------------


def openmp_settings(**changes: str | None) -> dict[str, str]:
    """As GNU's OpenMP, which libtorch's package brings, says them when it is loaded."""
    unset: dict[str, str | None] = {"OMP_WAIT_POLICY": None, "GOMP_SPINCOUNT": None}
    done = subprocess.run(
        [COMMAND, "info", MODEL],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(**{**unset, "OMP_DISPLAY_ENV": "verbose", **changes}),
    )
    assert done.returncode == 0, done.stderr
    found = dict(re.findall(r"^\s*(?:\[host\] )?(\w+) *= *'(.*)'$", done.stderr, re.MULTILINE))
    assert "OMP_WAIT_POLICY" in found, "libtorch's OpenMP is not GNU's"
    return found


def test_threads_spin_shortly() -> None:
    found = openmp_settings()
    assert found["OMP_WAIT_POLICY"] == "PASSIVE"
    assert found["GOMP_SPINCOUNT"] == "1000"


@pytest.mark.parametrize(
    ("name", "value", "policy", "spins"),
    [
        ("OMP_WAIT_POLICY", "active", "ACTIVE", "30000000000"),
        ("GOMP_SPINCOUNT", "77", "PASSIVE", "77"),  # the policy that no policy shows as
    ],
)
def test_what_the_user_set_stays(name: str, value: str, policy: str, spins: str) -> None:
    found = openmp_settings(**{name: value})
    assert (found["OMP_WAIT_POLICY"], found["GOMP_SPINCOUNT"]) == (policy, spins)


@pytest.fixture
def busy_cores() -> Iterator[None]:
    """One endless loop per core."""
    loops = []
    for core in os.sched_getaffinity(0):
        loops.append(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
        os.sched_setaffinity(loops[-1].pid, {core})
    yield
    for loop in loops:
        loop.kill()
        loop.wait()


def processor_seconds(out: Path, **changes: str | None) -> float:
    arguments = paint(out, "--steps", 10, "--precision", "float32", "-q")
    process = subprocess.Popen(arguments, env=environment(**changes))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


@pytest.mark.usefixtures("busy_cores")
def test_waiting_takes_no_processor_time(tmp_path: Path) -> None:
    """Of threads that never spin this is what the networks take; OpenMP's own way takes half as
    much again, since a thread that lost its core is waited for by spinning."""
    own: list[float] = []
    sleeping: list[float] = []
    for _ in range(2):
        own.append(processor_seconds(tmp_path / "out.png", OMP_WAIT_POLICY=None))
        sleeping.append(processor_seconds(tmp_path / "out.png", OMP_WAIT_POLICY="passive"))
    assert min(own) < 1.3 * min(sleeping)
