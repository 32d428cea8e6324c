# SPDX-License-Identifier: MIT
"""What the command refuses, with which words and exit status, and that nothing is written."""

from __future__ import annotations

import re
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from command import (  # noqa: F401 - fixtures
    BEFORE,
    COMMAND,
    COMMANDS,
    MODEL,
    SOURCE,
    alter_manifest,
    artfusion,
    model,
    pictures,
    refused,
    stylize,
    succeed,
)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_and_lists_only_options_that_exist(command: str) -> None:
    done = artfusion(command, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert f"Usage: artfusion {command}" in done.stdout and "Examples:" in done.stdout
    flags = {"json", "verbose", "quiet", "help", "notebook", "recursive", "keep-suffix", "strict"}
    for option in set(re.findall(r"^ .{5}--([a-z-]+)", done.stdout, re.M)) - flags:
        done = artfusion(command, f"--{option}")
        assert done.returncode == 2
        assert f"--{option}: missing argument" in done.stderr


def test_help_of_all_and_version() -> None:
    help_text = succeed("--help")
    assert help_text == succeed("-h")
    assert max(map(len, help_text.splitlines())) <= 80
    for word in (*COMMANDS, "ARTFUSION_MODEL", "130"):
        assert word in help_text
    header = (SOURCE / "include" / "artfusion.h").read_text()
    parts = re.findall(r"define ARTFUSION_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header)
    assert succeed("--version") == f"artfusion {'.'.join(parts)}\n"


def test_lost_output_is_a_failure() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([COMMAND, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "standard output" in done.stderr


def test_without_a_command_and_with_an_unknown_one() -> None:
    done = artfusion()
    assert done.returncode == 2 and done.stdout == "" and "Usage:" in done.stderr
    done = refused("paint")
    assert done.returncode == 2 and '"paint"' in done.stderr and "--help" in done.stderr
    assert done.error["command"] is None
    assert "did you mean stylize?" in refused("stylise").stderr


USAGE_ERRORS = [
    (["--zonk"], 'unknown option "--zonk"'),
    (["--stpes", "3"], "did you mean --steps?"),
    (["--content_scale", "1"], "did you mean --content-scale?"),
    (["--style-scal=1"], "did you mean --style-scale?"),
    (["--model", ""], "--model"),
    (["--model", "-"], "is not read from standard input"),
    (["--format", "gif"], '"gif" is unknown'),
    (["--recursive"], "--recursive"),
    (["--keep-suffix"], "--keep-suffix"),
    (["-z"], "-z"),
    (["--steps"], "--steps"),
    (["--steps", "ten"], '"ten"'),
    (["--steps", "99999999999"], '"99999999999" is out of range: it must be 1 to'),
    (["--threads", "-99999999999"], '"-99999999999" is out of range'),
    (["--steps", "1e3"], '"1e3" is not a whole number'),
    (["--steps", ""], '"" is not a whole number'),
    (["--content-scale", "1,5"], '"1,5" is not a number; decimals have a point'),
    (["--style-scale", ""], '""'),
    (["--solver", "euler"], '"euler"'),
    (["--solver", "euler"], "dpmpp_2m"),
    (["--spacing", "even"], '"even"'),
    (["--rng", "dice"], '"dice"'),
    (["--noise", "pink"], '"pink"'),
    (["--preset", ""], '"" names nothing'),
    (["--strenght", "bold"], "did you mean --preset?"),
    (["--seed", "-1"], '"-1" is out of range: it must be 0 to 18446744073709551615'),
    (["--seed", "18446744073709551616"], '"18446744073709551616" is out of range'),
    (["--seed", "0x10"], '"0x10" is not a whole number'),
    (["--size", "64"], '"64"'),
    (["--size", "64x"], '"64x"'),
    (["--size", "0x64"], '"0x64"'),
    (["--size", "64x64x64"], '"64x64x64"'),
    (["--fit", "0"], '"0"'),
    (["--fit", "70000"], '"70000"'),
    (["--size", "64x64", "--fit", "64"], "exclude"),
    (["--preset", "bold", "--notebook"], "--preset and --notebook exclude"),
    (["--preset", "bold", "--preset", "notebook"], "--preset and --notebook exclude"),
    (["--preset", "bold", "--preset", "subtle"], "twice"),
    (["--preset", "bold", "--strength", "subtle"], "--preset was given twice"),
    (["--verbose", "--quiet"], "exclude"),
    (["--device", "tpu"], '"tpu"'),
    (["--device", "cuda:x"], '"cuda:x"'),
    (["--threads", "two"], '"two"'),
    (["--threads", "5000"], "5000"),
    (["--style", "other.jpg"], '"other.jpg"'),
    (["photo.jpg"], '"photo.jpg"'),
    (["--count", "3"], "--count"),
]


@pytest.mark.parametrize(("extra", "named"), USAGE_ERRORS)
def test_usage_error(stylize: list[object], tmp_path: Path, extra: list[str], named: str) -> None:
    (tmp_path / "out.png").write_bytes(BEFORE)
    done = refused(*stylize, *extra)
    assert done.returncode == 2 and done.stdout == ""
    said = done.stderr.splitlines()
    assert said[0].startswith("artfusion: ") and named in said[0]
    assert said[1:] == ["Try 'artfusion stylize --help'."]
    assert (tmp_path / "out.png").read_bytes() == BEFORE


@pytest.mark.parametrize("option", ["--content", "--style", "--out"])
def test_missing_option(stylize: list[object], option: str) -> None:
    at = stylize.index(option)
    done = refused(*stylize[:at], *stylize[at + 2 :])
    assert done.returncode == 2 and f"{option} is missing" in done.stderr


def png_header(width: int, height: int) -> bytes:
    """A PNG of one chunk: as much as tells its size."""
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + ihdr + struct.pack(">I", zlib.crc32(ihdr))


def make_bad_picture(kind: str, path: Path, good: Path) -> None:
    match kind:
        case "missing":
            pass
        case "empty":
            path.write_bytes(b"")
        case "truncated":
            path.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
        case "renamed":
            path.write_text("a letter, not a picture\n" * 20)
        case "directory":
            path.mkdir()
        case "huge":
            path.write_bytes(png_header(60000, 60000))
        case "flat":
            path.write_bytes(png_header(0, 64))
        case _:
            raise ValueError(kind)


@pytest.mark.parametrize("option", ["--content", "--style"])
@pytest.mark.parametrize(
    "kind", ["missing", "empty", "truncated", "renamed", "directory", "huge", "flat"]
)
def test_bad_picture(stylize: list[object], tmp_path: Path, option: str, kind: str) -> None:
    (tmp_path / "out.png").write_bytes(BEFORE)
    bad = tmp_path / "bad.png"
    good = stylize[stylize.index("--content") + 1]
    assert isinstance(good, Path)
    make_bad_picture(kind, bad, good)
    stylize[stylize.index(option) + 1] = bad
    # Half a picture is read as far as it goes, unless --strict.
    done = refused(*stylize, *(["--strict"] if kind == "truncated" else []))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("artfusion: ") and "bad.png" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "out.png").read_bytes() == BEFORE


@pytest.mark.parametrize("name", ["out.gif", "out", "folder.png/out", ".png.d/out"])
def test_unknown_suffix_is_refused_before_the_work(
    stylize: list[object], tmp_path: Path, name: str
) -> None:
    stylize[-1] = tmp_path / name
    done = refused(*stylize, "--model", tmp_path / "none.artfusion")
    assert done.returncode == 2 and name in done.stderr and ".jpg" in done.stderr


@pytest.mark.parametrize("name", ["none/out.png", "folder.png", "", "file/out.png"])
def test_unwritable_target_is_refused_before_the_work(
    stylize: list[object], tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_bytes(b"")
    stylize[-1] = tmp_path / name
    done = refused(*stylize, "--model", tmp_path / "none.artfusion")
    assert done.returncode == 1 and str(tmp_path / name) in done.stderr


def change_weight(source: str, target: Path) -> None:
    """One bit of the largest entry, the archive's own CRC made right again."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        largest = max(old.infolist(), key=lambda entry: entry.file_size).filename
        for entry in old.infolist():
            data = bytearray(old.read(entry))
            if entry.filename == largest:
                data[len(data) // 2] ^= 1
            new.writestr(entry.filename, bytes(data))


def make_bad_model(kind: str, path: Path) -> None:
    match kind:
        case "missing":
            pass
        case "text":
            path.write_text("no model\n" * 100)
        case "truncated":
            path.write_bytes(Path(MODEL).read_bytes()[: Path(MODEL).stat().st_size // 2])
        case "changed":
            change_weight(MODEL, path)
        case "newer":
            alter_manifest(MODEL, path, format_version=99)
        case "directory":
            path.mkdir()
        case _:
            raise ValueError(kind)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "No such file"),
        ("text", ""),
        ("truncated", ""),
        ("changed", "checksum|SHA-256|changed"),
        ("newer", "99"),
        ("directory", "directory"),
    ],
)
def test_bad_model(stylize: list[object], tmp_path: Path, kind: str, said: str) -> None:
    (tmp_path / "out.png").write_bytes(BEFORE)
    bad = tmp_path / "bad.artfusion"
    make_bad_model(kind, bad)
    for arguments in (["info", bad], [*stylize, "--model", bad]):
        done = refused(*arguments)
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr.startswith("artfusion: ") and done.stderr.count("\n") == 1
        assert re.search(said, done.stderr), done.stderr
    assert (tmp_path / "out.png").read_bytes() == BEFORE


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--steps", "0", "0"),
        ("--steps", "1001", "1001"),
        ("--content-scale", "nan", "nan"),
        ("--style-scale", "inf", "inf"),
        ("--eta", "-0.5", "-0.5"),
        ("--denoising-strength", "1.5", "1.5"),
        ("--content-start", "-1", "-1"),
        ("--content-end", "2", "2"),
        ("--style-start", "nan", "nan"),
        ("--style-end", "1.5", "1.5"),
    ],
)
def test_value_out_of_range(
    stylize: list[object], tmp_path: Path, option: str, value: str, named: str
) -> None:
    (tmp_path / "out.png").write_bytes(BEFORE)
    done = refused(*stylize, option, value)
    assert done.returncode == 2
    assert re.match(rf"artfusion: {option} is {re.escape(named)}\b", done.stderr), done.stderr
    assert done.error["option"] == option
    assert (tmp_path / "out.png").read_bytes() == BEFORE


@pytest.mark.parametrize("of", ["content", "style"])
def test_interval_that_ends_before_it_begins(stylize: list[object], of: str) -> None:
    done = refused(*stylize, f"--{of}-start", "0.9", f"--{of}-end", "0.1")
    assert done.returncode == 2
    assert done.stderr.startswith(f"artfusion: --{of}-start is 0.9, beyond --{of}-end 0.1\n")
    assert done.error["option"] == f"--{of}-start"


@pytest.mark.parametrize(
    ("presets", "known"), [({"faint": {}, "loud": {}}, "faint, loud"), ({}, "no presets")]
)
@pytest.mark.parametrize("typed", ["--preset", "--strength"])
def test_unknown_preset(
    stylize: list[object], tmp_path: Path, presets: dict[str, object], known: str, typed: str
) -> None:
    alter_manifest(MODEL, tmp_path / "model.artfusion", presets=presets)
    done = refused(*stylize, "--model", tmp_path / "model.artfusion", typed, "wild")
    assert done.returncode == 2
    assert done.stderr.startswith('artfusion: --preset: preset "wild" is unknown')
    assert f"has {known}\n" in done.stderr and done.error["option"] == "--preset"
    assert not (tmp_path / "out.png").exists()


def test_size_beyond_what_the_model_can_do(
    stylize: list[object], tmp_path: Path, model: dict[str, Any]
) -> None:
    most = 65535 // model["size_multiple"] * model["size_multiple"]
    done = refused(*stylize, "--size", f"64x{most + 1}")
    assert done.returncode == 2
    words = f"height is {most + 1} pixels: it must be 1 to {most}\n"
    assert done.stderr.startswith(f"artfusion: --size: {words}")
    assert done.error["option"] == "--size"
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("count", ["0", "257", "1000", "-1"])
def test_number_of_pictures(pictures: Path, tmp_path: Path, count: str) -> None:
    arguments = ["--style", pictures / "painting.jpg", "--out", tmp_path / "sheet.png"]
    done = refused("sample", *arguments, "--count", count)
    assert done.returncode == 2
    assert f'--count: "{count}" is out of range: it must be 1 to 256' in done.stderr


def test_device_that_is_not_there() -> None:
    done = refused("info", "--device", "cuda:99")
    assert done.returncode == 1 and "99" in done.stderr
