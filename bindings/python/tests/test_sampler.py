# SPDX-License-Identifier: MIT
"""Runs: options, steps, batches, callbacks."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import artfusion as af
import numpy as np
import pytest
from conftest import PAINTING, PHOTO, Pixels

SMALL: dict[str, Any] = {"width": 64, "height": 64, "steps": 2}


def difference(a: af.Image, b: af.Image) -> int:
    return int(np.abs(np.asarray(a, np.int16) - np.asarray(b, np.int16)).max())


def same(a: af.Image, b: af.Image) -> bool:
    return np.array_equal(np.asarray(a), np.asarray(b))


def test_a_loop_over_the_steps_is_the_run(
    model: af.Model, photo: Pixels, style: af.Style
) -> None:
    whole = model.stylize(photo, style, **SMALL)
    with model.sampler(photo, style, **SMALL) as sampler:
        assert sampler.progress().step == 0
        steps = []
        for step in sampler:
            steps.append(step)
            preview = step.preview()
        assert [(s.number, s.of) for s in steps] == [(1, 2), (2, 2)]
        assert steps[0].timestep > steps[1].timestep
        assert sampler.progress().timestep == steps[1].timestep
        assert same(preview, whole)
        assert same(sampler.image(), whole)
        assert sampler.next() is None
        with pytest.raises(af.StateError, match="step 1 is over"):
            steps[0].preview()
    sampler.close()
    with pytest.raises(af.StateError, match="the sampler is closed"):
        sampler.cancel()
    with pytest.raises(af.StateError, match="the sampler is closed"):
        steps[1].preview()


def test_a_loop_may_be_left_and_taken_up(model: af.Model, photo: Pixels, style: af.Style) -> None:
    sampler = model.sampler(photo, style, **SMALL)
    for step in sampler:
        assert not same(step.preview(), model.stylize(photo, style, **SMALL))
        break
    sampler.run()
    assert same(sampler.image(), model.stylize(photo, style, **SMALL))


def test_options_make_a_difference(model: af.Model, photo: Pixels, style: af.Style) -> None:
    mine = {
        "steps": 4, "solver": "dpmpp_2m_sde", "eta": 1.0, "content_scale": 1.5, "style_scale": 1.5,
    }
    base = SMALL | mine
    plain = model.stylize(photo, style, **base)
    assert same(model.stylize(photo, style, **base), plain)
    others: list[dict[str, Any]] = [
        {"seed": 2**64 - 1},
        {"steps": 3},
        {"solver": "ddim"},
        {"spacing": "linspace"},
        {"rng": "torch_cpu"},
        {"noise": "uniform"},
        {"content_scale": 2},
        {"style_scale": 3},
        {"content_start": 0.5},
        {"content_end": 0.5},
        {"style_start": 0.5},
        {"style_end": 0.5},
        {"eta": 0.5},
        {"temperature": 0.5},
        {"noise_dropout": 0.5},
        {"denoising_strength": 0.5},
        {"timesteps": (900, 700, 500, 300)},
        {"preset": "subtle"},
    ]
    for other in others:
        # What is given wins over the preset, which says all of `mine`.
        options = (SMALL if "preset" in other else base) | other
        assert not same(model.stylize(photo, style, **options), plain), other
    named = af.Options.__annotations__.keys() - {"width", "height", "longest", "batch"}
    tried = {name for other in others for name in other}
    assert named - tried == {"keep_every", "on_step", "on_eps", "on_noise"}


def test_what_is_given_wins_over_the_preset(model: af.Model) -> None:
    assert model.sampler(preset="bold", steps=3).progress().steps == 3
    assert model.sampler(timesteps=[900, 500, 100]).progress().steps == 3


def test_sizes(model: af.Model) -> None:
    native = model.info().native_width, model.info().native_height
    wide = np.zeros((100, 200, 3), np.uint8)

    def size(*arguments: Any, **options: Any) -> tuple[int, int]:
        with model.sampler(*arguments, **options) as sampler:
            return sampler.width, sampler.height

    assert size() == native
    assert size(longest=64) == (64, 64)
    assert size(wide) == model.fit_size(200, 100)
    assert size([None, wide], longest=64) == (64, 32)
    assert size(wide, width=96, height=64) == (96, 64)
    assert size(wide, width=64) == (64, 32)
    assert size(wide, height=64) == (128, 64)
    assert size(wide.transpose(1, 0, 2), width=64) == (64, 128)
    assert size(np.zeros((70, 96, 3), np.uint8), width=64) == (64, 47)
    assert size(np.zeros((73, 96, 3), np.uint8), width=64) == (64, 49)
    assert size(np.zeros((1, 300, 3), np.uint8), width=64) == (64, 1)
    assert size(width=96) == (96, 96)
    with model.sampler(wide, width=65, height=3, steps=1) as sampler:
        assert sampler.latent_size == (12, 4)  # of 96 x 32 pixels
        sampler.set_mask(np.zeros((4, 12), np.float32))
        sampler.run()
        assert sampler.x is not None and sampler.x.shape[2:] == (4, 12)
        assert sampler.image().size == (65, 3)
    tall = wide.transpose(1, 0, 2)
    with pytest.raises(af.ArgumentError, match="32x64 and 64x32"):
        size([wide, tall], longest=64)
    assert size([wide, tall], width=64, height=64) == (64, 64)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"stepps": 3}, TypeError, "stepps"),
        ({"steps": 2.5}, TypeError, "steps is 2.5: a whole number"),
        ({"steps": 20.0}, TypeError, "steps is 20.0: a whole number"),
        ({"batch": 2.0}, TypeError, "batch is 2.0"),
        ({"width": "64"}, TypeError, "width is '64'"),
        ({"style_scale": "2"}, TypeError, "style_scale is '2': a number"),
        ({"solver": 3}, TypeError, "solver is 3: a name"),
        ({"preset": 3}, TypeError, "preset is 3: 'subtle', 'balanced' or 'bold'"),
        ({"on_step": 3}, TypeError, "on_step is 3: a function"),
        ({"steps": 0}, af.ArgumentError, "steps is 0"),
        ({"steps": 2**32 + 1}, af.ArgumentError, "4294967297"),
        ({"seed": -1}, af.ArgumentError, "seed is -1"),
        ({"style_scale": float("nan")}, af.ArgumentError, "style_scale"),
        ({"solver": "euler"}, af.ArgumentError, "dpmpp_2m"),
        ({"preset": "wild"}, af.ArgumentError, "balanced"),
        ({"width": 0}, af.ArgumentError, "width"),
        ({"width": 64, "longest": 64}, af.ArgumentError, "longest"),
        ({"timesteps": [500, 2], "steps": 3}, af.ArgumentError, "of 2 timesteps"),
        ({"timesteps": 5}, TypeError, "timesteps is 5: a list"),
        ({"timesteps": [1.5]}, TypeError, "a timestep is 1.5"),
        ({"timesteps": [2, 500]}, af.ArgumentError, "timesteps"),
        ({"batch": 257}, af.ArgumentError, "257"),
    ],
)
def test_wrong_options(
    model: af.Model, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        model.sampler(**options)


def test_a_batch_is_its_pictures(model: af.Model, photo: Pixels, style: af.Style) -> None:
    """The generator's numbers for a picture do not depend on the batch; sums may round apart."""
    with model.sampler([photo, photo[::-1]], [style, None], **SMALL) as sampler:
        sampler.run()
        first, second = sampler.images()
    assert difference(first, model.stylize(photo, style, **SMALL)) <= 2
    assert difference(first, second) > 2
    with model.sampler(photo, style, batch=2, **SMALL) as sampler:
        sampler.run()
        again, other = sampler.images()
        with pytest.raises(af.ArgumentError, match="index is 2"):
            sampler.image(2)
    assert difference(first, again) <= 2
    assert difference(again, other) > 2
    for content, codes, batch in (
        ([photo] * 2, [style] * 3, 2),
        ([photo] * 2, style, 3),
        ([photo] * 2, style, 1),
        ([], style, 1),
    ):
        with pytest.raises(af.ArgumentError):
            model.sampler(content, codes, batch=batch, **SMALL)


