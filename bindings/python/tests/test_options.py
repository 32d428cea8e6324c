# SPDX-License-Identifier: MIT
"""What can be chosen: where it is documented, what a run goes by, and what comes of a wrong word."""

from __future__ import annotations

import compileall
import pydoc
import shutil
import typing
from pathlib import Path
from typing import Any

import artfusion as af
import numpy as np
import pytest
from artfusion import _abi
from artfusion._library import library, value_of
from conftest import Pixels, run_python


def test_help_has_every_option() -> None:
    shown = pydoc.plain(pydoc.render_doc(af.Options))
    lines = [line.removeprefix(" |").strip() for line in shown.splitlines()]
    for name in af.Options.__annotations__:
        places = [i for i, line in enumerate(lines) if line.startswith(f"{name}: ")]
        assert len(places) == 1, name
        text = lines[places[0] + 1]
        assert len(text) > 10 and text[0] in '"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', name


def test_optimized_python_does_without() -> None:
    """Which drops docstrings."""
    code = "import artfusion; print(len(artfusion.Options.__annotations__))"
    assert run_python(code, PYTHONOPTIMIZE="2").stdout == f"{len(af.Options.__annotations__)}\n"


def test_a_package_without_its_source_does_without(tmp_path: Path) -> None:
    """As programs that are frozen into one file have it."""
    modules = Path(af.__file__).parent
    ignored = shutil.ignore_patterns("bin", "engines", "*.artfusion")
    package = shutil.copytree(modules, tmp_path / "artfusion", ignore=ignored)
    assert compileall.compile_dir(package, quiet=1, legacy=True)
    for source in package.glob("*.py"):
        source.unlink()
    code = "import artfusion; print(artfusion.__file__, len(artfusion.Options.__annotations__))"
    said = run_python(code, PYTHONPATH=str(tmp_path)).stdout
    assert said == f"{package / '__init__.pyc'} {len(af.Options.__annotations__)}\n"


@pytest.mark.parametrize(
    ("alias", "enumeration"),
    [
        (af.Solver, _abi.ENUM_SOLVER),
        (af.Spacing, _abi.ENUM_SPACING),
        (af.Schedule, _abi.ENUM_SCHEDULE),
        (af.RngKind, _abi.ENUM_RNG),
        (af.NoiseKind, _abi.ENUM_NOISE),
        (af.Filter, _abi.ENUM_FILTER),
        (af.Precision, _abi.ENUM_PRECISION),
        (af.Isolation, _abi.ENUM_ISOLATION),
    ],
)
def test_the_names_are_the_librarys(alias: Any, enumeration: int) -> None:
    names = typing.get_args(alias)
    assert [value_of(enumeration, name) for name in names] == list(range(len(names)))
    assert library().artfusion_name_of(enumeration, len(names)) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("strength", "did you mean preset, which is 'subtle', 'balanced' or 'bold'?"),
        ("num_inference_steps", "did you mean steps?"),
        ("guidance_scale", "did you mean style_scale?"),
        ("generator", "did you mean seed?"),
        ("stepps", "did you mean steps?"),
        ("content_scal", "did you mean content_scale?"),
        ("qqq", "no such option: qqq. The options are batch, content_end,"),
    ],
)
def test_a_word_of_another_program(model: af.Model, name: str, words: str) -> None:
    options: Any = {name: 1}
    with pytest.raises(TypeError) as raised:
        model.sampler(**options)
    assert words in str(raised.value)
    assert "The options are batch, content_end" in str(raised.value)
    assert str(raised.value).endswith("timesteps, width")


def test_a_run_tells_its_options(model: af.Model, photo: Pixels, style: af.Style) -> None:
    with model.sampler(photo, style, preset="bold", longest=64, seed=2**63) as sampler:
        options = sampler.options
        sampler.run()
        first = sampler.image()
    callbacks = {"on_step", "on_eps", "on_noise"}
    given = af.Options.__annotations__.keys()
    assert options.keys() == given - {"preset", "longest", "timesteps"} - callbacks
    assert (options["width"], options["height"], options["seed"]) == (64, 64, 2**63)
    again = model.stylize(photo, style, **options)
    assert np.array_equal(np.asarray(again), np.asarray(first))
    options["steps"] = 1
    assert sampler.options["steps"] != 1

    def on_step(step: af.Step) -> None: ...

    special = model.sampler(timesteps=(900, 300), on_step=on_step).options
    assert (special["timesteps"], special["steps"]) == ((900, 300), 2)
    assert special["on_step"] is on_step
