# SPDX-License-Identifier: MIT
"""The command while it runs: progress, signals; and where it looks for the model."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from command import (  # noqa: F401 - fixtures
    BEFORE,
    COMMAND,
    MODEL,
    SOURCE,
    artfusion,
    environment,
    model,
    pictures,
    side,
    stylize,
)


@pytest.fixture
def moved(tmp_path: Path) -> tuple[str, dict[str, str | None]]:
    """The command and the library in a prefix of their own, and the environment it needs there."""
    copy = tmp_path / "prefix" / "a" / "bin" / "artfusion"
    library = tmp_path / "prefix" / "a" / "lib" / "libartfusion.so.1"
    for path in (copy, library):
        path.parent.mkdir(parents=True)
    shutil.copy(COMMAND, copy)
    shutil.copy(os.environ["ARTFUSION_LIBRARY"], library)
    path = ":".join(filter(None, [str(library.parent), os.environ.get("LD_LIBRARY_PATH")]))
    return str(copy), {"LD_LIBRARY_PATH": path, "ARTFUSION_MODEL": None}


def run_moved(moved: tuple[str, dict[str, str | None]], *arguments: str, **changes: str) -> Any:
    return subprocess.run(
        [moved[0], "info", "--json", *arguments],
        capture_output=True,
        text=True,
        env=environment(**{**moved[1], **changes}),
    )


def test_model_search(tmp_path: Path, moved: tuple[str, dict[str, str | None]]) -> None:
    installed = tmp_path / "prefix/a/share/artfusion/mini.artfusion"
    source = tmp_path / "models/mini.artfusion"  # for the library in build/<preset>/lib

    lost = run_moved(moved)
    assert lost.returncode == 1
    for place in ("--model", "ARTFUSION_MODEL", str(installed), str(source)):
        assert place in lost.stderr

    for place in (source, installed):  # the latter goes first from when it is there
        place.parent.mkdir(parents=True)
        place.symlink_to(MODEL)
        found = run_moved(moved)
        assert found.returncode == 0, found.stderr
        assert json.loads(found.stdout)["path"] == str(place)

    named = run_moved(moved, ARTFUSION_MODEL="/none/named")
    assert named.returncode == 1 and "/none/named" in named.stderr
    option = run_moved(moved, "--model", str(source), ARTFUSION_MODEL="/none/named")
    assert json.loads(option.stdout)["path"] == str(source)


def test_progress_is_plain_lines_off_a_terminal(stylize: list[object], side: int) -> None:
    quick = [*stylize, "--steps", 25, "--size", f"{side}x{side}"]
    done = artfusion(*quick)
    lines = done.stderr.splitlines()
    assert len(lines) == 10 and "\r" not in done.stderr and "\033" not in done.stderr
    assert lines[-1] == "step 25 of 25, 100 %"
    for line in lines[:-1]:
        assert re.fullmatch(r"step \d+ of 25, \d+ %, .+ left", line), line
    assert not re.search("^step", done.stdout, re.M)
    verbose = artfusion(*quick, "--verbose")
    for stage in ("pictures", "model", "style", "encode", "denoise", "decode", "write"):
        assert re.search(rf"^  {stage} +\d+\.\d+ s$", verbose.stdout, re.M)
    quiet = artfusion(*quick, "--quiet")
    assert quiet.returncode == 0 and quiet.stdout == quiet.stderr == ""


def read_terminal(arguments: list[object]) -> bytes:
    """What the command writes on a terminal of its own; stdout goes nowhere."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=follower,
        env=environment(),
    ) as process:
        os.close(follower)
        written = b""
        while True:
            try:
                block = os.read(leader, 65536)
            except OSError as error:  # how Linux says that the other end is closed
                assert error.errno == errno.EIO
                break
            if not block:
                break
            written += block
        assert process.wait() == 0
    os.close(leader)
    return written


