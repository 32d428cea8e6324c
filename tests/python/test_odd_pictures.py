# SPDX-License-Identifier: MIT
"""Pictures of docs/odd-pictures.md that other tests do not have: each is read, or said why not."""
from __future__ import annotations

import struct
import zlib

import artfusion_c as af
import numpy as np
import pytest
from PIL import Image
from test_image import GREY, RGB, chunk, encode_png, exif_segment, photo, pillow_jpeg
from test_image_viewed import ADOBE, encoded, read, rgb_profile, seen


def app2(profile: bytes, number: int, count: int) -> bytes:
    body = b"ICC_PROFILE\0" + bytes((number, count)) + profile
    return b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize("place", ["twice", "behind SOF", "of a wrong number"])
def test_segments_of_a_profile_at_odd_places(place: str) -> None:
    plain = pillow_jpeg(Image.fromarray(photo(40, 30)), quality=95)
    profile = rgb_profile(ADOBE, 2.2)
    frame = plain.index(b"\xff\xc0")
    after = frame + 2 + struct.unpack(">H", plain[frame + 2 : frame + 4])[0]
    segment = app2(profile, 1, 1)
    if place == "twice":
        data = plain[:2] + segment + plain[2:after] + segment + plain[after:]
    elif place == "behind SOF":
        data = plain[:after] + segment + plain[after:]
    else:
        data = plain[:2] + app2(profile, 5, 2) + plain[2:]
    stored, _ = read(data, reading=af.READING_REFERENCE)
    pixels, warning = read(data)
    if place == "of a wrong number":
        np.testing.assert_array_equal(pixels, stored)
        assert "segments of the colour profile are missing" in warning
    else:
        assert np.abs(pixels - seen(Image.fromarray(stored), profile)).max() <= 1
        assert warning == ""


def test_a_window_smaller_than_it_says() -> None:
    """zlib's header names 512 bytes, and a row repeats what is 18,002 bytes before it."""
    samples = np.random.default_rng(1).integers(0, 256, (2, 3000, 3), np.uint16)
    samples = np.concatenate([samples, samples])
    data = encode_png(samples, RGB, 8)
    at = data.index(b"IDAT") + 4
    size = struct.unpack(">I", data[at - 8 : at - 4])[0]
    stream = bytearray(data[at : at + size])
    assert len(stream) < 30_000  # it does repeat
    stream[0] = 0x18
    stream[1] = 31 - (0x18 << 8) % 31
    broken = data[: at - 8] + chunk(b"IDAT", bytes(stream)) + data[at + size + 4 :]
    np.testing.assert_array_equal(read(broken)[0], samples)


def test_a_transparent_colour_of_16_bits_is_compared_whole() -> None:
    samples = np.array([[[0xFFF0, 0, 0], [0xFFFF, 0, 0]]], np.uint16)
    transparent = chunk(b"tRNS", struct.pack(">3H", 0xFFFF, 0, 0))
    pixels, _ = read(encode_png(samples, RGB, 16, before_data=transparent))
    assert pixels.tolist() == [[[255, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_transparent_grey_of_few_bits(depth: int) -> None:
    samples = np.arange(2**depth, dtype=np.uint16).reshape(1, -1, 1)
    transparent = chunk(b"tRNS", struct.pack(">H", 1))
    pixels, _ = read(encode_png(samples, GREY, depth, before_data=transparent))
    expected = [255 if v == 1 else v * 255 // (2**depth - 1) for v in range(2**depth)]
    assert pixels[0, :, 0].tolist() == expected


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 2), (5, 5)])
def test_passes_of_small_interlaced_pictures_may_be_empty(size: tuple[int, int]) -> None:
    samples = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint16)
    data = encode_png(samples, RGB, 8, interlaced=True)
    for salvage in (0, 1):
        np.testing.assert_array_equal(read(data, salvage=salvage)[0], samples)


