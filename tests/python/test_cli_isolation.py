# SPDX-License-Identifier: MIT
"""The command with networks in a process of their own, which is killed in mid-run."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command import (
    COMMAND,
    MODEL,
    alter_manifest,
    artfusion,
    environment,
    model,
    pictures,
    quick,
    refused,
    report,
    side,
    stylize,
    succeed,
)

__all__ = ["model", "pictures", "quick", "side", "stylize"]  # fixtures


def engine_of(parent: int) -> int:
    """The engine's process, which is the command's only child, once there is one."""
    while not (found := Path(f"/proc/{parent}/task/{parent}/children").read_text().split()):
        time.sleep(0.01)
    (child,) = found
    assert "artfusion-engine-host" in Path(f"/proc/{child}/cmdline").read_text()
    return int(child)


def test_a_run_whose_engine_is_killed_makes_the_same_bytes(
    stylize: list[object], side: int, tmp_path: Path
) -> None:
    run = [*stylize, "--size", f"{side}x{side}", "--steps", 1000, "--eta", 0.5]
    succeed(*run)
    out = tmp_path / "out.png"
    undisturbed = out.read_bytes()
    out.unlink()
    command = [COMMAND, *map(str, run), "--isolation", "process", "--verbose"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment()
    ) as running:
        assert running.stderr is not None
        said = ""
        while "in a process of its own" not in said:
            line = running.stderr.readline()
            assert line, said
            said += line
        for _ in range(2):
            time.sleep(0.5)
            assert running.poll() is None, "it was over before it was killed: too few steps"
            os.kill(engine_of(running.pid), signal.SIGKILL)
            line = running.stderr.readline()
            while line.startswith("step "):
                line = running.stderr.readline()
            assert "warning" in line and line.endswith(": tried again in another process\n"), line
            assert "the engine's process was ended by SIGKILL" in line
        rest = running.stderr.read()
        assert running.wait(timeout=300) == 0, rest
    assert out.read_bytes() == undisturbed


def test_a_call_may_take_so_long_and_no_longer(quick: list[object], tmp_path: Path) -> None:
    done = refused(*quick, "--isolation", "process", "--isolation-timeout", 0.001)
    assert done.error["status"] == "ARTFUSION_ERROR_ENGINE"
    assert "did not answer within 0.001 s" in done.stderr
    assert not (tmp_path / "out.png").exists()


def isolation(*arguments: object) -> str:
    found = report("info", *arguments)["isolation"]
    assert isinstance(found, str)
    return found


def test_auto_trusts_what_came_with_the_library_and_what_is_named(tmp_path: Path) -> None:
    other = tmp_path / "other.artfusion"
    alter_manifest(MODEL, other, description="with the weights of the shipped one")
    digest = hashlib.sha256(other.read_bytes()).hexdigest()
    assert isolation() == "none"
    assert isolation("--isolation", "process") == "process"
    assert isolation("--isolation", "auto", "--model", MODEL) == "none"
    assert isolation("--isolation", "auto", "--model", other) == "process"
    assert isolation("--isolation", "auto", "--model", other, "--trusted", digest) == "none"
    both = f"{'0' * 64},{digest}"
    assert isolation("--isolation", "auto", "--model", other, "--trusted", both) == "none"
    assert "in a process of its own" in succeed("info", other, "--isolation", "auto")
    assert "in a process of its own" not in succeed("info", MODEL, "--isolation", "auto")


@pytest.mark.parametrize(
    ("arguments", "option", "words"),
    [
        (["--isolation", "thread"], "--isolation", "there are none, process, auto"),
        (["--isolation", "process", "--isolation-timeout", 0], "--isolation-timeout", "seconds"),
        (["--isolation", "auto", "--isolation-timeout", "nan"], "--isolation-timeout", "seconds"),
        (["--isolation", "auto", "--isolation-timeout", 1e9], "--isolation-timeout", "seconds"),
        (["--isolation-timeout", 1], "--isolation-timeout", "needs --isolation"),
        (["--trusted", "0" * 64], "--trusted", "needs --isolation auto"),
        (["--isolation", "process", "--trusted", "0" * 64], "--trusted", "needs --isolation auto"),
        (["--isolation", "auto", "--trusted", "mini"], "--trusted", "64 hexadecimal digits"),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[object], option: str, words: str) -> None:
    done = refused("info", *arguments)
    assert done.returncode == 2
    assert done.error["option"] == option
    assert words in done.stderr


def test_the_program_is_needed(quick: list[object]) -> None:
    done = refused(*quick, "--isolation", "process", ARTFUSION_ENGINE_HOST="/no/such/host")
    assert "/no/such/host cannot be started" in done.stderr
    assert artfusion(*quick, ARTFUSION_ENGINE_HOST="/no/such/host").returncode == 0
