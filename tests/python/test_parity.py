# SPDX-License-Identifier: MIT
"""The parity script: passes on what the published code computed, and on nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import DATA, TINY_HEAD_CHANNELS, TREE

SCRIPT = TREE / "tests" / "parity" / "parity.py"
sys.path.insert(0, str(SCRIPT.parent))

from stages import UnknownStage, parse_sample, relative_error  # noqa: E402

GOLDENS = [DATA / f"golden_{name}.npz" for name in ("tiny", "tiny_rect", "torch_cpu_rng")]
Arrays = dict[str, Any]


def parity(*arguments: object) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


def test_every_stage_of_the_goldens_is_within_its_bound(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    page = tmp_path / "parity.md"
    status, lines = parity(
        tiny_checkpoint, *GOLDENS, "--head-channels", TINY_HEAD_CHANNELS, "--markdown", page
    )
    assert status == 0, "\n".join(line for line in lines if "FAIL" in line)
    reported = [line.split()[0] for line in lines if line.endswith("  ok")]
    inputs = set("content_u8 style_u8 unet_x unet_t decode_z x_T noise mask q_noise".split())
    held = [name for path in GOLDENS for name in np.load(path).files if name not in inputs]
    assert sorted(reported) == sorted(held)
    table = page.read_text(encoding="utf-8")
    assert "| `ddim50_eta1__rgb` | 1 |" in table
    assert "FAIL" not in table


@pytest.mark.parametrize("instructions", ["DEFAULT", "AVX2"])
def test_networks_in_16_bits_are_within_theirs(
    tiny_model: Path, instructions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what this CPU has, and by what one that does not multiply them has."""
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", instructions)
    status, lines = parity(tiny_model, *GOLDENS[:2], "--precision", "bfloat16")
    assert status == 0, "\n".join(line for line in lines if "FAIL" in line)
    passed = {line.split()[0]: float(line.split()[1]) for line in lines if line.endswith("  ok")}
    assert len(passed) == 10
    assert passed["unet_eps"] > 1e-4  # float32 would be below


@pytest.fixture(scope="module")
def small() -> Arrays:
    """A golden of the stages that cost little."""
    with np.load(GOLDENS[0]) as file:
        names = ["content_u8", "style_u8", "x_T", "noise", "null_style", "latent_scaled"]
        names += ["ddpm20", "ts_quad_10", "sigmas_uniform_5_1.0", "alphas_cumprod_f32"]
        return {name: file[name] for name in names}


def run_small(golden: Arrays, model: Path, folder: Path) -> tuple[int, list[str]]:
    path = folder / "small.npz"
    np.savez(path, **golden)
    return parity(model, path)


def test_a_part_of_a_golden_passes_and_what_it_lacks_is_told(
    small: Arrays, tiny_model: Path, tmp_path: Path
) -> None:
    status, lines = run_small(small, tiny_model, tmp_path)
    assert status == 0
    assert any(line.startswith("small.npz does not hold: style_features,") for line in lines)


def _nudge(name: str, by: float) -> Callable[[Arrays], None]:
    """Changes one value of a stage by `by` times the stage's largest."""

    def change(golden: Arrays) -> None:
        array = golden[name].astype(np.float64)
        array.flat[array.size // 2] += by * np.abs(array).max()
        golden[name] = array

    return change


FAULTS: dict[str, tuple[Callable[[Arrays], Any], str]] = {
    "a network stage": (_nudge("latent_scaled", 1e-4), "latent_scaled"),
    "a copied buffer": (_nudge("null_style", 1e-4), "null_style"),
    "a sample": (_nudge("ddpm20", 2e-4), "ddpm20"),
    "a timestep": (_nudge("ts_quad_10", 2e-3), "ts_quad_10"),
    "a schedule": (_nudge("alphas_cumprod_f32", 2e-6), "alphas_cumprod_f32"),
    "a NaN": (_nudge("sigmas_uniform_5_1.0", np.nan), "sigmas_uniform_5_1.0"),
    "another shape": (
        lambda g: g.update(null_style=g["null_style"][:, :-1]),
        "null_style",
    ),
    "an unknown stage": (lambda g: g.update(unet_dream=np.ones(3)), "unet_dream"),
    "an unknown sample": (lambda g: g.update(ddim_wild=np.ones(3)), "ddim_wild"),
    "a part without its sample": (
        lambda g: g.update(ddim_plain__rgb=np.ones(3)),
        "ddim_plain__rgb",
    ),
    "a sample without its noise": (lambda g: g.pop("noise"), "ddpm20"),
    "kept latents that are not": (lambda g: g.update(ddpm20__n_inter=4), "ddpm20__n_inter"),
    "a picture two levels off": (
        lambda g: g.update(ddpm20__rgb=np.full((1, 3, 256, 256), 128, np.uint8)),
        "ddpm20__rgb",
    ),
    "nothing to compare": (lambda g: g.clear(), ""),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_an_altered_golden_fails(
    kind: str, small: Arrays, tiny_model: Path, tmp_path: Path
) -> None:
    change, name = FAULTS[kind]
    golden = dict(small)
    if name and not name.startswith("ddpm20") and kind != "a sample without its noise":
        golden.pop("ddpm20")  # the one stage that takes a second
    change(golden)
    status, lines = run_small(golden, tiny_model, tmp_path)
    assert status == 1
    failed = [line.split()[0] for line in lines if "  FAIL" in line]
    assert failed == ([name] if name else [])


@pytest.mark.parametrize(
    ("name", "steps", "scales", "eta", "temperature"),
    [
        ("ddim_plain", 10, (1.0, 1.0), 0.0, 1.0),
        ("ddim_c0.5_s2", 10, (0.5, 2.0), 0.0, 1.0),
        ("ddim_c0.6_s1", 10, (0.6, 1.0), 0.0, 1.0),
        ("ddim_eta0.5_temp0.7", 10, (0.75, 1.5), 0.5, 0.7),
        ("ddim50_eta1", 50, (0.5, 2.0), 1.0, 1.0),
        ("ddim_log3", 10, (1.0, 1.0), 0.0, 1.0),
        ("ddpm20", 20, (1.0, 1.0), 0.0, 1.0),
    ],
)
def test_sample_names_mean_what_the_goldens_were_made_with(
    name: str, steps: int, scales: tuple[float, float], eta: float, temperature: float
) -> None:
    sample = parse_sample(name, 10)
    assert (sample.content_scale, sample.style_scale) == scales
    assert (sample.steps, sample.eta, sample.temperature) == (steps, eta, temperature)


@pytest.mark.parametrize("name", ["ddim_", "ddim_c", "ddim_quad2", "ddimx", "plain", "ddpm"])
def test_names_that_mean_nothing_are_refused(name: str) -> None:
    with pytest.raises(UnknownStage):
        parse_sample(name, 10)


def test_errors_are_relative_to_the_largest_value() -> None:
    expected = np.array([0.5, -4.0])
    assert relative_error(np.array([0.5, -3.0]), expected) == 0.25
    assert relative_error(np.array([0.25]), np.zeros(1)) == 0.25
    assert relative_error(np.zeros(3), expected) == float("inf")
    assert np.isnan(relative_error(np.array([np.nan, 0.0]), expected))
