# SPDX-License-Identifier: MIT
"""Pictures as a person sees them, against littlecms and Pillow as the viewer."""
from __future__ import annotations

import ctypes
import io
import struct
import zlib
from typing import Any

import artfusion_c as af
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps
from test_image import chunk, exif_segment, photo, pillow_jpeg

Pixels = NDArray[np.uint8]


def read(data: bytes, **options: Any) -> tuple[Pixels, str]:
    """The picture and the warning."""
    c = af.LoadOptions()
    af.check(af.library().artfusion_load_options_init(c, ctypes.sizeof(c)))
    for name, value in options.items():
        setattr(c, name, value)
    with af.Image(af.Image._create("image_load_memory", data, len(data), c)) as image:
        return image.array(), af.library().artfusion_image_warning(image.pointer).decode()


def xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in (x, y, z)))


def gamma_curve(exponent: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(exponent * 256)) + bytes(2)


# Columns of the matrices to XYZ under D50.
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
ADOBE = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))
PROPHOTO = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))


def profile_of(
    space: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr", pcs: bytes = b"XYZ "
) -> bytes:
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 2) + b"p\0" + bytes(78),
            b"wtpt": xyz(0.9642, 1, 0.8249)} | tags  # fmt: skip
    table, body, at = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    header = struct.pack(">I4sI", at + len(body), bytes(4), 0x02400000) + kind + space + pcs
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def rgb_profile(columns: tuple[tuple[float, float, float], ...], exponent: float) -> bytes:
    tags = {name: xyz(*column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns)}
    return profile_of(
        b"RGB ", tags | {name: gamma_curve(exponent) for name in (b"rTRC", b"gTRC", b"bTRC")}
    )


def lut_profile(channels: int) -> bytes:
    """A printer's or a scanner's: a lut8Type to Lab of 5 steps a channel."""
    steps = 5
    head = b"mft1" + bytes(4) + bytes((channels, 3, steps, 0))
    head += struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, steps)] * channels, indexing="ij"), -1)
    grid = grid.reshape(-1, channels)
    light = 1 - grid.mean(-1) if channels == 4 else grid.mean(-1)
    lab = np.stack([255 * light, 128 + 60 * (grid[:, 1] - grid[:, 0]),
                    128 + 60 * (grid[:, 0] - grid[:, 2])], -1)  # fmt: skip
    identity = bytes(range(256))
    table = head + identity * channels + lab.round().astype(np.uint8).tobytes() + identity * 3
    space = b"CMYK" if channels == 4 else b"RGB "
    return profile_of(space, {b"A2B0": table}, b"prtr" if channels == 4 else b"scnr", b"Lab ")


