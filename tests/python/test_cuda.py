# SPDX-License-Identifier: MIT
"""The networks on a GPU, against the CPU's float32. Skipped, by ctest's own word for it, where there is
none."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import artfusion_c as af
import numpy as np
import pytest
from conftest import TREE
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
MINI = TREE / "models" / "mini.artfusion"
SIZES = ((64, 64), (96, 64), (64, 96), (128, 64), (64, 128), (128, 128))  # more than are recorded


def open_mini(device: int, precision: int = af.PRECISION_FLOAT32) -> af.Model:
    with af.Context(device=device, precision=precision) as context:
        return af.Model(context, MINI)


@pytest.fixture(scope="module")
def on_cpu() -> Iterator[af.Model]:
    with open_mini(af.DEVICE_CPU) as model:
        yield model


@pytest.fixture(scope="module")
def on_gpu() -> Iterator[af.Model]:
    try:
        model = open_mini(af.DEVICE_CUDA)
    except af.ArtfusionError as error:
        if "libtorch finds 0 CUDA devices" not in str(error):
            raise
        pytest.skip("no CUDA device")
    with model:
        yield model


def run(model: af.Model, size: tuple[int, int], batch: int = 1, seed: int = 5) -> FloatArray:
    """The latents of a short guided run."""
    width, height = size
    with af.Sampler(
        model, width=width, height=height, batch=batch, steps=6, seed=seed,
        content_scale=1.5, style_scale=2.0,
    ) as sampler:  # fmt: skip
        draw = np.random.default_rng(seed)
        sampler.set_content_latent(draw.standard_normal(sampler.shape[1:], dtype=np.float32))
        code = draw.standard_normal(model.info().style_width, dtype=np.float32)
        with model.style_from_values(code) as style:
            sampler.set_style(style)
        sampler.run()
        return sampler.x()


def error_of(found: FloatArray, expected: FloatArray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def test_where_it_runs(on_gpu: af.Model) -> None:
    info = on_gpu.info()
    assert info.device == af.DEVICE_CUDA
    assert info.device_name.decode() not in ("", "cpu", "cuda:0")


def test_stages(on_cpu: af.Model, on_gpu: af.Model) -> None:
    with af.Image.load(str(TREE / "examples/images/pagoda.jpg")) as photo, photo.resize(128, 96) as small:
        latent = on_cpu.encode(small, af.LATENT_SCALED)
        assert error_of(on_gpu.encode(small, af.LATENT_SCALED), latent) < 1e-3
        assert error_of(on_gpu.decode(latent[None]), on_cpu.decode(latent[None])) < 1e-3
        with on_gpu.style(small) as found, on_cpu.style(small) as expected:
            assert error_of(found.values(), expected.values()) < 1e-3


def test_runs(on_cpu: af.Model, on_gpu: af.Model) -> None:
    """Recorded, replayed, dropped and recorded again."""
    expected = {size: run(on_cpu, size) for size in SIZES}
    for size in SIZES + SIZES:
        assert error_of(run(on_gpu, size), expected[size]) < 5e-3


def test_batches(on_cpu: af.Model, on_gpu: af.Model) -> None:
    for batch in (1, 3, 2, 3):
        assert error_of(run(on_gpu, (64, 64), batch), run(on_cpu, (64, 64), batch)) < 5e-3


def test_threads(on_gpu: af.Model) -> None:
    expected = [run(on_gpu, SIZES[i % 2], seed=i) for i in range(4)]
    found: dict[int, FloatArray] = {}

    def work(i: int) -> None:
        found[i] = run(on_gpu, SIZES[i % 2], seed=i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        assert error_of(found[i], expected[i]) < 1e-4


def test_threads_that_record(on_cpu: af.Model, on_gpu: af.Model) -> None:
    """Sizes that are new to a model, while other threads use it for something else."""
    assert on_gpu.pointer
    with af.Image.load(str(TREE / "examples/images/pagoda.jpg")) as photo:
        small = photo.resize(128, 96)
    expected = {size: run(on_cpu, size) for size in SIZES}
    latent = on_cpu.encode(small, af.LATENT_SCALED)
    pixels = on_cpu.decode(latent[None])
    worst: list[float] = []
    with small, open_mini(af.DEVICE_CUDA) as model:

        def record(size: tuple[int, int]) -> None:
            worst.append(error_of(run(model, size), expected[size]))

        def decode() -> None:
            for _ in range(20):
                worst.append(error_of(model.decode(latent[None]), pixels))

        threads = [threading.Thread(target=record, args=(size,)) for size in SIZES]
        threads += [threading.Thread(target=decode) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(worst) == len(SIZES) + 40
    assert max(worst) < 5e-3


@pytest.mark.parametrize("precision", [af.PRECISION_BFLOAT16, af.PRECISION_FLOAT16])
def test_16_bits(on_cpu: af.Model, on_gpu: af.Model, precision: int) -> None:
    assert on_gpu.pointer
    with open_mini(af.DEVICE_CUDA, precision) as model:
        assert error_of(run(model, (128, 128)), run(on_cpu, (128, 128))) < 0.1
