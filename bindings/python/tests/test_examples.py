# SPDX-License-Identifier: MIT
"""The examples do what those in C do, to the byte, and the notebook runs."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import IMAGES, MODEL, PAINTING, PHOTO, TREE

EXAMPLES = TREE / "examples"
CASES: dict[str, list[list[object]]] = {
    "stylize": [
        [MODEL, PHOTO, PAINTING, "result.png"],
        [MODEL, PHOTO, PAINTING, "result.jpg"],
        [MODEL, PHOTO, IMAGES / "coffee.jpg", "result.png"],  # no square, and larger than native
        [MODEL, PHOTO, "none.jpg", "result.png"],
        [PHOTO, PHOTO, PAINTING, "result.png"],
        [MODEL],
    ],
    "preview": [
        [MODEL, PHOTO, PAINTING, "step-", 2],
        [MODEL, PHOTO, PAINTING, "step-"],
        [MODEL, "none.jpg", PAINTING, "step-"],
        [MODEL],
    ],
    "blend": [
        [MODEL, PHOTO, PAINTING, IMAGES / "monet.jpg", 0.25, "result.png"],
        [MODEL, PHOTO, PAINTING, "none.jpg", 0.25, "result.png"],
        [MODEL],
    ],
}


def run(command: list[object], folder: Path) -> tuple[int, str, str, dict[str, bytes]]:
    """Status, both outputs, and the files written; the program goes by its name's stem."""
    folder.mkdir(parents=True)
    done = subprocess.run(
        [str(c) for c in command], cwd=folder, capture_output=True, text=True, timeout=300
    )
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    program = next(str(c) for c in command if Path(str(c)).stem in CASES)
    errors = done.stderr.replace(program, Path(program).stem)
    return done.returncode, done.stdout, errors, files


@pytest.mark.parametrize("name", CASES)
def test_an_example_does_what_it_does_in_C(name: str, tmp_path: Path) -> None:
    library = Path(os.environ["ARTFUSION_BUILD"], "lib")
    program = tmp_path / name
    options = [f"-I{TREE / 'include'}", f"-L{library}", f"-Wl,-rpath,{library}", "-lartfusion"]
    subprocess.run(["cc", EXAMPLES / f"{name}.c", "-o", program, *options], check=True)
    for i, arguments in enumerate(CASES[name]):
        in_c = run([program, *arguments], tmp_path / "c" / str(i))
        script = EXAMPLES / "python" / f"{name}.py"
        in_python = run([sys.executable, script, *arguments], tmp_path / "python" / str(i))
        assert in_python[:3] == in_c[:3], arguments
        assert in_python[3] == in_c[3], arguments
        assert bool(in_c[3]) == (in_c[0] == 0), arguments


class Notebook:
    """Runs the cells of a notebook as IPython does, one after another in one namespace."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}

    def run(self, source: str) -> Any:
        """The value of the cell's last line, if that is an expression."""
        tree = ast.parse(source)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "cell", "exec"), self.names)
        if isinstance(last, ast.Expr):
            return eval(compile(ast.Expression(last.value), "cell", "eval"), self.names)
        return None


def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    path = EXAMPLES / "python" / "artfusion.ipynb"
    content = json.loads(path.read_text(encoding="utf-8"))
    cells = ["".join(c["source"]) for c in content["cells"] if c["cell_type"] == "code"]
    assert all(not c.get("outputs") for c in content["cells"])
    monkeypatch.chdir(path.parent)
    notebook = Notebook()
    shown = [notebook.run(cell) for cell in cells]
    assert shown[0].name == "mini"
    sizes = [picture.size for picture in shown[1:]]
    width, height = sizes[0]
    assert sizes == [(width, height), (4 * width, height), (3 * width, height)]
    assert all(picture._repr_png_().startswith(b"\x89PNG") for picture in shown[1:])
