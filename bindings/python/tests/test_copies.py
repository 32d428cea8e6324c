# SPDX-License-Identifier: MIT
"""What is copied and pickled, and what refuses to be."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import artfusion as af
import numpy as np
import pytest
from artfusion import _origin
from conftest import MODEL, PAINTING, Pixels, run_python


def again(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


WAYS: list[Callable[[Any], Any]] = [again, copy.copy, copy.deepcopy]


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_is_its_pixels(way: Callable[[Any], Any], photo: Pixels) -> None:
    for array in (photo, photo[1:4, 2:6]):
        image = af.Image.from_array(array)
        other = way(image)
        image.close()
        assert np.array_equal(np.asarray(other), array)
        np.asarray(other)[...] = 0
        assert array.any()
    with pytest.raises(af.StateError, match="the image is closed"):
        way(image)


@pytest.mark.parametrize("way", WAYS)
def test_models_and_styles(way: Callable[[Any], Any], photo: Pixels) -> None:
    model = af.load(MODEL, threads=1)
    style = model.style(PAINTING)
    expected = model.stylize(photo, style, steps=1, longest=32).to_bytes()
    twin, manner, loose = way(model), way(style), way(style)
    for handle in (model, style):
        handle.close()
    assert twin.info().threads == 1
    assert twin.stylize(photo, manner, steps=1, longest=32).to_bytes() == expected
    assert twin.stylize(photo, loose, steps=1, longest=32).to_bytes() == expected
    half = way(af.blend([(manner, 0.5)]))
    assert np.allclose(half.values, manner.values / 2)


def test_a_process_opens_a_pickled_model_once() -> None:
    with af.load() as model, model.null_style() as style:
        data = pickle.dumps((model, style))
    del model, style
    gc.collect()
    before = len(_origin._opened)
    first, second = pickle.loads(data), pickle.loads(data)
    assert first[0]._owner is second[0]._owner
    assert len(_origin._opened) <= before + 1


def test_another_model_in_its_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(MODEL.read_bytes())
    with af.load(path) as model:
        data = pickle.dumps(model)
    origin = model._origin
    assert origin is not None
    del model
    gc.collect()
    foreign = data.replace(origin.digest.encode(), b"0" * 64)
    assert foreign != data
    with pytest.raises(af.MismatchError, match="other weights"):
        pickle.loads(foreign)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        pickle.loads(data)


def work(job: tuple[af.Model, af.Style, af.Image]) -> tuple[af.Image, af.Style]:
    model, style, photo = job
    return model.stylize(photo, style, steps=1, longest=32), style


def test_workers_get_and_give_them(model: af.Model, photo: Pixels, style: af.Style) -> None:
    jobs = [(model, style, af.Image.from_array(photo))] * 2
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        results = list(pool.map(work, jobs))
    expected = work(jobs[0])[0].to_bytes()
    assert [picture.to_bytes() for picture, _ in results] == [expected] * 2
    assert all(np.array_equal(s.values, style.values) for _, s in results)


def test_what_has_no_copy_says_so(model: af.Model) -> None:
    with af.Model.open(MODEL.read_bytes()) as nameless:
        manner = nameless.null_style()
    refused: list[tuple[object, str]] = [
        (model.sampler(), r"neither copied nor pickled: state\(\)"),
        (af.Rng(), "this rng can be neither"),
    ]
    for value, words in refused:
        for way in WAYS:
            with pytest.raises(TypeError, match=words):
                way(value)
    for value in (nameless, manner):
        with pytest.raises((TypeError, af.StateError), match="by a path|closed"):
            pickle.dumps(value)
    assert copy.copy(manner).values.size == 448
    context = af.Context(device="cpu", threads=3)
    assert again(context)._settings == context._settings


def test_refusing_leaves_nothing_behind() -> None:
    code = (
        "import artfusion as af, copy, gc\n"
        "for value in (af.Rng(), [af.Rng()]):\n"
        "    try:\n"
        "        copy.deepcopy(value)\n"
        "    except TypeError as error:\n"
        "        print(error)\n"
        "gc.collect()\n"
    )
    done = run_python(code)
    assert done.stdout.count("neither copied nor pickled") == 2
    assert done.stderr == ""