def test_what_a_mask_keeps(model: af.Model, photo: Pixels, style: af.Style) -> None:
    kept = model.encode(photo[::-1])
    mask = np.zeros((8, 8))
    mask[:, :4] = 1
    columns = []
    for chosen in (None, mask):
        with model.sampler(photo, style, width=64, height=64, steps=50) as sampler:
            sampler.set_init_latent(kept)
            if chosen is not None:
                sampler.set_mask(chosen)
            sampler.run()
            assert sampler.x is not None
            columns.append(np.abs(sampler.x[0] - kept).mean(axis=(0, 1)))
            with pytest.raises(af.StateError):
                sampler.set_mask(None)
    # Near what is kept where the mask is 1, and elsewhere as far from it as without a mask.
    free, masked = columns
    assert (masked[:4] < free[:4] / 2).all()
    assert (masked[4:] > 0.9 * free[4:]).all()
    with model.sampler(photo, style, **SMALL) as sampler:
        sampler.set_mask(np.ones((8, 8)))
        sampler.set_mask(None)
        sampler.run()
        assert same(sampler.image(), model.stylize(photo, style, **SMALL))
        with pytest.raises(af.StateError):
            sampler.set_style(None)
    with model.sampler(photo, style, **SMALL) as sampler, pytest.raises(af.ArgumentError):
        sampler.set_mask(np.zeros((7, 8)))


