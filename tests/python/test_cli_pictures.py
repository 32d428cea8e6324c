# SPDX-License-Identifier: MIT
"""What the command makes."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from command import (  # noqa: F401 - fixtures
    BEFORE,
    IMAGES,
    MODEL,
    SOURCE,
    alter_manifest,
    artfusion,
    environment,
    model,
    pictures,
    pixels,
    report,
    side,
    stylize,
    succeed,
)


def test_stylize_twice(stylize: list[object], tmp_path: Path, side: int) -> None:
    quick = [*stylize, "--steps", 2, "--size", f"{side}x{2 * side}", "--eta", 0]
    out = tmp_path / "out.png"
    out.write_bytes(BEFORE)
    text = succeed(*quick)
    first = out.read_bytes()
    assert Image.open(out).format == "PNG" and Image.open(out).size == (side, 2 * side)
    assert str(out) in text and f"{side}x{2 * side}" in text and "2 steps" in text
    assert pixels(out).std() > 5  # a picture, not a plain

    succeed(*quick)
    assert out.read_bytes() == first  # the same seed

    succeed(*quick, "--seed", 1)
    assert out.read_bytes() != first
    assert sorted(os.listdir(tmp_path)) == ["out.png"]


def test_number_of_threads(stylize: list[object], tmp_path: Path, side: int) -> None:
    results = []
    for threads in (1, 2):
        arguments = [*stylize, "--steps", 2, "--size", f"{side}x{side}", "--threads", threads]
        assert report(*arguments)["threads"] == threads
        results.append(pixels(tmp_path / "out.png"))
    # Sums in another order: a level here and there.
    assert np.abs(results[0] - results[1]).max() <= 2


def test_styles_and_contents_matter(stylize: list[object], tmp_path: Path, side: int) -> None:
    quick = [*stylize, "--steps", 2, "--size", f"{side}x{side}"]
    out = tmp_path / "out.png"
    results = []
    for option, other in ((None, None), ("--style", "munch.jpg"), ("--content", "coffee.jpg")):
        arguments = list(quick)
        if option and other:
            arguments[arguments.index(option) + 1] = IMAGES / other
        succeed(*arguments)
        results.append(pixels(out))
    assert not np.array_equal(results[1], results[0])
    assert not np.array_equal(results[2], results[0])


def test_jpeg_by_suffix(stylize: list[object], tmp_path: Path, side: int) -> None:
    stylize[-1] = tmp_path / "out.JPG"
    succeed(*stylize, "--steps", 1, "--size", f"{side}x{side}")
    assert Image.open(tmp_path / "out.JPG").format == "JPEG"


def test_sizes(stylize: list[object], tmp_path: Path, model: dict[str, Any], side: int) -> None:
    """The content is 200 x 100."""
    longer = max(model["native_width"], model["native_height"])
    expected = {
        (): (longer, longer // 2),
        ("--fit", 2 * side): (2 * side, side),
        ("--fit", 75): (75, 38),
        ("--size", "67x45"): (67, 45),
        ("--size", "1x1"): (1, 1),
    }
    for option, size in expected.items():
        found = report(*stylize, "--steps", 1, *option)
        assert (found["width"], found["height"]) == size
        assert Image.open(tmp_path / "out.png").size == size


def test_json(stylize: list[object], tmp_path: Path, model: dict[str, Any], side: int) -> None:
    options = ["--steps", 3, "--seed", 9007199254740993, "--solver", "ddim", "--eta", 0.5]
    guided = ["--content-scale", 0.5, "--style-scale", 2, "--spacing", "quad"]
    found = report(*stylize, *options, *guided, "--size", f"{side}x{side}")
    assert found["out"] == str(tmp_path / "out.png")
    assert (found["width"], found["height"], found["count"]) == (side, side, 1)
    assert (found["steps"], found["nfe"]) == (3, 9)  # both guided: three passes a step
    assert found["sampling"] == {
        "steps": 3,
        "solver": "ddim",
        "spacing": "quad",
        "content_scale": 0.5,
        "style_scale": 2.0,
        "content_start": 0.0,
        "content_end": 1.0,
        "style_start": 0.0,
        "style_end": 1.0,
        "eta": 0.5,
        "denoising_strength": 1.0,
        "seed": 9007199254740993,  # no double holds it
        "rng": "counter",
        "noise": "normal",
    }
    assert found["model"] == {key: model[key] for key in ("path", "name", "sha256")}
    for key in ("engine", "device", "threads", "arithmetic"):
        assert found[key] == model[key]
    seconds = found["seconds"]
    stages = {"pictures", "model", "style", "encode", "denoise", "decode", "write"}
    assert set(seconds) == stages | {"total"}
    assert all(seconds[stage] > 0 for stage in stages)
    assert sum(seconds[stage] for stage in stages) <= seconds["total"]


def test_denoising_strength(stylize: list[object], side: int) -> None:
    found = report(*stylize, "--steps", 4, "--denoising-strength", 0.5, "--size", f"{side}x{side}")
    assert (found["steps"], found["sampling"]["steps"]) == (2, 4)
    assert found["sampling"]["denoising_strength"] == 0.5


def test_preset(
    stylize: list[object], pictures: Path, tmp_path: Path, model: dict[str, Any], side: int
) -> None:
    """A preset is its values: given one by one they make the same picture."""
    altered, out = tmp_path / "altered.artfusion", tmp_path / "out.png"
    bold = {"solver": "ddim", "spacing": "quad", "steps": 3, "eta": 0.5}
    bold |= {"content_scale": 0.75, "style_scale": 3.5, "content_start": 0.25, "style_end": 0.75}
    alter_manifest(MODEL, altered, presets={"faint": {"style_scale": 0.5}, "bold": bold})
    quick = ["--model", altered, "--size", f"{side}x{side}"]

    told = report("info", altered)
    faint, full = model["defaults"] | {"style_scale": 0.5}, model["defaults"] | bold
    assert told["defaults"] == model["defaults"]
    assert list(told["presets"].items()) == [("faint", faint), ("bold", full)]
    text = succeed("info", altered)
    for words in ("faint .* style scale 0.5\n", "bold .* 3 steps of ddim, quad .* from 0 to 0.75"):
        assert re.search(words, text)

    by_name = report(*stylize, *quick, "--preset", "bold")
    assert full.items() <= by_name["sampling"].items()
    picture = out.read_bytes()
    values = [(f"--{name.replace('_', '-')}", value) for name, value in full.items()]
    by_value = report(*stylize, *quick, *sum(values, ()))
    assert by_value["sampling"] == by_name["sampling"] and out.read_bytes() == picture
    # Wherever the preset stands, what is said outright holds.
    some = report(*stylize, *quick, "--steps", 2, "--preset", "bold", "--style-scale", 1)
    assert some["sampling"] == by_name["sampling"] | {"steps": 2, "style_scale": 1.0}

    sheet = ["sample", "-s", pictures / "painting.jpg", "-o", out, "--count", 1]
    assert full.items() <= report(*sheet, *quick, "--preset", "bold")["sampling"].items()


def test_notebook(stylize: list[object], model: dict[str, Any]) -> None:
    small = model["size_multiple"]
    notebook = {
        "steps": 250,
        "solver": "ddim",
        "spacing": "uniform",
        "content_scale": 0.5,
        "style_scale": 2.0,
        "content_start": 0.0,
        "content_end": 1.0,
        "style_start": 0.0,
        "style_end": 1.0,
        "eta": 1.0,
        "denoising_strength": 1.0,
        "seed": 0,
        "rng": "torch_cpu",
        "noise": "uniform",
    }
    whole = report(*stylize, "--size", f"{small}x{small}", "--notebook")
    assert whole["sampling"] == notebook
    assert (whole["steps"], whole["nfe"]) == (250, 750)
    # Overridden wherever the option stands; and its own size is square, unlike the content.
    changed = report(*stylize, "--eta", 0.25, "--steps", 1, "--notebook")
    assert changed["sampling"] == {**notebook, "steps": 1, "eta": 0.25}
    assert (changed["width"], changed["height"], changed["steps"]) == (256, 256, 1)


def test_older_names(stylize: list[object], tmp_path: Path, side: int) -> None:
    """The words of release 1.0 do what today's do, and --help does not show them."""
    quick = [*stylize, "--size", f"{side}x{side}", "--steps", 2]
    for older, now in (("--strength=bold", "--preset=bold"), ("--preset=notebook", "--notebook")):
        by_now = report(*quick, now)
        picture = (tmp_path / "out.png").read_bytes()
        by_older = report(*quick, older)
        for key in ("sampling", "reading"):
            assert by_older[key] == by_now[key]
        assert (tmp_path / "out.png").read_bytes() == picture
        assert by_now["sampling"] != report(*quick)["sampling"]
    assert "--strength" not in succeed("stylize", "--help")


