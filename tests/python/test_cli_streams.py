# SPDX-License-Identifier: MIT
"""Pictures from standard input and pipes, and to standard output."""

from __future__ import annotations

import errno
import io
import os
import pty
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from command import (  # noqa: F401 - fixtures
    COMMAND,
    artfusion,
    environment,
    model,
    pictures,
    quick,
    refused,
    side,
    stylize,
    succeed,
)
from PIL import Image


def piped(
    arguments: list[object], given: bytes = b"", **more: Any
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        timeout=300,
        **more,
    )


def change(arguments: list[object], option: str, value: object) -> list[object]:
    at = arguments.index(f"--{option}") + 1
    return [*arguments[:at], value, *arguments[at + 1 :]]


@pytest.fixture
def expected(quick: list[object], tmp_path: Path) -> bytes:
    succeed(*quick)
    made = (tmp_path / "out.png").read_bytes()
    (tmp_path / "out.png").unlink()
    return made


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input(
    quick: list[object], expected: bytes, pictures: Path, tmp_path: Path, name: str
) -> None:
    for option, file in (("content", "photo.png"), ("style", "painting.jpg")):
        done = piped(change(quick, option, name), (pictures / file).read_bytes())
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "out.png").read_bytes() == expected
        (tmp_path / "out.png").unlink()


def test_standard_input_that_is_a_file(quick: list[object], expected: bytes, pictures: Path,
                                       tmp_path: Path) -> None:
    with open(pictures / "photo.png", "rb") as file:
        subprocess.run([COMMAND, *map(str, change(quick, "content", "-"))], stdin=file, check=True,
                       env=environment(), capture_output=True)
    assert (tmp_path / "out.png").read_bytes() == expected


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_standard_output_has_the_picture_and_nothing_else(
    quick: list[object], expected: bytes, tmp_path: Path, name: str
) -> None:
    done = piped([*change(quick, "out", name), "--verbose"])
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected
    # What else it would print is on standard error, unless that is to be quiet.
    assert f"{name}: " in done.stderr.decode() and "1 step of" in done.stderr.decode()
    done = piped([*change(quick, "out", name), "--quiet"])
    assert (done.stdout, done.stderr) == (expected, b"")
    assert os.listdir(tmp_path) == []


def test_in_a_pipeline(quick: list[object], expected: bytes, pictures: Path) -> None:
    both = change(change(quick, "content", "-"), "out", "-")
    done = piped(both, (pictures / "photo.png").read_bytes())
    assert done.returncode == 0 and done.stdout == expected


@pytest.mark.parametrize(
    ("name", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("jpg", "JPEG"), (None, "PNG")]
)
def test_format(quick: list[object], tmp_path: Path, name: str | None, kind: str) -> None:
    option = [] if name is None else ["--format", name]
    done = piped([*change(quick, "out", "-"), *option])
    assert Image.open(io.BytesIO(done.stdout)).format == kind
    if name is not None:  # of a file too, whatever it is called
        succeed(*change(quick, "out", tmp_path / "result"), *option)
        assert Image.open(tmp_path / "result").format == kind
        succeed(*change(quick, "out", tmp_path / "result.png"), *option)
        assert Image.open(tmp_path / "result.png").format == kind


@pytest.mark.parametrize("command", ["sample", "reconstruct"])
def test_other_commands(pictures: Path, tmp_path: Path, side: int, command: str) -> None:
    option = "--style" if command == "sample" else "--content"
    arguments = [command, option, pictures / "painting.jpg", "--size", f"{side}x{side}",
                 "--steps", 1, "--out", tmp_path / "out.png"]
    succeed(*arguments)
    arguments = change(arguments, option[2:], "-")
    done = piped(change(arguments, "out", "-"), (pictures / "painting.jpg").read_bytes())
    assert done.stdout == (tmp_path / "out.png").read_bytes()


def test_pipes_by_name(quick: list[object], expected: bytes, pictures: Path,
                       tmp_path: Path) -> None:
    """As a shell's <(...) and >(...) give them; the writer comes late."""
    for name in ("in", "out"):
        os.mkfifo(tmp_path / name)
    arguments = change(change(quick, "content", tmp_path / "in"), "out", tmp_path / "out")
    data = (pictures / "photo.png").read_bytes()
    with subprocess.Popen(["cat", tmp_path / "out"], stdout=subprocess.PIPE) as reader:
        with subprocess.Popen([COMMAND, *map(str, arguments)], env=environment()) as process:
            with open(tmp_path / "in", "wb", buffering=0) as writer:
                writer.write(data[:100])
                time.sleep(0.2)
                writer.write(data[100:])
            assert reader.stdout and reader.stdout.read() == expected
            assert process.wait() == 0


