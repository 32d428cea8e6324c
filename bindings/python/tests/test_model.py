# SPDX-License-Identifier: MIT
"""Models, contexts, styles, and the stages one by one."""

from __future__ import annotations

import gc
import hashlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import artfusion as af
import numpy as np
import pytest
from conftest import MODEL, PAINTING, PHOTO, Pixels, run_python


def test_a_model_opens_from_a_path_from_bytes_and_from_a_reader(model: af.Model) -> None:
    data = MODEL.read_bytes()
    with open(MODEL, "rb", buffering=0) as file:
        sources = [MODEL, str(MODEL), data, bytearray(data), io.BytesIO(data), file]
        infos = {af.Model.open(source).info() for source in sources}  # type: ignore[arg-type]
    assert infos == {model.info()}


class Trouble(io.BytesIO):
    """A file whose reads fail, or give what was not asked for."""

    def __init__(self, data: bytes, trouble: str) -> None:
        super().__init__(data)
        self._trouble = trouble

    def read(self, size: int | None = -1, /) -> bytes:
        if self._trouble == "raise":
            raise ConnectionError("the line is dead")
        assert size is not None
        return bytes(size + 1) if self._trouble == "more" else super().read(min(size, 1000))


def test_what_a_reader_raises_comes_out(model: af.Model) -> None:
    with pytest.raises(ConnectionError, match="the line is dead"):
        af.Model.open(Trouble(MODEL.read_bytes(), "raise"))
    with pytest.raises(af.FileError):
        af.Model.open(Trouble(MODEL.read_bytes(), "more"))
    assert af.Model.open(Trouble(MODEL.read_bytes(), "less")).info() == model.info()


def test_models_that_are_none(tmp_path: Path) -> None:
    data = bytearray(MODEL.read_bytes())
    with pytest.raises(af.FormatError):
        af.Model.open(bytes(data[:-1000]))
    with pytest.raises(af.FileError, match="none"):
        af.load(tmp_path / "none")


def test_contexts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "artfusion"):
        model = af.load(device="cpu", threads=1)
    assert model.info().threads == 1
    assert ("artfusion", logging.INFO) in {(r.name, r.levelno) for r in caplog.records}
    assert any("mini" in r.getMessage() for r in caplog.records)
    for device in ("gpu", "cuda:one", "cuda:"):
        with pytest.raises(af.ArgumentError, match=device):
            af.Context(device=device)
    for device in ("cpu:9", "cpu:1", "auto:2"):
        with pytest.raises(af.ArgumentError, match=f"'{device}'"):
            af.load(device=device)
    assert repr(af.Context(device="cpu:0")) == "<artfusion.Context cpu:0, auto>"
    with pytest.raises(TypeError, match="device is 0"):
        af.Context(device=0)  # type: ignore[arg-type]
    with pytest.raises(af.ArgumentError, match="4294967296"):
        af.Context(threads=2**32)
    with pytest.raises(af.ArgumentError, match="double"):
        af.Context(precision="double")  # type: ignore[arg-type]
    with pytest.raises(af.EngineError, match="no-engine"):
        af.load(engine="no-engine")
    with af.Context() as context:
        pass
    with pytest.raises(af.StateError, match="the context is closed"):
        af.Model.open(MODEL, context)


def test_precision() -> None:
    with af.load(precision="float32") as model:
        assert model.info().arithmetic == "float32"
    with af.Context(precision="float32") as context, af.Model.open(MODEL, context) as model:
        assert model.info().arithmetic == "float32"


def test_a_closed_model_is_refused_and_what_it_made_lives_on(photo: Pixels) -> None:
    with af.load() as model:
        style = model.style(PAINTING)
        sampler = model.sampler(photo, style, steps=1, width=32, height=32)
    model.close()
    for call in (model.info, model.null_style, lambda: model.style(photo), lambda: model.presets):
        with pytest.raises(af.StateError, match="the model is closed"):
            call()
    gc.collect()
    sampler.run()
    assert sampler.image().size == (32, 32)


def test_styles(model: af.Model, style: af.Style) -> None:
    values = style.values
    assert values.shape == (model.info().style_width,)
    assert not values.flags.writeable
    assert np.array_equal(model.style_from_values(values).values, values)
    other = model.style(PHOTO)
    mixed = af.blend((s, w) for s, w in ((style, 0.25), (other, -2.0)))
    assert np.allclose(mixed.values, 0.25 * values - 2 * other.values, rtol=1e-5, atol=1e-6)
    with pytest.raises(af.ArgumentError):
        af.blend([])
    with pytest.raises(af.ArgumentError):
        model.style_from_values(values * np.nan)
    with pytest.raises(af.MismatchError, match="448"):
        model.style_from_values(values[1:])
    other.close()
    with pytest.raises(af.StateError, match="the style is closed"):
        af.blend([(other, 1.0)])


