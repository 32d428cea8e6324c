# SPDX-License-Identifier: MIT
"""The speed bench: who is asked when, what becomes of the answers, and that whole pictures are painted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import artfusion
import numpy as np
import pytest
import torch
from artfusion_speed.contest import Contestant, Result, contest
from artfusion_speed.networks import CHANNELS, DOWN
from artfusion_speed.peers import make
from artfusion_speed.plots import plot_growth, plot_step
from artfusion_speed.wholes import STEPS, Painter, by_torch
from conftest import TREE
from torch import Tensor, nn


class Told:
    """Answers as it was told to, and writes down when it was asked."""

    def __init__(self, name: str, answers: list[str], log: list[str]) -> None:
        self.name, self._answers, self._log = name, iter(answers), log

    def ask(self, work: str) -> str:
        self._log.append(f"{self.name} {work}")
        return next(self._answers)


def test_in_turn() -> None:
    log: list[str] = []
    one = Told("one", ["9", "1", "3", "2"], log)
    two = Told("two", ["9", "- cannot"], log)
    results = contest([one, two], "w", 3)  # type: ignore[list-item]
    assert results["one"].seconds == [1.0, 3.0, 2.0]  # the first is to warm up
    assert results["one"].median == 2.0
    assert results["two"].failure == "cannot" and results["two"].seconds == []
    assert log == ["one w", "two w", "one w", "two w", "one w", "one w"]


def test_ready() -> None:
    results = contest([Told("one", ["5"], [])], "w", 1, ready=True)  # type: ignore[list-item]
    assert results["one"].seconds == [5.0]


def test_spread() -> None:
    assert Result([1.0, 2.0, 3.0, 4.0, 5.0]).spread == pytest.approx(0.5)
    assert np.isnan(Result([1.0, 2.0]).spread) and np.isnan(Result().median)


def test_beyond_is_of_rounds_that_belong_together() -> None:
    # A round in which the machine was slow, for both alike, says what the others say.
    plain, more = Result([1.0, 10.0, 2.0, 4.0, 1.0]), Result([1.1, 11.0, 2.2, 4.4, 1.1])
    assert more.beyond(plain) == pytest.approx((0.1, 0.1, 0.1))
    with pytest.raises(ValueError):
        more.beyond(Result([1.0]))


def test_the_isolated_contestant_is_isolated() -> None:
    mini = TREE / "models" / "mini.artfusion"
    for name, isolation in (("artfusion auto", "none"), ("isolated auto", "process")):
        contestant = make(name, mini, 1, "cpu")
        assert contestant._model.info().isolation == isolation
        contestant.work("open", 1, 64)()
        contestant.work("step", 3, 64)()


def test_contestant_that_cannot_start(tmp_path: Path) -> None:
    contestant = Contestant("artfusion float32", tmp_path / "none.artfusion", 1, "cpu")
    assert contestant.ask("step 3 256") == "- could not be started"
    contestant.close()


@pytest.fixture(scope="module")
def mini() -> Iterator[Any]:
    with artfusion.load(TREE / "models" / "mini.artfusion", device="cpu") as model:
        yield model


def test_painter(mini: Any) -> None:
    painter = Painter(mini)
    first = painter.paint(2, 64, steps=2)
    assert first.progress().step == 2 and first.progress().batch == 2
    other, same = painter.paint(2, 64, steps=2), painter.paint(2, 64, steps=2, new=False)
    assert not np.array_equal(first.x, other.x)
    assert np.array_equal(other.x, same.x)
    # The encoder was not asked again: what is left of it is the look into the cache.
    assert same.progress().seconds_encode < 0.5 * other.progress().seconds_encode
    assert 0.0 < painter.outside(64) < 0.5


class Encoder(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(x, DOWN).repeat(1, CHANNELS // 3 + 1, 1, 1)[:, :CHANNELS]


class Decoder(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return nn.functional.interpolate(z[:, :3], scale_factor=float(DOWN))


class Style(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class Unet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.null_style = torch.zeros(3)


def test_peer() -> None:
    """As many steps, passes and pictures as ours, in parts."""
    asked: list[tuple[int, int]] = []

    def step(x: Tensor, contents: Tensor, timestep: Tensor, styles: Tensor) -> Tensor:
        assert x.shape == contents.shape and len(styles) == len(x) and timestep.shape == (1,)
        asked.append((len(x), int(contents.flatten(1).abs().sum(1).count_nonzero())))
        return torch.zeros_like(x)

    networks = {"encoder": Encoder(), "decoder": Decoder(), "style": Style(), "unet": Unet()}
    paint = by_torch(networks, step, torch.device("cpu"), torch.float32, 9, 64)
    pictures = paint()
    assert [part.shape for part in pictures] == [(8, 64, 64, 3), (1, 64, 64, 3)]
    assert pictures[0].dtype == np.uint8
    # Three branches a picture, of which one is without content.
    assert asked == [(24, 16)] * STEPS + [(3, 2)] * STEPS


def test_plots(tmp_path: Path) -> None:
    step, growth = tmp_path / "step.png", tmp_path / "growth.png"
    machine = {"CPU": "some", "cores": "2"}
    plot_step(step, {"artfusion float32": 0.3, "torch float32": 0.4}, ("artfusion float32",), 0.1, machine)
    plot_growth(growth, {"side": {"artfusion": {256: 0.1, 512: 0.4}}, "steps": {"artfusion": {5: 1.0}}})
    assert step.read_bytes()[:4] == growth.read_bytes()[:4] == b"\x89PNG"
