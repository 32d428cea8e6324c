# SPDX-License-Identifier: MIT
"""Runs that outlive their process: folders of pictures, and a sampler's saved state."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command import COMMAND, IMAGES, MODEL, artfusion, environment
from folder_runs import FolderRun
from PIL import Image

STYLE = ["--style", IMAGES / "monet.jpg", "--size", "64x64", "--steps", 2]


@pytest.fixture
def contents(tmp_path: Path) -> Path:
    folder = tmp_path / "contents"
    folder.mkdir()
    for name, crop in ("one.png", 0), ("two.JPG", 40), ("three.jpeg", 80):
        Image.open(IMAGES / "coffee.jpg").crop((crop, 0, crop + 64, 64)).save(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    (folder / "folder.png").mkdir()
    return folder


def run(contents: Path, results: Path, *more: object) -> subprocess.CompletedProcess[str]:
    return artfusion("stylize", "--content", contents, "--out", results, *STYLE, *more)


def test_folder_is_what_single_runs_are(contents: Path, tmp_path: Path) -> None:
    results, single = tmp_path / "results", tmp_path / "single.png"
    done = run(contents, results, "--json")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in results.iterdir()}
    assert names == {"one.png", "two.png", "three.png", "artfusion-run.json"}
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(line["out"]).name for line in lines] == ["one.png", "three.png", "two.png"]
    artfusion("stylize", "--content", contents / "two.JPG", "--out", single, *STYLE)
    assert single.read_bytes() == (results / "two.png").read_bytes()


def test_only_what_is_missing_is_made(contents: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    run(contents, results)
    kept = (results / "one.png").stat()
    (results / "two.png").unlink()
    (results / ".artfusion-0123456789abcdef.tmp").write_bytes(b"half a picture")
    (results / ".artfusion-mine.tmp").write_bytes(b"not the library's")
    done = run(contents, results)
    assert done.returncode == 0 and "1 made, 2 there before" in done.stdout, done.stderr
    assert (results / "one.png").stat().st_mtime_ns == kept.st_mtime_ns
    assert not (results / ".artfusion-0123456789abcdef.tmp").exists()
    assert (results / ".artfusion-mine.tmp").exists()


def test_bad_content_is_passed_over(contents: Path, tmp_path: Path) -> None:
    (contents / "bad.png").write_bytes(b"no picture")
    done = run(contents, tmp_path / "results")
    assert done.returncode == 1 and "bad.png" in done.stderr
    assert "3 made, 1 failed" in done.stdout


@pytest.mark.parametrize(("more", "words"), [
    (["--seed", 4], '"seed" was 0 and is 4 now'),
    (["--steps", 3], '"steps" was 2 and is 3 now'),
    (["--size", "64x128"], '"size" was "64x64" and is "64x128" now'),
    (["--precision", "float16"], '"arithmetic" was'),
])
def test_another_runs_folder_is_refused(contents: Path, tmp_path: Path, more: list[object],
                                        words: str) -> None:
    results = tmp_path / "results"
    run(contents, results)
    before = {path: path.read_bytes() for path in results.iterdir()}
    (results / "one.png").unlink()
    done = run(contents, results, *more)
    assert done.returncode == 1 and words in done.stderr, done.stderr
    assert {path for path in results.iterdir()} == set(before) - {results / "one.png"}


def test_other_refusals(contents: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    (results / "two.png").write_bytes(b"somebody's")
    done = run(contents, results)
    assert done.returncode == 1 and "artfusion-run.json" in done.stderr
    assert [path.name for path in results.iterdir()] == ["two.png"]
    (results / "two.png").unlink()

    lock = os.open(results, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    done = run(contents, results)
    assert done.returncode == 1 and "another run" in done.stderr
    os.close(lock)

    (results / "artfusion-run.json").write_text('{"format": ')
    done = run(contents, results)
    assert done.returncode == 1 and "artfusion-run.json: line 1" in done.stderr
    (contents / "one.jpg").write_bytes((contents / "one.png").read_bytes())
    done = run(contents, results)
    assert done.returncode == 1 and "would both become" in done.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run(empty, results)
    assert done.returncode == 1 and "holds no" in done.stderr
    (contents / "one.jpg").unlink()
    done = run(contents, contents / "notes.txt")
    assert done.returncode == 1 and "--out is a folder" in done.stderr


def test_missing_content_is_said_before_the_output_is_judged(tmp_path: Path) -> None:
    done = run(tmp_path / "nowhere", tmp_path / "results")
    assert done.returncode == 1 and "nowhere" in done.stderr and "--out" not in done.stderr


def test_killed_at_random_moments(tmp_path: Path) -> None:
    folder = FolderRun(tmp_path, count=6, side=64)
    tally = folder.kill_and_resume(kills=6, seed=7)
    assert tally.kills == 6 and tally.finished >= 6
    assert (tally.lost, tally.made_again, tally.different) == (0, 0, 0)


def test_interrupted_run_says_that_it_goes_on(tmp_path: Path) -> None:
    folder = FolderRun(tmp_path, count=3, side=64)
    folder.options[folder.options.index("3")] = "900"
    process = subprocess.Popen(
        [COMMAND, "stylize", "--content", folder.contents, "--out", folder.results, "--style",
         IMAGES / "monet.jpg", *folder.options[:-1]],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("step ")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in said
    assert {path.name for path in folder.results.iterdir()} == {"artfusion-run.json"}


# Opens the model in a process of its own and does the steps it is asked for.
WORKER = """
import sys
import artfusion
order, model, photo, painting, state, out = sys.argv[1:]
options = dict(width=64, height=64, batch=2, steps=7, solver="dpmpp_2m_sde", eta=0.7,
               rng="torch_cpu", seed=3, style_scale=2.0, content_scale=0.5)
with artfusion.load(model) as model:
    if order == "resume":
        sampler = model.sampler(**options)
        sampler.load_state(state)
        sampler.run()
    else:
        sampler = model.sampler(photo, painting, **options)
        for step in sampler:
            if order == "begin" and step.number == 3:
                sampler.save_state(state)
                break
    with open(out, "wb") as file:
        file.write(sampler.x.tobytes())
"""


def work(order: str, state: Path, out: Path) -> bytes:
    subprocess.run(
        [sys.executable, "-c", WORKER, order, MODEL, IMAGES / "coffee.jpg", IMAGES / "monet.jpg",
         state, out], check=True, env=environment(), timeout=300)
    return out.read_bytes()


def test_another_process_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    state = tmp_path / "state"
    whole = work("whole", state, tmp_path / "whole")
    third = work("begin", state, tmp_path / "third")
    resumed = work("resume", state, tmp_path / "resumed")
    assert resumed == whole != third
