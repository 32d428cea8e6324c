# SPDX-License-Identifier: MIT
"""The Python of the documents has the types that the package declares."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from conftest import TREE

DOCUMENTS = [
    TREE / "README.md",
    TREE / "bindings" / "python" / "README.md",
    *sorted((TREE / "docs" / "guide").glob("*.md")),
]


def blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)


def checked(folder: Path) -> str:
    """What mypy says of the Python files of a folder."""
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", "cache"]
    files = sorted(path.name for path in folder.glob("*.py"))
    done = subprocess.run(
        [*mypy, *files], cwd=folder, capture_output=True, text=True, timeout=300
    )
    return done.stdout + done.stderr


def test_the_python_of_the_documents_is_typed(tmp_path: Path) -> None:
    """The blocks of one follow one another, as a reader would type them."""
    count = 0
    for path in DOCUMENTS:
        found = blocks(path)
        name = str(path.relative_to(TREE).with_suffix("")).replace("/", "_").replace("-", "_")
        (tmp_path / f"{name}.py").write_text("\n".join(found))
        count += len(found)
    assert count >= 7
    assert checked(tmp_path) == ""


def test_wrong_types_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "document.py").write_text(
        "import artfusion as af\n\n"
        "model = af.load()\n"
        "width: str = model.stylize('a.jpg', 'b.jpg', steps=3).width\n"
        "model.stylize('a.jpg', 'b.jpg', stepps=3)\n"
    )
    said = checked(tmp_path)
    assert "stepps" in said
    assert "Incompatible types" in said