def test_sample(pictures: Path, tmp_path: Path, side: int) -> None:
    sheet, single = tmp_path / "sheet.png", tmp_path / "single.png"
    quick = ["sample", "--style", pictures / "painting.jpg", "--steps", 2]
    quick += ["--size", f"{side}x{side}", "--style-scale", 2]
    found = report(*quick, "--count", 3, "--out", sheet)
    assert (found["count"], found["nfe"]) == (3, 4)
    step = side + 2
    grid = pixels(sheet)
    assert grid.shape == (2 * step + 2, 2 * step + 2, 3)
    cells = [grid[y : y + side, x : x + side] for y in (2, 2 + step) for x in (2, 2 + step)]
    assert cells[3].max() == 0  # the place that is left over
    for gap in (grid[:2], grid[:, :2], grid[:, side + 2 : step + 2]):
        assert gap.max() == 0
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(cells[a] - cells[b]).mean() > 1

    alone = report(*quick, "--count", 1, "--out", single)
    assert alone["count"] == 1
    # The first of a batch is what it is alone, but for sums in another order.
    assert np.abs(pixels(single) - cells[0]).max() <= 2


def test_sample_as_the_notebook(pictures: Path, tmp_path: Path, model: dict[str, Any]) -> None:
    small = model["size_multiple"]
    found = report(
        *("sample", "--style", pictures / "painting.jpg", "--out", tmp_path / "sheet.png"),
        *("--notebook", "--steps", 1, "--count", 2, "--size", f"{small}x{small}"),
    )
    assert found["sampling"]["rng"] == "torch_cpu"
    assert found["nfe"] == 2  # without a content its guidance, though asked for, costs no pass