def test_a_content_may_be_its_latent(model: af.Model, photo: Pixels, style: af.Style) -> None:
    with model.sampler(None, style, **SMALL) as sampler:
        sampler.set_content_latent(model.encode(photo))
        sampler.run()
        assert same(sampler.image(), model.stylize(photo, style, **SMALL))


def test_tensors_are_views(model: af.Model, photo: Pixels, style: af.Style) -> None:
    sampler = model.sampler(photo, style, keep_every=1, **SMALL)
    assert sampler.x is None or sampler.x.shape == (1, 32, 8, 8)
    assert sampler.x0 is None
    sampler.run()
    x, x0 = sampler.x, sampler.x0
    assert x is not None and x0 is not None
    assert not x.flags.writeable
    assert np.allclose(x, x0, atol=1e-4)  # at the end of a trailing spacing
    kept = sampler.kept()
    assert len(kept) == 3 and kept[0][1] is None
    assert np.array_equal(kept[-1][0], x)
    rgb = model.decode(x)
    levels = np.clip(np.rint((rgb[0].transpose(1, 2, 0) + 1) * 127.5), 0, 255)
    assert np.abs(levels - np.asarray(sampler.image(), np.float32)).max() <= 1
    before = x.copy()
    sampler.close()
    del sampler
    others = [model.sampler(photo, None, **SMALL) for _ in range(5)]  # would take what was freed
    for other in others:
        other.run()
    assert np.array_equal(x, before)


STOCHASTIC = SMALL | {
    "steps": 4,
    "solver": "dpmpp_2m_sde",
    "eta": 0.7,
    "rng": "torch_cpu",
    "keep_every": 1,
}


