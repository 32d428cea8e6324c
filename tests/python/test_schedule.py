# SPDX-License-Identifier: MIT
"""Schedules, timesteps and DDIM coefficients against the published code's values and rules."""
from __future__ import annotations

import pathlib
import re

import artfusion_c as af
import numpy as np
import pytest
from numpy.typing import NDArray

GOLDEN = pathlib.Path(__file__).parents[1] / "data" / "golden_tiny.npz"
TIMESTEPS = 1000
SCHEDULES = {
    "linear": af.SCHEDULE_LINEAR,
    "cosine": af.SCHEDULE_COSINE,
    "sqrt_linear": af.SCHEDULE_SQRT_LINEAR,
    "sqrt": af.SCHEDULE_SQRT,
}
SPACINGS = {"uniform": af.SPACING_UNIFORM, "quad": af.SPACING_QUAD}


@pytest.fixture(scope="module")
def golden() -> dict[str, NDArray[np.float64]]:
    wanted = re.compile("betas_|alphas_|ts_|sigmas_")
    with np.load(GOLDEN) as file:
        return {name: file[name] for name in file.files if wanted.match(name)}


def betas(schedule: int, start: float = 0.0015, end: float = 0.0195) -> NDArray[np.float64]:
    values = np.empty(TIMESTEPS)
    af.check(
        af.library().artfusion_schedule_betas(schedule, start, end, TIMESTEPS, af.doubles(values))
    )
    return values


def timesteps(spacing: int, steps: int, train: int = TIMESTEPS) -> NDArray[np.int32]:
    """As the library gives them: descending."""
    values = np.empty(steps, np.int32)
    af.check(af.library().artfusion_timesteps(spacing, steps, train, af.ints(values)))
    return values


@pytest.mark.parametrize("name", SCHEDULES)
def test_betas(golden: dict[str, NDArray[np.float64]], name: str) -> None:
    # A cosine beta is the difference of 1 and a quotient near it.
    expected = golden["betas_" + name]
    bound = 1e-15 if name == "cosine" else 0
    np.testing.assert_allclose(betas(SCHEDULES[name]), expected, rtol=1e-12, atol=bound)


def test_timesteps(golden: dict[str, NDArray[np.float64]]) -> None:
    seen = 0
    for name, expected in golden.items():
        if name.startswith("ts_"):
            _, spacing, steps = name.split("_")
            ours = timesteps(SPACINGS[spacing], int(steps))[::-1]
            np.testing.assert_array_equal(ours, expected, name)
            seen += 1
    assert seen == 18


def test_uniform_is_the_reference_where_that_has_as_many() -> None:
    compared = 0
    for train in (1000, 360, 97):
        for steps in range(1, train + 1):
            reference = np.arange(0, train, train // steps) + 1
            if len(reference) == steps and reference[-1] < train:
                np.testing.assert_array_equal(timesteps(af.SPACING_UNIFORM, steps, train)[::-1],
                                              reference)
                compared += 1
    assert compared > 30


def test_uniform_elsewhere_is_even() -> None:
    for steps in range(1, TIMESTEPS + 1):
        gaps = -np.diff(timesteps(af.SPACING_UNIFORM, steps))
        assert gaps.size == 0 or gaps.max() - gaps.min() <= 1


def test_quad_is_the_reference() -> None:
    for steps in range(2, TIMESTEPS + 1):
        reference = (np.linspace(0, np.sqrt(TIMESTEPS * 0.8), steps) ** 2).astype(int) + 1
        np.testing.assert_array_equal(timesteps(af.SPACING_QUAD, steps)[::-1], reference)


def test_trailing_is_round_of_even_fractions() -> None:
    for steps in range(1, TIMESTEPS + 1):
        expected = [round(TIMESTEPS - i * TIMESTEPS / steps) - 1 for i in range(steps)]
        np.testing.assert_array_equal(timesteps(af.SPACING_TRAILING, steps), expected)


def test_linspace_is_numpy() -> None:
    for steps in range(2, TIMESTEPS + 1):
        expected = np.linspace(0, TIMESTEPS - 1, steps).round()
        np.testing.assert_array_equal(timesteps(af.SPACING_LINSPACE, steps)[::-1], expected)


def coefficients(
    alphas_cumprod: NDArray[np.float64], spacing: int, steps: int, eta: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(alphas, alphas_prev, sigmas), ascending as the published code keeps them."""
    alphas, alphas_prev, sigmas = np.empty((3, steps))
    af.check(
        af.library().artfusion_ddim_coefficients(
            af.doubles(alphas_cumprod),
            len(alphas_cumprod),
            spacing,
            af.ints(timesteps(spacing, steps)),
            steps,
            eta,
            af.doubles(alphas),
            af.doubles(alphas_prev),
            af.doubles(sigmas),
        )
    )
    return alphas[::-1], alphas_prev[::-1], sigmas[::-1]


def test_ddim_coefficients(golden: dict[str, NDArray[np.float64]]) -> None:
    table = np.cumprod(1.0 - betas(af.SCHEDULE_LINEAR)).astype(np.float32)
    np.testing.assert_array_equal(table, golden["alphas_cumprod_f32"])
    wide = table.astype(np.float64)
    seen = 0
    for name, expected in golden.items():
        if name.startswith("sigmas_"):
            _, spacing, steps, eta = name.split("_")
            ours = coefficients(wide, SPACINGS[spacing], int(steps), float(eta))
            np.testing.assert_array_equal(ours[0], golden[f"alphas_{spacing}_{steps}"], name)
            np.testing.assert_array_equal(ours[1], golden[f"alphas_prev_{spacing}_{steps}"], name)
            # The published code rounds to float32 on the way to its sigmas.
            np.testing.assert_allclose(ours[2], expected, rtol=1e-7, err_msg=name)
            seen += 1
    assert seen == 54


@pytest.mark.parametrize("steps", [0, 1001])
def test_impossible_steps_are_refused(steps: int) -> None:
    with pytest.raises(af.ArtfusionError, match=f"steps is {steps}: it must be 1 to 1000"):
        timesteps(af.SPACING_TRAILING, steps)
