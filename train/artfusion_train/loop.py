# SPDX-License-Identifier: MIT
"""The training loop that both networks share: resumable, deterministic, stops on NaN.

Every step draws from generators seeded by (seed, step), so a run that was killed and
started again from its checkpoint sees the same pictures and the same noise.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn


_MOMENTUM = 0.9


class TrainingError(RuntimeError):
    """Training cannot continue; the last good checkpoint is kept."""


def mixed(device: torch.device) -> torch.autocast:
    """Networks in bfloat16 where that is faster: of CPUs those with AMX. With AVX-512's instructions alone a
    step of convolutions and their gradients takes 1.7 times as long as in float32."""
    fast = device.type != "cpu" or torch.cpu._is_amx_tile_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


@dataclass(frozen=True)
class Plan:
    """How long, how fast: counted in samples, so that it does not depend on the batch."""

    samples: int
    batch: int
    learning_rate: float
    final_rate: float
    warmup: int
    ema: float
    seconds: float  # between checkpoints
    score_seconds: float  # between those that are scored; the last one always is
    slower: dict[str, float] = field(default_factory=dict)  # prefix of parameters: factor
    # Prefixes of what is trained against the rest: without momentum, which would go on against an
    # opponent that has moved.
    rivals: tuple[str, ...] = ()

    def rate(self, done: int) -> float:
        """Learning rate after `done` samples: linear warm-up, then linear decay."""
        start = min(1.0, (done + self.batch) / max(self.warmup, 1))
        left = max(0.0, 1.0 - done / self.samples)
        return self.learning_rate * start * (self.final_rate + (1.0 - self.final_rate) * left)


class Task(Protocol):
    """What is trained: a network and its loss."""

    network: nn.Module

    def losses(self, rng: np.random.Generator, noise: torch.Generator) -> dict[str, Tensor]:
        """One batch's losses; 'loss' is the one to minimise, the others are for the curve."""

    def evaluate(self, averaged: nn.Module) -> dict[str, float]:
        """Scores of the averaged weights, at every checkpoint."""

    def state(self) -> dict[str, Tensor]:
        """What the next step depends on besides the weights and its own number."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """The inverse of `state`."""


@dataclass
class History:
    """The curve so far: rows of {'samples': n, name: value}."""

    train: list[dict[str, float]] = field(default_factory=list)
    scores: list[dict[str, float]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)  # of the row that is being gathered
    count: int = 0  # steps in it

    def add(self, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1

    def close_row(self, samples: int) -> dict[str, float]:
        row = {"samples": float(samples), **{k: v / self.count for k, v in self.sums.items()}}
        self.train.append(row)
        self.sums, self.count = {}, 0
        return row


def save_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Writes beside the target, flushes to disk, renames: a failure (TrainingError) leaves the
    old file."""
    partial = path.with_name(path.name + ".partial")
    try:
        write(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch has a RuntimeError for a full disk
        why = str(error).splitlines()[0]
        raise TrainingError(
            f"{path} cannot be written: {why}; what was saved before is untouched"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(path: Path, identity: str) -> dict[str, Any]:
    """Reads a checkpoint of this recipe; TrainingError when it is of another or unreadable."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen unrelated types here
        raise TrainingError(f"{path} cannot be read as a checkpoint: {error}") from error
    if state.get("identity") != identity:
        raise TrainingError(
            f"{path} was made by another recipe ({state.get('identity')}, not {identity}); "
                "use another --work directory, or remove it to start again"
        )
    return state


def start_from(network: nn.Module, model: Path, parts: dict[str, str]) -> None:
    """Copies the weights of a model file into a network about to be trained.

    parts: where in the file (prefix) -> where in the network. Of a tensor that the recipe has made
    longer the first rows are taken; one of another shape stays as it is."""
    try:
        source = torch.jit.load(str(model), map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise TrainingError(f"{model} cannot be read as a model file: {first}") from error
    wanted = dict(network.named_parameters())
    taken = 0
    with torch.no_grad():
        for prefix, into in parts.items():
            for name, value in source.items():
                if not name.startswith(prefix):
                    continue
                target = wanted.get(into + name.removeprefix(prefix))
                if target is None or target.shape[1:] != value.shape[1:] or len(target) < len(value):
                    continue
                target[: len(value)].copy_(value)
                taken += 1
    if taken == 0:
        raise TrainingError(f"{model} has no weights that fit this recipe")
    print(f"{taken} of {len(wanted)} tensors start from {model}", flush=True)


def _told(row: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in row.items() if name != "samples")


class Trainer:
    def __init__(
        self, task: Task, plan: Plan, seed: int, identity: str, path: Path, device: torch.device
    ) -> None:
        self.task, self.plan, self.seed = task, plan, seed
        self.identity, self.path, self.device = identity, path, device
        network = task.network
        self.averaged = {k: v.detach().clone() for k, v in network.state_dict().items()}
        # By prefix, not by what the prefix means today: a checkpoint numbers parameters by group.
        groups: dict[tuple[bool, str, float], list[nn.Parameter]] = {}
        for name, parameter in network.named_parameters():
            slow = next((key for key in plan.slower if name.startswith(key)), "")
            momentum = 0.0 if name.startswith(plan.rivals) else _MOMENTUM
            groups.setdefault((parameter.ndim > 1, slow, momentum), []).append(parameter)
        self.optimizer = torch.optim.AdamW(
            [
                {
                    "params": members,
                    "weight_decay": 0.01 if matrices else 0.0,
                    "factor": plan.slower.get(slow, 1.0),
                    "betas": (momentum, 0.99),
                }
                for (matrices, slow, momentum), members in groups.items()
            ],
            lr=plan.learning_rate,
            fused=True,
        )
        self.step = 0
        self.history = History()
        if path.exists():
            self._restore(load_checkpoint(path, identity))

    @property
    def samples(self) -> int:
        return self.step * self.plan.batch

    def _restore(self, state: dict[str, Any]) -> None:
        self.task.network.load_state_dict(state["network"])
        for key, value in state["averaged"].items():
            self.averaged[key].copy_(value)
        # The moments are the checkpoint's, the rates those of today's recipe.
        factors = [group["factor"] for group in self.optimizer.param_groups]
        self.optimizer.load_state_dict(state["optimizer"])
        for group, factor in zip(self.optimizer.param_groups, factors, strict=True):
            group["factor"] = factor
        self.task.restore(state["task"])
        self.step = state["step"]
        self.history = History(**json.loads(state["history"]))

    def save(self) -> None:
        state = {
            "identity": self.identity,
            "network": self.task.network.state_dict(),
            "averaged": self.averaged,
            "optimizer": self.optimizer.state_dict(),
            "task": self.task.state(),
            "step": self.step,
            "history": json.dumps(asdict(self.history)),
        }
        save_atomically(self.path, lambda partial: torch.save(state, partial))

    def _average(self) -> None:
        # Young averages forget faster, or the random start would stay in them for long.
        keep = min(self.plan.ema, (1 + self.step) / (10 + self.step))
        current = self.task.network.state_dict()
        pairs = [(self.averaged[k], v) for k, v in current.items() if v.is_floating_point()]
        averages, values = zip(*pairs, strict=True)
        torch._foreach_lerp_(averages, values, 1.0 - keep)

    def _advance(self) -> dict[str, float]:
        noise = torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + self.step)
        rng = np.random.default_rng((self.seed, self.step))
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.rate(self.samples) * group["factor"]
        losses = self.task.losses(rng, noise)
        self.optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.task.network.parameters(), 1.0)
        if not math.isfinite(float(norm + losses["loss"].detach())):
            raise TrainingError(
                f"loss or gradient is not finite at sample {self.samples}; "
                f"the last good checkpoint is {self.path}"
            )
        self.optimizer.step()
        self._average()
        self.step += 1
        values = torch.stack([value.detach().float() for value in losses.values()])
        return dict(zip(losses, values.tolist(), strict=True))

    def averaged_network(self) -> nn.Module:
        """The network with the averaged weights, for a moment: see `run`."""
        self.task.network.load_state_dict(self.averaged)
        return self.task.network

    def evaluate(self) -> dict[str, float]:
        current = {k: v.detach().clone() for k, v in self.task.network.state_dict().items()}
        try:
            with torch.inference_mode():
                scores = self.task.evaluate(self.averaged_network().eval())
        finally:
            self.task.network.train()
            self.task.network.load_state_dict(current)
        return {"samples": float(self.samples), **scores}

    def _score(self, report: Callable[[History], None] | None) -> None:
        scores = self.evaluate()
        self.history.scores.append(scores)
        print(f"{self.samples:>8} scores  {_told(scores)}", flush=True)
        if self.samples >= self.plan.samples:
            self.save()
        if report:
            report(self.history)

    def run(self, every: int = 50, report: Callable[[History], None] | None = None) -> None:
        """Trains to the end of the plan; a checkpoint now and then and at the end."""
        self.task.network.train()
        steps, began = 0, time.monotonic()
        last = scored = began
        while self.samples < self.plan.samples:
            self.history.add(self._advance())
            steps += 1
            done = self.samples >= self.plan.samples
            if self.step % every == 0 or done:
                row = self.history.close_row(self.samples)
                speed = steps * self.plan.batch / (time.monotonic() - began)
                print(
                    f"{self.samples:>8}/{self.plan.samples}  {_told(row)}  {speed:.1f}/s",
                    flush=True,
                )
                steps, began = 0, time.monotonic()
            paused = time.monotonic()
            if done or paused - last >= self.plan.seconds:
                # Saved before it is judged: a kill during the evaluation costs a score alone.
                self.save()
                if done or paused - scored >= self.plan.score_seconds:
                    self._score(report)
                    scored = time.monotonic()
                last = time.monotonic()
                began += last - paused
