# SPDX-License-Identifier: MIT
"""Trains the autoencoder on random crops."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import config as configs
from . import pictures, sheets, stylenet
from .borrowed import metrics
from .autoencoder import Autoencoder, settle
from .loop import History, Plan, Trainer, load_checkpoint, mixed, start_from


def to_rgb(pixels: Tensor) -> Tensor:
    """uint8 [N,H,W,3] -> float32 [N,3,H,W] in [-1,1], channels last."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def reconstruct(network: nn.Module, rgb: Tensor) -> Tensor:
    """Through the posterior's mode and back, clamped; a few at a time to bound the memory."""
    parts = [network.decoder(network.encoder(part)) for part in rgb.split(8)]
    return torch.cat(parts).clamp(-1.0, 1.0)


def pixel_losses(out: Tensor, rgb: Tensor) -> dict[str, Tensor]:
    """Both [N,3,H,W] in [-1,1]. L1 alone blurs what it is unsure of; structural similarity asks for
    the contrast as well (Zhao et al., arXiv 1511.08861)."""
    ssim = metrics.ssim(127.5 * (rgb + 1.0), 127.5 * (out + 1.0)).mean()
    return {"l1": (out - rgb).abs().mean(), "ssim": ssim}


def fidelity(out: Tensor, rgb: Tensor) -> tuple[Tensor, Tensor]:
    """PSNR and SSIM, [N] each, of pictures [N,3,H,W] in [-1,1]."""
    pair = metrics.as_rgb(out), metrics.as_rgb(rgb)
    return metrics.psnr(*pair), metrics.ssim(*pair)


def feature_distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Squared differences of features normalised over channels (arXiv 1801.03924, eq. 1,
    with unit weights), averaged over the layers."""
    terms = []
    for x, y in zip(a, b, strict=True):
        x, y = F.normalize(x.float(), dim=1), F.normalize(y.float(), dim=1)
        terms.append((x - y).square().sum(dim=1).mean())
    return torch.stack(terms).mean()


def build(section: configs.Autoencoder) -> Autoencoder:
    """Of this recipe's shape, with random weights."""
    return Autoencoder(section.channels, section.latent_channels, section.local)


class AutoencoderTask:
    def __init__(self, config: configs.Config, work: Path, device: torch.device) -> None:
        self.section, self.device, self.seed = config.autoencoder, device, config.seed
        self.data = pictures.load(work, device)
        self.rows = np.flatnonzero(~self.data.heldout)
        torch.manual_seed(config.seed)
        network = build(self.section)
        self.network: nn.Module = network.to(device, memory_format=torch.channels_last)
        # Also the copy for the loss runs in 16 bits: only differences of it count.
        self.judge = stylenet.pretrained().to(device, memory_format=torch.channels_last)
        held = np.flatnonzero(self.data.heldout)
        self.test = to_rgb(self.data.pixels[held])

    @torch.no_grad()
    def settle(self, started: bool) -> None:
        """Before the first step. started: from weights that were trained, which are left as they are where they
        give pictures back better so: they were trained without normalisation, too."""
        rgb = self._batch(np.random.default_rng(self.seed))
        before = copy.deepcopy(self.network.state_dict())
        error = self._error(rgb)
        settle(self.network, rgb)
        if started and self._error(rgb) > error:
            self.network.load_state_dict(before)

    def _error(self, rgb: Tensor) -> float:
        return float((reconstruct(self.network, rgb) - rgb).square().mean())

    def _batch(self, rng: np.random.Generator) -> Tensor:
        s, size = self.section, self.data.pixels.shape[1]
        corners = rng.integers(0, size - s.crop + 1, (2, s.batch))
        rgb = to_rgb(pictures.cut(self.data.pixels, rng.choice(self.rows, s.batch), *corners, s.crop))
        mirrored = pictures.on(self.device, rng.random((s.batch, 1, 1, 1)) < 0.5)
        return torch.where(mirrored, rgb.flip(3), rgb)

    def losses(self, rng: np.random.Generator, noise: torch.Generator) -> dict[str, Tensor]:
        rgb = self._batch(rng)
        low = self.section.crop // 8
        shape = (rgb.shape[0], self.section.latent_channels, low, low)
        drawn = torch.randn(shape, generator=noise, device=self.device)
        with mixed(self.device):
            out, mean, logvar = self.network(rgb, drawn)
            with torch.no_grad():
                wanted = self.judge.features(rgb)
            features = feature_distance(self.judge.features(out), wanted)
        mean, logvar = mean.float(), logvar.float()
        kl = 0.5 * (mean.square() + logvar.exp() - 1.0 - logvar).mean()
        terms = pixel_losses(out.float(), rgb)
        loss = terms["l1"] + self.section.feature_weight * features + self.section.kl_weight * kl
        loss = loss + self.section.ssim_weight * (1.0 - terms["ssim"])
        return {"loss": loss, **terms, "features": features, "kl": kl}

    def state(self) -> dict[str, Tensor]:
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        pass

    def evaluate(self, averaged: nn.Module) -> dict[str, float]:
        """PSNR and SSIM of held-out pictures at full size."""
        out = reconstruct(averaged, self.test)
        parts = [fidelity(a, b) for a, b in zip(out.split(8), self.test.split(8), strict=True)]
        psnr, ssim = (float(torch.cat(values).mean()) for values in zip(*parts, strict=True))
        return {"psnr": psnr, "ssim": ssim}


def train(
    config: configs.Config, work: Path, device: torch.device, start: Path | None = None
) -> None:
    """Trains, or goes on training, work/autoencoder.pt; curve and sheet as PNG beside it.
    start: a model file whose weights a new run begins with."""
    task = AutoencoderTask(config, work, device)
    checkpoint = work / "autoencoder.pt"
    if not checkpoint.exists():
        if start:
            start_from(task.network, start, {"encoder.": "encoder.", "decoder.": "decoder."})
        task.settle(started=start is not None)
    s = config.autoencoder
    pauses = (config.checkpoint.seconds, config.checkpoint.score_seconds)
    plan = Plan(s.crops, s.batch, s.learning_rate, s.final_rate, s.warmup, s.ema, *pauses)
    name = configs.identity(config, "autoencoder")
    trainer = Trainer(task, plan, config.seed, name, checkpoint, device)

    def report(history: History) -> None:
        sheets.curve(work / "autoencoder.curve.png", history.train, history.scores)

    trainer.run(report=report)
    network = load(config, work, device)
    with torch.inference_mode():
        some = task.test[:: max(1, len(task.test) // 8)]
        sheets.grid(work / "autoencoder.sheet.png", [some, reconstruct(network, some)])


def load(config: configs.Config, work: Path, device: torch.device) -> Autoencoder:
    """The trained autoencoder (averaged weights), frozen."""
    state = load_checkpoint(work / "autoencoder.pt", configs.identity(config, "autoencoder"))
    network = build(config.autoencoder)
    network.load_state_dict(state["averaged"])
    return network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