def test_a_saved_run_goes_on_to_the_same_bytes(
    model: af.Model, photo: Pixels, style: af.Style, tmp_path: Path
) -> None:
    path, states = tmp_path / "run.state", []

    def on_step(step: af.Step) -> None:
        states.append(first.state())
        if step.number == 2:
            first.save_state(path)

    first = model.sampler(photo, style, on_step=on_step, **STOCHASTIC)
    begun = model.sampler(photo, style, **STOCHASTIC).state()
    first.run()
    assert path.read_bytes() == states[1]
    sources: list[tuple[Any, int]] = [
        (begun, 0),
        (path, 2),
        (str(path), 2),
        (bytearray(states[2]), 3),
        (states[3], 4),
    ]
    for source, done in sources:
        second = model.sampler(**STOCHASTIC)
        second.next()
        second.load_state(source)
        assert second.progress().step == done
        second.run()
        assert [t is not None and t.tobytes() for t in sum(second.kept(), ())] == [
            t is not None and t.tobytes() for t in sum(first.kept(), ())
        ]
        assert same(second.image(), first.image())


def test_a_state_that_is_refused_changes_nothing(
    model: af.Model, photo: Pixels, style: af.Style, tmp_path: Path
) -> None:
    with model.sampler(photo, style, **STOCHASTIC) as sampler:
        sampler.next()
        data = sampler.state()
    other = model.sampler(**STOCHASTIC | {"steps": 3})
    other.next()
    before, damaged = other.state(), data[:200] + bytes([data[200] ^ 1]) + data[201:]
    refused: list[tuple[Any, type[af.Error], str]] = [
        (data, af.MismatchError, "steps"),
        (damaged, af.ChecksumError, "checksum"),
        (b"", af.FormatError, "saved sampler state"),
        (tmp_path / "none.state", af.FileError, "none.state"),
    ]
    for source, error, words in refused:
        with pytest.raises(error, match=words):
            other.load_state(source)
        assert other.state() == before
    sampler.close()
    for call in (sampler.state, lambda: sampler.load_state(data)):
        with pytest.raises(af.StateError, match="the sampler is closed"):
            call()


def test_views_stay_through_a_load(model: af.Model, photo: Pixels, style: af.Style) -> None:
    sampler = model.sampler(photo, style, **STOCHASTIC)
    sampler.next()
    data, x = sampler.state(), sampler.x
    assert x is not None
    before = x.copy()
    kept = sampler.kept()[0][0]
    sampler.run()
    assert not np.array_equal(x, before)
    sampler.load_state(data)
    others = [model.sampler(**STOCHASTIC) for _ in range(5)]  # would take what was freed
    for other in others:
        other.next()
    assert np.array_equal(x, before)
    assert np.array_equal(kept, sampler.kept()[0][0])


def test_on_eps_changes_the_run(model: af.Model, photo: Pixels, style: af.Style) -> None:
    seen = []

    def on_eps(sampler: af.Sampler, eps: Any) -> None:
        seen.append((sampler.progress().step, eps.shape, float(np.abs(eps).max())))
        eps *= 0.9

    changed = model.stylize(photo, style, on_eps=on_eps, **SMALL)
    assert [s[:2] for s in seen] == [(0, (1, 32, 8, 8)), (1, (1, 32, 8, 8))]
    assert seen[0][2] > 0
    assert not same(changed, model.stylize(photo, style, **SMALL))


def test_on_noise_fills_in_or_leaves_it(model: af.Model, photo: Pixels, style: af.Style) -> None:
    uses = []
    options = SMALL | {"steps": 3, "solver": "ddim", "eta": 1.0}

    def fill(use: str, step: int, values: Any) -> bool:
        uses.append((use, step))
        values[...] = 0.5
        return True

    def leave(use: str, step: int, values: Any) -> bool:
        values[...] = 0.5
        return False

    filled = [model.stylize(photo, style, seed=s, on_noise=fill, **options) for s in (1, 2)]
    assert {("x_t", 0), ("step", 0), ("step", 1)} <= set(uses)
    assert same(*filled)
    left = model.stylize(photo, style, seed=1, on_noise=leave, **options)
    assert same(left, model.stylize(photo, style, seed=1, **options))
    assert not same(left, filled[0])


