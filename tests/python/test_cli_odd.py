# SPDX-License-Identifier: MIT
"""The command in odd places: limits, signals, closed streams, names that file systems allow."""

from __future__ import annotations

import os
import re
import resource
import signal
import stat
import subprocess
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import (  # noqa: F401 - fixtures
    BEFORE,
    COMMAND,
    IMAGES,
    SOURCE,
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


def run(arguments: list[object], **more: Any) -> subprocess.CompletedProcess[str]:
    more = {"env": environment(), "stdin": subprocess.DEVNULL, **more}
    return subprocess.run([COMMAND, *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=300, **more)


def limit(kind: int, value: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(kind, (value, value))


def whole(path: Path) -> bool:
    Image.open(path).load()
    return True


# ---- limits and signals


def test_limit_of_a_file_s_size(quick: list[object], tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(BEFORE)
    done = run([*quick, "--quiet"], preexec_fn=limit(resource.RLIMIT_FSIZE, 100))
    assert done.returncode == 1
    assert done.stderr == f"artfusion: {out}: writing: File too large\n"
    assert os.listdir(tmp_path) == ["out.png"] and out.read_bytes() == BEFORE


@pytest.fixture(scope="module")
def slow_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that makes fsync take two seconds, amid which a signal finds the write."""
    folder = tmp_path_factory.mktemp("slow")
    (folder / "slow.c").write_text(
        "#include <time.h>\n"
        "int fsync(int file) { (void)file; struct timespec left = {2, 0};\n"
        "    while (nanosleep(&left, &left) != 0) ; return 0; }\n")
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", folder / "slow.so",
                    folder / "slow.c"], check=True)
    return folder / "slow.so"


def default_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
def test_signal_amid_the_write(
    quick: list[object], tmp_path: Path, slow_disk: Path, name: str
) -> None:
    with subprocess.Popen([COMMAND, *map(str, quick)], preexec_fn=default_signals,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env=environment(LD_PRELOAD=str(slow_disk))) as process:
        while not list(tmp_path.glob(".artfusion-*.tmp")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.Signals[name])
        assert process.wait(timeout=60) == 0
    assert os.listdir(tmp_path) == ["out.png"] and whole(tmp_path / "out.png")


def test_signals_that_are_ignored_stay_so(quick: list[object], tmp_path: Path) -> None:
    """As nohup starts programs."""
    arguments = [*quick, "--steps", 200]
    with subprocess.Popen([COMMAND, *map(str, arguments)], stderr=subprocess.PIPE, text=True,
                          stdout=subprocess.DEVNULL, env=environment(),
                          preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as process:
        assert process.stderr and process.stderr.readline().startswith("step 20 of")
        process.send_signal(signal.SIGHUP)
        process.stderr.read()
        assert process.wait() == 0
    assert whole(tmp_path / "out.png")


# ---- standard streams


def test_closed_streams(quick: list[object], tmp_path: Path) -> None:
    succeed(*quick)
    expected = (tmp_path / "out.png").read_bytes()

    def close(*files: int) -> Callable[[], None]:
        return lambda: [os.close(file) for file in files] and None

    for files, status in (((0,), 0), ((2,), 0), ((1,), 1), ((0, 1, 2), 1), ((0, 2), 0)):
        (tmp_path / "out.png").unlink()
        done = run([*quick, "--verbose"], preexec_fn=close(*files))
        assert done.returncode == status, (files, done)
        # And nothing that was meant for a closed stream is in it.
        assert (tmp_path / "out.png").read_bytes() == expected
        assert os.listdir(tmp_path) == ["out.png"]


def test_reader_that_leaves() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([COMMAND, "--help"], stdout=write, stderr=subprocess.PIPE,
                          env=environment(), check=False)
    os.close(write)
    assert done.returncode == -signal.SIGPIPE


# ---- environment


def test_bare_environment(quick: list[object], tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items()
            if name.startswith("ARTFUSION_") or name == "LD_LIBRARY_PATH"}
    done = run(quick, env=kept)
    assert done.returncode == 0 and whole(tmp_path / "out.png")


@pytest.mark.parametrize("change", [{"COLUMNS": "20"}, {"COLUMNS": "x"}, {"TERM": None},
                                    {"TERM": "dumb"}, {"TZ": "Asia/Kathmandu"},
                                    {"LC_ALL": "C"}, {"LC_ALL": "de_DE.UTF-8"}])
def test_environment_changes_nothing(
    quick: list[object], tmp_path: Path, change: dict[str, str | None]
) -> None:
    assert succeed("stylize", "--help", **change) == succeed("stylize", "--help")
    succeed(*quick, "--style-scale", "1.5")
    expected = (tmp_path / "out.png").read_bytes()
    succeed(*quick, "--style-scale", "1.5", **change)
    assert (tmp_path / "out.png").read_bytes() == expected


def test_working_directory_that_was_removed(quick: list[object], tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = run(quick, cwd=gone, preexec_fn=gone.rmdir)
    assert done.returncode == 0, done.stderr
    assert whole(tmp_path / "out.png")


def test_relative_paths(pictures: Path, tmp_path: Path, side: int) -> None:
    below = tmp_path / "below"
    below.mkdir()
    (tmp_path / "a.png").write_bytes((pictures / "photo.png").read_bytes())
    done = run(["stylize", "-c", "../a.png", "-s", "../below/../a.png", "-o", "out.png",
                "--size", f"{side}x{side}", "--steps", 1], cwd=below)
    assert done.returncode == 0 and whole(below / "out.png")


# ---- names


LONG = "n" * 251 + ".png"  # 255 bytes, as long as a name can be


@pytest.mark.parametrize("name", ["-a.png", "--a.png", "a b.png", "$(x)`y`'z'\".png", "a=b.png",
                                  "写真.png", "a%s%n.png", LONG, "a.b.c.PNG"])
def test_names(quick: list[object], tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    Image.open(IMAGES / "coffee.jpg").crop((0, 0, 64, 64)).save(folder / name, format="PNG")
    (tmp_path / "out").mkdir()
    given = ["stylize", "-c", name, "-s", name, f"--out=../out/{name}", *quick[7:]]
    done = run(given, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path / "out") == [name] and whole(tmp_path / "out" / name)


@pytest.mark.parametrize("option", ["--content", "--style", "--model"])
def test_path_that_is_longer_than_a_message(quick: list[object], option: str) -> None:
    path = "/none" + 15 * ("/" + 250 * "n")
    at = quick.index(option) if option in quick else len(quick)
    done = refused(*[*quick[:at], option, path, *quick[at + 2 :]])
    assert done.stderr.endswith(": No such file or directory\n")
    assert done.error["file"] == path


@pytest.mark.parametrize("option", ["--content", "--out"])
def test_name_that_is_too_long(quick: list[object], tmp_path: Path, option: str) -> None:
    quick[quick.index(option) + 1] = tmp_path / ("n" + LONG)
    done = refused(*quick, "--quiet")
    assert done.returncode == 1 and "File name too long" in done.stderr
    assert os.listdir(tmp_path) == []


def test_arguments_behind_two_dashes_are_no_options(quick: list[object]) -> None:
    done = refused(*quick, "--", "--quiet")
    assert done.returncode == 2 and '"--quiet" is neither an option nor' in done.stderr


def test_twins(tmp_path: Path, side: int) -> None:
    """Names that other file systems hold for one: by case, and composed or not."""
    contents, results = tmp_path / "contents", tmp_path / "results"
    contents.mkdir()
    composed = "Gr\u00fc\u00dfe.png"
    names = {"a.png", "A.png", composed, unicodedata.normalize("NFD", composed)}
    for name in names:
        Image.open(IMAGES / "coffee.jpg").crop((0, 0, 64, 64)).save(contents / name)
    succeed("stylize", "-c", contents, "-o", results, "-s", IMAGES / "monet.jpg", "--size",
            f"{side}x{side}", "--steps", 1)
    assert set(os.listdir(results)) == names | {"artfusion-run.json"}


# ---- what is there already


def test_result_in_the_content_s_place(quick: list[object], tmp_path: Path) -> None:
    content = tmp_path / "out.png"
    content.write_bytes(Path(str(quick[2])).read_bytes())
    succeed(*quick)
    expected = content.read_bytes()
    content.write_bytes(Path(str(quick[2])).read_bytes())
    quick[2] = content
    succeed(*quick)
    assert content.read_bytes() == expected
    # And none where it fails.
    content.write_bytes(b"no picture")
    assert artfusion(*quick).returncode == 1 and content.read_bytes() == b"no picture"


def test_result_by_a_link(quick: list[object], tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(BEFORE)
    (tmp_path / "out.png").symlink_to("real.png")
    succeed(*quick)
    assert (tmp_path / "out.png").is_symlink() and whole(tmp_path / "real.png")
    (tmp_path / "real.png").unlink()
    done = refused(*quick, "--quiet")
    assert "is a link to what does not exist" in done.stderr


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_of_the_result(quick: list[object], tmp_path: Path, mask: int) -> None:
    out = tmp_path / "out.png"
    assert run(quick, preexec_fn=lambda: os.umask(mask) and None).returncode == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o666 & ~mask
    out.chmod(0o640)
    assert run(quick, preexec_fn=lambda: os.umask(mask) and None).returncode == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o640


@pytest.mark.parametrize("path", ["/proc/out.png", "/dev/fd/out.png", "/none/out.png"])
def test_folder_that_takes_no_files(quick: list[object], path: str) -> None:
    quick[quick.index("--out") + 1] = path
    done = refused(*quick, "--quiet")
    assert done.returncode == 1 and done.stderr.startswith(f"artfusion: {path}")


def test_content_that_claims_to_be_huge(quick: list[object], tmp_path: Path) -> None:
    """A sparse file: the limit is judged before a byte is read."""
    with open(tmp_path / "huge.png", "wb") as file:
        file.truncate(10 << 30)
    quick[2] = tmp_path / "huge.png"
    done = refused(*quick)
    assert "10737418240 bytes are beyond the limit" in done.stderr
    assert done.error["status"] == "ARTFUSION_ERROR_LIMIT"


def test_flags_in_one_word_and_values_either_way(quick: list[object], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(Path(str(quick[2])).read_bytes())
    done = run(["stylize", f"-c{tmp_path}/in", f"--style={quick[4]}", "-o", tmp_path / "results",
                "-rq", *quick[7:]])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert whole(tmp_path / "results" / "a.png")


def test_the_table_names_tests_that_exist() -> None:
    table = (SOURCE / "docs" / "odd-command-lines.md").read_text()
    tests = {path.stem: path.read_text() for path in (SOURCE / "tests/python").glob("test_*.py")}
    named = 0
    for line in table.splitlines():
        for kind, names in re.findall(r"(\w+): ((?:`test_\w+`(?:, )?)+)", line):
            for name in re.findall(r"`(test_\w+)`", names):
                assert f"\ndef {name}(" in tests[f"test_cli_{kind}"], line
                named += 1
        for name in re.findall(r"`c/(test_\w+)`", line):
            assert (SOURCE / "tests" / "c" / f"{name}.c").exists() or name == "test_faults", line
    assert named > 60
    assert all(line.count(" | ") == 4 for line in table.splitlines() if line.startswith("| "))
