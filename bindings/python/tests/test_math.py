# SPDX-License-Identifier: MIT
"""Schedules, timesteps and random numbers; the C library's own tests hold them to their sources."""

from __future__ import annotations

import artfusion as af
import numpy as np
import pytest
import torch


def test_random_numbers() -> None:
    torch.manual_seed(7)
    with af.Rng("torch_cpu", 7) as rng:
        assert np.array_equal(rng.normal(20), torch.randn(20).numpy())
        assert np.array_equal(rng.uniform(5), torch.rand(5).numpy())
    with pytest.raises(af.StateError, match="the rng is closed"):
        rng.normal(1)
    assert not np.array_equal(af.Rng(seed=1).normal(9), af.Rng(seed=2**64 - 1).normal(9))
    for seed in (-1, 2**64):
        with pytest.raises(af.ArgumentError, match=f"seed is {seed}"):
            af.Rng(seed=seed)
    with pytest.raises(af.ArgumentError, match="torch_cpu"):
        af.Rng("mt19937")  # type: ignore[arg-type]


def test_a_models_run_by_hand(model: af.Model) -> None:
    info = model.info()
    visited = af.timesteps("trailing", 5, info.timesteps)
    sampler = model.sampler(width=32, height=32, steps=5, spacing="trailing")
    assert [step.timestep for step in sampler] == visited.tolist()
    alphas, alphas_prev, sigmas = af.ddim_coefficients(
        info.alphas_cumprod, "trailing", visited, 1.0
    )
    assert np.array_equal(alphas, np.array(info.alphas_cumprod)[visited])
    assert np.array_equal(alphas_prev, [*alphas[1:], 1])
    assert sigmas[0] > 0 and sigmas[-1] == 0
    betas = af.schedule_betas("linear", 0.0015, 0.0195, 10)
    assert np.allclose(np.sqrt(betas), np.linspace(np.sqrt(0.0015), np.sqrt(0.0195), 10))


def test_what_is_out_of_range() -> None:
    for steps, trained in ((0, 10), (-1, 10), (11, 10), (1, 2**32 + 10)):
        with pytest.raises(af.ArgumentError):
            af.timesteps("uniform", steps, trained)
    with pytest.raises(af.ArgumentError):
        af.schedule_betas("linear", 0.1, 0.2, -1)
    with pytest.raises(af.ArgumentError, match="one dimension"):
        af.ddim_coefficients([[0.5]], "uniform", [0], 0)
