# SPDX-License-Identifier: MIT
"""The generators against PyTorch's own numbers, and against Philox written out in Python."""
from __future__ import annotations

import ctypes
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager

import artfusion_c as af
import numpy as np
import pytest
import torch

GOLDEN = pathlib.Path(__file__).parents[1] / "data" / "golden_torch_cpu_rng.npz"


class Rng:
    """One generator of the library."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def normal(self, count: int) -> af.FloatArray:
        values = np.empty(count, np.float32)
        af.check(af.library().artfusion_rng_normal(self._handle, af.floats(values), count))
        return values

    def uniform(self, count: int) -> af.FloatArray:
        values = np.empty(count, np.float32)
        af.check(af.library().artfusion_rng_uniform(self._handle, af.floats(values), count))
        return values


@contextmanager
def generator(kind: int, seed: int) -> Iterator[Rng]:
    out = ctypes.c_void_p()
    af.check(af.library().artfusion_rng_create(kind, seed, ctypes.byref(out)))
    assert out.value
    try:
        yield Rng(out.value)
    finally:
        af.library().artfusion_rng_destroy(out)


def assert_same_bits(ours: af.FloatArray, theirs: af.FloatArray) -> None:
    np.testing.assert_array_equal(ours.view(np.uint32), theirs.ravel().view(np.uint32))


def assert_as_torch(ours: af.FloatArray, theirs: torch.Tensor) -> None:
    """To the last bit, where PyTorch itself computes normals as it does on most x86-64 machines."""
    if torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512"):
        assert_same_bits(ours, theirs.numpy())
    else:
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=4e-6)


def golden_names() -> list[str]:
    with np.load(GOLDEN) as golden:
        return list(golden.files)


@pytest.mark.parametrize("name", golden_names())
def test_golden(name: str) -> None:
    with np.load(GOLDEN) as golden:
        expected = golden[name]
    kind, seed = name.split("_")[:2]
    with generator(af.RNG_TORCH_CPU, int(seed)) as rng:
        if kind == "seq":
            draws, count = expected.shape[0], expected[0].size
            parts = [rng.uniform(count)] + [rng.normal(count) for _ in range(draws - 1)]
            ours = np.concatenate(parts)
        else:
            draw = rng.normal if kind == "randn" else rng.uniform
            ours = draw(expected.size)
    assert_same_bits(ours, expected)


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1])
def test_every_size_as_torch(seed: int) -> None:
    theirs = torch.Generator().manual_seed(seed)
    with generator(af.RNG_TORCH_CPU, seed) as rng:
        for size in range(201):
            assert_as_torch(rng.normal(size), torch.randn(size, generator=theirs))
            assert_same_bits(rng.uniform(size), torch.rand(size, generator=theirs).numpy())


def test_mixed_sequences_as_torch() -> None:
    """Sizes on both sides of sixteen, so that the waiting second normal matters."""
    choose = np.random.default_rng(0)
    for _ in range(50):
        seed = int(choose.integers(2**63))
        theirs = torch.Generator().manual_seed(seed)
        with generator(af.RNG_TORCH_CPU, seed) as rng:
            for _ in range(40):
                size = int(choose.integers(1, 24))
                if choose.integers(2):
                    ours, other = rng.normal(size), torch.randn(size, generator=theirs)
                else:
                    ours, other = rng.uniform(size), torch.rand(size, generator=theirs)
                assert_as_torch(ours, other)


def test_large_sizes_as_torch() -> None:
    choose = np.random.default_rng(1)
    for _ in range(60):
        seed, size = int(choose.integers(2**63)), int(choose.integers(200, 100_001))
        theirs = torch.Generator().manual_seed(seed)
        with generator(af.RNG_TORCH_CPU, seed) as rng:
            assert_as_torch(rng.normal(size), torch.randn(size, generator=theirs))
            assert_same_bits(rng.uniform(size), torch.rand(size, generator=theirs).numpy())


def philox_words(seed: int, draw: int, count: int) -> np.ndarray:
    """Philox 4x32-10 in Python's integers: the words of (block, draw, stream 0) in order."""
    words: list[int] = []
    for block in range((count + 3) // 4):
        c = [block & 0xFFFFFFFF, block >> 32, draw, 0]
        k = [seed & 0xFFFFFFFF, seed >> 32]
        for _ in range(10):
            first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [
                (second >> 32) ^ c[1] ^ k[0],
                second & 0xFFFFFFFF,
                (first >> 32) ^ c[3] ^ k[1],
                first & 0xFFFFFFFF,
            ]
            k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
        words += c
    return np.array(words, np.uint64)


@pytest.mark.parametrize("seed", [0, 12345, 2**64 - 3])
def test_counter_uniform_is_philox(seed: int) -> None:
    with generator(af.RNG_COUNTER, seed) as rng:
        for draw in range(3):
            expected = (philox_words(seed, draw, 101)[:101] >> 8).astype(np.float32) / 2**24
            assert_same_bits(rng.uniform(101), expected)


@pytest.mark.parametrize("seed", [0, 12345, 2**64 - 3])
def test_counter_normal_is_box_muller_of_philox(seed: int) -> None:
    with generator(af.RNG_COUNTER, seed) as rng:
        for draw in range(3):
            words = philox_words(seed, draw, 1001).astype(np.float64).reshape(-1, 2)
            radius = np.sqrt(-2 * np.log((words[:, 0] + 0.5) / 2**32))
            angle = 2 * np.pi * np.floor(words[:, 1] / 256) / 2**24
            pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
            # Where u1 is near 1, float32's rounding of it moves the radius by up to 3e-4.
            off = np.abs(rng.normal(1001) - pairs.ravel()[:1001])
            near_one = np.repeat(words[:, 0] > 0.99 * 2**32, 2)[:1001]
            assert off[~near_one].max() < 5e-6
            assert off.max() < 4e-4
