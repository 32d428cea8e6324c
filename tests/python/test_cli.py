# SPDX-License-Identifier: MIT
"""The `artfusion` command, run as its users run it: real files, real networks, few steps.

ARTFUSION_COMMAND names the command, ARTFUSION_MODEL the model, ARTFUSION_LIBRARY the library.
"""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SOURCE = Path(__file__).parents[2]
IMAGES = SOURCE / "examples" / "images"
COMMAND = os.environ["ARTFUSION_COMMAND"]
MODEL = os.environ["ARTFUSION_MODEL"]
COMMANDS = ("stylize", "sample", "reconstruct", "info")
BEFORE = b"what was there before"


def environment(**changes: str | None) -> dict[str, str]:
    # Threads that spin at OpenMP's barriers take minutes where other programs want the cores too.
    wanted = {**os.environ, "OMP_WAIT_POLICY": "passive", "TERM": "xterm", **changes}
    return {name: value for name, value in wanted.items() if value is not None}


def artfusion(*arguments: object, **changes: str | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
    )


def succeed(*arguments: object, **changes: str | None) -> str:
    done = artfusion(*arguments, **changes)
    assert done.returncode == 0, done.stderr
    return done.stdout


def report(*arguments: object) -> dict[str, Any]:
    """The JSON object that a command prints, and nothing else with it."""
    lines = succeed(*arguments, "--json", "--quiet").splitlines()
    assert len(lines) == 1
    found = json.loads(lines[0])
    assert isinstance(found, dict)
    return found


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.int32)


@pytest.fixture(scope="module")
def model() -> dict[str, Any]:
    return report("info")