def test_two_pictures_from_one_input(quick: list[object]) -> None:
    both = change(change(quick, "content", "-"), "style", "/dev/stdin")
    done = refused(*both)
    assert done.returncode == 2 and "standard input holds one picture" in done.stderr


def test_json_and_the_picture_on_one_output(quick: list[object]) -> None:
    done = artfusion(*change(quick, "out", "-"), "--json")
    assert done.returncode == 2 and "--json and --out - exclude each other" in done.stderr


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b"", "standard input: an empty file"),
        (b"no picture", "standard input: "),
        (b"\xff\xd8\xff\xe0", "standard input: "),
    ],
)
def test_what_is_no_picture(quick: list[object], tmp_path: Path, given: bytes, words: str) -> None:
    done = piped(change(quick, "content", "-"), given)
    assert done.returncode == 1 and f"artfusion: {words}" in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1 and os.listdir(tmp_path) == []


def test_input_without_end(quick: list[object]) -> None:
    done = artfusion(*change(quick, "content", "/dev/zero"))
    assert done.returncode == 1
    assert "/dev/zero: more than 1073741824 bytes, the limit" in done.stderr


def test_closed_input_and_output(quick: list[object], tmp_path: Path) -> None:
    done = piped(change(quick, "content", "-"), preexec_fn=lambda: os.close(0))
    assert done.returncode == 1 and b"standard input: reading: " in done.stderr
    done = piped(change(quick, "out", "-"), preexec_fn=lambda: os.close(1))
    assert done.returncode == 1 and b"standard output is closed" in done.stderr


def test_reader_that_is_gone(quick: list[object]) -> None:
    with subprocess.Popen([COMMAND, *map(str, change(quick, "out", "-"))], env=environment(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.close()
        assert process.wait() == -signal.SIGPIPE


def test_full_output(quick: list[object]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([COMMAND, *map(str, change(quick, "out", "-"))], stdout=full,
                              stderr=subprocess.PIPE, text=True, env=environment())
    assert done.returncode == 1
    assert "artfusion: standard output: writing: No space left on device" in done.stderr


def test_output_that_swallows_all(quick: list[object]) -> None:
    assert artfusion(*change(quick, "out", "/dev/null")).returncode == 0
    assert Path("/dev/null").is_char_device()


def test_pipe_that_nobody_reads(quick: list[object], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out")
    done = refused(*change(quick, "out", tmp_path / "out"), "--quiet")
    assert done.returncode == 1 and "nobody reads this pipe" in done.stderr


def test_terminal_is_neither(quick: list[object]) -> None:
    leader, follower = pty.openpty()
    done = subprocess.run([COMMAND, *map(str, change(quick, "content", "-"))], stdin=follower,
                          capture_output=True, text=True, env=environment(), timeout=60)
    assert done.returncode == 1 and "standard input is a terminal" in done.stderr
    # Before the work: the model is not looked for.
    arguments = [*change(quick, "out", "-"), "--model", "/none"]
    done = subprocess.run([COMMAND, *map(str, arguments)], stdout=follower,
                          stderr=subprocess.PIPE, text=True, env=environment())
    assert done.returncode == 1 and "standard output is a terminal" in done.stderr
    os.set_blocking(leader, False)
    with pytest.raises(OSError) as nothing:
        os.read(leader, 1)
    assert nothing.value.errno == errno.EAGAIN
    os.close(leader)
    os.close(follower)


def test_interrupt_while_waiting_for_input(quick: list[object], tmp_path: Path) -> None:
    with subprocess.Popen([COMMAND, *map(str, change(quick, "content", "-"))],
                          stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=environment(),
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert process.stderr and "interrupted" in process.stderr.read()


def test_a_file_called_dash(quick: list[object], expected: bytes, pictures: Path,
                            tmp_path: Path) -> None:
    (tmp_path / "-").write_bytes((pictures / "photo.png").read_bytes())
    done = piped(change(quick, "content", "./-"), cwd=tmp_path)
    assert done.returncode == 0 and (tmp_path / "out.png").read_bytes() == expected


def test_model_is_a_file(tmp_path: Path) -> None:
    """An archive is read from its end."""
    os.mkfifo(tmp_path / "model")
    assert "is not a regular file" in refused("info", tmp_path / "model").stderr
