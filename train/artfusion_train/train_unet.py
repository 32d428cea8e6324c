# SPDX-License-Identifier: MIT
"""Trains the UNet on stored latents, and the decoder along with it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from . import config as configs
from . import latents, pairs, pictures, sampling, sheets, train_autoencoder
from .autoencoder import Decoder
from .critic import Critic
from .gallery import Gallery
from .loop import History, Plan, Trainer, load_checkpoint, mixed, start_from
from .restyle import Restyle
from .unet import Latents, UNet

_PROBES = 4  # timesteps at which the held-out loss is taken
_RECOLOURED_SHARE = 0.5
_MEASURED_ON = 512  # pairs, for the table of what blurring takes away
_AT_ONCE = 8  # held-out pictures decoded: bounds the memory


class Example(NamedTuple):
    """Scaled latents of some pictures and of what the network sees as their content, style codes."""

    x0: Tensor
    seen: Tensor
    styles: Tensor


class Networks(nn.Module):
    """What this stage trains. The encoder stays as it is: the latents are its."""

    def __init__(self, unet: UNet, decoder: Decoder) -> None:
        super().__init__()
        self.unet, self.decoder = unet, decoder
        self.critic = Critic(unet.style_mean)


class UNetTask:
    def __init__(self, config: configs.Config, work: Path, device: torch.device) -> None:
        self.section, self.device = config.unet, device
        self.ssim_weight = config.autoencoder.ssim_weight
        self.data = latents.load(config, work, device)
        index = pictures.load(work, device)
        training = ~index.heldout
        self.paintings = np.flatnonzero(training & ~index.photo)
        self.photos = np.flatnonzero(training & index.photo)
        self.held = np.flatnonzero(index.heldout)
        torch.manual_seed(config.seed)
        self.pairs = pairs.load(config, work, device, self.data.autoencoder)
        painted, share = None, 0.0
        if self.pairs:
            count = len(self.pairs.contents)
            painted = self._painted(np.arange(0, count, max(1, count // _MEASURED_ON)))[:2]
            share = config.unet.pair_share
        rows = np.flatnonzero(training)
        measured = latents.measure(self.data, rows, config.unet.blur, painted, share)
        self.unet = UNet(config.unet, config.autoencoder.latent_channels, measured)
        self.decoder = train_autoencoder.load(config, work, device).decoder.requires_grad_()
        self.networks = Networks(self.unet, self.decoder)
        self.network: nn.Module = self.networks.to(device, memory_format=torch.channels_last)
        self.recoloured = _RECOLOURED_SHARE if config.data.recolour else 0.0
        self.pixels = index.pixels
        self.crop = config.autoencoder.crop // 8
        sides = self.paintings, self.photos
        self.restyle = Restyle(config, index, self.data, *sides, self.pairs, device)
        self.gallery = Gallery.of(config, index, self.data, device)

    def _rows(self, rng: np.random.Generator) -> np.ndarray:
        photo = rng.random(self.section.batch) < self.section.photo_share
        painting = rng.choice(self.paintings, self.section.batch)
        return np.where(photo, rng.choice(self.photos, self.section.batch), painting)

    def _own(self, rows: np.ndarray, mirror: np.ndarray, recoloured: np.ndarray) -> Example:
        """Pictures as their own content and style."""
        x0 = self.data.scaled(rows, 0, mirror)
        return Example(x0, self.data.scaled(rows, recoloured, mirror), self.data.codes(rows))

    def _painted(self, which: np.ndarray) -> Example:
        """What teachers made of a content in a style."""
        assert self.pairs
        x0 = self.data.rescaled(self.pairs.latents(which))
        seen = self.data.scaled(self.pairs.contents[which])
        return Example(x0, seen, self.pairs.codes(which))

    def _terms(self, given: Example, draw: dict[str, np.ndarray], noise: Tensor) -> dict[str, Tensor]:
        """Losses for given pictures and draws (each row its own)."""
        put = {k: torch.from_numpy(v).to(self.device) for k, v in draw.items()}
        x0, seen, styles = given
        content = latents.normalised(seen) * put["content"][:, None, None, None]
        net = self.unet

        own = net.code(styles)
        code = torch.where(put["style"][:, None] > 0, own, net.null_code[None])
        statistics = net.statistics(code)
        std, mean = torch.std_mean(x0, dim=(2, 3))
        wanted = torch.cat([mean, std.clamp_min(0.02).log()], dim=1)
        regression = (statistics - wanted).square().mean()

        blur = put["blur"]
        # The closed form is data to the UNet: only the regression teaches the statistics.
        rows_ = net.rows(put["time"], code, statistics.detach(), blur)
        alpha, sigma = rows_[:, 0, None, None, None], rows_[:, 1, None, None, None]
        x = alpha * x0 + sigma * noise
        v = alpha * noise - sigma * x0
        prior = net.prior(x, content, rows_, blur)
        with mixed(self.device):
            inputs = prior.inputs.contiguous(memory_format=torch.channels_last)
            out = net.body(inputs, net.body_modulation(rows_))
        denoising = (out.float() - (v - prior.v) / prior.unit).square().mean()
        loss = denoising + self.section.statistics_weight * regression
        return {"loss": loss, "denoising": denoising, "statistics": regression}

    def _decoding(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """The autoencoder's own losses on crops: what the decoder must not unlearn."""
        rows, crop = self._rows(rng)[: self.section.restyle_batch], self.crop
        y, x = rng.integers(0, self.data.latents.shape[-1] - crop + 1, (2, len(rows)))
        places = self.data.latents[:, 0, 0].permute(0, 2, 3, 1)
        z = pictures.cut(places, rows, y, x, crop).permute(0, 3, 1, 2).float()
        with mixed(self.device):
            out = self.decoder(z)
        rgb = train_autoencoder.to_rgb(pictures.cut(self.pixels, rows, 8 * y, 8 * x, 8 * crop))
        return train_autoencoder.pixel_losses(out.float(), rgb)

    def losses(self, rng: np.random.Generator, noise: torch.Generator) -> dict[str, Tensor]:
        s, n = self.section, self.section.batch
        rows = self._rows(rng)
        draw = {
            # Stratified over the batch: the same distribution, a quieter loss. Of few steps most begin in noise:
            # the density of a time is in proportion to it.
            "time": np.floor(np.sqrt((rng.random() + np.arange(n)) / n % 1.0) * 1000.0),
            # Most pictures are wanted with their shapes kept: little blur is drawn more often.
            "blur": s.blur[0] + (s.blur[1] - s.blur[0]) * rng.random(n) ** 2,
            "content": (rng.random(n) >= s.content_dropout) * 1.0,
            "style": (rng.random(n) >= s.style_dropout) * 1.0,
            "recoloured": (rng.random(n) < self.recoloured) * 1.0,
        }
        shape = (n, *self.data.latents.shape[3:])
        eps = torch.randn(shape, generator=noise, device=self.device)
        mirror = rng.integers(0, self.data.latents.shape[2], n)
        given = self._own(rows, mirror, draw["recoloured"].astype(int))
        if self.pairs:
            # Scattered over the batch, whose times ascend.
            painted = np.flatnonzero(rng.random(n) < s.pair_share)
            learnt = self._painted(rng.integers(0, len(self.pairs.contents), len(painted)))
            at = pictures.on(self.device, painted)
            given = Example(*(a.index_copy(0, at, b) for a, b in zip(given, learnt, strict=True)))
            draw["blur"][painted] = s.blur[0]  # whose shapes are all kept
        terms = self._terms(given, {k: v.astype(np.float32) for k, v in draw.items()}, eps)
        if s.restyle_batch > 0:
            more = self.restyle.losses(self.unet, self.decoder, self.networks.critic, rng, noise)
            decoding = self._decoding(rng)
            kept = decoding["l1"] + self.ssim_weight * (1.0 - decoding["ssim"])
            total = terms["loss"] + more["loss"] + kept
            terms = {**terms, **more, **decoding, "loss": total}
        return terms

    def state(self) -> dict[str, Tensor]:
        return self.restyle.pool.state()

    def restore(self, state: dict[str, Tensor]) -> None:
        self.restyle.pool.restore(state)

    def evaluate(self, averaged: nn.Module) -> dict[str, float]:
        """Loss of held-out pictures with both conditions, at fixed draws; how well they are
        decoded; and of what they become with others' styles, the scores."""
        assert averaged is self.networks
        n, shape = len(self.held), self.data.latents.shape[3:]
        eps = torch.randn((n, *shape), generator=torch.Generator().manual_seed(0)).to(self.device)
        one = np.ones(n, np.float32)
        sums: dict[str, float] = {}
        for probe in range(_PROBES):
            draw = {
                "time": one * np.float32((probe + 0.5) * 1000.0 // _PROBES),
                "blur": one * np.float32(self.section.content_blur),
                "content": one,
                "style": one,
            }
            nothing = np.zeros(n, int)
            terms = self._terms(self._own(self.held, nothing, nothing), draw, eps)
            for name in ("denoising", "statistics"):
                sums[f"held-out {name}"] = sums.get(f"held-out {name}", 0.0) + float(terms[name])
        scores = {name: value / _PROBES for name, value in sums.items()}
        kept = [
            train_autoencoder.fidelity(
                self.decoder(self.data.unscaled(self.data.scaled(part))),
                train_autoencoder.to_rgb(self.pixels[part]),
            )
            for part in np.array_split(self.held, -(-n // _AT_ONCE))
        ]
        for i, name in enumerate(("psnr", "ssim")):
            scores[name] = float(torch.cat([one[i] for one in kept]).mean())
        if self.gallery:
            scores |= self.gallery.scores(self.unet, self.decoder)
        return scores


def sheet_rows(
    config: configs.Config, work: Path, device: torch.device, net: Networks, columns: int = 8
) -> list[Tensor]:
    """Held-out photos, held-out paintings, latent AdaIN, then results at several scales."""
    data, index = latents.load(config, work, device), pictures.load(work, device)
    photos = np.flatnonzero(index.heldout & index.photo)
    paintings = np.flatnonzero(index.heldout & ~index.photo)
    columns = min(columns, len(photos), len(paintings))
    photos = photos[:columns]
    paintings = paintings[:: max(1, len(paintings) // columns)][:columns]

    @torch.inference_mode()
    def decode(scaled: Tensor) -> Tensor:
        out: Tensor = net.decoder(data.unscaled(scaled))
        return out

    content = latents.normalised(data.scaled(photos))
    std, mean = torch.std_mean(data.scaled(paintings), dim=(2, 3), keepdim=True)
    styles = data.codes(paintings)
    noise = torch.randn(content.shape, generator=torch.Generator().manual_seed(5)).to(device)
    originals = [train_autoencoder.to_rgb(index.pixels[rows]) for rows in (photos, paintings)]
    rows = [*originals, decode(content * std + mean)]
    for scales in ((1.0, 0.5), (1.0, 1.0), (1.0, 1.5)):
        rows.append(decode(sampling.sample(net.unet, content, styles, noise, scales=scales)))
    nothing = torch.zeros_like(content)
    rows.append(decode(sampling.sample(net.unet, nothing, styles, noise, scales=(1.0, 1.5))))
    return rows


def train(
    config: configs.Config, work: Path, device: torch.device, start: Path | None = None
) -> None:
    """Trains, or goes on training, work/unet.pt; curve and sheet as PNG beside it.
    start: a model file whose weights a new run begins with."""
    task = UNetTask(config, work, device)
    checkpoint = work / "unet.pt"
    if start and not checkpoint.exists():
        start_from(task.network, start, {"unet.": "unet."})
    s, pauses = config.unet, (config.checkpoint.seconds, config.checkpoint.score_seconds)
    slower = {"decoder.": s.decoder_rate, "critic.": s.critic_rate}
    plan = Plan(
        *(s.samples, s.batch, s.learning_rate, s.final_rate, s.warmup, s.ema, *pauses, slower),
        rivals=("critic.",),
    )
    name = configs.identity(config, "unet")
    trainer = Trainer(task, plan, config.seed, name, checkpoint, device)

    def report(history: History) -> None:
        sheets.curve(work / "unet.curve.png", history.train, history.scores)

    trainer.run(report=report)
    sheets.grid(
        work / "unet.sheet.png",
        sheet_rows(config, work, device, load(config, work, device, s.content_blur)),
    )


def load(
    config: configs.Config, work: Path, device: torch.device, content_blur: float
) -> Networks:
    """The trained networks (averaged weights), the UNet ready to sample from, the decoder mixed
    with the autoencoder's own: between the two it paints nearly as well as the one that learnt along,
    and gives back what it gets better than either (Wortsman et al., arXiv 2109.01903)."""
    state = load_checkpoint(work / "unet.pt", configs.identity(config, "unet"))
    averaged, latent = state["averaged"], config.autoencoder.latent_channels
    fixed = ("style_mean", "style_std", "blurs", "residual")
    empty = Latents(*(averaged["unet." + name] for name in fixed))
    decoder = Decoder(config.autoencoder.channels, latent, config.autoencoder.local)
    networks = Networks(UNet(config.unet, latent, empty), decoder)
    networks.load_state_dict(averaged)
    settled = train_autoencoder.load(config, work, torch.device("cpu")).decoder
    with torch.no_grad():
        for learnt, own in zip(decoder.parameters(), settled.parameters(), strict=True):
            learnt.copy_(own.lerp(learnt, config.unet.decoder_mix))
    networks.unet.finish(content_blur)
    networks.eval().requires_grad_(False)
    return networks.to(device, memory_format=torch.channels_last)