def test_a_saved_style_is_the_style(model: af.Model, style: af.Style, tmp_path: Path) -> None:
    path = tmp_path / "van-gogh.style"
    style.save(path)
    data = path.read_bytes()
    assert data == style.to_bytes()
    sources = (path, str(path), data, bytearray(data), memoryview(data))
    for source in sources:
        assert np.array_equal(model.load_style(source).values, style.values)

    with pytest.raises(af.FileError, match="none.style"):
        model.load_style(tmp_path / "none.style")
    for none in (b"", data[:40], b"no style" * 8):
        with pytest.raises(af.FormatError, match="saved style"):
            model.load_style(none)
    with pytest.raises(af.ChecksumError):
        model.load_style(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    foreign = data[:12] + b"0" * 64 + data[76:-32]  # the weights' digest is another's
    with pytest.raises(af.MismatchError, match="another model"):
        model.load_style(foreign + hashlib.sha256(foreign).digest())
    with pytest.raises(TypeError):
        model.load_style(3)  # type: ignore[arg-type]
    with model.load_style(path) as closed:
        pass
    for call in (closed.to_bytes, lambda: closed.save(path)):
        with pytest.raises(af.StateError, match="the style is closed"):
            call()


def test_memory_is_known_and_limited(model: af.Model, photo: Pixels, style: af.Style) -> None:
    options: dict[str, Any] = {"width": 64, "height": 64, "steps": 1}
    one, four = (model.memory_needed(batch=n, **options) for n in (1, 4))
    assert 2**16 < one < four
    assert model.memory_needed(preset="bold", longest=64) >= one
    with pytest.raises(af.ArgumentError, match="width"):
        model.memory_needed(width=0)
    with pytest.raises(TypeError, match="stepps"):
        model.memory_needed(stepps=3)  # type: ignore[call-arg]
    with af.load(memory_limit=four - 1) as limited:
        assert limited.memory_needed(batch=4, **options) < four
        with limited.sampler(photo, style, batch=4, **options) as sampler:
            sampler.run()
        with pytest.raises(af.LimitError, match="memory_limit"):
            limited.sampler(width=256, height=256)
    for wrong in (-1, 2**64):
        with pytest.raises(af.ArgumentError, match="memory_limit"):
            af.Context(memory_limit=wrong)


def test_several_pictures_of_one_call(
    model: af.Model, photo: Pixels, style: af.Style
) -> None:
    """Each as by a call of its own, at its own proportions."""
    wide, other = photo[:32], model.null_style()
    options: af.Options = {"steps": 1, "longest": 64}

    def made(pictures: list[af.Image]) -> list[bytes]:
        return [p.to_bytes() for p in pictures]

    alone = [model.stylize(c, s, **options) for c, s in ((photo, style), (wide, other))]
    assert [p.size for p in alone] == [(64, 64), (64, 32)]
    assert made(model.stylize([photo, wide], [style, other], **options)) == made(alone)
    assert made(model.stylize((photo,), (style,), **options)) == made(alone[:1])
    first, second = model.stylize([photo, wide], style, **options)
    assert (first.size, second.size) == ((64, 64), (64, 32))
    assert len(model.stylize(photo, [style, other], **options)) == 2
    for contents, styles in (([photo] * 2, [style] * 3), ([], [style]), ([photo], [])):
        with pytest.raises(af.ArgumentError, match=f"{len(contents)} contents and {len(styles)}"):
            model.stylize(contents, styles, **options)
    nested: Any = [photo, [photo]]
    with pytest.raises(TypeError, match="list is no picture"):
        model.stylize(nested, style, **options)
    with pytest.raises(af.ArgumentError, match="batch is 2"):
        model.stylize(photo, style, batch=2)


def test_nothing_is_no_picture(model: af.Model, photo: Pixels, style: af.Style) -> None:
    """A variable that was forgotten is not a picture of nothing."""
    nothing: Any = None
    for content in (nothing, [photo, nothing]):
        with pytest.raises(TypeError, match=r"content is None: .*sampler\(None, style\)"):
            model.stylize(content, style)
    for manner in (nothing, [style, nothing]):
        with pytest.raises(TypeError, match=r"style is None: .*null_style\(\)"):
            model.stylize(photo, manner)


def test_what_is_shown_of_them(model: af.Model, style: af.Style) -> None:
    assert repr(model).startswith("<artfusion.Model mini on cpu, ")
    assert repr(style) == "<artfusion.Style of 448 values>"
    sampler = model.sampler(batch=2, width=64, height=32, steps=2)
    assert repr(sampler) == "<artfusion.Sampler 2 of 64x32, step 0 of 2>"
    sampler.next()
    assert repr(sampler) == "<artfusion.Sampler 2 of 64x32, step 1 of 2>"
    with af.load() as closed, closed.null_style() as void, closed.sampler() as run:
        pass
    assert repr(closed) == "<artfusion.Model closed>"
    assert repr(void) == "<artfusion.Style closed>"
    assert repr(run) == "<artfusion.Sampler closed>"


def test_values_outlive_their_style(model: af.Model) -> None:
    style = model.style(PAINTING)
    values = style.values
    before = values.copy()
    style.close()
    others = [model.null_style() for _ in range(20)]  # would take what was freed
    assert np.array_equal(values, before)
    assert len({other.values.tobytes() for other in others}) == 1


def test_what_is_encoded_is_decoded(model: af.Model, photo: Pixels) -> None:
    info = model.info()
    scaled = model.encode(photo)
    mode = model.encode(photo, "mode")
    shift, scale = (np.array(v)[:, None, None] for v in (info.latent_shift, info.latent_scale))
    assert np.allclose((mode - shift) * scale, scaled, rtol=1e-4, atol=1e-4)
    content = model.encode(photo, "content")
    assert np.allclose(content.mean(axis=(1, 2)), 0, atol=1e-4)
    rgb = model.decode(np.stack([scaled, 0 * scaled]))
    assert rgb.shape == (2, 3, 64, 64)
    levels = (rgb[0].transpose(1, 2, 0) + 1) * 127.5
    assert np.abs(levels - photo).mean() < 20
    with pytest.raises(af.ArgumentError, match="'latent'"):
        model.encode(photo, "latent")  # type: ignore[arg-type]
    with pytest.raises(af.ArgumentError, match="shape"):
        model.decode(scaled)


@pytest.fixture(scope="module")
def exact() -> Iterator[af.Model]:
    """In 16 bits differences in the last bit grow."""
    with af.load(precision="float32") as model:
        yield model


def test_denoise_is_the_network_of_a_run(exact: af.Model, photo: Pixels) -> None:
    """v-prediction: x0 = sqrt(a) x - sqrt(1 - a) v, without guidance."""
    model, style = exact, exact.style(PAINTING)
    sampler = model.sampler(
        photo, style, width=64, height=64, steps=1, content_scale=1, style_scale=1, keep_every=1
    )
    step = sampler.next()
    assert step is not None
    noise, _ = sampler.kept()[0]
    content = model.encode(photo, "content")[None]
    v = model.denoise(noise, [step.timestep], content, style.values[None])
    alpha = model.info().alphas_cumprod[step.timestep]
    x0 = np.sqrt(alpha) * noise - np.sqrt(1 - alpha) * v
    assert sampler.x0 is not None
    assert np.allclose(x0, sampler.x0, rtol=1e-3, atol=1e-3)
    null = model.denoise(noise, [step.timestep], content, model.null_style().values[None])
    assert np.allclose(model.denoise(noise, [step.timestep], content), null, rtol=1e-3, atol=1e-3)
    assert not np.allclose(null, v, rtol=1e-3, atol=1e-3)
    for wrong in (
        {"timesteps": [1, 2]},
        {"content": content[:, 1:]},
        {"styles": style.values},
        {"x": noise[0]},
    ):
        with pytest.raises(af.ArgumentError, match="shape"):
            model.denoise(**{"x": noise, "timesteps": [1]} | wrong)


def test_a_style_is_read_at_the_native_size(model: af.Model) -> None:
    with af.Image.load(PHOTO) as large, large.fit(256, 256) as fitted:
        read = model.style(large).values
        assert read.tobytes() == model.style(fitted, exact=True).values.tobytes()
        assert read.tobytes() != model.style(large, exact=True).values.tobytes()


def test_the_default_model_is_what_the_environment_names() -> None:
    code = "import artfusion as af; print(af.default_model_path()); af.load()"
    assert run_python(code, ARTFUSION_MODEL=str(MODEL)).stdout.strip() == str(MODEL)
    done = run_python(code, status=1, ARTFUSION_MODEL="/none/such")
    assert done.stdout.strip() == "/none/such" and "/none/such: No such file" in done.stderr