def seen(picture: Image.Image, profile: bytes) -> NDArray[np.int64]:
    """What a viewer with littlecms shows."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    shown = ImageCms.profileToProfile(
        picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert shown is not None
    return np.asarray(shown).astype(int)


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


PROFILES = {
    "Adobe RGB": rgb_profile(ADOBE, 2.2),
    "Display P3": rgb_profile(P3, 2.2),
    "ProPhoto": rgb_profile(PROPHOTO, 1.8),
    "linear": rgb_profile(SRGB, 1.0),
    "a table": lut_profile(3),
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_converted_as_littlecms_does(name: str, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(
        Image.fromarray(photo(61, 40)), kind, icc_profile=PROFILES[name], **options
    )
    stored = Image.open(io.BytesIO(data)).convert("RGB")
    pixels, warning = read(data)
    assert warning == ""
    assert np.abs(pixels - seen(stored, PROFILES[name])).max() <= 1
    assert np.abs(pixels.astype(int) - np.asarray(stored)).mean() > 3  # it is not what is stored


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_grey_by_a_grey_profile(kind: str) -> None:
    profile = profile_of(b"GRAY", {b"kTRC": gamma_curve(1.8)})
    data = encoded(Image.fromarray(photo(61, 40)).convert("L"), kind, icc_profile=profile)
    stored = np.asarray(Image.open(io.BytesIO(data)))
    light = (stored / 255.0) ** (round(1.8 * 256) / 256)
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    pixels, warning = read(data)
    assert warning == ""
    assert np.abs(pixels - 255 * expected[..., None]).max() <= 1


def test_inks_by_their_profile() -> None:
    profile = lut_profile(4)
    picture = Image.fromarray(photo(61, 40)).convert("CMYK")
    data = encoded(picture, "JPEG", icc_profile=profile, quality=95)
    stored = Image.open(io.BytesIO(data))
    pixels, warning = read(data)
    assert warning == ""
    assert np.abs(pixels - seen(stored, profile)).max() <= 2


def test_an_srgb_profile_changes_no_bit() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("PNG", "JPEG"):
        data = encoded(Image.fromarray(photo(61, 40)), kind, icc_profile=profile)
        stored = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        np.testing.assert_array_equal(read(data)[0], stored)


@pytest.mark.parametrize("kind", ["P", "LA", "RGBA", "1-bit"])
def test_transparent_pixels_are_white(kind: str) -> None:
    colours = Image.fromarray(photo(40, 30))
    alpha = Image.fromarray((np.arange(1200).reshape(30, 40) % 256).astype(np.uint8))
    picture = colours.convert("RGBA")
    picture.putalpha(alpha)
    options: dict[str, Any] = {}
    if kind == "P":
        picture = colours.quantize(16)
        options["transparency"] = bytes(range(0, 256, 16))
    elif kind == "LA":
        picture = picture.convert("LA")
    elif kind == "1-bit":
        picture = colours.convert("1")
        options["transparency"] = 0
    data = encoded(picture, "PNG", **options)
    over = Image.open(io.BytesIO(data)).convert("RGBA")
    expected = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    np.testing.assert_array_equal(read(data)[0], np.asarray(expected))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_png_and_webp_are_turned_as_pillow_does(orientation: int) -> None:
    exif = exif_segment(orientation, "<")
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        data = encoded(Image.fromarray(photo(29, 14)), kind, exif=exif, **options)
        turned = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        np.testing.assert_array_equal(read(data)[0], np.asarray(turned))


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_webp_is_what_pillow_reads(mode: str, lossless: bool) -> None:
    picture = Image.fromarray(photo(61, 40)).convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.fromarray(photo(61, 40)[..., 0]))
    data = encoded(picture, "WEBP", lossless=lossless, exact=True)
    theirs = Image.open(io.BytesIO(data))
    plain, _ = read(data, reading=af.READING_REFERENCE)
    np.testing.assert_array_equal(plain, np.asarray(theirs.convert("RGB")))
    over = theirs.convert("RGBA")
    white = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    np.testing.assert_array_equal(read(data)[0], np.asarray(white))


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.fromarray(photo(40, 30)).rotate(angle) for angle in (0, 90)]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    np.testing.assert_array_equal(read(data)[0], np.asarray(frames[0]))


def test_the_first_frame_of_an_animated_png() -> None:
    frames = [Image.fromarray(photo(40, 30)).rotate(angle) for angle in (0, 90)]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read(data)[0], np.asarray(frames[0]))


def test_a_gamma_and_a_profile_that_does_not_fit_a_png() -> None:
    """The profile of an RGB picture in a grey one is passed over, and so is then the gamma."""
    data = encoded(Image.fromarray(photo(9, 7)).convert("L"), "PNG")
    body = b"p\0\0" + zlib.compress(PROFILES["Adobe RGB"])
    header = data[:33]
    with_profile = header + chunk(b"iCCP", body) + data[33:]
    pixels, warning = read(with_profile)
    np.testing.assert_array_equal(pixels, read(data)[0])
    assert "iCCP" in warning and "taken for sRGB" in warning


def test_a_salvaged_jpeg_is_what_pillow_shows() -> None:
    from PIL import ImageFile

    data = pillow_jpeg(Image.fromarray(photo(64, 64)), quality=90)
    cut = data[: len(data) * 3 // 4]
    with pytest.raises(af.ArtfusionError, match="ends too early"):
        read(cut)
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        theirs = np.asarray(Image.open(io.BytesIO(cut)).convert("RGB"))
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    pixels, warning = read(cut, salvage=1)
    np.testing.assert_array_equal(pixels[:32], theirs[:32])
    assert "rows are missing" in warning
