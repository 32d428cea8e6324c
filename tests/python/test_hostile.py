# SPDX-License-Identifier: MIT
"""Model files that were made to do harm (hostile.py): each is refused with a sentence that says
why, nothing of it has run, and the process goes on to the next one."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import hostile
import hostile_archives  # noqa: F401  its files are among them
import hostile_operators  # and its
import hostile_readers  # noqa: F401  and its
import pytest

TREE = Path(__file__).resolve().parents[2]
Answers = dict[str, tuple[str, str]]


def open_all(paths: list[Path]) -> Answers:
    """(status, message) of each file. What ends a process is told, and the rest is opened by
    another one."""
    answers: Answers = {}
    left = [str(path) for path in paths]
    while left:
        done = subprocess.run(
            [sys.executable, hostile.__file__, "--open", *left],
            capture_output=True,
            text=True,
            timeout=600,
        )
        path = ""
        for line in map(json.loads, done.stdout.splitlines()):
            path = line.get("begins", path)
            if "path" in line:
                answers[Path(path).stem] = line["status"], line["message"]
        if path == "":
            raise RuntimeError(done.stderr)
        name = Path(path).stem
        if name not in answers:
            answers[name] = "DIED", f"{done.returncode}: {done.stderr}"
        elif done.stderr:
            answers[name] = "PRINTED", done.stderr
        left = left[left.index(path) + 1 :]
    return answers


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    hostile.write_all(folder)
    return folder


@pytest.fixture(scope="session")
def answers(folder: Path) -> Answers:
    return open_all(sorted(folder.glob("*.artfusion")))


def test_the_file_behind_them_is_good(answers: Answers) -> None:
    assert answers["good"] == ("OK", "")


@pytest.mark.parametrize("name", hostile.CASES)
def test_refused(name: str, answers: Answers) -> None:
    case = hostile.CASES[name]
    status, message = answers[name]
    assert status == case.status, message
    assert case.words in message
    assert "\n" not in message


def test_nothing_was_written(folder: Path, answers: Answers) -> None:
    assert len(answers) == len(hostile.CASES) + 1
    assert [path.name for path in folder.iterdir() if path.suffix != ".artfusion"] == []


def test_the_longest_functions_fit_a_small_stack(tmp_path: Path) -> None:
    """docs/security.md: a host's thread should have 2 MiB. Half of that is left to the host."""
    records = hostile.fixture_records(tmp_path)
    for name, (step, count) in hostile_operators.LONGEST.items():
        path = tmp_path / f"{name}.artfusion"
        hostile_operators.repeat(records, path, step, count)
        done = subprocess.run(
            [sys.executable, hostile.__file__, "--thread", path],
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert (done.returncode, done.stdout) == (0, "OK\n"), f"{name}: {done.stderr}"
        hostile_operators.repeat(records, path, step, count + 40)
        assert open_all([path])[name][0] == "LIMIT"


def listed_operators() -> list[str]:
    source = (TREE / "shim" / "base" / "allowed.cpp").read_text()
    return source[source.index("ATEN =") : source.index("PRIM =")].split('"')[1::2]


def test_the_operators_are_documented() -> None:
    """docs/model-format.md lists what shim/base/allowed.cpp has."""
    listed = listed_operators()
    text = (TREE / "docs" / "model-format.md").read_text()
    documented = text[text.index("<!-- operators -->") : text.index("<!-- operators end -->")]
    assert len(listed) > 100
    assert listed == documented.split("`")[1::2]


def record() -> None:
    """The table of docs/hostile-model-files.md, to the standard output."""
    with tempfile.TemporaryDirectory() as made:
        hostile.write_all(Path(made))
        found = open_all(sorted(Path(made).glob("*.artfusion")))
    print("| file | what it would do | status | message |\n| --- | --- | --- | --- |")
    for name, case in hostile.CASES.items():
        status, message = found[name]
        message = message.replace(made, "…").replace("|", "/")
        print(f"| `{name}` | {case.harm} | {status} | {message} |")


if __name__ == "__main__":
    record()
