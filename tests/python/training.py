# SPDX-License-Identifier: MIT
"""What the tests of training share: a small recipe, pictures for it, and all of its stages run."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "train"), str(ROOT / "export")]

from artfusion_train import (  # noqa: E402
    config as configs,
    latents,
    loop,
    pictures,
    train_autoencoder,
    train_unet,
    unet as unets,
)

CPU = torch.device("cpu")
SIZE = 64

RECIPE = """
name = "test"
seed = 3
[data]
paintings = "paintings"
photos = "photos"
heldout = "heldout.txt"
size = 64
mirror = true
recolour = true
[autoencoder]
channels = [8, 16, 16]
latent_channels = 4
local = false
crop = 32
batch = 4
crops = 40
learning_rate = 2e-3
final_rate = 0.1
warmup = 8
feature_weight = 0.1
ssim_weight = 0.1
kl_weight = 1e-4
ema = 0.9
[pairs]
count = 8
teachers = ["magenta", "microast"]
photo_share = 0.5
zooms = [0.5, 2.0]
zoom_share = 0.5
content_price = 1.0
content_limit = 2.0
repetition_limit = 100.0
[unet]
channels = [32, 32]
blocks = [1, 1]
details = 1
head_channels = 16
embedding = 32
content_channels = 4
blur = [0.4, 1.4]
content_blur = 0.7
content_dropout = 0.5
style_dropout = 0.1
photo_share = 0.1
batch = 4
samples = 40
learning_rate = 2e-3
final_rate = 0.1
warmup = 8
ema = 0.9
statistics_weight = 0.1
pair_share = 0.5
restyle_batch = 4
restyle_crop = 8
style_weight = 1.0
band_weight = 0.2
content_weight = 1.0
likeness_weight = 1.0
lattice_weight = 1.0
critic_weight = 0.1
critic_rate = 0.5
decoder_rate = 0.3
decoder_yield = 0.3
decoder_mix = 1.0
[checkpoint]
seconds = 0
score_seconds = 0
[publish]
description = "for tests"
licence = "MIT"
origin = "test_train.py"
steps = 4
content_scale = 1.0
style_scale = 1.5
[publish.presets]
bold = { style_scale = 2.0 }
"""


def draw_picture(rng: np.random.Generator, size: int = SIZE) -> Image.Image:
    """Smooth coloured noise: something that an autoencoder can learn from."""
    coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[configs.Config, Path, Path]:
    """A recipe, a folder of pictures, and a work directory prepared from them."""
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    for kind, count in (("paintings", 14), ("photos", 6)):
        (folder / kind).mkdir()
        for i in range(count):
            draw_picture(rng).save(folder / kind / f"{i:02}.png")
    held = [folder / name for name in ("paintings/03.png", "paintings/09.png", "photos/01.png")]
    lines = [f"{pictures.sha256(p)}  {p.parent.name}/{p.name}\n" for p in held]
    (folder / "heldout.txt").write_text("# three\n" + "".join(lines))
    (folder / "recipe.toml").write_text(RECIPE)
    config = configs.load(folder / "recipe.toml")
    torch.set_num_threads(2)
    pictures.prepare(config, folder, folder / "work")
    return config, folder, folder / "work"


@pytest.fixture(scope="module")
def trained(world: tuple[configs.Config, Path, Path]) -> tuple[configs.Config, Path]:
    """The world after every stage."""
    config, _, work = world
    train_autoencoder.train(config, work, CPU)
    latents.compute(config, work, CPU)
    train_unet.train(config, work, CPU)
    return config, work


def trainer_of(config: configs.Config, task: Any, stage: str, path: Path) -> loop.Trainer:
    section = getattr(config, stage)
    total = section.crops if stage == "autoencoder" else section.samples
    plan = loop.Plan(
        total,
        section.batch,
        section.learning_rate,
        section.final_rate,
        section.warmup,
        section.ema,
        config.checkpoint.seconds,
        config.checkpoint.score_seconds,
    )
    return loop.Trainer(task, plan, config.seed, configs.identity(config, stage), path, CPU)


def cli(folder: Path, work: Path, stage: str) -> list[str]:
    return [
        *(sys.executable, "-m", "artfusion_train", stage, "--config", str(folder / "recipe.toml")),
        *("--pictures", str(folder), "--work", str(work), "--device", "cpu", "--threads", "1"),
    ]


SECTION = configs.UNet(
    channels=(32, 64),
    blocks=(2, 1),
    head_channels=16,
    embedding=48,
    content_channels=4,
    details=1,
    blur=(0.4, 1.4),
    content_blur=0.7,
    content_dropout=0.5,
    style_dropout=0.1,
    photo_share=0.1,
    batch=4,
    samples=8,
    learning_rate=1e-3,
    final_rate=0.1,
    warmup=4,
    ema=0.9,
    statistics_weight=0.1,
    pair_share=0.5,
    restyle_batch=0,
    restyle_crop=8,
    style_weight=1.0,
    band_weight=0.2,
    content_weight=1.0,
    likeness_weight=1.0,
    lattice_weight=1.0,
    critic_weight=0.1,
    critic_rate=0.5,
    decoder_rate=0.3,
    decoder_yield=0.3,
    decoder_mix=1.0,
)


def random_unet(blur: float = 0.7, width: int = 12) -> unets.UNet:
    """A UNet whose every parameter counts: none of the zeros it starts with."""
    torch.manual_seed(7)
    section = dataclasses.replace(SECTION, content_blur=blur)
    measured = unets.Latents(
        torch.randn(width),
        torch.rand(width) + 0.5,
        torch.linspace(0.4, 1.4, 9),
        torch.linspace(0.3, 0.7, 9)[:, None] * torch.tensor([1.0, 0.9, 1.1, 1.2]),
    )
    net = unets.UNet(section, 4, measured)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    net.finish(blur)
    return net.eval().requires_grad_(False)