def test_reconstruct(pictures: Path, tmp_path: Path, model: dict[str, Any], side: int) -> None:
    out = tmp_path / "again.png"
    arguments = ["reconstruct", "--content", pictures / "painting.jpg", "--out", out]
    arguments += ["--steps", 4, "--size", f"{side}x{side}"]
    found = report(*arguments)
    assert found["sampling"]["content_scale"] == found["sampling"]["style_scale"] == 1.0
    assert found["nfe"] == 4
    original = Image.open(pictures / "painting.jpg").convert("RGB")
    resized = np.asarray(original.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float64)
    psnr = 10 * np.log10(255**2 / np.mean((resized - pixels(out)) ** 2))
    assert found["psnr"] == pytest.approx(psnr, abs=0.01)
    assert f"PSNR {psnr:.2f} dB" in succeed(*arguments)
    scales = {"content_scale", "style_scale"}
    bold = {scale: model["presets"]["bold"][scale] for scale in scales}
    for named, expected in (("bold", bold), ("notebook", {"content_scale": 0.5, "style_scale": 2.0})):
        assert expected.items() <= report(*arguments, "--preset", named)["sampling"].items()


def test_info(model: dict[str, Any]) -> None:
    text = succeed("info", MODEL)
    sizes = f"{model['native_width']}x{model['native_height']}"
    for word in (model["name"], model["licence"], model["sha256"], model["engine"], sizes, MODEL):
        assert word in text
    assert model["prediction"] in ("eps", "v", "x0") and model["timesteps"] >= 1
    done = artfusion("info", MODEL, "--model", MODEL)
    assert done.returncode == 2 and "twice" in done.stderr


def test_example_makes_what_the_command_makes(tmp_path: Path) -> None:
    library = Path(os.environ["ARTFUSION_LIBRARY"]).parent
    program = tmp_path / "stylize"
    warnings = ["-std=c17", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
    subprocess.run(
        [
            *(os.environ.get("CC", "cc"), *warnings, f"-I{SOURCE / 'include'}"),
            *(str(SOURCE / "examples" / "stylize.c"), "-o", str(program)),
            *(f"-L{library}", "-lartfusion", f"-Wl,-rpath,{library}"),
        ],
        check=True,
    )
    pair = [str(IMAGES / "chelsea.jpg"), str(IMAGES / "monet.jpg")]
    subprocess.run(
        [str(program), MODEL, *pair, str(tmp_path / "example.png")], check=True, env=environment()
    )
    succeed("stylize", "-c", pair[0], "-s", pair[1], "-o", tmp_path / "command.png")
    assert (tmp_path / "example.png").read_bytes() == (tmp_path / "command.png").read_bytes()

    done = subprocess.run(
        [str(program), MODEL, str(tmp_path / "none.jpg"), pair[1], str(tmp_path / "x.png")],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 1 and "none.jpg" in done.stderr
    assert not (tmp_path / "x.png").exists()


def test_every_picture_has_its_origin_told() -> None:
    told = (IMAGES / "LICENSES.md").read_text()
    names = {path.name for path in IMAGES.iterdir()} - {"LICENSES.md"}
    assert names == set(re.findall(r"^\| `([^`]+)` \|", told, re.M))