@pytest.fixture(scope="module")
def side(model: dict[str, Any]) -> int:
    """The smallest side that is quick and has a few latent pixels each way."""
    multiple: int = model["size_multiple"]
    return multiple * -(-64 // multiple)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    Image.open(IMAGES / "astronaut.jpg").resize((200, 100)).save(folder / "photo.png")
    Image.open(IMAGES / "van-gogh.jpg").resize((96, 128)).save(folder / "painting.jpg")
    yield folder


@pytest.fixture
def stylize(pictures: Path, tmp_path: Path) -> list[object]:
    """A command line that works, its last word the output."""
    return [
        "stylize",
        *("--content", pictures / "photo.png"),
        *("--style", pictures / "painting.jpg"),
        *("--out", tmp_path / "out.png"),
    ]


# -- What needs no model ----------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_and_lists_only_options_that_exist(command: str) -> None:
    done = artfusion(command, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert f"Usage: artfusion {command}" in done.stdout and "Examples:" in done.stdout
    flags = {"json", "verbose", "quiet", "help"}
    for option in set(re.findall(r"^ .{5}--([a-z-]+)", done.stdout, re.M)) - flags:
        refused = artfusion(command, f"--{option}")
        assert refused.returncode == 2
        assert f"--{option}: missing argument" in refused.stderr


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
    done = artfusion("paint")
    assert done.returncode == 2 and '"paint"' in done.stderr and "--help" in done.stderr


USAGE_ERRORS = [
    (["--zonk"], "--zonk"),
    (["-z"], "-z"),
    (["--steps"], "--steps"),
    (["--steps", "ten"], '"ten"'),
    (["--steps", "99999999999"], '"99999999999"'),
    (["--content-scale", "1,5"], '"1,5"'),
    (["--style-scale", ""], '""'),
    (["--solver", "euler"], '"euler"'),
    (["--solver", "euler"], "dpmpp_2m"),
    (["--spacing", "even"], '"even"'),
    (["--rng", "dice"], '"dice"'),
    (["--noise", "pink"], '"pink"'),
    (["--preset", "fastest"], '"fastest"'),
    (["--preset", "fastest"], "notebook"),
    (["--seed", "-1"], '"-1"'),
    (["--size", "64"], '"64"'),
    (["--size", "64x"], '"64x"'),
    (["--size", "0x64"], '"0x64"'),
    (["--size", "64x64x64"], '"64x64x64"'),
    (["--fit", "0"], '"0"'),
    (["--fit", "70000"], '"70000"'),
    (["--size", "64x64", "--fit", "64"], "exclude"),
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
    done = artfusion(*stylize, *extra)
    assert done.returncode == 2 and done.stdout == ""
    said = done.stderr.splitlines()
    assert said[0].startswith("artfusion: ") and named in said[0]
    assert said[1:] == ["Try 'artfusion stylize --help'."]
    assert (tmp_path / "out.png").read_bytes() == BEFORE


@pytest.mark.parametrize("option", ["--content", "--style", "--out"])
def test_missing_option(stylize: list[object], option: str) -> None:
    at = stylize.index(option)
    done = artfusion(*stylize[:at], *stylize[at + 2 :])
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
    done = artfusion(*stylize)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("artfusion: ") and "bad.png" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "out.png").read_bytes() == BEFORE


@pytest.mark.parametrize("name", ["out.gif", "out", "folder.png/out", ".png.d/out"])
def test_unknown_suffix_is_refused_before_the_work(
    stylize: list[object], tmp_path: Path, name: str
) -> None:
    stylize[-1] = tmp_path / name
    done = artfusion(*stylize, "--model", tmp_path / "none.artfusion")
    assert done.returncode == 2 and name in done.stderr and ".jpg" in done.stderr


@pytest.mark.parametrize("name", ["none/out.png", "folder.png", "file/out.png"])
def test_unwritable_target_is_refused_before_the_work(
    stylize: list[object], tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_bytes(b"")
    stylize[-1] = tmp_path / name
    done = artfusion(*stylize, "--model", tmp_path / "none.artfusion")
    assert done.returncode == 1 and str(tmp_path / name) in done.stderr


def alter_manifest(source: str, target: Path) -> None:
    """A model that says it has a later format."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename.endswith("manifest.json"):
                manifest = json.loads(data)
                manifest["format_version"] = 99
                data = json.dumps(manifest).encode()
            new.writestr(entry.filename, data)


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
            alter_manifest(MODEL, path)
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
        done = artfusion(*arguments)
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr.startswith("artfusion: ") and done.stderr.count("\n") == 1
        assert re.search(said, done.stderr), done.stderr
    assert (tmp_path / "out.png").read_bytes() == BEFORE


# -- Where the model is looked for ------------------------------------------------------------


@pytest.fixture
def moved(tmp_path: Path) -> tuple[str, dict[str, str | None]]:
    """The command in a folder of its own, and the environment it needs there."""
    copy = tmp_path / "prefix" / "a" / "bin" / "artfusion"
    copy.parent.mkdir(parents=True)
    shutil.copy(COMMAND, copy)
    library = str(Path(os.environ["ARTFUSION_LIBRARY"]).parent)
    path = f"{library}:{os.environ.get('LD_LIBRARY_PATH', '')}"
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
    source = tmp_path / "models/mini.artfusion"  # for the command in build/<preset>/bin

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


# -- What the library finds wrong with values -------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--steps", "0", "0"),
        ("--steps", "1001", "1001"),
        ("--content-scale", "nan", "nan"),
        ("--style-scale", "inf", "inf"),
        ("--eta", "-0.5", "-0.5"),
        ("--strength", "1.5", "1.5"),
    ],
)
def test_value_out_of_range(
    stylize: list[object], tmp_path: Path, option: str, value: str, named: str
) -> None:
    (tmp_path / "out.png").write_bytes(BEFORE)
    done = artfusion(*stylize, option, value)
    assert done.returncode == 2
    name = option[2:].replace("-", "_")
    assert re.match(rf"artfusion: {name} is {re.escape(named)}\b", done.stderr), done.stderr
    assert (tmp_path / "out.png").read_bytes() == BEFORE


def test_size_that_the_model_cannot_do(
    stylize: list[object], tmp_path: Path, model: dict[str, Any]
) -> None:
    multiple = model["size_multiple"]
    wrong = 2 * multiple + 1
    done = artfusion(*stylize, "--size", f"{2 * multiple}x{wrong}")
    assert done.returncode == 2
    for number in (wrong, 2 * multiple, 3 * multiple):
        assert re.search(rf"\b{number}\b", done.stderr)
    assert not (tmp_path / "out.png").exists()


def test_device_that_is_not_there() -> None:
    done = artfusion("info", "--device", "cuda:99")
    assert done.returncode == 1 and "99" in done.stderr


# -- Pictures ---------------------------------------------------------------------------------


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
    expected = {None: (longer, longer // 2), 2 * side: (2 * side, side)}
    for fit, size in expected.items():
        found = report(*stylize, "--steps", 1, *(["--fit", fit] if fit else []))
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
        "solver": "ddim",
        "spacing": "quad",
        "content_scale": 0.5,
        "style_scale": 2.0,
        "eta": 0.5,
        "strength": 1.0,
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


def test_strength(stylize: list[object], side: int) -> None:
    found = report(*stylize, "--steps", 4, "--strength", 0.5, "--size", f"{side}x{side}")
    assert found["steps"] == 2 and found["sampling"]["strength"] == 0.5


def test_preset(stylize: list[object], model: dict[str, Any]) -> None:
    small = model["size_multiple"]
    notebook = {
        "solver": "ddim",
        "spacing": "uniform",
        "content_scale": 0.5,
        "style_scale": 2.0,
        "eta": 1.0,
        "strength": 1.0,
        "seed": 0,
        "rng": "torch_cpu",
        "noise": "uniform",
    }
    whole = report(*stylize, "--size", f"{small}x{small}", "--preset", "notebook")
    assert whole["sampling"] == notebook
    assert (whole["steps"], whole["nfe"]) == (250, 750)
    # Overridden wherever the preset stands; and its own size is square, unlike the content.
    changed = report(*stylize, "--eta", 0.25, "--steps", 1, "--preset", "notebook")
    assert changed["sampling"] == {**notebook, "eta": 0.25}
    assert (changed["width"], changed["height"], changed["steps"]) == (256, 256, 1)


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


def test_sample_by_the_preset(pictures: Path, tmp_path: Path, model: dict[str, Any]) -> None:
    small = model["size_multiple"]
    found = report(
        *("sample", "--style", pictures / "painting.jpg", "--out", tmp_path / "sheet.png"),
        *("--preset", "notebook", "--steps", 1, "--count", 2, "--size", f"{small}x{small}"),
    )
    assert found["sampling"]["rng"] == "torch_cpu"
    assert found["nfe"] == 2  # without a content its guidance, though asked for, costs no pass


def test_reconstruct(pictures: Path, tmp_path: Path, side: int) -> None:
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


def test_info(model: dict[str, Any]) -> None:
    text = succeed("info", MODEL)
    sizes = f"{model['native_width']}x{model['native_height']}"
    for word in (model["name"], model["licence"], model["sha256"], model["engine"], sizes, MODEL):
        assert word in text
    assert model["prediction"] in ("eps", "v", "x0") and model["timesteps"] >= 1
    done = artfusion("info", MODEL, "--model", MODEL)
    assert done.returncode == 2 and "twice" in done.stderr


# -- While it runs ----------------------------------------------------------------------------


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
    written = read_terminal([*stylize, "--steps", 25, "--size", f"{side}x{side}"])
    assert b"\n" not in written  # one line, redrawn
    drawn = written.split(b"\r\033[K")
    bars = [line.decode() for line in drawn if b"sampling [" in line]
    assert 2 <= len(bars) <= 25 and max(map(len, bars)) < 80
    assert "25/25  100 %" in bars[-1] and re.search(r"\[=+\]", bars[-1])
    assert any(re.search(r"\d s left", bar) for bar in bars)
    assert drawn[-1] == b""  # and cleared at the end


def default_signals() -> None:
    """Programs that a shell runs in the background have Ctrl-C ignored, and pass it on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("number", "times"), [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGINT, 2)]
)
def test_interrupt(
    stylize: list[object], tmp_path: Path, side: int, number: signal.Signals, times: int
) -> None:
    (tmp_path / "out.png").write_bytes(BEFORE)
    arguments = [*stylize, "--steps", 1000, "--size", f"{side}x{side}"]
    with subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=default_signals,
    ) as process:
        assert process.stderr is not None and process.stdout is not None
        assert process.stderr.readline().startswith("step 100 of 1000")  # amid the steps
        start = time.monotonic()
        for _ in range(times):
            process.send_signal(number)
            time.sleep(0.01)
        rest = process.stderr.read()
        assert process.wait(timeout=60) == 128 + number
        assert time.monotonic() - start < 10  # 900 steps take longer
        assert "step 1000" not in rest and process.stdout.read() == ""
        assert times == 2 or rest.endswith("artfusion: interrupted, nothing was written\n")
    assert (tmp_path / "out.png").read_bytes() == BEFORE
    assert os.listdir(tmp_path) == ["out.png"]


# -- What comes with it -----------------------------------------------------------------------


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