def test_progress_is_a_bar_on_a_terminal(stylize: list[object], side: int) -> None:
    # Enough steps for a fast machine to redraw in between: it does so some times a second.
    written = read_terminal([*stylize, "--steps", 200, "--size", f"{side}x{side}"])
    assert b"\n" not in written  # one line, redrawn
    drawn = written.split(b"\r\033[K")
    bars = [line.decode() for line in drawn if b"sampling [" in line]
    assert 3 <= len(bars) <= 200 and max(map(len, bars)) < 80
    assert "200/200  100 %" in bars[-1] and re.search(r"\[=+\]", bars[-1])
    assert any(re.search(r"\d s left", bar) for bar in bars)
    assert drawn[-1] == b""  # and cleared at the end


def default_signals() -> None:
    """Programs that a shell runs in the background have Ctrl-C ignored, and pass it on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextlib.contextmanager
def amid_the_steps(
    *arguments: object,
) -> Iterator[tuple[subprocess.Popen[str], IO[str], IO[str]]]:
    """The command in a run of 1000 steps, of which 100 are done; its stdout and stderr."""
    with subprocess.Popen(
        [COMMAND, *map(str, arguments), "--steps", "1000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=default_signals,
    ) as process:
        assert process.stderr is not None and process.stdout is not None
        assert process.stderr.readline().startswith("step 100 of 1000")
        yield process, process.stdout, process.stderr


@pytest.mark.parametrize(
    ("number", "times"),
    [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGHUP, 1), (signal.SIGINT, 2)],
)
def test_interrupt(
    stylize: list[object], tmp_path: Path, side: int, number: signal.Signals, times: int
) -> None:
    (tmp_path / "out.png").write_bytes(BEFORE)
    with amid_the_steps(*stylize, "--size", f"{side}x{side}") as (process, stdout, stderr):
        start = time.monotonic()
        for _ in range(times):
            process.send_signal(number)
            time.sleep(0.01)
        rest = stderr.read()
        assert process.wait(timeout=60) == 128 + number
        assert time.monotonic() - start < 10  # 900 steps take longer
        assert "step 1000" not in rest and stdout.read() == ""
        assert times == 2 or rest.endswith("artfusion: interrupted, nothing was written\n")
    assert (tmp_path / "out.png").read_bytes() == BEFORE
    assert os.listdir(tmp_path) == ["out.png"]


def test_interrupt_in_json(stylize: list[object], side: int) -> None:
    arguments = [*stylize, "--size", f"{side}x{side}", "--json"]
    with amid_the_steps(*arguments) as (process, stdout, stderr):
        process.send_signal(signal.SIGTERM)
        found = json.loads(stdout.read())
        stderr.read()
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert found["status"] == "ARTFUSION_ERROR_CANCELLED"
    assert found["message"] == "interrupted, nothing was written"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ([""], {"stylize", "sample", "reconstruct", "info", "--help", "--version"}),
        (["s"], {"stylize", "sample"}),
        (["stylize", "--st"], {"--steps", "--strict", "--style", "--style-scale",
                               "--style-start", "--style-end"}),
        (["stylize", "--no"], {"--noise", "--notebook"}),
        (["info", "--c"], set()),
        (["sample", "--solver", "d"], {"ddim", "ddpm", "dpmpp_2m", "dpmpp_2m_sde"}),
        (["stylize", "-c", ""], set()),  # a file: bash's own
    ],
)
def test_completion(typed: list[str], offered: set[str]) -> None:
    script = (
        f"source {SOURCE}/tools/completion/artfusion.bash && "
        'COMP_WORDS=("$@") && COMP_CWORD=$(($# - 1)) ; _artfusion; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script, "bash", COMMAND, *typed], env=environment(),
                          capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == offered and done.stderr == ""


@pytest.mark.parametrize("option", ["--preset", "-p", "--strength"])
def test_completion_of_the_model_s_presets(model: dict[str, Any], option: str) -> None:
    script = (f"source {SOURCE}/tools/completion/artfusion.bash && COMP_WORDS=(\"$@\") && "
              'COMP_CWORD=5; _artfusion; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(
        ["bash", "-c", script, "bash", COMMAND, "stylize", "-m", MODEL, option, ""],
        env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(model["presets"])
