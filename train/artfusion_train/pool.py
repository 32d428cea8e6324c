# SPDX-License-Identifier: MIT
"""Pictures under way from noise to x0, so that training sees what sampling sees.

A slot holds one picture to be: which shapes, whose style, in how many steps, and the noisy
latent it has come to. Training takes some slots, lets the network predict, and moves them one
step on by DDIM (Song et al., arXiv 2010.02502, eq. 12, eta 0) at trailing timesteps; a slot
that has arrived begins anew with other pictures. Gradients go through one prediction, not
through the steps before it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_MOST_STEPS = 4


class Pool:
    def __init__(self, slots: int, shape: tuple[int, ...], device: torch.device) -> None:
        """shape: of a latent."""
        self.x = torch.zeros((slots, *shape), device=device)
        # Every slot begins as one that has arrived.
        self.steps = torch.ones(slots, dtype=torch.int64)
        self.done = torch.ones(slots, dtype=torch.int64)
        self.shapes = torch.zeros(slots, dtype=torch.int64)  # row of the picture
        self.style = torch.zeros(slots, dtype=torch.int64)
        self.pair = torch.full((slots,), -1)  # number of the pair it is of, -1 for none
        self.mirror = torch.zeros(slots, dtype=torch.int64)
        self.blur = torch.zeros(slots)

    def state(self) -> dict[str, Tensor]:
        return dict(vars(self))

    def restore(self, state: dict[str, Tensor]) -> None:
        """Of another number of slots nothing is taken: all begin anew."""
        if len(state["done"]) != len(self.done):
            return
        for name, value in state.items():
            getattr(self, name).copy_(value)

    def arrived(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of the slots that have no step left."""
        at = torch.from_numpy(slots)
        return slots[(self.done[at] >= self.steps[at]).numpy()]

    def begin(self, slots: NDArray[np.int64], rng: np.random.Generator, **drawn: Tensor) -> None:
        """drawn: x, shapes, style, pair, mirror and blur of these slots. The number of steps is drawn
        here, so that as many predictions belong to short ways as to long ones."""
        at = torch.from_numpy(slots)
        for name, value in drawn.items():
            getattr(self, name)[at] = value
        steps = np.floor(np.exp(rng.random(len(slots)) * np.log(_MOST_STEPS + 1.0)))
        self.steps[at] = torch.from_numpy(steps.astype(np.int64))
        self.done[at] = 0

    def timesteps(self, slots: NDArray[np.int64], ahead: int = 0) -> Tensor:
        """Where the slots are, or will be some steps on; -1 is x0 itself."""
        at = torch.from_numpy(slots)
        part = (self.done[at] + ahead) / self.steps[at]
        return (1000.0 - 1000.0 * part).round() - 1.0

    def move(self, slots: NDArray[np.int64], x: Tensor) -> None:
        """x: the noisy latents one step on."""
        at = torch.from_numpy(slots)
        self.x[at] = x
        self.done[at] += 1
