# SPDX-License-Identifier: MIT
"""Folders of contents as people have them: with hidden files, subfolders, results within."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command import (  # noqa: F401 - fixtures
    IMAGES,
    artfusion,
    model,
    side,
)
from PIL import Image


@pytest.fixture
def contents(tmp_path: Path) -> Path:
    folder = tmp_path / "contents"
    folder.mkdir()
    Image.open(IMAGES / "coffee.jpg").crop((0, 0, 64, 64)).save(folder / "a.jpg")
    return folder


@pytest.fixture
def run(contents: Path, side: int) -> Any:
    def run(out: Path, *more: object) -> subprocess.CompletedProcess[str]:
        return artfusion("stylize", "-c", contents, "-o", out, "-s", IMAGES / "monet.jpg",
                         "--size", f"{side}x{side}", "--steps", 1, *more)

    return run


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """On standard error, besides how far it is."""
    return [line for line in done.stderr.splitlines() if not line.startswith("step ")]


RECORD = "artfusion-run.json"


@pytest.mark.parametrize("spelt", ["{}", "{}/", "{}/.", "{}/../contents", "link"])
def test_results_beside_their_contents_are_refused(
    contents: Path, tmp_path: Path, run: Any, spelt: str
) -> None:
    (tmp_path / "link").symlink_to(contents)
    out = tmp_path / "link" if spelt == "link" else spelt.format(contents)
    before = tree(contents)
    done = run(out)
    assert done.returncode == 2
    assert "the next run would take its results for such" in done.stderr
    assert f"choose another folder, as {contents}/results" in done.stderr
    assert tree(contents) == before  # no record, no lock, nothing


@pytest.mark.parametrize("recursive", [False, True])
def test_results_in_a_subfolder_are_no_contents(
    contents: Path, run: Any, recursive: bool
) -> None:
    more = ["--recursive"] if recursive else []
    results = contents / "results"
    for words in ("1 made\n", "0 made, 1 there before\n", "0 made, 1 there before\n"):
        done = run(results, *more)
        assert (done.returncode, said(done)) == (0, []), done
        assert done.stdout.endswith(f"{results}: {words}")
        assert tree(results) == ["a.png", RECORD]
    # Nor are those of another run there.
    done = run(contents / "more", *more, "--seed", 1)
    assert done.returncode == 0 and "1 made\n" in done.stdout and not said(done)


def test_hidden_files_are_passed_over(contents: Path, tmp_path: Path, run: Any) -> None:
    apple_double = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(100)
    for name in ("._a.jpg", "._b.png", ".hidden.jpg", ".png"):
        (contents / name).write_bytes(apple_double)
    (contents / ".thumbnails").mkdir()
    shutil.copy(contents / "a.jpg", contents / ".thumbnails" / "b.jpg")
    for more in ([], ["--recursive"]):
        done = run(tmp_path / "results", *more)
        assert (done.returncode, said(done)) == (0, [])
        assert tree(tmp_path / "results") == ["a.png", RECORD]


def test_subfolders_are_reported_or_entered(contents: Path, tmp_path: Path, run: Any) -> None:
    results = tmp_path / "results"
    for name in ("sub/b.jpg", "sub/deeper/c.png", "sub-1/d.png", "empty/notes.txt"):
        (contents / name).parent.mkdir(parents=True, exist_ok=True)
        Image.open(contents / "a.jpg").save(contents / name) if name[-3:] != "txt" else (
            contents / name).write_text("")
    (contents / "again").symlink_to(contents)

    done = run(results)
    told = f"artfusion: {contents}: 4 subfolders were not entered: --recursive enters them"
    assert (done.returncode, said(done)) == (0, [told])
    assert tree(results) == ["a.png", RECORD]
    assert run(results, "--quiet").stderr == ""

    done = run(results, "--recursive")
    assert done.returncode == 0
    assert said(done) == [f"artfusion: {contents}: 1 link to a folder was not followed"]
    assert "3 made, 1 there before" in done.stdout
    everything = ["a.png", RECORD, "sub-1/d.png", "sub/b.png", "sub/deeper/c.png"]
    assert tree(results) == everything
    assert not (results / "empty").exists()
    # What a killed run left is removed there too, and what is there stays.
    (results / "sub/deeper/.artfusion-0123456789abcdef.tmp").write_bytes(b"half a picture")
    (results / "sub/b.png").unlink()
    done = run(results, "--recursive")
    assert done.returncode == 0 and "1 made, 3 there before" in done.stdout
    assert tree(results) == everything


def test_folder_of_subfolders_only(contents: Path, tmp_path: Path, run: Any) -> None:
    (contents / "sub").mkdir()
    (contents / "a.jpg").rename(contents / "sub" / "a.jpg")
    done = run(tmp_path / "results")
    assert done.returncode == 1 and "subfolders were not entered" in done.stderr
    assert "--recursive" in done.stderr and not (tmp_path / "results").exists()
    assert run(tmp_path / "results", "-r").returncode == 0


def test_results_that_would_lie_among_the_contents(
    contents: Path, tmp_path: Path, run: Any
) -> None:
    """contents/contents/b.jpg would become contents/b.png."""
    (contents / "contents").mkdir()
    shutil.copy(contents / "a.jpg", contents / "contents" / "b.jpg")
    before = tree(tmp_path)
    done = run(tmp_path, "--recursive")
    assert done.returncode == 2 and f"{contents} holds the contents" in done.stderr
    assert tree(tmp_path) == before


def test_two_contents_of_one_name(contents: Path, tmp_path: Path, run: Any) -> None:
    results = tmp_path / "results"
    Image.open(contents / "a.jpg").save(contents / "a.png")
    done = run(results)
    assert done.returncode == 1 and "--keep-suffix gives both a name" in done.stderr
    for name in ("a.jpg", "a.png"):
        assert str(contents / name) in done.stderr
    assert not results.exists()
    assert run(results, "--keep-suffix").returncode == 0
    assert tree(results) == ["a.jpg.png", "a.png.png", RECORD]
    done = run(results)
    assert done.returncode == 1 and "would both become" in done.stderr


def test_names_of_results_are_a_setting(contents: Path, tmp_path: Path, run: Any) -> None:
    results = tmp_path / "results"
    assert run(results, "--format", "jpeg").returncode == 0
    assert tree(results) == ["a.jpg", RECORD]
    assert Image.open(results / "a.jpg").format == "JPEG"
    done = run(results)
    assert done.returncode == 1 and '"suffix" was ".jpg" and is ".png" now' in done.stderr
    done = run(results, "--format", "jpeg", "--keep-suffix")
    assert done.returncode == 1 and '"keep_suffix" was false and is true now' in done.stderr


def test_each_picture_has_its_object(contents: Path, tmp_path: Path, run: Any) -> None:
    (contents / "b.png").write_bytes(b"no picture")
    Image.open(contents / "a.jpg").save(contents / "c.png")
    results = tmp_path / "results"

    def objects() -> list[dict[str, Any]]:
        done = run(results, "--json")
        assert done.returncode == 1
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert [one["content"] for one in found] == [
            str(contents / name) for name in ("a.jpg", "b.png", "c.png")]
        assert [one["out"] for one in found] == [
            str(results / name) for name in ("a.png", "b.png", "c.png")]
        assert [one["status"] for one in found] == [
            "ARTFUSION_OK", "ARTFUSION_ERROR_FORMAT", "ARTFUSION_OK"]
        assert f"artfusion: {found[1]['message']}\n" in done.stderr
        assert found[1]["file"] == str(contents / "b.png")
        return found

    first = objects()
    assert first[0]["steps"] == first[2]["steps"] == 1
    again = objects()
    assert again[0]["skipped"] is again[2]["skipped"] is True
    # A failure of the whole run is about no picture.
    done = run(results, "--json", "--seed", 5)
    found = json.loads(done.stdout)
    assert found["status"] == "ARTFUSION_ERROR_MISMATCH" and "content" not in found
    assert found["file"] == str(results / RECORD)


def test_folder_has_no_single_result(contents: Path, run: Any) -> None:
    done = run("-")
    assert done.returncode == 2 and "folder of results" in done.stderr and done.stdout == ""


def test_many_files(contents: Path, tmp_path: Path, run: Any) -> None:
    """All but one there before: the list is made and sorted, and looked through once."""
    results = tmp_path / "results"
    assert run(results).returncode == 0
    for i in range(20000):
        os.link(contents / "a.jpg", contents / f"{i:05d}.jpg")
        os.link(results / "a.png", results / f"{i:05d}.png")
    (results / "a.png").unlink()
    done = run(results)
    assert done.returncode == 0 and "1 made, 20000 there before" in done.stdout
