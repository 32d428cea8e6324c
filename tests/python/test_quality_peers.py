# SPDX-License-Identifier: MIT
"""Others' results in the bench, and people's choices: whose names are known, or known to win."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from artfusion_quality import blind, choices, cli, lists, peers
from artfusion_quality.choices import Shown
from conftest import TREE
from PIL import Image

IMAGES = TREE / "examples" / "images"
PHOTOS = ("chelsea", "coffee", "rocket")
PAINTINGS = ("kandinsky", "klimt", "monet")
NAMES = [f"{photo}--{painting}" for photo in PHOTOS for painting in PAINTINGS]
SIZE = 64


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for kind, names in (("photos", PHOTOS), ("paintings", PAINTINGS)):
        (tmp_path / kind).mkdir()
        for name in names:
            picture = Image.open(IMAGES / f"{name}.jpg").convert("RGB")
            picture.resize((96, 96)).save(tmp_path / kind / f"{name}.png")
    return tmp_path


def write_results(folder: Path, source: Path, which: int) -> None:
    """Results that are the photo (0) or the painting (1) itself, at the size that is judged."""
    folder.mkdir()
    for name in NAMES:
        pixels = lists.read(source / f"{name.split('--')[which]}.png", SIZE)
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(folder / f"{name}.png")


@pytest.fixture
def peer_folders(folders: Path) -> Path:
    write_results(folders / "as-photo", folders / "photos", 0)
    write_results(folders / "as-painting", folders / "paintings", 1)
    return folders


def given(folders: Path) -> list[str]:
    of = ["--contents", folders / "photos", "--styles", folders / "paintings", "--size", SIZE]
    return [str(a) for a in of]


def quality(folders: Path, *arguments: object) -> int:
    return cli.main([*given(folders), *map(str, arguments)])


def test_a_peer_stands_in_the_table_without_a_model(
    peer_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy, forger = (peer_folders / name for name in ("as-photo", "as-painting"))
    of = [f"--peer=copy={copy}", f"--peer=forger={forger}"]
    files = ["--json", peer_folders / "q.json", "--report", peer_folders / "q.md"]
    assert quality(peer_folders, *of, *files) == 0
    assert (peer_folders / "q.md").read_text() == capsys.readouterr().out.rstrip("\n") + "\n"
    found = json.loads((peer_folders / "q.json").read_text())
    rows = found["transfer"]
    assert list(rows) == ["the photo", "the painting", "colour transfer", "copy", "forger"]
    for name, same in (("copy", "the photo"), ("forger", "the painting")):
        assert rows[name] == rows[same] and found["intervals"][name] == found["intervals"][same]
    assert rows["forger"]["style_top1"] == rows["forger"]["style_csls"] == 1.0
    assert rows["forger"]["octave_2"] == 1.0 and rows["forger"]["marks_distance"] == 0.0
    assert found["intervals"]["copy"]["style_top1"][0] <= rows["copy"]["style_top1"]
    assert set(found["control"]) == {"peak_4", "peak_8", "peak_16", "border"}


def test_the_list_says_what_a_result_is_called(folders: Path) -> None:
    listed = folders / "pairs.tsv"
    assert quality(folders, "--pairs", 2, "--list", listed) == 0
    head, *lines = (line.split("\t") for line in listed.read_text().splitlines())
    assert head == ["content", "style", "result"] and len(lines) == 6
    for content, style, result in lines:
        assert Path(content).is_file() and Path(style).is_file()
        assert result == f"{Path(content).stem}--{Path(style).stem}.png"


def test_results_of_another_size_are_scaled(peer_folders: Path) -> None:
    name, folder = NAMES[0], peer_folders / "as-photo"
    whole = Image.open(folder / f"{name}.png")
    (folder / f"{name}.png").unlink()
    large = whole.resize((2 * SIZE, 2 * SIZE), Image.Resampling.NEAREST)
    large.save(folder / f"{name}.webp", lossless=True)
    ours = peers.Peer("copy", folder, NAMES).read(name, SIZE).permute(1, 2, 0).numpy()
    assert ours.shape == (SIZE, SIZE, 3)
    assert np.abs(ours.astype(int) - np.asarray(whole).astype(int)).mean() < 4.0


def _lost(at: Path) -> None:
    for name in NAMES[1:3]:
        (at / "as-photo" / f"{name}.png").unlink()


def _twice(at: Path) -> None:
    Image.open(at / "as-photo" / f"{NAMES[4]}.png").save(at / "as-photo" / f"{NAMES[4]}.jpg")


def _oblong(at: Path) -> None:
    Image.new("RGB", (96, 64)).save(at / "as-photo" / f"{NAMES[8]}.png")


def _broken(at: Path) -> None:
    (at / "as-photo" / f"{NAMES[8]}.png").write_text("no picture")


def _same_stem(at: Path) -> None:
    Image.open(at / "photos" / "coffee.png").save(at / "photos" / "coffee.jpg")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_lost, f"2 of copy's 9 results are missing: {NAMES[1]}.png, {NAMES[2]}.png"),
        (_twice, f"{NAMES[4]}.jpg and {NAMES[4]}.png are results of the same pair"),
        (_oblong, f"{NAMES[8]}.png: 96 x 64 pixels; results are squares"),
        (_broken, f"{NAMES[8]}.png: cannot be read as a picture"),
        (_same_stem, "two pairs have results of the name coffee--kandinsky"),
    ],
)
def test_a_spoilt_peer_is_no_smaller_sample(
    peer_folders: Path,
    spoil: Callable[[Path], None],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(peer_folders)
    assert quality(peer_folders, f"--peer=copy={peer_folders / 'as-photo'}") == 2
    captured = capsys.readouterr()
    error = [line for line in captured.err.splitlines() if line.startswith("quality: ")]
    assert len(error) == 1 and sentence in error[0] and "| copy" not in captured.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "a model, --peer or --list is needed"),
        (["--peer", "x"], "'x' is not of the form NAME=DIR"),
        (["--peer", "=d"], "is not of the form NAME=DIR"),
        (["--peer", "the photo=d"], "--peer the photo: another contestant has this name"),
        (["--peer", "a=d", "--peer", "a=e"], "--peer a: another contestant has this name"),
        (["--peer", "a=d", "--sheet", "s.png"], "--sheet needs a model"),
        (["--peer", "a=d", "--size", "63"], "--size 63: at least 64 are needed"),
    ],
)
def test_wrong_options_are_refused(
    folders: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        quality(folders, *arguments)
    assert sentence in capsys.readouterr().err


def draw(folders: Path, out: str, *arguments: object) -> int:
    of = [f"--peer=copy={folders / 'as-photo'}", f"--peer=forger={folders / 'as-painting'}"]
    files = ["--out", folders / out, "--key", folders / f"{out}.key", "--each", 8]
    return blind.main(["sheets", *given(folders), *map(str, (*of, *files, *arguments))])


def test_sheets_show_what_the_key_says(peer_folders: Path) -> None:
    assert draw(peer_folders, "sheets") == 0
    drawn = sorted((peer_folders / "sheets").iterdir())
    assert [path.name for path in drawn] == ["sheet-01.png", "sheet-02.png"]
    shown = choices.read_key(peer_folders / "sheets.key")
    assert [s.number for s in shown] == list(range(1, 9))
    assert len({s.pair for s in shown}) == 8
    assert sorted(s.left for s in shown) == ["copy"] * 4 + ["forger"] * 4
    of = {"copy": "as-photo", "forger": "as-painting"}
    width, height = 2 * SIZE + 8 + 24, 2 * 32 + SIZE // 2 + SIZE + 24
    for at, s in enumerate(shown):
        sheet = np.asarray(Image.open(drawn[at // 4]))
        x, y = 24 + at % 2 * width, 24 + at % 4 // 2 * height + 64 + SIZE // 2
        for side, offset in ((s.left, 0), (s.right, SIZE + 8)):
            result = np.asarray(Image.open(peer_folders / of[side] / f"{s.pair}.png"))
            assert np.array_equal(sheet[y : y + SIZE, x + offset : x + offset + SIZE], result)


def test_the_draw_depends_on_the_seed_alone(peer_folders: Path) -> None:
    assert draw(peer_folders, "a") == draw(peer_folders, "b") == 0
    assert draw(peer_folders, "c", "--seed", 1) == 0
    keys = [(peer_folders / f"{name}.key").read_text() for name in "abc"]
    pixels = [(peer_folders / name / "sheet-01.png").read_bytes() for name in "abc"]
    assert keys[0] == keys[1] != keys[2] and pixels[0] == pixels[1] != pixels[2]


def test_the_known_winner_wins(peer_folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert draw(peer_folders, "sheets") == 0
    key = peer_folders / "sheets.key"
    shown = choices.read_key(key)
    sides = ["left" if s.left == "forger" else "right" for s in shown]
    one, two, three = (peer_folders / f"{name}.txt" for name in ("one", "two", "three"))
    one.write_text("".join(f"{n} {side}\n" for n, side in enumerate(sides, 1)))
    two.write_text("# in any order\n\n" + "\n".join(reversed(one.read_text().splitlines())))
    flipped = {"left": "right", "right": "left"}
    three.write_text("".join(f"{n} {flipped[side]}\n" for n, side in enumerate(sides, 1)))
    assert blind.main(["count", *map(str, (key, one, two, three))]) == 0
    out = capsys.readouterr().out
    assert "copy over forger" in out
    assert "one: 0 of 8, 0.0% (0.0% to 32.4%)" in out
    assert "two: 0 of 8" in out and "three: 8 of 8, 100.0% (67.6% to 100.0%)" in out
    assert "all answers: 8 of 24, 33.3%" in out and "majorities: 0 of 8" in out
    assert "all viewers agree at 0 of 8" in out
    assert "one chose the left one at 4 of 8" in out


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("1 left\n2 left\n2 right\n4 left\n", "answered twice: 2; not answered: 3"),
        ("1 left\n2 both\n", "line 2: '2 both' is not like '12 left'"),
        ("1 left\n5 left\n", "line 2: no question 5; the last is 4"),
        ("", "not answered: 1, 2, 3, 4"),
    ],
)
def test_answers_that_are_missing_or_double_are_named(
    tmp_path: Path, lines: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    choices.write_key(tmp_path / "key", [Shown(n, "a--b", "x", "y") for n in range(1, 5)])
    (tmp_path / "viewer.txt").write_text(lines)
    assert blind.main(["count", str(tmp_path / "key"), str(tmp_path / "viewer.txt")]) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err and not captured.out


def test_sheets_are_not_drawn_over_others_nor_beside_the_key(
    peer_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert draw(peer_folders, "sheets") == 0
    assert draw(peer_folders, "sheets") == 2
    assert "sheets: not empty; old sheets would mix with the new" in capsys.readouterr().err
    assert draw(peer_folders, "more", "--each", 10) == 2
    assert "--each 10: there are 9 pairs" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        draw(peer_folders, "more", "--key", peer_folders / "more" / "key")
    assert "viewers would find it among the sheets" in capsys.readouterr().err


def test_wilson_intervals_are_those_of_the_books() -> None:
    assert choices.wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert choices.wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)


def test_bradley_terry_finds_the_strengths_that_made_the_wins() -> None:
    strength = torch.tensor([4.0, 1.0, 0.25], dtype=torch.float64)
    share = strength[:, None] / (strength[:, None] + strength)
    wins = 1e5 * share * (1.0 - torch.eye(3, dtype=torch.float64))
    assert choices.bradley_terry(wins).tolist() == pytest.approx(strength.tolist(), rel=1e-3)
    always = torch.tensor([[0.0, 10.0], [0.0, 0.0]], dtype=torch.float64)
    assert choices.bradley_terry(always).tolist() == pytest.approx([math.sqrt(21), 21**-0.5])


def test_three_contestants_are_ranked_by_all_their_duels() -> None:
    rank = {"best": 0, "good": 1, "poor": 2}
    shown = blind.questions([f"p{i}" for i in range(30)], list(rank), 20, 0)
    assert len(shown) == 60 and len({(s.pair, s.contestants) for s in shown}) == 60
    assert sum(s.left < s.right for s in shown) == 30
    winners = [min(s.left, s.right, key=rank.__getitem__) for s in shown]
    text = choices.report(shown, {"viewer": winners})
    order = text.index("Bradley-Terry")
    assert text.index("  best", order) < text.index("  good", order) < text.index("  poor", order)
    assert "best over good\n  viewer: 20 of 20, 100.0%" in text
