# SPDX-License-Identifier: MIT
"""Training runs: resumed, killed, refused; and what is written is what was trained."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import struct
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from artfusion_export import bundle as bundles
from artfusion_train import (
    config as configs,
    latents,
    loop,
    publish,
    stylenet,
    train_autoencoder,
    train_unet,
)
from conftest import enlargements
from torch import Tensor

from training import CPU, RECIPE, ROOT, cli, trained, trainer_of, world  # noqa: F401


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

    def state(self) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.task.state()
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        self.task.restore(state)


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


def test_rates_may_change_between_a_run_and_its_continuation(
    trained: tuple[configs.Config, Path], tmp_path: Path
) -> None:
    """A part whose rate is 0 stays where it is, also when it has moved before; and a decoder that
    learnt as fast as the UNet before, and does not now, finds its own moments again."""
    config, work = trained
    for file in work.iterdir():
        if not file.name.startswith("unet"):
            (tmp_path / file.name).symlink_to(file)

    def weights(recipe: configs.Config) -> dict[str, Tensor]:
        train_unet.train(recipe, tmp_path, CPU)
        identity = configs.identity(recipe, "unet")
        network: dict[str, Tensor] = loop.load_checkpoint(tmp_path / "unet.pt", identity)["network"]
        return network

    before: dict[str, Tensor] = {}
    for i, (critic, decoder) in enumerate(((0.5, 1.0), (0.0, 0.5), (0.5, 0.0))):
        rates = {"samples": 8 * (i + 1), "critic_rate": critic, "decoder_rate": decoder}
        recipe = dataclasses.replace(config, unet=dataclasses.replace(config.unet, **rates))
        after = weights(recipe)
        # Spectral normalisation's vectors follow the weights by themselves.
        moved = {k for k in before if not k.endswith(("._u", "._v")) and not after[k].equal(before[k])}
        for part, rate in (("critic.", critic), ("decoder.", decoder), ("unet.", 1.0)):
            assert not before or any(k.startswith(part) for k in moved) == (rate > 0.0), part
        before = after


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


def test_full_disk_stops_and_keeps_the_good_checkpoint(
    world: tuple[configs.Config, Path, Path], tmp_path: Path
) -> None:
    """The limit on a file's size stands for the disk: both fail in the middle of a write."""
    config, folder, work = world
    for name in ("pictures.u8", "pictures.json"):
        (tmp_path / name).symlink_to(work / name)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "train"), "OMP_NUM_THREADS": "1"}
    script = (
        "import os, runpy, resource, threading, time\n"
        "def fill():\n"
        "    while not os.path.exists('autoencoder.pt'): time.sleep(0.01)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "threading.Thread(target=fill, daemon=True).start()\n"
        "runpy.run_module('artfusion_train', run_name='__main__')\n"
    )
    arguments = cli(folder, tmp_path, "autoencoder")
    arguments[1:3] = ["-c", script]
    done = subprocess.run(
        arguments, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1, done.stderr
    assert "autoencoder." in done.stderr and "cannot be written" in done.stderr
    kept = loop.load_checkpoint(
        tmp_path / "autoencoder.pt", configs.identity(config, "autoencoder")
    )
    assert 0 < kept["step"] < 10
    assert not list(tmp_path.glob("*.partial"))


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
        latents.load(config, tmp_path, CPU)


def test_encoding_goes_on_where_it_was_stopped(
    world: tuple[configs.Config, Path, Path],
    trained: tuple[configs.Config, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config, _, work = world
    for name in ("pictures.u8", "pictures.json", "autoencoder.pt"):
        (tmp_path / name).symlink_to(work / name)
    monkeypatch.setattr(latents, "_BATCH", 4)
    monkeypatch.setattr(latents, "_KEPT_EVERY", 1)
    recolour, calls = latents.recolour, 0

    def dying(*given: Any) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 6:  # in the third batch: two a batch, with mirror images
            raise KeyboardInterrupt
        return recolour(*given)

    monkeypatch.setattr(latents, "recolour", dying)
    with pytest.raises(KeyboardInterrupt):
        latents.compute(config, tmp_path, CPU)
    with pytest.raises(FileNotFoundError):
        latents.load(config, tmp_path, CPU)
    latents.compute(config, tmp_path, CPU)
    assert calls == 6 + 2 * 4  # from the second batch, the last that was kept, to the fifth
    names = ("latents.f16", "styles.f16", "latents.json")
    resumed = [(tmp_path / name).read_bytes() for name in names]
    latents.compute(config, tmp_path, CPU)
    assert calls == 14  # what is complete is kept
    # What another autoencoder had made, or begun, is made anew.
    state = json.loads((tmp_path / "latents.json").read_text()) | {"autoencoder": "another"}
    (tmp_path / "latents.json").write_text(json.dumps(state))
    (tmp_path / "latents.json.partial").write_text(json.dumps(state | {"done": 16}))
    latents.compute(config, tmp_path, CPU)
    assert calls == 14 + 2 * 5
    assert [(tmp_path / name).read_bytes() for name in names] == resumed


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

    with pytest.raises(loop.TrainingError, match="a.pt cannot be written: .*No space"):
        loop.save_atomically(path, disk_full)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


def test_bundle_is_what_was_trained(trained: tuple[configs.Config, Path], tmp_path: Path) -> None:
    config, work = trained
    path = tmp_path / "test.artfusion"
    publish.bundle(config, work, path, 0.9)
    model = bundles.widen(torch.jit.load(str(path)))
    data = latents.load(config, work, CPU)
    told = bundles.read_manifest(path)
    assert told["latent"]["shift"] == data.shift.tolist()
    assert told["latent"]["scale"] == data.scale.tolist()
    assert told["style"]["width"] == stylenet.STYLE_WIDTH and told["prediction"] == "v"
    assert enlargements(path) == {"upsample_nearest2d"}

    # The hash of the contract, written out once more by hand.
    assert told["format_version"] == 2
    with zipfile.ZipFile(path) as archive:
        digest = hashlib.sha256(b"\2" + struct.pack("<Q", len(archive.infolist())))
        for info in archive.infolist():
            name = info.filename.split("/", 1)[1].encode()
            content = archive.read(info)
            if name == b"extra/manifest.json":
                assert info.compress_type == zipfile.ZIP_STORED
                content = content.replace(told["weights_sha256"].encode(), b"0" * 64)
            digest.update(struct.pack("<Q", len(name)) + name + struct.pack("<Q", len(content)))
            digest.update(hashlib.sha256(content).digest())
    assert told["weights_sha256"] == digest.hexdigest()

    autoencoder = train_autoencoder.load(config, work, CPU)
    networks = train_unet.load(config, work, CPU, 0.9)
    unet = networks.unet
    with torch.inference_mode():
        rgb = torch.rand(2, 3, 64, 96) * 2.0 - 1.0
        z = autoencoder.encoder(rgb)
        assert torch.allclose(model.encoder(rgb), z, atol=5e-3)
        assert torch.allclose(model.decoder(z), networks.decoder(z), atol=5e-3)
        assert not torch.equal(networks.decoder(z), autoencoder.decoder(z))  # it learnt along
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
            unet=train_unet.load(config, work, CPU, 0.7).unet,
            manifest=publish.manifest(config, latents.load(config, work, CPU)),
            dtype=torch.float16,
        )
    assert list(tmp_path.iterdir()) == []
