# SPDX-License-Identifier: MIT
"""How the command reads pictures: damage, transparency, the published code's way; and WebP."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from command import (  # noqa: F401 - fixtures
    COMMAND,
    IMAGES,
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
from PIL import Image


def made(quick: list[object], content: Path, *more: object) -> bytes:
    out = Path(str(quick[6]))
    succeed(quick[0], "--content", content, *quick[3:], *more)
    data = out.read_bytes()
    out.unlink()
    return data


def cut(path: Path, to: Path, share: float) -> Path:
    data = path.read_bytes()
    to.write_bytes(data[: int(share * len(data))])
    return to


@pytest.mark.parametrize("name", ["coffee.jpg", "photo.png"])
def test_damaged_picture(
    quick: list[object], pictures: Path, tmp_path: Path, name: str
) -> None:
    whole = pictures / name if name.endswith(".png") else IMAGES / name
    quick[2] = cut(whole, tmp_path / f"cut-{name}", 0.9)
    done = artfusion(*quick)
    assert done.returncode == 0, done.stderr
    assert f"artfusion: warning: {quick[2]}: " in done.stderr
    (warning,) = report(*quick)["warnings"]
    assert warning.startswith(f"{quick[2]}: ") and f"warning: {warning}\n" in done.stderr
    assert "warning" not in artfusion(*quick, "--quiet").stderr
    # From a pipe too.
    with open(Path(str(quick[2])), "rb") as file:
        piped = subprocess.run(
            [COMMAND, quick[0], "--content", "-", *map(str, quick[3:])],
            stdin=file, capture_output=True, text=True, env=environment())
    assert piped.returncode == 0 and "warning: standard input: " in piped.stderr

    strict = refused(*quick, "--strict")
    assert strict.returncode == 1 and str(quick[2]) in strict.stderr
    assert strict.error["status"] == "ARTFUSION_ERROR_FORMAT"


def test_whole_picture_has_no_warning(quick: list[object]) -> None:
    assert report(*quick)["warnings"] == []


def test_background(quick: list[object], tmp_path: Path) -> None:
    def picture(*colour: int) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.png"
        Image.new("RGBA", (64, 64), colour).save(path)
        return path

    clear_over_red = picture(255, 0, 0, 0)
    white, red, orange = (picture(*c, 255) for c in ((255, 255, 255), (255, 0, 0), (255, 136, 0)))
    assert made(quick, clear_over_red) == made(quick, white)
    assert made(quick, clear_over_red, "--background", "ff8800") == made(quick, orange)
    assert made(quick, clear_over_red, "--background", "#FF8800") == made(quick, orange)
    for option in (["--background", "none"], ["--reading", "reference"]):
        assert made(quick, clear_over_red, *option) == made(quick, red)


def test_how_pictures_were_read_is_in_the_report(quick: list[object]) -> None:
    def reading(*more: object) -> dict[str, str]:
        found: dict[str, str] = report(*quick, *more)["reading"]
        return found

    assert reading() == {"as": "viewed", "background": "ffffff"}
    assert reading("--background", "0a0B0c") == {"as": "viewed", "background": "0a0b0c"}
    assert reading("--background", "none") == {"as": "viewed", "background": "none"}
    reference = {"as": "reference", "background": "none"}
    assert reading("--reading", "reference") == reference
    assert reading("--notebook") == reference  # as the notebook itself does
    assert reading("--notebook", "--reading", "viewed")["as"] == "viewed"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--background", "red"], '"red" is neither a colour like ff8800 nor none'),
        (["--background", "ff880"], '"ff880"'),
        (["--background", "0xff88"], '"0xff88"'),
        (["--background", ""], '""'),
        (["--reading", "srgb"], '"srgb" is unknown, there are viewed and reference'),
        (["--reading", "reference", "--background", "ffffff"], "--background needs --reading"),
        (["--notebook", "--background", "ffffff"], "--background needs --reading"),
    ],
)
def test_refusals(quick: list[object], more: list[str], words: str) -> None:
    done = refused(*quick, *more)
    assert done.returncode == 2 and words in done.stderr


def test_webp(quick: list[object], tmp_path: Path) -> None:
    photo = Image.open(IMAGES / "coffee.jpg").convert("RGB").resize((96, 64))
    photo.save(tmp_path / "a.webp", lossless=True)
    photo.save(tmp_path / "a.png")
    assert made(quick, tmp_path / "a.webp") == made(quick, tmp_path / "a.png")
    quick[6] = tmp_path / "out.webp"
    assert Image.open(io.BytesIO(made(quick, tmp_path / "a.png"))).format == "WEBP"
    quick[6] = tmp_path / "out"
    data = made(quick, tmp_path / "a.png", "--format", "webp")
    assert Image.open(io.BytesIO(data)).format == "WEBP"


def test_folder(tmp_path: Path, side: int) -> None:
    contents, results = tmp_path / "contents", tmp_path / "results"
    contents.mkdir()
    Image.open(IMAGES / "coffee.jpg").resize((96, 64)).save(contents / "a.webp")
    cut(IMAGES / "coffee.jpg", contents / "b.jpg", 0.9)
    run = ["stylize", "-c", contents, "-o", results, "-s", IMAGES / "monet.jpg",
           "--size", f"{side}x{side}", "--steps", 1]
    done = artfusion(*run, "--format", "webp")
    assert done.returncode == 0
    assert done.stderr.count("warning") == 1 and f"warning: {contents}/b.jpg: " in done.stderr
    assert {Image.open(path).format for path in results.glob("*.webp")} == {"WEBP"}
    assert {path.name for path in results.iterdir()} == {"a.webp", "b.webp", "artfusion-run.json"}
    done = artfusion(*run, "--format", "webp", "--background", "none")
    assert done.returncode == 1 and '"background" was "ffffff" and is "none" now' in done.stderr
