# SPDX-License-Identifier: MIT
"""Pictures that nobody has painted, judged in training; and training begun from a model file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from artfusion_train import (
    config as configs,
    gallery,
    latents,
    loop,
    pictures,
    publish,
    style_losses,
    stylenet,
    train_autoencoder,
    train_unet,
)
from torch import Tensor

from training import CPU, trained, trainer_of, world  # noqa: F401


def two_pictures(trained: tuple[configs.Config, Path]) -> Tensor:
    pixels = np.ascontiguousarray(pictures.load(trained[1]).pixels[:2])
    return train_autoencoder.to_rgb(pixels, CPU)


def noise_of(grain: int, count: int, seed: int) -> Tensor:
    """Pictures [count,3,96,96] of square dabs."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((count, 3, 96 // grain, 96 // grain), generator=generator)
    return 2.0 * torch.nn.functional.interpolate(coarse, scale_factor=grain) - 1.0


@torch.inference_mode()
def test_distribution_distance_sees_what_few_loud_places_hide() -> None:
    judge = stylenet.pretrained()
    rgb = torch.cat([noise_of(2, 3, 0), noise_of(8, 3, 1)])
    measured = style_losses.Measured(judge, [rgb[:3], rgb[3:]])
    maps = judge.features(rgb)
    assert float(measured.distribution_distance(maps, maps)) == 0.0
    other = judge.features(torch.cat([noise_of(2, 3, 2), noise_of(8, 3, 3)]))
    near = float(measured.distribution_distance(maps, other))
    far = float(measured.distribution_distance(maps, [m.roll(3, 0) for m in other]))
    assert 3.0 * near < far
    # A map's places may be in any order; the sixteenth of the picture is not looked at.
    turned = [*(m.flip(2, 3) for m in maps[:4]), maps[4] + 1.0]
    assert float(measured.distribution_distance(turned, maps)) < 0.2 * near
    # Means and deviations kept, by two loud places alone: far.
    loud = []
    for m in maps:
        std, mean = torch.std_mean(m, dim=(2, 3), keepdim=True)
        spots = torch.zeros_like(m)
        spots[:, :, 0, 0], spots[:, :, 0, 1] = 1.0, -1.0
        loud.append(mean + std * spots / spots.std(dim=(2, 3), keepdim=True))
    assert float(measured.distribution_distance(loud, maps)) > 2.0 * near
    # A step of half a deviation and more in one of the stem's channels costs what its axis and its
    # part in the random directions say, by the definition.
    along, step = style_losses.directions(32), 0.75
    moved = [m.clone() for m in maps]
    moved[0][:, 5] += step * measured.spread[0][5]
    shift = (along[:, 5] * step).abs()
    huber = torch.where(shift < 0.5, shift.square(), shift - 0.25)
    assert float(measured.distribution_distance(moved, maps)) == pytest.approx(
        float(huber.mean()) / 4, rel=1e-3
    )


