# SPDX-License-Identifier: MIT
"""Whatever stands for a picture is the same picture, or an error that says what to do."""

from __future__ import annotations

import io
import itertools
import struct
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import artfusion as af
import numpy as np
import PIL.Image
import pytest
import torch
from conftest import IMAGES, PHOTO, Pixels, run_python
from torch.utils.dlpack import from_dlpack


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)


def array(source: Any, **options: Any) -> Pixels:
    return np.asarray(af.Image.load(source, **options))


def saved(picture: PIL.Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def by_pillow(data: bytes) -> Pixels:
    with PIL.Image.open(io.BytesIO(data)) as picture:
        return np.asarray(af.Image.from_pil(picture))


# Files.


def test_open_files_are_read_from_where_they_stand(pixels: Pixels, tmp_path: Path) -> None:
    data = saved(PIL.Image.fromarray(pixels))
    (tmp_path / "a").write_bytes(b"before" + data)
    with open(tmp_path / "a", "rb") as file:
        file.seek(6)
        assert np.array_equal(array(file), pixels)
    assert np.array_equal(array(io.BytesIO(data)), pixels)
    with tempfile.SpooledTemporaryFile() as spooled:  # what a server's upload is
        spooled.write(data)
        spooled.seek(0)
        assert np.array_equal(array(spooled), pixels)
    with open(tmp_path / "a", encoding="latin-1") as text, pytest.raises(TypeError, match="bytes"):
        array(text)
    with pytest.raises(af.LimitError):
        array(io.BytesIO(data), max_file_bytes=10)


def test_open_files_stand_for_pictures(model: af.Model, photo: Pixels, style: af.Style) -> None:
    file = io.BytesIO(saved(PIL.Image.fromarray(photo)))
    assert np.array_equal(model.style(file).values, model.style(photo).values)


def test_open_files_are_written(pixels: Pixels, tmp_path: Path) -> None:
    image = af.Image.from_array(pixels)
    for name in ("png", "PNG", "jpeg", "JPEG", "jpg", "WEBP"):
        file = io.BytesIO()
        image.save(file, format=name)
        assert file.getvalue() == image.to_bytes(name)
    with open(tmp_path / "a.jpg", "wb") as by_name:
        image.save(by_name, quality=50)
    assert (tmp_path / "a.jpg").read_bytes() == image.to_bytes("jpeg", quality=50)
    with pytest.raises(af.ArgumentError, match="needs a format"):
        image.save(io.BytesIO())
    with pytest.raises(TypeError, match="float is neither a path nor a file"):
        image.save(1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "BMP", "PPM", "AVIF", "JPEG2000"])