def test_fill_bytes_before_markers() -> None:
    plain = pillow_jpeg(Image.fromarray(photo(40, 30)))
    data = plain[:2] + b"\xff\xff\xff" + plain[2:-2] + b"\xff\xff\xff\xd9"
    for salvage in (0, 1):
        pixels, warning = read(data, salvage=salvage)
        np.testing.assert_array_equal(pixels, read(plain)[0])
        assert warning == ""


def test_what_is_behind_the_end_is_nobodys() -> None:
    """A video, a second picture, or a thumbnail."""
    plain = pillow_jpeg(Image.fromarray(photo(40, 30)))
    for behind in (b"\0\0\0\x18ftypmp42" + bytes(5000), plain, b"\xff\xd8\xff\xda"):
        for salvage in (0, 1):
            pixels, warning = read(plain + behind, salvage=salvage)
            np.testing.assert_array_equal(pixels, read(plain)[0])
            assert warning == ""


@pytest.mark.parametrize("extra", range(4))
def test_chunks_of_a_webp_are_padded(extra: int) -> None:
    """What comes behind one of an odd size is found."""
    packet = b'<x tiff:Orientation="6"/>' + b" " * extra
    profile = rgb_profile(ADOBE, 2.2) + bytes(extra)
    picture = Image.fromarray(photo(29, 14))
    data = encoded(picture, "WEBP", lossless=True, icc_profile=profile, xmp=packet)
    pixels, warning = read(data)
    assert pixels.shape == (29, 14, 3) and warning == ""
    assert np.abs(pixels - np.rot90(seen(picture, rgb_profile(ADOBE, 2.2)), -1)).max() <= 1


def test_the_better_word_wins() -> None:
    """EXIF over XMP, in whichever order they stand; XMP where EXIF says nothing."""
    picture = Image.fromarray(photo(29, 14))
    packet = b"<tiff:Orientation>8</tiff:Orientation>"
    exif = exif_segment(3, "<")
    stored = read(encoded(picture, "PNG"))[0]
    both = encoded(picture, "WEBP", lossless=True, exif=exif, xmp=packet)
    np.testing.assert_array_equal(read(both)[0], stored[::-1, ::-1])
    mute = encoded(picture, "WEBP", lossless=True, exif=exif_segment(0, "<"), xmp=packet)
    np.testing.assert_array_equal(read(mute)[0], np.rot90(stored))


def test_an_srgb_chunk_overrules_a_gamma_and_so_does_a_profile() -> None:
    samples = photo(9, 7).astype(np.uint16)
    gamma = chunk(b"gAMA", struct.pack(">I", 100000))
    np.testing.assert_array_equal(
        read(encode_png(samples, RGB, 8, before_data=chunk(b"sRGB", b"\0") + gamma))[0], samples
    )
    profile = rgb_profile(ADOBE, 2.2)
    iccp = chunk(b"iCCP", b"p\0\0" + zlib.compress(profile))
    pixels, _ = read(encode_png(samples, RGB, 8, before_data=gamma + iccp))
    assert np.abs(pixels - seen(Image.fromarray(photo(9, 7)), profile)).max() <= 1


def test_a_profile_bomb_is_passed_over() -> None:
    samples = photo(9, 7).astype(np.uint16)
    bomb = chunk(b"iCCP", b"p\0\0" + zlib.compress(struct.pack(">I", 60 << 20) + bytes(60 << 20)))
    pixels, warning = read(encode_png(samples, RGB, 8, before_data=bomb))
    np.testing.assert_array_equal(pixels, samples)
    assert "iCCP" in warning


def test_more_ends_too_early_than_pixels() -> None:
    """Of a PNG without IEND, strictly an error, everything is salvaged."""
    data = encoded(Image.fromarray(photo(40, 30)), "PNG")[:-12]
    with pytest.raises(af.ArtfusionError, match="ends too early"):
        read(data)
    pixels, warning = read(data, salvage=1)
    np.testing.assert_array_equal(pixels, photo(40, 30))
    assert "all pixels are there" in warning
