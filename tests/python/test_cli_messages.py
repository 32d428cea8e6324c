# SPDX-License-Identifier: MIT
"""What the command says: text that is safe on a terminal, and objects that programs can read."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from command import (  # noqa: F401 - fixtures
    COMMAND,
    IMAGES,
    MODEL,
    alter_manifest,
    artfusion,
    environment,
    model,
    pictures,
    refused,
    report,
    side,
    stylize,
    succeed,
)


def run(*arguments: str | bytes, **changes: str) -> subprocess.CompletedProcess[bytes]:
    """As bytes: names need not be UTF-8."""
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        timeout=300,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
    )


NAMES = [
    ("red\x1b[31m".encode(), r"red\x1b[31m"),
    (b"two\nlines\r\tand", r"two\nlines\r\tand"),
    (b"rub\x7fout", r"rub\x7fout"),
    ("csi\u009b31m".encode(), r"csi\xc2\x9b31m"),
    ("gpj.\u202eexe".encode(), r"gpj.\xe2\x80\xaeexe"),
    ("isolate\u2066".encode(), r"isolate\xe2\x81\xa6"),
    ("line\u2028separator".encode(), r"line\xe2\x80\xa8separator"),
    (b"latin-\xe9", r"latin-\xe9"),
    (b"overlong-\xc0\xaf", r"overlong-\xc0\xaf"),
    (b"surrogate-\xed\xa0\x80", r"surrogate-\xed\xa0\x80"),
    (b"cut-\xe2\x82", r"cut-\xe2\x82"),
    (b"beyond-\xf4\x90\x80\x80", r"beyond-\xf4\x90\x80\x80"),
    ("Größe 写真 🎨 e\u0301".encode(), "Größe 写真 🎨 e\u0301"),
    (b"back\\slash", r"back\slash"),
]


@pytest.mark.parametrize(("name", "shown"), NAMES, ids=lambda value: ascii(value)[:24])
def test_names_are_shown_without_what_a_terminal_obeys(name: bytes, shown: str) -> None:
    for locale in ("C", "C.UTF-8"):  # the text is the same: bytes of UTF-8
        done = run("stylize", "-c", name, "-s", "x", "-o", "o.png", LC_ALL=locale)
        assert done.returncode == 1
        expected = f"artfusion: {shown}: opening: No such file or directory\n"
        assert done.stderr.decode() == expected


@pytest.mark.parametrize("name", [name for name, _ in NAMES], ids=lambda name: ascii(name)[:24])
def test_names_in_json_are_exact(name: bytes) -> None:
    done = run("stylize", "--json", "-c", name, "-s", "x", "-o", "o.png")
    assert done.stdout.isascii() and not re.search(rb"[\0-\x1f]", done.stdout.rstrip(b"\n"))
    found = json.loads(done.stdout)
    try:
        exact = name.decode()
    except UnicodeDecodeError:
        assert found["file"] is None  # there is no such string in JSON
    else:
        assert found["file"] == exact
        assert found["message"] == f"{exact}: opening: No such file or directory"


@pytest.mark.parametrize("option", ["--content", "--style", "--out", "--model"])
def test_every_path_and_value_is_escaped(stylize: list[object], option: str) -> None:
    bad = "/none/\x1b]0;title\x07\n"
    if option in stylize:
        stylize[stylize.index(option) + 1] = bad
    else:
        stylize += [option, bad]
    done = artfusion(*stylize)
    assert done.returncode in (1, 2) and "\x1b" not in done.stderr and "\x07" not in done.stderr
    assert r"/none/\x1b]0;title\x07\n" in done.stderr.splitlines()[0]
    done = artfusion(*stylize, "--steps", bad)
    assert r'"/none/\x1b]0;title\x07\n" is not a whole number' in done.stderr


def test_what_a_model_says_of_itself_is_escaped(stylize: list[object], tmp_path: Path) -> None:
    model = tmp_path / "model.artfusion"
    told = "a\u202eclean\u2028licence     forged"
    alter_manifest(MODEL, model, description=told)
    text = succeed("info", model)
    assert r"a\xe2\x80\xaeclean\xe2\x80\xa8licence     forged" in text
    assert "\u2028" not in text and "\u202e" not in text
    assert report("info", model)["description"] == told

    # What the core refuses is quoted in the refusal.
    alter_manifest(MODEL, model, description="a\x1b[2Jclean\nlicence     forged")
    assert "description has a control character, U+001B" in refused("info", model).stderr
    alter_manifest(MODEL, model, presets={"\x1b]0;title\x07\u009b": {}})
    done = run("info", str(model), "--json")
    assert rb'"\x1b]0;title\x07\xc2\x9b" is no name' in done.stderr
    assert done.stderr.isascii() and done.stdout.isascii() and b"\x1b" not in done.stderr + done.stdout


def test_result_s_name_is_escaped(stylize: list[object], tmp_path: Path, side: int) -> None:
    stylize[-1] = tmp_path / "o\x1b[31m.png"
    quick = [*stylize, "--size", f"{side}x{side}", "--steps", 1]
    assert rf"{tmp_path}/o\x1b[31m.png: {side}x{side} pixels" in succeed(*quick)
    assert report(*quick)["out"] == str(tmp_path / "o\x1b[31m.png")
    assert os.listdir(tmp_path) == ["o\x1b[31m.png"]


def test_log_lines_are_escaped(stylize: list[object], tmp_path: Path) -> None:
    bad = tmp_path / "model\x1b.artfusion"
    bad.symlink_to(MODEL)
    done = artfusion("info", bad, "--verbose")
    assert done.returncode == 0 and "\x1b" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("change", "status", "option", "file"),
    [
        (["--steps", "x"], "ARGUMENT", "--steps", None),
        (["--zonk"], "ARGUMENT", "--zonk", None),
        (["--steps", "1001"], "ARGUMENT", "--steps", None),
        (["--threads", "5000"], "ARGUMENT", "--threads", None),
        (["--preset", "wild"], "ARGUMENT", "--preset", None),
        (["--solver", "euler"], "ARGUMENT", "--solver", None),
        (["--model", "/none.artfusion"], "IO", None, "/none.artfusion"),
        (["--model", "/dev/null"], "IO", None, "/dev/null"),
        (["--device", "cuda:99"], "UNSUPPORTED", None, MODEL),
    ],
)
def test_failure_in_json(
    stylize: list[object], change: list[str], status: str, option: str | None, file: str | None
) -> None:
    done = refused(*stylize, *change)
    assert done.error["status"] == f"ARTFUSION_ERROR_{status}"
    assert (done.error["option"], done.error["file"]) == (option, file)
    assert done.error["command"] == "stylize"


@pytest.mark.parametrize("kind", ["content", "style", "out"])
def test_failure_in_json_names_the_file(stylize: list[object], tmp_path: Path, kind: str) -> None:
    bad = tmp_path / "none" / "x.png"
    stylize[stylize.index(f"--{kind}") + 1] = bad
    done = refused(*stylize)
    assert done.error["status"] == "ARTFUSION_ERROR_IO" and done.error["file"] == str(bad)


def test_success_in_json_says_so(stylize: list[object], side: int) -> None:
    found = report(*stylize, "--size", f"{side}x{side}", "--steps", 1)
    assert found["status"] == "ARTFUSION_OK" and found["warnings"] == []
    assert found["content"] == str(stylize[2])
    assert report("info")["status"] == "ARTFUSION_OK"


@pytest.mark.parametrize("seed", [0, 2**63 - 1, 2**63, 2**64 - 1])
def test_seeds_to_the_last(stylize: list[object], tmp_path: Path, side: int, seed: int) -> None:
    """A reader of JSON may have no number above 2^63 - 1, so those are strings."""
    quick = [*stylize, "--size", f"{side}x{side}", "--steps", 1, "--eta", 1]
    found = report(*quick, "--seed", seed)["sampling"]["seed"]
    assert found == (seed if seed < 2**63 else str(seed))
    if seed:
        made = (tmp_path / "out.png").read_bytes()
        succeed(*quick, "--seed", seed - 1)
        assert (tmp_path / "out.png").read_bytes() != made
    assert f"seed {seed}\n" in succeed(*quick, "--seed", seed, "--verbose")


def test_of_repeated_options_the_last_holds(stylize: list[object], side: int) -> None:
    quick = [*stylize, "--size", "32x32", "--size", f"{side}x{side}"]
    found = report(*quick, "--steps", 9, "--steps=+1", "--seed", 5, "--seed", 6)
    assert (found["width"], found["steps"], found["sampling"]["seed"]) == (side, 1, 6)


def test_proportions_that_change_are_reported(
    stylize: list[object], tmp_path: Path, model: dict[str, object]
) -> None:
    Image.new("RGB", (3000, 20), (200, 90, 30)).save(tmp_path / "strip.png")
    stylize[2] = tmp_path / "strip.png"
    small = model["size_multiple"]
    assert 2 * small < 3000 / 20 / 1.25
    quick = [*stylize, "--steps", 1, "--fit", 2 * small]
    # A strip keeps its length, and a pixel of its width at least.
    words = f"3000x20 becomes {2 * small}x1: its proportions change from 150:1 to {2 * small}:1"
    done = artfusion(*quick)
    assert done.returncode == 0
    assert f"artfusion: warning: {tmp_path}/strip.png: {words}\n" in done.stderr
    assert report(*quick)["warnings"] == [f"{tmp_path}/strip.png: {words}"]
    assert artfusion(*quick, "--quiet").stderr == ""
    # By choice, or by no more than rounding: nothing to tell.
    assert report(*stylize, "--steps", 1, "--size", f"{small}x{small}")["warnings"] == []
    stylize[2] = IMAGES / "coffee.jpg"
    assert report(*stylize, "--steps", 1, "--fit", 4 * small)["warnings"] == []
