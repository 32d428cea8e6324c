# SPDX-License-Identifier: MIT
"""Training: resumes, refuses, survives bad pictures, and what it writes is what it trained."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "train"), str(ROOT / "export")]

from artfusion_export import bundle as bundles  # noqa: E402
from artfusion_train import (  # noqa: E402
    config as configs,
    latents,
    loop,
    pictures,
    publish,
    sampling,
    stylenet,
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
[autoencoder]
channels = [8, 16, 16]
latent_channels = 4
crop = 32
batch = 4
crops = 40
learning_rate = 2e-3
final_rate = 0.1
warmup = 8
feature_weight = 0.1
kl_weight = 1e-4
ema = 0.9
[unet]
channels = [32, 32]
blocks = [1, 1]
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
[checkpoint]
seconds = 0
[publish]
description = "for tests"
licence = "MIT"
origin = "test_train.py"
steps = 20
content_scale = 1.0
style_scale = 1.5
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
    held = [folder / "paintings" / "03.png", folder / "photos" / "01.png"]
    lines = [f"{pictures.sha256(p)}  {p.parent.name}/{p.name}\n" for p in held]
    (folder / "heldout.txt").write_text("# two\n" + "".join(lines))
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
    )
    return loop.Trainer(task, plan, config.seed, configs.identity(config, stage), path, CPU)


class Spoiled:
    """A task whose loss goes through `spoil` at one step."""

    def __init__(self, task: Any, step: int, spoil: Callable[[Tensor], Tensor]) -> None:
        self.task, self.at, self.spoil, self.calls = task, step, spoil, 0
        self.network = task.network

    def losses(self, rng: np.random.Generator, noise: torch.Generator) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = self.task.losses(rng, noise)
        if self.calls == self.at:
            losses["loss"] = self.spoil(losses["loss"])
        self.calls += 1
        return losses

    def evaluate(self, averaged: torch.nn.Module) -> dict[str, float]:
        scores: dict[str, float] = self.task.evaluate(averaged)
        return scores


def test_unet_resumes_with_the_same_curve(
    trained: tuple[configs.Config, Path], tmp_path: Path
) -> None:
    config, work = trained

    def die(loss: Tensor) -> Tensor:
        raise KeyboardInterrupt

    whole = trainer_of(config, train_unet.UNetTask(config, work, CPU), "unet", tmp_path / "a.pt")
    whole.run(every=3)
    task = Spoiled(train_unet.UNetTask(config, work, CPU), 5, die)
    with pytest.raises(KeyboardInterrupt):
        trainer_of(config, task, "unet", tmp_path / "b.pt").run(every=3)
    again = trainer_of(config, train_unet.UNetTask(config, work, CPU), "unet", tmp_path / "b.pt")
    assert again.step == 5
    again.run(every=3)
    assert again.history.train == whole.history.train
    assert len(whole.history.train) == 4
    for key, value in whole.averaged.items():
        assert torch.equal(value, again.averaged[key]), key


def cli(folder: Path, work: Path, stage: str) -> list[str]:
    return [
        *(sys.executable, "-m", "artfusion_train", stage, "--config", str(folder / "recipe.toml")),
        *("--pictures", str(folder), "--work", str(work), "--device", "cpu", "--threads", "1"),
    ]


def test_autoencoder_survives_sigkill(
    world: tuple[configs.Config, Path, Path], trained: tuple[configs.Config, Path], tmp_path: Path
) -> None:
    config, folder, work = world
    for name in ("pictures.u8", "pictures.json"):
        (tmp_path / name).symlink_to(work / name)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "train"), "OMP_NUM_THREADS": "1"}
    arguments = cli(folder, tmp_path, "autoencoder")
    child = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (tmp_path / "autoencoder.pt").exists():
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    identity = configs.identity(config, "autoencoder")
    killed = loop.load_checkpoint(tmp_path / "autoencoder.pt", identity)
    assert 0 < killed["step"] < 10
    subprocess.run(arguments, env=environment, check=True, stdout=subprocess.DEVNULL)
    resumed = loop.load_checkpoint(tmp_path / "autoencoder.pt", identity)
    whole = loop.load_checkpoint(work / "autoencoder.pt", identity)
    assert resumed["step"] == whole["step"] == 10
    rows = [json.loads(state["history"])["train"] for state in (resumed, whole)]
    for name, value in rows[1][0].items():  # one thread against two: rounding may differ
        assert rows[0][0][name] == pytest.approx(value, rel=2e-2), name


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nan_stops_and_keeps_the_good_checkpoint(
    world: tuple[configs.Config, Path, Path], tmp_path: Path, bad: float
) -> None:
    config, _, work = world
    task = Spoiled(train_autoencoder.AutoencoderTask(config, work, CPU), 4, lambda x: x * bad)
    path = tmp_path / "autoencoder.pt"
    with pytest.raises(loop.TrainingError, match="not finite at sample 16.*autoencoder.pt"):
        trainer_of(config, task, "autoencoder", path).run()
    state = loop.load_checkpoint(path, configs.identity(config, "autoencoder"))
    assert state["step"] == 4
    assert all(bool(torch.isfinite(v).all()) for v in state["network"].values())
    assert all(bool(torch.isfinite(v).all()) for v in state["averaged"].values())


def test_checkpoint_of_another_recipe_is_refused(
    world: tuple[configs.Config, Path, Path], trained: tuple[configs.Config, Path]
) -> None:
    config, folder, work = world
    other = folder / "other.toml"
    other.write_text(RECIPE.replace("channels = [8, 16, 16]", "channels = [8, 16, 24]"))
    before = (work / "autoencoder.pt").read_bytes()
    with pytest.raises(loop.TrainingError, match="another recipe"):
        train_autoencoder.train(configs.load(other), work, CPU)
    assert (work / "autoencoder.pt").read_bytes() == before
    # More samples is a continuation, not another recipe.
    other.write_text(RECIPE.replace("crops = 40", "crops = 80"))
    longer = configs.load(other)
    assert configs.identity(longer, "autoencoder") == configs.identity(config, "autoencoder")
    # The UNet hangs on the autoencoder whose latents it was trained on.
    other.write_text(RECIPE.replace("kl_weight = 1e-4", "kl_weight = 1e-3"))
    assert configs.identity(configs.load(other), "unet") != configs.identity(config, "unet")


def test_latents_of_another_autoencoder_are_refused(
    trained: tuple[configs.Config, Path], tmp_path: Path
) -> None:
    config, work = trained
    for file in work.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    state = torch.load(tmp_path / "autoencoder.pt", weights_only=True)
    state["averaged"]["encoder.body.1.bias"][0] += 1.0
    torch.save(state, tmp_path / "autoencoder.pt")
    with pytest.raises(loop.TrainingError, match="another autoencoder"):
        latents.load(config, tmp_path)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_broken_checkpoint_is_named(
    trained: tuple[configs.Config, Path], tmp_path: Path, content: bytes | None
) -> None:
    whole = (trained[1] / "autoencoder.pt").read_bytes()
    path = tmp_path / "cut.pt"
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(loop.TrainingError, match="cut.pt cannot be read"):
        loop.load_checkpoint(path, "x")


def test_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(b"old")

    def disk_full(partial: Path) -> None:
        partial.write_bytes(b"ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        loop.save_atomically(path, disk_full)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


def test_bad_pictures_are_named_and_passed_over(
    world: tuple[configs.Config, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = world[0]
    rng = np.random.default_rng(1)
    for kind in ("paintings", "photos"):
        (tmp_path / kind).mkdir()
        draw_picture(rng).save(tmp_path / kind / "good.png")
    folder = tmp_path / "paintings"
    draw_picture(rng, 200).convert("L").save(folder / "grey.png")
    draw_picture(rng, 200).convert("RGBA").save(folder / "alpha.png")
    draw_picture(rng, 8).save(folder / "tiny.png")
    Image.new("RGB", (200, 200), (200, 30, 30)).save(folder / "red.png")
    (folder / "garbage.jpg").write_bytes(b"\xff\xd8\xffnot a picture at all")
    (folder / "empty.png").write_bytes(b"")
    whole = (folder / "grey.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.new("1", (20000, 15000)).save(folder / "huge.png")
    (folder / "notes.txt").write_text("not looked at")
    pictures.prepare(config, tmp_path, tmp_path / "work")
    told = capsys.readouterr().err.splitlines()
    for name in ("tiny", "red", "garbage", "empty", "cut", "huge"):
        assert sum(line.startswith(f"warning: {folder}/{name}.") for line in told) == 1, name
    assert len(told) == 6
    data = pictures.load(tmp_path / "work")
    assert data.names == ["alpha.png", "good.png", "grey.png", "good.png"]
    assert data.photo.tolist() == [False, False, False, True]
    grey = data.pixels[2]
    assert (grey == grey[:, :, :1]).all() and grey.std() > 10


def test_orientation_is_honoured(tmp_path: Path) -> None:
    pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
    pixels[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    assert pictures.read(tmp_path / "a.png", SIZE)[-8:].min() == 255


def test_heldout_pictures_are_never_drawn(trained: tuple[configs.Config, Path]) -> None:
    config, work = trained
    data = pictures.load(work)
    held = set(np.flatnonzero(data.heldout).tolist())
    assert len(held) == 2
    first = train_autoencoder.AutoencoderTask(config, work, CPU)
    assert held.isdisjoint(first.rows.tolist()) and len(first.rows) == 18
    task = train_unet.UNetTask(config, work, CPU)
    drawn = np.concatenate([task._rows(np.random.default_rng(i)) for i in range(200)])
    assert set(drawn.tolist()) == set(range(20)) - held
    assert data.photo[drawn].mean() == pytest.approx(0.1, abs=0.04)


def test_recipe_errors_name_the_key(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    for text, told in (
        (RECIPE.replace("crop = 32\n", ""), r"\[autoencoder\]: 'crop' is missing"),
        (RECIPE.replace("crop = 32", "crop = 32\ncorp = 1"), "unknown key 'corp'"),
        (RECIPE.replace("crop = 32", "crop = "), "r.toml"),
    ):
        path.write_text(text)
        with pytest.raises(configs.ConfigError, match=told):
            configs.load(path)


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


SECTION = configs.UNet(
    channels=(32, 64),
    blocks=(2, 1),
    head_channels=16,
    embedding=48,
    content_channels=4,
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
)


@torch.inference_mode()
def test_scripted_unet_equals_eager_at_every_shape() -> None:
    net = random_unet()
    scripted = torch.jit.script(net)
    for times, count, h, w in ((1, 1, 8, 8), (3, 2, 4, 12), (2, 3, 20, 8)):
        steps = torch.linspace(0.0, 999.0, times)
        styles = torch.cat([torch.randn(count - 1, 12), net.null_style[None]])
        rows = net.condition(steps, styles)
        assert torch.allclose(rows, scripted.condition(steps, styles), atol=1e-6)
        x, content = torch.randn(2, times * count, 4, h, w)
        content[0] = 0.0
        got, wanted = scripted.denoise(x, content, rows), net.denoise(x, content, rows)
        assert torch.allclose(got, wanted, atol=1e-5)
        # Row t * S + s is timestep t with style s, and rows do not touch each other.
        for t in range(times):
            for s in range(count):
                i = t * count + s
                one = net.condition(steps[t : t + 1], styles[s : s + 1])
                assert torch.allclose(rows[i : i + 1], one, atol=1e-5)
                alone = net.denoise(x[i : i + 1], content[i : i + 1], one)
                assert torch.allclose(wanted[i : i + 1], alone, atol=1e-4)


@torch.inference_mode()
def test_conditions_matter() -> None:
    net = random_unet()
    x, content = torch.randn(2, 1, 4, 8, 8)
    styles, steps = torch.randn(2, 12), torch.tensor([500.0, 510.0])
    rows = net.condition(steps, styles)
    base = net.denoise(x, content, rows[:1])
    assert not torch.allclose(base, net.denoise(x, content, rows[1:2]), atol=1e-3)  # style
    assert not torch.allclose(base, net.denoise(x, content, rows[2:3]), atol=1e-3)  # timestep
    assert not torch.allclose(base, net.denoise(x, 0.0 * content, rows[:1]), atol=1e-3)
    other = random_unet(1.2)
    again = other.denoise(x, content, other.condition(steps, styles)[:1])
    assert not torch.allclose(base, again, atol=1e-3)  # content blur
    # A style code from nowhere does not run away.
    wild = net.denoise(x, content, net.condition(steps[:1], 1e6 * styles[:1]))
    assert float(wild.abs().max()) < 1e3


@torch.inference_mode()
@pytest.mark.parametrize("present", [0.0, 1.0])
@pytest.mark.parametrize("time_", [5.0, 300.0, 700.0, 999.0])
def test_closed_form_leaves_a_unit_target(present: float, time_: float) -> None:
    """For x0 ~ N(base, spread^2): what the body sees and what it must give have unit
    variance, and are uncorrelated, i.e. the closed form is the best linear prediction."""
    net = random_unet()
    n = 64
    content = torch.randn(n, 4, 32, 32) * present
    rows = net.condition(torch.tensor([time_]), torch.randn(1, 12)).expand(n, -1)
    blur = torch.full((n,), 0.7)
    mean, std = rows[:, 2:6, None, None], rows[:, 6:10, None, None]
    base = unets.gaussian_blur(content, blur) * std + mean
    spread = std * (net.residual_at(blur)[:, :, None, None] if present else 1.0)
    x0 = base + spread * torch.randn_like(content)
    eps = torch.randn_like(x0)
    abar = unets.alphas_cumprod()[int(time_)]
    alpha, sigma = abar.sqrt(), (1.0 - abar).sqrt()
    prior = net.prior(alpha * x0 + sigma * eps, content, rows, blur)
    target = (alpha * eps - sigma * x0 - prior.v) / prior.unit
    seen = prior.inputs[:, :4]
    for value in (seen, target):
        assert torch.allclose(value.mean(dim=(0, 2, 3)), torch.zeros(4), atol=0.02)
        assert torch.allclose(value.std(dim=(0, 2, 3)), torch.ones(4), atol=0.02)
    assert torch.allclose((seen * target).mean(dim=(0, 2, 3)), torch.zeros(4), atol=0.02)


@torch.inference_mode()
def test_sampler_draws_from_the_closed_form() -> None:
    """With a body that adds nothing the model is exactly Gaussian; so must samples be."""
    net = random_unet()
    torch.nn.init.zeros_(net.body.out.weight)
    assert net.body.out.bias is not None
    torch.nn.init.zeros_(net.body.out.bias)
    n = 8
    style = torch.randn(1, 12)
    content = torch.randn(1, 4, 32, 32).expand(n, -1, -1, -1)
    noise = torch.randn(n, 4, 32, 32)
    x0 = sampling.sample(net, content, style.expand(n, -1), noise, steps=100)
    rows = net.condition(torch.tensor([0.0]), style)
    blur = torch.tensor([0.7])
    base = unets.gaussian_blur(content[:1], blur) * rows[:, 6:10, None, None]
    base = base + rows[:, 2:6, None, None]
    spread = rows[:, 6:10, None, None] * net.residual_at(blur)[:, :, None, None]
    white = (x0 - base) / spread
    # The last step gives the mean of x0 at t = 9, which is that much narrower than x0.
    abar = unets.alphas_cumprod()[9]
    known = abar * spread.square()
    wanted = (known / (known + 1.0 - abar)).sqrt().flatten()
    assert torch.allclose(white.mean(dim=(0, 2, 3)), torch.zeros(4), atol=0.04)
    assert torch.allclose(white.std(dim=(0, 2, 3)), wanted, atol=0.02)


@torch.inference_mode()
def test_guidance_formula() -> None:
    net = random_unet()
    x, content = torch.randn(2, 1, 4, 8, 8)
    rows = net.condition(torch.tensor([400.0]), torch.randn(1, 12))
    null = net.condition(torch.tensor([400.0]), net.null_style[None])

    def eps(c: Tensor, m: Tensor) -> Tensor:
        return rows[0, 0] * net.denoise(x, c, m) + rows[0, 1] * x

    e, e1, e2 = eps(content, rows), eps(0 * content, rows), eps(content, null)
    for (s1, s2), wanted in (
        ((1.0, 1.0), e),
        ((0.5, 1.0), e1 + 0.5 * (e - e1)),
        ((1.0, 2.0), e2 + 2.0 * (e - e2)),
        ((0.5, 2.0), e1 + 0.5 * (e - e1) + e2 + 2.0 * (e - e2) - e),
    ):
        got = sampling._eps(net, x, content, rows, null, (s1, s2))
        assert torch.allclose(got, wanted, atol=1e-4)


@torch.inference_mode()
def test_gaussian_blur() -> None:
    x = torch.zeros(2, 1, 21, 27)
    x[:, 0, 10, 13] = 1.0
    out = unets.gaussian_blur(x, torch.tensor([0.5, 1.5]))
    for i, width in enumerate((0.5, 1.5)):
        kernel = torch.exp(-0.5 * (torch.arange(-10, 11) / width) ** 2)
        kernel = kernel / kernel.sum()
        assert torch.allclose(out[i, 0, :, 3:24], kernel[:, None] * kernel[None], atol=1e-6)
    flat = torch.full((1, 1, 4, 4), 2.5)
    assert torch.allclose(unets.gaussian_blur(flat, torch.tensor([1.5])), flat)


@torch.inference_mode()
def test_style_network_takes_any_size_from_32() -> None:
    net = stylenet.pretrained()
    scripted = torch.jit.script(net)
    for h, w in ((32, 32), (33, 47), (100, 64)):
        rgb = torch.rand(2, 3, h, w) * 2.0 - 1.0
        code = net(rgb)
        assert code.shape == (2, stylenet.STYLE_WIDTH) and bool(torch.isfinite(code).all())
        assert torch.allclose(scripted(rgb), code, atol=1e-5)
        stem = net.features(rgb)[0]
        assert torch.allclose(code[:, :32], stem.flatten(2).std(dim=2), atol=1e-5)
        assert torch.allclose(code[:, 32:64], stem.mean(dim=(2, 3)), atol=1e-5)


@torch.inference_mode()
def test_recolouring_keeps_the_grey_axis_and_shapes() -> None:
    rgb = torch.rand(64, 3, 1, 1).expand(-1, -1, 8, 8) * 2.0 - 1.0
    out = latents.recolour(rgb.contiguous(), np.random.default_rng(0))
    assert float(out.abs().max()) <= 1.0
    assert float(out.std(dim=(2, 3)).max()) < 1e-5  # a flat picture stays flat
    assert float((out - rgb).abs().mean()) > 0.1  # but its colour moves


def test_bundle_is_what_was_trained(trained: tuple[configs.Config, Path], tmp_path: Path) -> None:
    config, work = trained
    path = tmp_path / "test.artfusion"
    publish.bundle(config, work, path, 0.9)
    model = bundles.widen(torch.jit.load(str(path)))
    data = latents.load(config, work)
    told = bundles.read_manifest(path)
    assert told["latent"]["shift"] == data.shift.tolist()
    assert told["latent"]["scale"] == data.scale.tolist()
    assert told["style"]["width"] == stylenet.STYLE_WIDTH and told["prediction"] == "v"

    # The hash of the contract, written out once more by hand.
    digest = hashlib.sha256()
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            root, name = info.filename.split("/", 1)
            if name == "extra/manifest.json":
                assert info.compress_type == zipfile.ZIP_STORED
            else:
                digest.update(name.encode() + b"\0" + archive.read(info))
    assert told["weights_sha256"] == digest.hexdigest()

    autoencoder = train_autoencoder.load(config, work, CPU)
    unet = train_unet.load(config, work, CPU, 0.9)
    with torch.inference_mode():
        rgb = torch.rand(2, 3, 64, 96) * 2.0 - 1.0
        z = autoencoder.encoder(rgb)
        assert torch.allclose(model.encoder(rgb), z, atol=5e-3)
        assert torch.allclose(model.decoder(z), autoencoder.decoder(z), atol=5e-3)
        styles = stylenet.pretrained()(rgb)
        assert float((model.style(rgb) - styles).abs().max()) < 5e-3 * float(styles.abs().max())
        steps = torch.tensor([10.0, 700.0])
        rows = unet.condition(steps, styles)
        assert torch.allclose(model.unet.condition(steps, styles), rows, atol=1e-2)
        # The schedule is not stored in 16 bits.
        assert torch.equal(model.unet.condition(steps, styles)[:, :2], rows[:, :2])
        assert torch.allclose(model.unet.null_style, unet.null_style)
        x, content = torch.randn(2, 4, 4, 8, 12)
        got = model.unet.denoise(x, content, rows)
        assert torch.allclose(got, unet.denoise(x, content, rows), atol=2e-2)


def test_bundle_refuses_what_16_bits_cannot_hold(
    trained: tuple[configs.Config, Path], tmp_path: Path
) -> None:
    config, work = trained
    autoencoder = train_autoencoder.load(config, work, CPU)
    with torch.no_grad():
        autoencoder.encoder.body[1].bias[0] = 1e5
    with pytest.raises(bundles.BundleError, match="encoder.body.1.bias"):
        bundles.write_bundle(
            tmp_path / "x.artfusion",
            encoder=autoencoder.encoder,
            decoder=autoencoder.decoder,
            style=stylenet.pretrained(),
            unet=train_unet.load(config, work, CPU, 0.7),
            manifest=publish.manifest(config, latents.load(config, work)),
            dtype=torch.float16,
        )
    assert list(tmp_path.iterdir()) == []