def test_an_exception_in_a_callback_comes_out_and_the_run_goes_on(
    model: af.Model, photo: Pixels, style: af.Style
) -> None:
    options = SMALL | {"solver": "ddpm"}
    plain = model.stylize(photo, style, **options)
    for name in ("on_eps", "on_noise", "on_step"):
        calls = 0

        def fail_in_the_second(*_: object) -> bool:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise LookupError(name)  # noqa: B023
            return False

        with model.sampler(photo, style, **options | {name: fail_in_the_second}) as sampler:
            with pytest.raises(LookupError, match=name):
                sampler.run()
            sampler.run()
            assert same(sampler.image(), plain), name


class Bar:
    """A progress bar as tqdm's: update() is true whenever it redraws."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0

    def update(self, by: int = 1) -> bool:
        self.done += by
        return True


def test_what_a_callback_answers_ends_nothing(
    model: af.Model, photo: Pixels, style: af.Style
) -> None:
    plain = model.stylize(photo, style, **SMALL)
    bar = Bar(SMALL["steps"])
    assert same(model.stylize(photo, style, on_step=lambda _: bar.update(), **SMALL), plain)
    assert bar.done == bar.total
    for answer in (True, 1, "text", b"", model):
        options: dict[str, Any] = {"on_step": lambda _: answer, "on_eps": lambda *_: answer}  # noqa: B023
        assert same(model.stylize(photo, style, **options, **SMALL), plain), answer


def test_what_a_callback_raises_ends_the_call(
    model: af.Model, photo: Pixels, style: af.Style
) -> None:
    def stop(*_: object) -> None:
        raise af.CancelledError("the user has seen enough")

    for name, done in (("on_step", 1), ("on_eps", 0)):
        with model.sampler(photo, style, **SMALL | {name: stop}) as sampler:
            with pytest.raises(af.CancelledError, match="seen enough"):
                sampler.run()
            assert sampler.progress().step == done


def test_the_length_is_what_a_loop_goes_through(
    model: af.Model, photo: Pixels, style: af.Style
) -> None:
    with model.sampler(photo, style, **SMALL | {"steps": 3}) as sampler:
        assert len(sampler) == 3
        sampler.next()
        assert len(sampler) == 2
        assert len(list(sampler)) == 2
        assert len(sampler) == 0
        assert sampler


def test_a_callback_does_not_change_its_sampler(
    model: af.Model, photo: Pixels, style: af.Style
) -> None:
    changes: list[Callable[[af.Sampler], object]] = [
        lambda s: s.next(),
        lambda s: s.set_content(None),
        lambda s: s.image(),
        lambda s: s.set_mask(None),
        lambda s: s.state(),
        lambda s: s.load_state(b""),
    ]
    for change in changes:
        sampler = model.sampler(photo, style, on_eps=lambda s, _: change(s), **SMALL)  # noqa: B023
        with pytest.raises(af.StateError, match="in another call"):
            sampler.run()


def test_closing_in_a_callback_ends_the_run(
    model: af.Model, photo: Pixels, style: af.Style
) -> None:
    ways: list[dict[str, Any]] = [
        {"on_step": lambda step: step._sampler.close()},
        {"on_eps": lambda sampler, _: sampler.close()},
    ]
    for options in ways:
        sampler = model.sampler(photo, style, **SMALL, **options)
        with pytest.raises(af.StateError, match="the sampler is closed"):
            sampler.run()


def test_nothing_keeps_a_sampler(model: af.Model) -> None:
    gc.disable()
    try:
        sampler = model.sampler(
            **SMALL,
            on_eps=lambda *_: None,
            on_noise=lambda *_: False,
            on_step=lambda *_: None,
        )
        sampler.run()
        alive = weakref.ref(sampler)
        del sampler
        assert alive() is None
    finally:
        gc.enable()


def test_pictures_by_path(model: af.Model) -> None:
    by_path = model.stylize(str(PHOTO), PAINTING, steps=1, longest=64)
    with af.Image.load(PHOTO) as photo:
        assert same(by_path, model.stylize(photo, model.style(PAINTING), steps=1, longest=64))
