# SPDX-License-Identifier: MIT
"""The PyTorch twin against what the published code computed from the same weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DATA
from torch import Tensor

BOUND = 5e-5


class Golden:
    def __init__(self, name: str) -> None:
        with np.load(DATA / f"{name}.npz") as file:
            self.arrays = {key: file[key] for key in file.files}

    def __getitem__(self, name: str) -> Tensor:
        return torch.from_numpy(self.arrays[name])

    def picture(self, name: str) -> Tensor:
        return self[name].permute(2, 0, 1)[None].float() / 127.5 - 1.0

    def check(self, name: str, got: Tensor) -> None:
        wanted = self[name]
        assert got.shape == wanted.shape
        error = float((got - wanted).abs().max() / wanted.abs().max())
        assert error <= BOUND, f"{name}: {error:.2e}"


@pytest.fixture(scope="module", params=["golden_tiny", "golden_tiny_rect"])
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(request.param)


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> torch.jit.ScriptModule:
    return torch.jit.load(str(tiny_model)).eval()


@pytest.fixture(autouse=True)
def inference() -> object:
    with torch.inference_mode():
        yield


def test_style_network(golden: Golden, model: torch.jit.ScriptModule) -> None:
    golden.check("style_features", model.style(golden.picture("style_u8")))


def test_encoder(golden: Golden, model: torch.jit.ScriptModule) -> None:
    golden.check("posterior_mode", model.encoder(golden.picture("content_u8")))


def test_null_style(golden: Golden, model: torch.jit.ScriptModule) -> None:
    assert torch.equal(model.unet.null_style[None], golden["null_style"])


@pytest.mark.parametrize(
    ("name", "content", "style"),
    [
        ("unet_eps", "content_features", "style_features"),
        ("unet_eps_null_content", None, "style_features"),
        ("unet_eps_null_style", "content_features", "null_style"),
    ],
)
def test_unet(
    name: str, content: str | None, style: str, golden: Golden, model: torch.jit.ScriptModule
) -> None:
    x, times = golden["unet_x"], golden["unet_t"].float()
    condition = golden[content].expand_as(x) if content else torch.zeros_like(x)
    rows = model.unet.condition(times, golden[style])
    golden.check(name, model.unet.denoise(x, condition, rows))
