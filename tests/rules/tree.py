# SPDX-License-Identifier: MIT
"""The files of the source tree, for the rules of it. git is not asked: a copy may have come without it."""

import os
from pathlib import Path

MADE = {".git", ".venv", "build", "target", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}


def files(root: Path) -> list[Path]:
    """All that is not made by a build, relative to the root."""
    found = []
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name not in MADE and not name.endswith(".egg-info")]
        found += [(Path(folder) / name).relative_to(root) for name in names]
    return sorted(found)
