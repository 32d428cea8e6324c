# SPDX-License-Identifier: MIT
"""What the docstrings show is what happens."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import artfusion as af
import numpy
import pytest
from conftest import IMAGES, PAINTING, TREE


MODULES = [
    "artfusion",
    *(f"artfusion.{p.stem}" for p in Path(af.__file__).parent.glob("_[a-z]*.py")),
]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str, model: af.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """They use `model`, a `photo` and a `painting`, and run at the root of the sources."""
    monkeypatch.chdir(TREE)
    module = importlib.import_module(name)
    names = {"model": model, "photo": str(IMAGES / "coffee.jpg"), "painting": str(PAINTING)}
    failed, _ = doctest.testmod(module, extraglobs=names | {"numpy": numpy})
    assert not failed


def test_there_are_docstrings_to_run() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = map(importlib.import_module, MODULES)
    found = [test for module in modules for test in finder.find(module) if test.examples]
    assert len(found) >= 12
