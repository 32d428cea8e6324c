# SPDX-License-Identifier: MIT
"""Decoding and encoding against Pillow: every PNG colour type, JPEGs of all kinds, damage."""
from __future__ import annotations

import ctypes
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import artfusion_c as af
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

Pixels = NDArray[np.uint8]
Samples = NDArray[np.uint16]

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
KINDS = [
    *((GREY, depth) for depth in (1, 2, 4, 8, 16)),
    *((PALETTE, depth) for depth in (1, 2, 4, 8)),
    *((kind, depth) for kind in (RGB, GREY_ALPHA, RGBA) for depth in (8, 16)),
]
ADAM7 = (  # x, y of the first pixel, steps
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


# -- A PNG encoder for everything the format knows, since Pillow's is for less --------------------


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def pack_rows(samples: Samples, depth: int) -> bytes:
    """Scanlines of samples[height, width, channels], with filter 0."""
    rows = samples.reshape(samples.shape[0], -1)
    if depth == 16:
        packed = rows.astype(">u2").view(np.uint8)
    elif depth == 8:
        packed = rows.astype(np.uint8)
    else:
        bits = (rows[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        packed = np.packbits(bits.reshape(rows.shape[0], -1).astype(np.uint8), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


def encode_png(
    samples: Samples,
    kind: int,
    depth: int,
    *,
    before_data: bytes = b"",
    interlaced: bool = False,
) -> bytes:
    height, width, _ = samples.shape
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    if interlaced:
        parts = (samples[y::dy, x::dx] for x, y, dx, dy in ADAM7)
        data = b"".join(pack_rows(part, depth) for part in parts if part.size)
    else:
        data = pack_rows(samples, depth)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before_data
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def random_samples(kind: int, depth: int, size: tuple[int, int] = (37, 23)) -> Samples:
    rng = np.random.default_rng(100 * kind + depth)
    shape = (size[1], size[0], CHANNELS[kind])
    return rng.integers(0, 2**depth, shape).astype(np.uint16)


def palette_chunk(depth: int) -> bytes:
    colours = np.random.default_rng(depth).integers(0, 256, 3 * 2**depth, np.uint8)
    return chunk(b"PLTE", colours.tobytes())


def png_of(kind: int, depth: int, interlaced: bool, transparency: bytes = b"") -> bytes:
    before = palette_chunk(depth) if kind == PALETTE else b""
    if transparency:
        before += chunk(b"tRNS", transparency)
    return encode_png(
        random_samples(kind, depth), kind, depth, before_data=before, interlaced=interlaced
    )


# -- The library -------------------------------------------------------------------------------


def decode(data: bytes, **options: Any) -> Pixels:
    """As Pillow's convert("RGB") unless a background is given."""
    c = af.LoadOptions()
    af.check(af.library().artfusion_load_options_init(c, ctypes.sizeof(c)))
    if "background" not in options:
        c.reading = af.READING_REFERENCE
    for name, value in options.items():
        setattr(c, name, value)
    with af.Image(af.Image._create("image_load_memory", data, len(data), c)) as image:
        return image.array()


def over(red: int, green: int, blue: int) -> Any:
    return (ctypes.c_uint8 * 4)(red, green, blue, 1)


def encode(pixels: Pixels, **options: int) -> bytes:
    c = af.SaveOptions()
    af.check(af.library().artfusion_save_options_init(c, ctypes.sizeof(c)))
    for name, value in options.items():
        setattr(c, name, value)
    data, size = af.bytes_p(), ctypes.c_size_t()
    with af.Image.from_array(pixels) as image:
        af.check(
            af.library().artfusion_image_save_memory(
                image.pointer, c, ctypes.byref(data), ctypes.byref(size)
            )
        )
    try:
        return ctypes.string_at(data, size.value)
    finally:
        af.library().artfusion_free(data)


def status_of(data: bytes, **options: Any) -> int:
    try:
        decode(data, **options)
    except af.ArtfusionError as error:
        assert error.message
        return error.status
    return af.OK


def pillow(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def pillow_takes(data: bytes) -> bool:
    try:
        pillow(data)
    except (OSError, SyntaxError):
        return False
    return True


def photo(width: int, height: int) -> Pixels:
    """Smooth, with some noise: what JPEG is made for, and no two pixels alike."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    noise = np.random.default_rng(5).normal(0, 12, (height, width, 3))
    base = np.stack([x / width * 255, y / height * 255, 128 + 100 * np.sin((x + y) / 9)], -1)
    return np.clip(base + noise, 0, 255).astype(np.uint8)


def pillow_jpeg(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


# -- PNG ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("kind", "depth"), KINDS)
def test_png_of_every_kind(kind: int, depth: int, interlaced: bool) -> None:
    data = png_of(kind, depth, interlaced)
    if (kind, depth) == (GREY, 16):  # Pillow clips these at 255; the upper byte is the picture
        expected = np.repeat(random_samples(kind, depth) >> 8, 3, -1)
    else:
        expected = pillow(data)
    np.testing.assert_array_equal(decode(data), expected)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("background", [(0, 0, 0), (255, 255, 255), (200, 31, 90)])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", [GREY_ALPHA, RGBA])
def test_alpha_over_a_background(
    kind: int, depth: int, background: tuple[int, int, int], interlaced: bool
) -> None:
    data = png_of(kind, depth, interlaced)
    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    behind = Image.new("RGBA", picture.size, (*background, 255))
    expected = np.asarray(Image.alpha_composite(behind, picture).convert("RGB"))
    np.testing.assert_array_equal(decode(data, background=over(*background)), expected)


def test_a_transparent_colour_before_the_palette_counts() -> None:
    """It should stand behind, and old releases of libpng forget it then; Pillow does not."""
    samples = random_samples(RGB, 8)
    colour = b"".join(bytes((0, value)) for value in samples[0, 0])
    before = chunk(b"tRNS", colour) + palette_chunk(1)
    data = encode_png(samples, RGB, 8, before_data=before, interlaced=False)
    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    behind = Image.new("RGBA", picture.size, (9, 9, 9, 255))
    expected = np.asarray(Image.alpha_composite(behind, picture).convert("RGB"))
    assert tuple(expected[0, 0]) == (9, 9, 9)
    np.testing.assert_array_equal(decode(data, background=over(9, 9, 9)), expected)


@pytest.mark.parametrize("palette", [b"", b"\1\2", b"\1\2\3" * 300], ids=["empty", "cut", "long"])
def test_a_palette_that_nothing_takes_may_be_ill_formed(palette: bytes) -> None:
    """Of true colours it is a suggestion: by either reading the picture is what it is without."""
    samples = random_samples(RGB, 8)
    twice = 2 * chunk(b"PLTE", palette)
    data = encode_png(samples, RGB, 8, before_data=twice, interlaced=False)
    np.testing.assert_array_equal(decode(data), samples)
    np.testing.assert_array_equal(decode(data, background=over(9, 9, 9)), samples)


@pytest.mark.parametrize("background", [None, (9, 9, 9), (10, 200, 60)])
@pytest.mark.parametrize(
    ("kind", "depth", "transparency"),
    [
        (GREY, 1, b"\0\1"),
        (GREY, 2, b"\0\2"),
        (GREY, 4, b"\0\7"),
        (GREY, 8, None),
        (RGB, 8, None),
        (RGB, 16, None),
        (PALETTE, 1, b"\x30"),
        (PALETTE, 4, bytes(range(0, 256, 17))),
        (PALETTE, 8, bytes(range(256))),
        (PALETTE, 8, bytes(range(100))),
    ],
)
def test_a_transparent_colour(
    kind: int, depth: int, transparency: bytes | None, background: tuple[int, int, int] | None
) -> None:
    samples = random_samples(kind, depth)
    if transparency is None:  # a colour that occurs
        transparency = b"".join(struct.pack(">H", int(v)) for v in samples[3, 5])
    data = png_of(kind, depth, False, transparency)
    plain = decode(png_of(kind, depth, False))
    np.testing.assert_array_equal(decode(data), plain)  # without a background: no change
    if background is None:
        return

    if kind == PALETTE:
        alphas = np.full(256, 255)
        alphas[: len(transparency)] = list(transparency)
        alpha = alphas[samples]
    else:
        colour = np.array(struct.unpack(f">{len(transparency) // 2}H", transparency))
        alpha = np.where((samples == colour).all(-1, keepdims=True), 0, 255)
        assert (alpha == 0).any() and (alpha == 255).any()
    product = plain.astype(int) * alpha + np.array(background) * (255 - alpha)
    ours = decode(data, background=over(*background))
    np.testing.assert_array_equal(ours, (product + 127) // 255)


def test_png_gamma_and_profiles_are_ignored() -> None:
    samples = random_samples(RGB, 8)
    extra = (
        chunk(b"gAMA", struct.pack(">I", 100000))
        + chunk(b"cHRM", bytes(32))
        + chunk(b"iCCP", b"broken\0\0" + zlib.compress(b"no profile"))
        + chunk(b"tEXt", b"Comment\0" + b"x" * 5000)
        + chunk(b"unKn", b"?")
    )
    data = encode_png(samples, RGB, 8, before_data=extra)
    np.testing.assert_array_equal(decode(data), samples.astype(np.uint8))


def test_png_data_after_the_end_is_ignored() -> None:
    data = png_of(RGB, 8, False)
    np.testing.assert_array_equal(decode(data + b"trailing"), decode(data))


def test_png_cut_anywhere_is_refused() -> None:
    data = png_of(RGB, 8, True)
    assert status_of(data) == af.OK
    assert {status_of(data[:size]) for size in range(len(data))} == {af.ERROR_FORMAT}


def test_png_with_any_byte_changed_is_refused() -> None:
    data = png_of(RGB, 8, False)
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x40
        assert status_of(bytes(damaged)) == af.ERROR_FORMAT, position


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, RGB, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


@pytest.mark.parametrize(
    ("width", "height", "status"),
    [
        (0, 5, af.ERROR_FORMAT),
        (5, 0, af.ERROR_FORMAT),
        (65536, 1, af.ERROR_LIMIT),
        (1, 2**31 - 1, af.ERROR_LIMIT),
        (2**31, 1, af.ERROR_FORMAT),
        (65535, 65535, af.ERROR_LIMIT),
        (13378, 13378, af.ERROR_LIMIT),  # Pillow's limit is 178956970 pixels
        (13377, 13377, af.ERROR_FORMAT),  # within the limit: the data are missing
    ],
)
def test_png_sizes(width: int, height: int, status: int) -> None:
    assert status_of(png_header(width, height)) == status


def test_limit_names_both_numbers() -> None:
    with pytest.raises(af.ArtfusionError, match="37 x 23 .* 850"):
        decode(png_of(RGB, 8, False), max_pixels=850)
    assert status_of(png_of(RGB, 8, False), max_pixels=851) == af.OK


# -- JPEG --------------------------------------------------------------------------------------


def jpegs() -> Iterator[tuple[str, bytes]]:
    for width, height in ((64, 48), (37, 23), (1, 1), (17, 1), (1, 17), (130, 97)):
        picture = Image.fromarray(photo(width, height))
        for subsampling in (0, 1, 2):
            for progressive in (False, True):
                name = f"{width}x{height} subsampling {subsampling} progressive {progressive}"
                yield name, pillow_jpeg(
                    picture, subsampling=subsampling, progressive=progressive, quality=80
                )
        yield f"{width}x{height} grey", pillow_jpeg(picture.convert("L"))
        yield f"{width}x{height} CMYK", pillow_jpeg(cmyk(picture), quality=90)
        yield f"{width}x{height} RGB", pillow_jpeg(picture, keep_rgb=True)
        yield f"{width}x{height} restarts", pillow_jpeg(picture, restart_marker_blocks=1)


def cmyk(picture: Image.Image) -> Image.Image:
    """With a fourth ink that is not constant, as Pillow's own conversion leaves it."""
    inks = np.asarray(picture.convert("CMYK")).copy()
    inks[..., 3] = np.asarray(picture.convert("L"))
    return Image.fromarray(inks, "CMYK")


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in jpegs()])
def test_jpeg_of_every_kind(data: bytes) -> None:
    np.testing.assert_array_equal(decode(data), pillow(data))


SHORT, LONG = 3, 4


def exif_segment(orientation: int, order: str, kind: int = SHORT, others: int = 0) -> bytes:
    """An APP1 segment's data: `others` entries, then the orientation."""
    entries = [struct.pack(order + "HHII", 0x0100 + i, LONG, 1, 7) for i in range(others)]
    value = struct.pack(order + ("H2x" if kind == SHORT else "I"), orientation)
    entries.append(struct.pack(order + "HHI", 0x0112, kind, 1) + value)
    directory = struct.pack(order + "H", others + 1) + b"".join(entries) + bytes(4)
    magic = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return b"Exif\0\0" + magic + struct.pack(order + "I", 8) + directory


def with_segment(jpeg: bytes, segment: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation(orientation: int, order: str) -> None:
    plain = pillow_jpeg(Image.fromarray(photo(29, 14)))
    data = with_segment(plain, exif_segment(orientation, order, others=3))
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(decode(data), np.asarray(turned))
    np.testing.assert_array_equal(decode(data, ignore_orientation=1), decode(plain))


def test_a_long_orientation_counts_too() -> None:
    plain = pillow_jpeg(Image.fromarray(photo(29, 14)))
    data = with_segment(plain, exif_segment(6, ">", kind=LONG))
    np.testing.assert_array_equal(decode(data), np.rot90(decode(plain), -1))


def test_damaged_exif_does_not_refuse_the_picture() -> None:
    plain = pillow_jpeg(Image.fromarray(photo(29, 14)))
    segment = exif_segment(6, "<")
    for size in range(len(segment)):
        data = with_segment(plain, segment[:size])
        assert status_of(data) == af.OK
    for position in range(6, len(segment)):
        damaged = bytearray(segment)
        damaged[position] = 0xFF
        assert status_of(with_segment(plain, bytes(damaged))) == af.OK


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_cut_anywhere_is_refused_as_pillow_does(progressive: bool) -> None:
    data = pillow_jpeg(Image.fromarray(photo(40, 30)), progressive=progressive)
    for size in range(3, len(data)):
        assert status_of(data[:size]) == af.ERROR_FORMAT
        assert not pillow_takes(data[:size])


def test_jpeg_of_too_many_scans_is_refused() -> None:
    data = pillow_jpeg(Image.fromarray(photo(64, 64)), progressive=True)
    scan = data.rindex(b"\xff\xda")
    repeated = data[:scan] + 200 * data[scan:-2] + b"\xff\xd9"
    with pytest.raises(af.ArtfusionError, match="more than 100 scans"):
        decode(repeated)


def test_jpeg_limit() -> None:
    data = pillow_jpeg(Image.fromarray(photo(40, 30)))
    assert status_of(data, max_pixels=1199) == af.ERROR_LIMIT
    assert status_of(data, max_pixels=1200) == af.OK


# -- Encoding ----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (63, 41)])
def test_png_round_trip(size: tuple[int, int], level: int) -> None:
    pixels = photo(*size)
    data = encode(pixels, format=af.FORMAT_PNG, png_compression=level)
    np.testing.assert_array_equal(pillow(data), pixels)
    np.testing.assert_array_equal(decode(data), pixels)


def test_png_compression_is_used() -> None:
    sizes = [len(encode(photo(200, 200), format=af.FORMAT_PNG, png_compression=c)) for c in (0, 9)]
    assert sizes[1] < sizes[0] / 1.2


@pytest.mark.parametrize("quality", [1, 50, 75, 89, 90, 95, 100])
@pytest.mark.parametrize("size", [(1, 1), (37, 23), (300, 200)])
def test_jpeg_is_what_pillow_writes(size: tuple[int, int], quality: int) -> None:
    pixels = photo(*size)
    ours = encode(pixels, format=af.FORMAT_JPEG, jpeg_quality=quality)
    subsampling = 0 if quality >= 90 else 2
    theirs = pillow_jpeg(Image.fromarray(pixels), quality=quality, subsampling=subsampling)
    np.testing.assert_array_equal(pillow(ours), pillow(theirs))
    assert len(ours) == len(theirs)
    assert ours == encode(pixels, format=af.FORMAT_JPEG, jpeg_quality=quality)


def test_a_large_jpeg_is_whole() -> None:
    """Of several times the encoder's buffer."""
    pixels = np.random.default_rng(1).integers(0, 256, (400, 400, 3), np.uint8)
    data = encode(pixels, format=af.FORMAT_JPEG, jpeg_quality=100)
    assert len(data) > 200_000
    assert np.abs(pillow(data).astype(int) - pixels).max() < 16


def test_jpeg_cannot_hold_every_size() -> None:
    with pytest.raises(af.ArtfusionError, match="65500") as caught:
        encode(np.zeros((1, 65501, 3), np.uint8), format=af.FORMAT_JPEG)
    assert caught.value.status == af.ERROR_LIMIT


# -- Files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.png", "b.jpg", "c.JPEG", "d.PnG", "ünïcødé 画.png"])
def test_file_round_trip(tmp_path: Path, name: str) -> None:
    pixels = photo(61, 40)
    path = tmp_path / name
    image = af.Image.from_array(pixels)
    af.check(af.library().artfusion_image_save_file(image.pointer, str(path).encode(), None))
    assert [p.name for p in tmp_path.iterdir()] == [name]
    kind = Image.open(path).format
    assert kind == ("PNG" if name.lower().endswith("png") else "JPEG")
    np.testing.assert_array_equal(af.Image.load(str(path)).array(), pillow(path.read_bytes()))
    if kind == "PNG":
        np.testing.assert_array_equal(pillow(path.read_bytes()), pixels)


def test_the_content_counts_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "renamed.jpg"
    path.write_bytes(png_of(RGB, 8, False))
    np.testing.assert_array_equal(af.Image.load(str(path)).array(), pillow(path.read_bytes()))


def test_max_file_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    data = png_of(RGB, 8, False)
    path.write_bytes(data)
    options = af.LoadOptions()
    af.check(af.library().artfusion_load_options_init(options, ctypes.sizeof(options)))
    options.max_file_bytes = len(data) - 1
    with pytest.raises(af.ArtfusionError, match=str(len(data))) as caught:
        af.Image._create("image_load_file", str(path).encode(), options)
    assert caught.value.status == af.ERROR_LIMIT
    options.max_file_bytes = len(data)
    af.Image(af.Image._create("image_load_file", str(path).encode(), options)).close()
