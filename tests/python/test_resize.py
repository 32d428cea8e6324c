# SPDX-License-Identifier: MIT
"""The resize against Pillow's own, to the last bit.

Up to version 11 Pillow always does the horizontal pass first, as this library does; later ones do
the vertical one first for some shapes, which rounds differently. The tests pin 11.3.
"""
from __future__ import annotations

import random

import artfusion_c as af
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

FILTERS = {
    af.FILTER_BICUBIC: Image.Resampling.BICUBIC,
    af.FILTER_BOX: Image.Resampling.BOX,
    af.FILTER_BILINEAR: Image.Resampling.BILINEAR,
    af.FILTER_LANCZOS: Image.Resampling.LANCZOS,
}
RANDOM_CASES = 320

Size = tuple[int, int]
Pixels = NDArray[np.uint8]


def picture(size: Size, seed: int) -> Pixels:
    """Half noise, which finds every wrong weight, half hard edges, which overshoot and clip."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
    edges = (rng.integers(0, 2, noise.shape, np.uint8) * 255).astype(np.uint8)
    return np.where(rng.random(noise.shape[:2])[..., None] < 0.5, noise, edges)


def random_side(rng: random.Random) -> int:
    return rng.choice([1, 2, 3, rng.randint(4, 16), rng.randint(17, 120), rng.randint(121, 700)])


def random_case(seed: int) -> tuple[Size, Size, int]:
    rng = random.Random(seed)
    size = (random_side(rng), random_side(rng))
    target = (random_side(rng), random_side(rng))
    return size, target, rng.choice(list(FILTERS))


def pillow(pixels: Pixels, target: Size, kernel: int = af.FILTER_BICUBIC) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize(target, FILTERS[kernel]))


def assert_same(pixels: Pixels, target: Size, kernel: int) -> None:
    ours = af.Image.from_array(pixels).resize(*target, kernel).array()
    np.testing.assert_array_equal(ours, pillow(pixels, target, kernel))


@pytest.mark.parametrize("seed", range(RANDOM_CASES))
def test_random_sizes(seed: int) -> None:
    size, target, kernel = random_case(seed)
    assert_same(picture(size, seed), target, kernel)


@pytest.mark.parametrize("kernel", FILTERS)
@pytest.mark.parametrize(
    ("size", "target"),
    [
        ((1, 1), (700, 500)),
        ((700, 500), (1, 1)),
        ((4000, 3), (5, 3)),
        ((3, 4000), (3, 5)),
        ((2, 3), (2000, 3)),
        ((640, 480), (640, 480)),
        ((640, 480), (256, 480)),
        ((640, 480), (640, 256)),
        ((1920, 1080), (256, 256)),
        ((1080, 1920), (320, 576)),
        ((65535, 1), (17, 1)),
        ((1, 17), (1, 65535)),
    ],
)
def test_extreme_sizes(size: Size, target: Size, kernel: int) -> None:
    assert_same(picture(size, 1), target, kernel)


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
@pytest.mark.parametrize("kernel", FILTERS)
def test_flat_pictures_stay_flat(level: int, kernel: int) -> None:
    pixels = np.full((37, 53, 3), level, np.uint8)
    assert (af.Image.from_array(pixels).resize(201, 11, kernel).array() == level).all()


def derived(name: str, image: af.Image, target: Size) -> af.Image:
    return af.Image(af.Image._create(name, image.pointer, *target, af.FILTER_BICUBIC))


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        ((400, 300), (200, 200), (200, 150)),
        ((300, 400), (200, 200), (150, 200)),
        ((400, 300), (1000, 800), (1000, 750)),
        ((100, 75), (50, 50), (50, 38)),  # 37.5 is rounded up
        ((1000, 1), (10, 10), (10, 1)),
        ((1, 1000), (10, 10), (1, 10)),
        ((64, 64), (64, 64), (64, 64)),
    ],
)
def test_fit(size: Size, box: Size, expected: Size) -> None:
    pixels = picture(size, 2)
    ours = derived("image_resize_fit", af.Image.from_array(pixels), box).array()
    assert ours.shape[1::-1] == expected
    np.testing.assert_array_equal(ours, pillow(pixels, expected))


@pytest.mark.parametrize(
    ("size", "target", "crop"),
    [
        ((400, 300), (200, 200), (50, 0, 350, 300)),
        ((300, 401), (200, 200), (0, 50, 300, 350)),  # the odd row is left out below
        ((100, 100), (64, 64), (0, 0, 100, 100)),
        ((1000, 10), (10, 1000), (499, 0, 500, 10)),
        ((50, 40), (100, 20), (0, 15, 50, 25)),
    ],
)
def test_cover(size: Size, target: Size, crop: tuple[int, int, int, int]) -> None:
    pixels = picture(size, 3)
    ours = derived("image_resize_cover", af.Image.from_array(pixels), target).array()
    left, top, right, bottom = crop
    np.testing.assert_array_equal(ours, pillow(pixels[top:bottom, left:right], target))


def test_a_wrapped_picture_with_gaps_between_its_rows() -> None:
    """As a caller's frame buffer has them; what lies in the gaps must not show."""
    buffer = picture((40, 30), 4)
    inner = af.Image(
        af.Image._create(
            "image_wrap", buffer.ctypes.data_as(af.bytes_p), 33, 30, buffer.strides[0]
        )
    )
    np.testing.assert_array_equal(inner.resize(20, 50).array(), pillow(buffer[:, :33], (20, 50)))
