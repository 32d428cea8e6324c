# SPDX-License-Identifier: MIT
"""Pictures from and to Python's own, and whose memory they are."""

from __future__ import annotations

import gc
import io
import weakref
from pathlib import Path
from typing import Any

import artfusion as af
import numpy as np
import PIL.Image
import pytest
from conftest import Pixels


@pytest.fixture
def pixels() -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)


def test_pictures_from_everywhere_are_the_same(
    model: af.Model, photo: Pixels, tmp_path: Path
) -> None:
    picture = PIL.Image.fromarray(photo)
    picture.save(tmp_path / "photo.png")
    sources: list[af.Picture] = [
        str(tmp_path / "photo.png"),
        tmp_path / "photo.png",
        (tmp_path / "photo.png").read_bytes(),
        picture,
        photo,
        af.Image.from_array(photo),
    ]
    codes = [model.style(source).values for source in sources]
    assert all(np.array_equal(code, codes[0]) for code in codes)


def test_an_array_is_wrapped_and_viewed_without_copying(pixels: Pixels) -> None:
    view = np.asarray(af.Image.from_array(pixels))
    assert np.shares_memory(view, pixels)
    assert np.array_equal(view, pixels)
    part = pixels[1:4, 2:6]  # rows with a gap between
    view = np.asarray(af.Image.from_array(part))
    assert np.shares_memory(view, pixels)
    assert np.array_equal(view, part)


def test_rows_that_C_cannot_take_are_copied(pixels: Pixels) -> None:
    arrays = [pixels[::-1], pixels[:, ::-1], pixels[..., ::-1], pixels.transpose(1, 0, 2)]
    arrays.append(np.broadcast_to(pixels[:1], pixels.shape))
    for array in arrays:
        view = np.asarray(af.Image.from_array(array))
        assert np.array_equal(view, array)
        assert not np.shares_memory(view, pixels)


def test_an_image_keeps_the_array_that_it_wraps(pixels: Pixels) -> None:
    array = pixels.copy()
    alive = weakref.ref(array)
    image = af.Image.from_array(array)
    del array
    gc.collect()
    assert np.array_equal(np.asarray(image), pixels)
    image.close()
    gc.collect()
    assert alive() is None


def test_a_view_outlives_its_image(pixels: Pixels) -> None:
    resized = af.Image.from_array(pixels).resize(640, 480)
    view = np.asarray(resized)
    before = view.copy()
    resized.close()
    others = [af.Image.new(640, 480) for _ in range(20)]  # would take what was freed
    assert np.array_equal(view, before)
    assert all(not np.asarray(other).any() for other in others)


def test_what_cannot_be_written_to_stays_so(pixels: Pixels) -> None:
    np.asarray(af.Image.new(2, 2))[0, 0, 0] = 1
    pixels.flags.writeable = False
    assert not np.asarray(af.Image.from_array(pixels)).flags.writeable
    picture = af.Image.from_pil(PIL.Image.fromarray(pixels))
    assert not np.asarray(picture).flags.writeable
    assert np.array_equal(np.asarray(picture), pixels)


def test_numpy_may_ask_for_another_type_or_a_copy(pixels: Pixels) -> None:
    image = af.Image.from_array(pixels)
    assert np.asarray(image, np.float32).dtype == np.float32
    assert not np.shares_memory(np.array(image), pixels)
    with pytest.raises(ValueError, match="copy"):
        np.asarray(image, np.float32, copy=False)


def test_pillow_gets_the_same_pixels(pixels: Pixels) -> None:
    for array in (pixels, pixels[1:4, 2:6]):
        assert np.array_equal(np.asarray(af.Image.from_array(array).to_pil()), array)


def test_resizing_is_pillows(photo: Pixels) -> None:
    image, picture = af.Image.from_array(photo), PIL.Image.fromarray(photo)
    names: list[Any] = ["bicubic", "box", "bilinear", "lanczos"]
    for name in names:
        theirs = picture.resize((40, 50), PIL.Image.Resampling[name.upper()])
        assert np.array_equal(np.asarray(image.resize(40, 50, name)), np.asarray(theirs))
    assert image.fit(40, 20).size == (20, 20)
    assert image.cover(40, 20).size == (40, 20)


def test_files(pixels: Pixels, tmp_path: Path) -> None:
    image = af.Image.from_array(pixels)
    image.save(tmp_path / "a.png")
    assert np.array_equal(np.asarray(PIL.Image.open(tmp_path / "a.png")), pixels)
    af.Image.new(64, 64).save(tmp_path / "b", format="png", compression=0)
    assert (tmp_path / "b").stat().st_size > 3 * 64 * 64 > len(af.Image.new(64, 64).to_bytes())
    good, bad = image.to_bytes("jpeg", quality=100), image.to_bytes("jpeg", quality=1)
    assert PIL.Image.open(io.BytesIO(bad)).format == "JPEG"
    assert len(good) > len(bad)
    image.save(tmp_path / "a.webp", lossless=True)
    assert np.array_equal(np.asarray(PIL.Image.open(tmp_path / "a.webp").convert("RGB")), pixels)
    large = image.resize(64, 64)
    assert len(large.to_bytes("webp", quality=1)) < len(large.to_bytes("webp", quality=100))
    with pytest.raises(af.ArgumentError, match="a.gif"):
        image.save(tmp_path / "a.gif")
    with pytest.raises(af.ArgumentError, match="'gif'"):
        image.to_bytes("gif")
    with pytest.raises(af.ArgumentError, match="zero byte"):
        image.save("a.png\0b")


def test_load_options(pixels: Pixels, tmp_path: Path) -> None:
    file = io.BytesIO()
    PIL.Image.new("RGBA", (4, 4), (255, 255, 255, 0)).save(file, "PNG")
    (tmp_path / "a.png").write_bytes(file.getvalue())
    seen = np.asarray(af.Image.load(file.getvalue(), background=(1, 2, 3)))
    assert (seen == (1, 2, 3)).all()
    with pytest.raises(af.LimitError):
        af.Image.load(file.getvalue(), max_pixels=15)
    with pytest.raises(af.LimitError):
        af.Image.load(tmp_path / "a.png", max_file_bytes=10)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    jpeg = io.BytesIO()
    PIL.Image.fromarray(pixels).save(jpeg, "JPEG", exif=exif)
    assert af.Image.load(jpeg.getvalue()).size == (5, 7)
    assert af.Image.load(jpeg.getvalue(), ignore_orientation=True).size == (7, 5)


def test_what_is_no_picture_at_all(model: af.Model) -> None:
    with pytest.raises(TypeError, match="float is no picture"):
        model.style(1.5)  # type: ignore[arg-type]


def test_numbers_beyond_C(pixels: Pixels) -> None:
    with pytest.raises(af.ArgumentError, match="4294967297"):
        af.Image.new(2**32 + 1, 1)
    with pytest.raises(af.ArgumentError, match="4294967297"):
        af.Image.from_array(pixels).resize(1, 2**32 + 1)


def test_a_closed_image_is_refused(pixels: Pixels) -> None:
    with af.Image.from_array(pixels) as image:
        pass
    image.close()
    assert image.closed
    assert repr(image) == "<artfusion.Image closed>"
    with pytest.raises(af.StateError, match="the image is closed"):
        np.asarray(image)
    with pytest.raises(af.StateError, match="the image is closed"):
        image.to_bytes()
    with pytest.raises(af.StateError, match="the image is closed"), image:
        pass