@torch.inference_mode()
def test_correlations_tell_grain_and_direction_apart() -> None:
    judge = stylenet.pretrained()

    def lines(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        rows = torch.rand((3, 3, 48, 1), generator=generator).repeat_interleave(2, dim=2)
        return 2.0 * rows.expand(-1, -1, -1, 96) - 1.0

    kinds = {
        "fine": lambda seed: noise_of(2, 3, seed),
        "coarse": lambda seed: noise_of(8, 3, seed),
        "across": lines,
        "down": lambda seed: lines(seed).mT,
    }
    measured = style_losses.Measured(judge, [make(0) for make in kinds.values()])
    first = {name: judge.features(make(1)) for name, make in kinds.items()}
    second = {name: judge.features(make(2)) for name, make in kinds.items()}
    for name, maps in first.items():
        distances = {n: float(measured.correlation_distance(maps, m)) for n, m in second.items()}
        own = distances.pop(name)
        assert own < 0.95 * min(distances.values()), (name, own, distances)
    assert float(measured.correlation_distance(first["fine"], first["fine"])) == 0.0


@torch.inference_mode()
def test_correlations_at_a_distance_are_those_of_shifted_maps() -> None:
    """By the definition, place by place."""
    generator = torch.Generator().manual_seed(4)
    maps = [torch.randn((1, 3, 9, 8), generator=generator) for _ in range(4)]
    got = iter(style_losses.correlations(maps))
    for i, m in enumerate(maps):
        std, mean = torch.std_mean(m, dim=(2, 3), keepdim=True, correction=0)
        f = ((m - mean) / std)[0]
        offsets = [(0, 0), (0, 2), (2, 0), (2, 2), (2, -2), (0, 5), (5, 0)]
        for dy, dx in offsets[: 3 if i < 2 else 7]:
            places = [(y, x) for y in range(9 - dy) for x in range(8) if 0 <= x + dx < 8]
            products = [torch.outer(f[:, y, x], f[:, y + dy, x + dx]) for y, x in places]
            assert torch.allclose(next(got)[0], torch.stack(products).mean(0), atol=2e-2)
    assert next(got, None) is None


@torch.inference_mode()
def test_content_distance_sees_shapes_and_no_statistics(
    trained: tuple[configs.Config, Path],
) -> None:
    maps = stylenet.pretrained().features(two_pictures(trained))
    generator = torch.Generator().manual_seed(1)
    restyled, mirrored = [], []
    for m in maps:
        scale = torch.rand((2, m.shape[1], 1, 1), generator=generator) + 0.5
        restyled.append(m * scale + torch.randn(scale.shape, generator=generator))
        mirrored.append(m.flip(3))
    assert float(style_losses.content_distance(maps, restyled)) < 0.01
    assert float(style_losses.content_distance(maps, mirrored)) > 0.1


@torch.inference_mode()
def test_band_energies_are_those_of_octaves() -> None:
    """Waves of 4, 8 and 16 pixels have most of their energy in one octave each; and twice the
    contrast is four times the energy."""
    x = torch.arange(64)
    for octave in range(3):
        wave = torch.sin((x + 0.5) * (torch.pi / 2 ** (octave + 1))).expand(1, 3, 64, 64)
        energy = style_losses.band_energies(0.5 * wave)[0]
        assert int(energy.argmax()) == octave
        louder = style_losses.band_energies(wave)[0] - energy
        assert float(louder[octave]) == pytest.approx(np.log(4.0), abs=0.01)
    assert float(style_losses.band_energies(torch.zeros(1, 3, 64, 64)).max()) < -11.0


def test_what_is_judged_is_learnt(trained: tuple[configs.Config, Path], tmp_path: Path) -> None:
    """Each distance of predicted pictures falls when it is trained on, more than without."""
    config, work = trained
    kinds = {"style": "style", "stroke": "strokes", "band": "bands", "content": "shape"}
    none = {f"{weight}_weight": 0.0 for weight in kinds}

    def last(weights: dict[str, float], name: str) -> dict[str, float]:
        section = dataclasses.replace(config.unet, samples=120, warmup=4, **none | weights)
        changed = dataclasses.replace(config, unet=section)
        task = train_unet.UNetTask(changed, work, CPU)
        trainer = trainer_of(changed, task, "unet", tmp_path / name)
        trainer.plan = dataclasses.replace(trainer.plan, seconds=1e9)
        trainer.run(every=10)
        return trainer.history.train[-1]

    without = last({}, "none.pt")
    for weight, name in kinds.items():
        # A decoder of ten steps' training lets few shapes through; the draws are the same.
        most = 0.99 if name == "shape" else 0.95
        assert last({f"{weight}_weight": 10.0}, f"{name}.pt")[name] < most * without[name], name


def test_held_out_pictures_are_scored_with_the_averaged_weights(
    trained: tuple[configs.Config, Path],
) -> None:
    config, work = trained
    state = loop.load_checkpoint(work / "unet.pt", configs.identity(config, "unet"))
    told = json.loads(state["history"])["scores"]
    data = latents.load(config, work)
    judged = gallery.Gallery.of(config, work, data, CPU)
    assert judged is not None and sorted(judged.pairs) == [(0, 0), (0, 1)]
    unet = train_unet.load(config, work, CPU, config.unet.content_blur)
    scores = judged.scores(unet, train_autoencoder.load(config, work, CPU).decoder)
    for name, value in scores.items():
        assert told[-1][name] == pytest.approx(value, rel=1e-3, abs=1e-3), name
    assert told[0]["style_distance"] != told[-1]["style_distance"]


def test_mirrored_shapes_are_judged_against_the_mirrored_picture(
    trained: tuple[configs.Config, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latents of a mirrored picture decode to what it is compared with."""
    config, work = trained
    task = train_unet.UNetTask(config, work, CPU)
    seen: list[Tensor] = []
    rgb_of = task.restyle._rgb

    def watch(rows: np.ndarray, mirror: np.ndarray) -> Tensor:
        seen.append(rgb_of(rows, mirror))
        return seen[-1]

    contents: list[Tensor] = []
    prior = task.unet.prior

    def note(x: Tensor, content: Tensor, rows: Tensor, blur: Tensor) -> object:
        contents.append(content)
        return prior(x, content, rows, blur)

    monkeypatch.setattr(task.restyle, "_rgb", watch)
    monkeypatch.setattr(task.unet, "prior", note)
    generator = torch.Generator().manual_seed(0)
    task.restyle.losses(task.unet, task.decoder, np.random.default_rng(2), generator)
    encoder = train_autoencoder.load(config, work, CPU).encoder
    with torch.inference_mode():
        z = encoder(seen[1])  # the painting comes first
    std, mean = torch.std_mean(z, dim=(2, 3), keepdim=True)
    assert torch.allclose((z - mean) / std, contents[1], atol=0.1)


def test_training_starts_from_a_model_file(
    trained: tuple[configs.Config, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, work = trained
    model = tmp_path / "whole.artfusion"
    publish.bundle(config, work, model, 0.7)
    torch.manual_seed(0)
    task = train_unet.UNetTask(config, work, CPU)
    loop.start_from(task.network, model, {"unet.": ""})
    for name, value in train_unet.load(config, work, CPU, 0.7).named_parameters():
        assert torch.allclose(task.network.state_dict()[name], value, rtol=1e-3, atol=1e-4), name

    # What another recipe shapes otherwise keeps its own start; the rest is taken over.
    section = dataclasses.replace(config.autoencoder, latent_channels=6)
    other = train_autoencoder.Autoencoder(section.channels, section.latent_channels)
    before = other.encoder.body[9].weight.detach().clone()
    loop.start_from(other, model, {"encoder.": "encoder.", "decoder.": "decoder."})
    assert torch.equal(other.encoder.body[9].weight, before)
    kept = train_autoencoder.load(config, work, CPU)
    assert torch.allclose(other.encoder.body[1].weight, kept.encoder.body[1].weight, atol=1e-3)
    count = len(list(other.parameters()))
    assert f"{count - 3} of {count} tensors" in capsys.readouterr().out

    with pytest.raises(loop.TrainingError, match="no weights that fit"):
        loop.start_from(torch.nn.Linear(2, 2), model, {"unet.": ""})
    broken = tmp_path / "broken.artfusion"
    broken.write_bytes(model.read_bytes()[:1000])
    with pytest.raises(loop.TrainingError, match="broken.artfusion cannot be read as a model"):
        loop.start_from(other, broken, {"encoder.": "encoder."})


def test_a_checkpoint_wins_over_a_start(
    trained: tuple[configs.Config, Path], tmp_path: Path
) -> None:
    """A run that goes on must not be thrown back to where it began."""
    config, work = trained
    before = (work / "autoencoder.pt").read_bytes()
    train_autoencoder.train(config, work, CPU, tmp_path / "there is no such file")
    assert (work / "autoencoder.pt").read_bytes() == before