def test_other_formats_are_pillows(pixels: Pixels, tmp_path: Path, kind: str) -> None:
    data = saved(PIL.Image.fromarray(pixels), kind)
    with PIL.Image.open(io.BytesIO(data)) as picture:
        expected = np.asarray(picture.convert("RGB"))
    (tmp_path / "a").write_bytes(data)
    for source in (data, tmp_path / "a", io.BytesIO(data)):
        assert np.array_equal(array(source), expected)
    with pytest.raises(af.LimitError, match="34"):
        array(data, max_pixels=34)
    with pytest.raises(af.FormatError):
        array(data, by_pillow=False)
    with pytest.raises(af.FormatError):
        array(data[: len(data) // 2])


def test_other_formats_without_pillow_are_named(pixels: Pixels, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(saved(PIL.Image.fromarray(pixels), "TIFF"))
    code = (
        "import sys\n"
        "sys.modules['PIL'] = None\n"
        "import artfusion\n"
        "try:\n"
        "    artfusion.Image.load(sys.argv[1])\n"
        "except artfusion.FormatError as error:\n"
        "    print(error)\n"
    )
    assert "a.tif" in run_python(code, tmp_path / "a.tif").stdout


def test_damage_stays_an_error(pixels: Pixels) -> None:
    """Pillow, which might make something of it, is not asked."""
    for kind in ("PNG", "JPEG", "WEBP"):
        data = saved(PIL.Image.fromarray(pixels), kind)
        with pytest.raises(af.FormatError):
            array(data[:-20])
    with pytest.raises(af.FormatError):
        array(b"no picture at all")
    with pytest.raises(af.FormatError):
        array(b"")


# Pillow's pictures.


def deep(mode: str) -> PIL.Image.Image:
    values = np.linspace(0, 65535, 70).reshape(7, 10)
    if mode == "I":
        return PIL.Image.fromarray(values.astype(np.int32))
    big = mode == "I;16B"
    picture = PIL.Image.fromarray(values.astype("<u2"))
    return PIL.Image.frombytes(mode, (10, 7), values.astype(">u2").tobytes()) if big else picture


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_sixteen_bits(mode: str) -> None:
    picture = deep(mode)
    expected = array(saved(deep("I;16")))
    assert (expected.min(), expected.max()) == (0, 255)
    assert 120 < expected.mean() < 135
    assert np.array_equal(np.asarray(af.Image.from_pil(picture)), expected)
    assert np.array_equal(np.asarray(af.Image.from_array(np.asarray(deep("I;16")))), expected)


def test_what_floats_and_integers_mean() -> None:
    values = np.linspace(0, 1, 70, dtype=np.float32).reshape(7, 10)
    levels = np.rint(values * 255)[..., None].repeat(3, 2)
    picture = PIL.Image.fromarray(values)
    assert picture.mode == "F"
    assert np.abs(np.asarray(af.Image.from_pil(picture)) - levels).max() == 0
    with pytest.raises(af.ArgumentError, match=r"mode F, .* 0 to 255, .*convert\('L'\)"):
        af.Image.from_pil(PIL.Image.fromarray(values * 255))
    with pytest.raises(TypeError, match="ndarray is no picture of Pillow's"):
        af.Image.from_pil(values)  # type: ignore[arg-type]
    with pytest.raises(af.ArgumentError, match="mode I, .* from -1 to 70000: 0 to 65535"):
        af.Image.from_pil(PIL.Image.fromarray(np.array([[-1, 70000]], np.int32)))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa"])
def test_a_mode_is_what_its_file_is(mode: str, pixels: Pixels) -> None:
    """That is how Pillow itself shows it over white."""
    alpha = np.linspace(0, 255, 35).round().astype(np.uint8).reshape(5, 7, 1)
    rgba = PIL.Image.fromarray(np.concatenate([pixels, alpha], axis=2))
    picture = {
        "RGBa": lambda: rgba.convert("RGBa"),
        "La": lambda: rgba.convert("LA").convert("La"),
        "PA": lambda: rgba.convert("RGB").convert("P").convert("PA"),
    }.get(mode, lambda: rgba.convert(mode))()
    assert picture.mode == mode
    white = PIL.Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture.convert("LA" if mode == "La" else "RGBA").convert("RGBA"))
    seen = np.asarray(af.Image.from_pil(picture))
    assert np.array_equal(seen, np.asarray(white.convert("RGB")))


def test_transparency_shows_the_background(pixels: Pixels) -> None:
    """Of files, of Pillow's pictures and of arrays alike, for every alpha."""
    levels = np.arange(256, dtype=np.uint8)
    rgba = np.zeros((256, 256, 4), np.uint8)
    rgba[..., 0], rgba[..., 1] = levels, levels[::-1]
    rgba[..., 3] = levels[:, None]
    picture = PIL.Image.fromarray(rgba)
    for background in ((255, 255, 255), (10, 200, 3)):
        expected = array(saved(picture), background=background)
        options: Any = {} if background == (255, 255, 255) else {"background": background}
        assert np.array_equal(np.asarray(af.Image.from_pil(picture, **options)), expected)
        assert np.array_equal(np.asarray(af.Image.from_array(rgba, **options)), expected)
        assert (expected[0] == background).all()
        assert np.array_equal(expected[255], rgba[255, :, :3])
    for wrong in ((1, 2), (1, 2, 256), (1, 2, 0.5)):
        with pytest.raises(af.ArgumentError, match="background"):
            af.Image.from_array(rgba, background=wrong)  # type: ignore[arg-type]


def test_a_transparent_colour(pixels: Pixels) -> None:
    palette = PIL.Image.fromarray(pixels).convert("P")
    key = palette.getpixel((0, 0))
    for picture, transparency in (
        (palette, key),
        (PIL.Image.fromarray(pixels), tuple(int(v) for v in pixels[0, 0])),
    ):
        data = saved(picture, transparency=transparency)
        assert (array(data)[0, 0] == 255).all()
        assert np.array_equal(by_pillow(data), array(data))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_phones_photo_is_upright_by_every_way(pixels: Pixels, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    data = saved(PIL.Image.fromarray(pixels).resize((32, 64)), "JPEG", exif=exif)
    upright = array(data)
    assert upright.shape == ((64, 32, 3) if orientation < 5 else (32, 64, 3))
    assert np.array_equal(by_pillow(data), upright)
    with PIL.Image.open(io.BytesIO(data)) as picture:
        lying = af.Image.from_pil(picture, ignore_orientation=True)
        assert np.array_equal(np.asarray(lying), array(data, ignore_orientation=True))
        assert lying.size == (32, 64)


def test_photos_are_decoded_alike() -> None:
    for path in (PHOTO, IMAGES / "coffee.jpg"):
        with PIL.Image.open(path) as picture:
            assert np.array_equal(np.asarray(af.Image.from_pil(picture)), array(path))


def profile(space: str, tags: dict[str, bytes]) -> bytes:
    """An ICC profile, of version 2."""
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags = {"desc": b"desc" + bytes(4) + struct.pack(">I", 2) + b"p\0" + bytes(78)} | tags
    tags = {"wtpt": white} | tags
    table, body, at = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        table += name.encode() + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    pcs = "Lab " if "A2B0" in tags else "XYZ "
    kind = "prtr" if space == "CMYK" else "mntr"
    header = struct.pack(">I4sI", at + len(body), b"", 0x02400000)
    header += (kind + space + pcs).encode() + bytes(12) + b"acsp" + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def rgb_profile() -> bytes:
    """Gamma 1.8, and primaries as a wide screen's."""
    tags = {f"{channel}TRC": curve(1.8) for channel in "rgb"}
    primaries = (0.60, 0.31, 0.02), (0.21, 0.63, 0.07), (0.15, 0.06, 0.74)
    for channel, values in zip("rgb", primaries, strict=True):
        fixed = (round(v * 65536) for v in values)
        tags[f"{channel}XYZ"] = b"XYZ " + bytes(4) + struct.pack(">3i", *fixed)
    return profile("RGB ", tags)


def cmyk_profile() -> bytes:
    """Two steps of each ink to Lab, linear between."""
    grid = b""
    for cyan, magenta, yellow, black in itertools.product((0, 1), repeat=4):
        light = 255 - 60 * cyan - 50 * magenta - 30 * yellow - 100 * black
        grid += bytes((light, 128 + 30 * magenta - 20 * cyan, 128 + 35 * yellow - 15 * cyan))
    head = b"mft1" + bytes(4) + bytes((4, 3, 2, 0))
    head += struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    identity = bytes(range(256))
    return profile("CMYK", {"A2B0": head + identity * 4 + grid + identity * 3})


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "CMYK"])
def test_colours_are_converted_by_every_way(mode: str) -> None:
    icc = {
        "L": lambda: profile("GRAY", {"kTRC": curve(1.4)}),
        "CMYK": cmyk_profile,
    }.get(mode, rgb_profile)()
    with PIL.Image.open(PHOTO) as photo:
        picture = photo.resize((64, 48)).convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    data = saved(picture, kind, icc_profile=icc)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        by_path = array(data)
        with PIL.Image.open(io.BytesIO(data)) as opened:
            assert (opened.mode, opened.info["icc_profile"]) == (mode, icc)
            by_picture = np.asarray(af.Image.from_pil(opened))
    plain = array(data, reading="reference").astype(np.int16)
    assert np.abs(plain - by_path).max() > 8
    off = np.abs(by_path.astype(np.int16) - by_picture).max()
    assert off <= (1 if mode == "CMYK" else 0)  # whose conversion is Pillow's own
    with PIL.Image.open(io.BytesIO(data)) as opened:
        as_it_is = np.asarray(af.Image.from_pil(opened, reading="reference"), np.int16)
    assert np.abs(as_it_is - plain).max() <= (1 if mode == "CMYK" else 0)


def test_gamma_and_orientation_of_a_png(pixels: Pixels) -> None:
    from PIL.PngImagePlugin import PngInfo

    exif, chunks = PIL.Image.Exif(), PngInfo()
    exif[0x0112] = 6
    chunks.add(b"gAMA", (100_000).to_bytes(4, "big"))
    chunks.add(
        b"cHRM",
        struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
    )
    data = saved(PIL.Image.fromarray(pixels), exif=exif, pnginfo=chunks)
    seen = array(data)
    assert seen.shape == (7, 5, 3)
    assert not np.array_equal(seen, np.rot90(pixels, 3))
    assert np.array_equal(by_pillow(data), seen)
    assert np.array_equal(array(saved(PIL.Image.fromarray(pixels), exif=exif)), np.rot90(pixels, 3))


def test_what_is_passed_over_is_a_warning(
    model: af.Model, photo: Pixels, tmp_path: Path
) -> None:
    """It names the file, and the line that wanted the picture."""
    data = saved(PIL.Image.fromarray(photo), "JPEG")
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(af.FormatError):
        af.Image.load(tmp_path / "cut.jpg")
    with pytest.warns(af.PictureWarning, match=r"cut\.jpg: .*JPEG") as caught:
        image = af.Image.load(tmp_path / "cut.jpg", salvage=True)
    assert image.size == (64, 64)
    wrong = saved(PIL.Image.fromarray(photo), icc_profile=profile("CMYK", {}))
    with pytest.warns(af.PictureWarning, match="profile") as more:
        model.style(wrong)
    assert [w.filename for w in (*caught, *more)] == [__file__] * 2
    with pytest.raises(af.ArgumentError, match="'seen'"):
        af.Image.load(data, reading="seen")  # type: ignore[arg-type]


# Arrays and tensors.


def test_what_is_an_array(model: af.Model, pixels: Pixels) -> None:
    class Interface:
        __array_interface__ = pixels.__array_interface__

    class Array:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Pixels:
            return pixels

    class DLPack:
        def __dlpack__(self, **wishes: Any) -> Any:
            return pixels.__dlpack__(**wishes)

        def __dlpack_device__(self) -> Any:
            return pixels.__dlpack_device__()

    sources: list[Any] = [Interface(), Array(), DLPack(), pixels.data, pixels.tolist]
    for source in sources[:-1]:
        assert np.array_equal(np.asarray(af.Image.from_array(source)), pixels), source
    with pytest.raises(TypeError, match="is no picture"):
        model.style(sources[-1])


def test_shapes_and_values(pixels: Pixels) -> None:
    grey = pixels[..., 0]
    in_grey = grey[..., None].repeat(3, 2)
    cases: list[tuple[Any, Pixels]] = [
        (grey, in_grey),
        (grey[..., None], in_grey),
        (grey[None], in_grey),
        (pixels.transpose(2, 0, 1), pixels),
        (pixels / 255, pixels),
        ((pixels / 255).astype(np.float16), pixels),
        (pixels / 255 + 0.001, pixels),
        (pixels.astype(np.uint16) * 257, pixels),
        ((pixels.astype(np.uint16) * 257).astype(">u2"), pixels),
        (pixels > 127, np.where(pixels > 127, 255, 0).astype(np.uint8)),
        (np.ma.masked_array(pixels, pixels > 3), pixels),
    ]
    for given, expected in cases:
        seen = np.asarray(af.Image.from_array(given))
        assert np.array_equal(seen, expected), (given.dtype, given.shape)


def test_tensors(pixels: Pixels) -> None:
    tensor = torch.from_numpy(pixels.copy())
    channels_first = tensor.permute(2, 0, 1)
    for given in (
        tensor,
        channels_first,
        channels_first / 255,
        (tensor / 255).double(),
        (tensor / 255).requires_grad_(),
    ):
        assert np.array_equal(np.asarray(af.Image.from_array(given)), pixels), given.dtype
    narrow = np.asarray(af.Image.from_array((tensor / 255).bfloat16()), np.int16)
    assert np.abs(narrow - pixels).max() <= 1
    with pytest.raises(af.ArgumentError, match="tensor is of shape .3, 5, 3.*first or the last"):
        af.Image.from_array(torch.zeros(3, 5, 3))
    image = af.Image.from_array(pixels)
    for made in (torch.as_tensor(image), from_dlpack(image)):
        assert np.array_equal(made.numpy(), pixels)
    assert torch.as_tensor(af.Image.from_pil(PIL.Image.fromarray(pixels))).shape == (5, 7, 3)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((6, 5, 2), np.uint8), r"shape \(6, 5, 2\): \(height, width\) or"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"list\(pictures\)"),
        (np.zeros(4, np.uint8), r"shape \(4,\)"),
        (np.zeros((4, 4, 3), np.int64), r"int64: uint8 is right, .*astype\('uint8'\)"),
        (np.full((4, 4, 3), 200.0), r"from 200 to 200: floats are 0 to 1.*uint8"),
        (np.full((4, 4, 3), -0.1), "from -0.1 to -0.1"),
        (np.full((4, 4, 3), np.nan), "nan"),
        (np.zeros((4, 4, 3), complex), "complex128"),
        ([[1, 2], [3, 4]], "int64"),
        ("x.jpg", r"shape \(\)"),
        (np.zeros((0, 4, 3), np.uint8), "4 x 0"),
    ],
)
def test_arrays_that_are_no_pictures(array: Any, words: str) -> None:
    with pytest.raises(af.ArgumentError, match=words):
        af.Image.from_array(array)


def test_a_picture_is_a_buffer(pixels: Pixels) -> None:
    """What memoryview() asks for from Python 3.12 on."""
    image = af.Image.from_array(pixels)
    view = image.__buffer__(0)
    assert (view.shape, view.readonly) == (pixels.shape, False)
    assert view.tobytes() == pixels.tobytes()
    if sys.version_info >= (3, 12):
        assert memoryview(image) == view
        assert bytes(image) == pixels.tobytes()
    assert af.Image.from_pil(PIL.Image.fromarray(pixels)).__buffer__(0).readonly
    with pytest.raises(BufferError, match="apart"):
        af.Image.from_array(pixels[:, :3]).__buffer__(0)
