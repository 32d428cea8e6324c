# SPDX-License-Identifier: MIT
"""Python's torch as the host of the engine: its settings, random numbers and results are its own, and
processes that are forked."""

import multiprocessing
import os
from pathlib import Path

import artfusion_c as af
import numpy as np
import pytest
import torch

MODEL = Path(os.environ["ARTFUSION_MODEL"])


def picture(seed: int, side: int = 64) -> af.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return af.Image.from_array(pixels)


def settings() -> dict[str, object]:
    return {
        "threads": torch.get_num_threads(),
        "interop": torch.get_num_interop_threads(),
        "dtype": torch.get_default_dtype(),
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "random": torch.get_rng_state().tolist(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "onednn": torch.backends.mkldnn.enabled,
        "precision": torch.get_float32_matmul_precision(),
        # Denormals: 0 where they are flushed.
        "flushed": (torch.tensor([1e-39]) * 0.5).item() == 0,
    }


def own_work() -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    weight = torch.randn(96, 96, generator=generator, requires_grad=True)
    for _ in range(3):
        (weight @ weight).tanh().sum().backward()
    assert weight.grad is not None
    return weight.grad.clone()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("hosts", [1, 2])
def test_torch_keeps_what_is_its_own(threads: int, hosts: int) -> None:
    flushes = torch.set_flush_denormal(True)
    was = torch.get_num_threads()
    torch.set_num_threads(hosts)
    torch.manual_seed(7)
    try:
        alone = own_work()
        before = settings()
        assert before["flushed"] is flushes
        within: list[dict[str, object]] = []
        results: list[torch.Tensor] = []

        def step(_sampler: int) -> int:
            within.append(settings())
            results.append(own_work())
            return 0

        with (
            af.Context(threads=threads) as context,
            af.Model(context, MODEL) as model,
            model.style(picture(1)) as style,
            af.Sampler(model, width=64, height=64, steps=2, step=step) as sampler,
        ):
            sampler.set_content(picture(2))
            sampler.set_style(style)
            sampler.run()
            sampler.image().close()
            assert model.info().threads == threads
        assert len(within) == 2
        assert all(found == before for found in [*within, settings()])
        assert all(torch.equal(result, alone) for result in [*results, own_work()])
    finally:
        torch.set_num_threads(was)
        torch.set_flush_denormal(False)


def try_in_child(queue: "multiprocessing.Queue[tuple[int, str]]", inherited: af.Model | None) -> None:
    try:
        if inherited is not None:
            inherited.encode(picture(3), af.LATENT_MODE)
        else:
            with af.Context(threads=2) as context, af.Model(context, MODEL):
                pass
        queue.put((af.OK, ""))
    except af.ArtfusionError as error:
        queue.put((error.status, error.message))


@pytest.mark.parametrize("inherit", [True, False])
def test_multiprocessing_by_fork(inherit: bool) -> None:
    """What multiprocessing does by default is answered, and its other way works."""
    with af.Context(threads=2) as context, af.Model(context, MODEL) as model:
        latent = model.encode(picture(3), af.LATENT_MODE)
        for method in ["fork"] if inherit else ["fork", "spawn"]:
            processes = multiprocessing.get_context(method)
            queue = processes.Queue()
            child = processes.Process(target=try_in_child, args=(queue, model if inherit else None))
            child.start()
            status, message = queue.get(timeout=300)
            child.join(300)
            assert child.exitcode == 0
            if method == "fork":
                assert status == af.ERROR_ENGINE and "forked" in message
            else:
                assert status == af.OK, message
        assert np.array_equal(model.encode(picture(3), af.LATENT_MODE), latent)
