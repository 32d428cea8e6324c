# SPDX-License-Identifier: MIT
"""Pairs: what teachers paint, which of it is kept, and that no other's latents are trained on."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from artfusion_train import (
    config as configs,
    latents,
    loop,
    pairs,
    pictures,
    stylenet,
    teachers,
    train_autoencoder,
    train_unet,
    unet as unets,
)
from torch import Tensor

from training import CPU, ROOT, SIZE, cli, trainer_of, world  # noqa: F401

World = tuple[configs.Config, Path, Path]


@pytest.fixture(scope="module")
def folder_of_teachers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MicroAST's files with random weights, and none of Magenta's."""
    folder = tmp_path_factory.mktemp("teachers")
    torch.manual_seed(0)
    parts = {
        "content_encoder": teachers._Encoder(),
        "style_encoder": teachers._Encoder(),
        "modulator": teachers._Modulator(),
        "decoder": teachers._Decoder(),
    }
    # As they come, random layers leave grey: pictures that differ in nothing.
    for network in parts.values():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.data.mul_(2.0)
    parts["decoder"].dec3[10].conv_layer.bias.data.fill_(0.5)  # type: ignore[union-attr, operator, index]
    for name, network in parts.items():
        torch.save(network.state_dict(), folder / f"microast_{name}.pt")
    return folder


@pytest.fixture(scope="module")
def encoded(world: World) -> tuple[configs.Config, Path]:  # noqa: F811
    """What pairs and a UNet are built on."""
    config, _, work = world
    train_autoencoder.train(config, work, CPU)
    latents.compute(config, work, CPU)
    return config, work


@pytest.fixture(scope="module")
def painted(
    encoded: tuple[configs.Config, Path],
    folder_of_teachers: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[configs.Config, Path]:
    """A work directory of its own, with pairs painted and encoded."""
    config, work = encoded
    own = copied(work, tmp_path_factory.mktemp("painted"))
    pairs.paint(config, own, folder_of_teachers, 1)
    pairs.encode(config, own, CPU)
    return config, own


def copied(work: Path, into: Path) -> Path:
    for file in work.iterdir():
        (into / file.name).write_bytes(file.read_bytes())
    return into


def run(folder: Path, work: Path, stage: str, *more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "train"), "OMP_NUM_THREADS": "1"}
    line = [*cli(folder, work, stage), *more]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300)


def test_without_teachers_the_recipe_runs_and_says_so(
    world: World,  # noqa: F811
    encoded: tuple[configs.Config, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config, folder, _ = world
    work = copied(encoded[1], tmp_path)
    said = ""
    for stage in ("teachers", "pairs"):
        done = run(folder, work, stage)
        assert done.returncode == 0, done.stderr
        said += done.stdout
    assert "magenta is left out: --teachers names no folder" in said
    assert "microast is left out: --teachers names no folder" in said
    assert "there are no pairs: training goes without them" in said
    task = train_unet.UNetTask(config, work, CPU)
    assert "there are no pairs: training goes without them" in capsys.readouterr().out
    losses = task.losses(np.random.default_rng(0), torch.Generator().manual_seed(0))
    assert bool(torch.isfinite(losses["loss"]))


def test_a_teacher_that_is_not_there_is_left_out(
    folder_of_teachers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = teachers.load(folder_of_teachers, ("magenta", "microast"))
    assert list(found) == ["microast"]
    assert "magenta is left out: " in capsys.readouterr().out
    with pytest.raises(loop.TrainingError, match="a teacher 'picasso'; there are magenta, microast, duet"):
        teachers.load(folder_of_teachers, ("picasso",))


def test_weights_of_another_shape_are_named(
    folder_of_teachers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(folder_of_teachers, tmp_path)
    torch.save({"a": torch.zeros(1)}, folder / "microast_decoder.pt")
    assert teachers.load(folder, ("microast",)) == {}
    assert "microast is left out: Error" in capsys.readouterr().out


def test_what_is_painted_at_another_place_of_the_lattice_is_moved_back() -> None:
    """A network that paints its content, with marks where its lattice has them: of the mean over two
    places the picture stays where it is, and the marks are half as loud."""
    magenta = object.__new__(teachers.Magenta)
    magenta.predict = magenta.transfer = None

    def run(_: object, **inputs: Tensor) -> Tensor:
        if "style_image" in inputs:
            return torch.zeros(1, 1, 1, 100)
        out = inputs["content_image"].clone()
        out[:, 4::8, 4::8] += 0.25
        return out

    magenta._run = run  # type: ignore[method-assign]
    content = torch.zeros(384, 384, 3, dtype=torch.uint8)
    content[100:140, 50:70] = 128
    plain = teachers._batch(content)
    one, two = (magenta.paint(content, content, places) - plain for places in (((0, 0),), ((8, 8), (5, 3))))
    assert one.max() == pytest.approx(0.25) and two[:, :, :360, :360].max() == pytest.approx(0.125)
    assert (two[:, :, 100:140, 50:70] > 0.1).float().mean() == pytest.approx(2 / 64, abs=0.01)


def test_a_duet_has_the_detail_of_one_and_the_tones_of_the_other() -> None:
    duet = object.__new__(teachers.Duet)
    stripes = torch.zeros(1, 3, 64, 64)
    stripes[..., ::2] = 0.2
    sharp, right = 0.3 + stripes, torch.full((1, 3, 64, 64), 0.7)
    duet.detail = SimpleNamespace(paint=lambda *_: sharp)
    duet.tones = SimpleNamespace(paint=lambda *_: right)
    nothing = torch.zeros(64, 64, 3, dtype=torch.uint8)
    out = teachers._batch(duet(nothing, nothing))
    assert float(out.mean()) == pytest.approx(0.7, abs=0.01)
    assert float(out[..., ::2].mean() - out[..., 1::2].mean()) == pytest.approx(0.2, abs=0.01)


def test_a_style_gives_its_statistics() -> None:
    """The step on which MicroAST rests."""
    torch.manual_seed(0)
    x, style = torch.randn(1, 4, 8, 8), 3.0 * torch.randn(1, 4, 16, 8) + 2.0
    out = teachers._given(x, style)
    assert torch.allclose(out.mean(dim=(2, 3)), style.mean(dim=(2, 3)), atol=1e-5)
    assert torch.allclose(out.std(dim=(2, 3)), style.std(dim=(2, 3)), rtol=1e-4)


def test_pairs_are_of_training_pictures_and_their_own_style(
    painted: tuple[configs.Config, Path]
) -> None:
    config, work = painted
    index = pictures.load(work, CPU)
    lines = [json.loads(line) for line in (work / "pairs.jsonl").read_text().splitlines()[1:]]
    assert len(lines) == config.pairs.count
    assert len({line["zoom"] for line in lines}) > 1
    for line in lines:
        assert not index.heldout[[line["content"], line["style"]]].any()
        assert not index.photo[line["style"]]
        assert line["teacher"] == "microast"
    data = latents.load(config, work, CPU)
    stored = pairs.load(config, work, CPU, data.autoencoder)
    assert stored
    autoencoder = train_autoencoder.load(config, work, CPU)
    style = stylenet.pretrained()
    raw = np.fromfile(work / "pairs.u8", np.uint8).reshape(-1, SIZE, SIZE, 3)
    for i in (0, len(lines) - 1):
        what = pairs._drawn(lines[i])
        looked = pairs.seen(index.pixels[what.style], what)
        with torch.inference_mode(), loop.mixed(CPU):
            z = autoencoder.encoder(train_autoencoder.to_rgb(torch.from_numpy(raw[i : i + 1])))
            code = style(train_autoencoder.to_rgb(looked[None]))
        which = np.array([i])
        assert torch.allclose(stored.latents(which), z.float(), rtol=1e-2, atol=1e-2)
        assert torch.allclose(stored.codes(which), code, rtol=1e-2, atol=1e-2)
        assert stored.contents[i] == what.content


def test_painting_goes_on_where_it_was_killed(
    painted: tuple[configs.Config, Path], folder_of_teachers: Path, tmp_path: Path
) -> None:
    config, whole = painted
    work = copied(whole, tmp_path)
    listing, pixels = (whole / "pairs.jsonl").read_bytes(), (whole / "pairs.u8").read_bytes()
    each = 3 * SIZE * SIZE
    lines = listing.splitlines(keepends=True)
    # A picture and a half more than the index promises; a line more than there are pictures;
    # the beginning of its first line.
    more = (b"".join(lines[:4]), 4 * each + each // 2)
    for kept, size in (more, (listing[:-7], 3 * each), (lines[0][:9], 0)):
        (work / "pairs.jsonl").write_bytes(kept)
        (work / "pairs.u8").write_bytes(pixels[:size])
        pairs.paint(config, work, folder_of_teachers, 1)
        assert (work / "pairs.jsonl").read_bytes() == listing
        assert (work / "pairs.u8").read_bytes() == pixels
        pairs.encode(config, work, CPU)
        assert (work / "pairs.f16").read_bytes() == (whole / "pairs.f16").read_bytes()


def test_a_full_disk_keeps_what_is_whole(
    world: World,  # noqa: F811
    painted: tuple[configs.Config, Path],
    folder_of_teachers: Path,
    tmp_path: Path,
) -> None:
    """The limit on a file's size stands for the disk."""
    _, folder, _ = world
    work = copied(painted[1], tmp_path)
    (work / "pairs.jsonl").unlink()
    script = (
        "import resource, runpy, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000))\n"
        "runpy.run_module('artfusion_train', run_name='__main__')\n"
    )
    line = [*cli(folder, work, "teachers"), "--teachers", str(folder_of_teachers)]
    line[1:3] = ["-c", script]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "train"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1, done.stderr
    assert "pairs.u8 cannot be written" in done.stderr
    done = run(folder, work, "teachers", "--teachers", str(folder_of_teachers))
    assert done.returncode == 0, done.stderr
    ours, whole = (np.fromfile(folder / "pairs.u8", np.uint8) for folder in (work, painted[1]))
    assert np.abs(ours.astype(int) - whole).max() <= 1  # one thread against two
    assert len(ours) == len((work / "pairs.jsonl").read_bytes().splitlines()[1:]) * 3 * SIZE * SIZE


def test_pairs_of_another_autoencoder_are_refused(
    painted: tuple[configs.Config, Path], tmp_path: Path
) -> None:
    config, work = painted[0], copied(painted[1], tmp_path)
    with pytest.raises(loop.TrainingError, match="pairs.f16 belongs to another autoencoder: run 'pairs'"):
        pairs.load(config, work, CPU, "another")
    described = json.loads((work / "pairs.json").read_text())
    (work / "pairs.json").write_text(json.dumps({**described, "autoencoder": "another"}))
    pairs.encode(config, work, CPU)  # and encoded anew
    assert (work / "pairs.json").read_text() == json.dumps(described)
    assert (work / "pairs.f16").read_bytes() == (painted[1] / "pairs.f16").read_bytes()
    (work / "pairs.json").unlink()  # killed while it encoded
    with pytest.raises(loop.TrainingError, match="pairs.f16 is incomplete"):
        pairs.load(config, work, CPU, described["autoencoder"])


def test_pairs_of_another_recipe_or_other_pictures_are_refused(
    painted: tuple[configs.Config, Path], folder_of_teachers: Path, tmp_path: Path
) -> None:
    config, work = painted[0], copied(painted[1], tmp_path)
    other = dataclasses.replace(config, pairs=dataclasses.replace(config.pairs, photo_share=0.1))
    with pytest.raises(loop.TrainingError, match="pairs.jsonl belongs to another recipe"):
        pairs.paint(other, work, folder_of_teachers, 1)
    longer = dataclasses.replace(config.pairs, count=config.pairs.count + 3)
    pairs.paint(dataclasses.replace(config, pairs=longer), work, folder_of_teachers, 1)
    kept = (painted[1] / "pairs.u8").read_bytes()
    assert (work / "pairs.u8").read_bytes()[: len(kept)] == kept
    index = json.loads((work / "pictures.json").read_text())
    (work / "pictures.json").write_text(json.dumps({**index, "list_sha256": "another"}))
    with pytest.raises(loop.TrainingError, match="pairs.jsonl belongs to another list of pictures"):
        pairs.encode(config, work, CPU)


def test_pairs_are_learnt(painted: tuple[configs.Config, Path]) -> None:
    """The UNet is shown a teacher's picture with the content it was made of and the style as seen."""
    config, work = painted
    section = dataclasses.replace(config.unet, pair_share=1.0, restyle_batch=0)
    task = train_unet.UNetTask(dataclasses.replace(config, unet=section), work, CPU)
    shown: list[train_unet.Example] = []
    terms = task._terms

    def watched(given: train_unet.Example, *rest: Any) -> dict[str, Tensor]:
        shown.append(given)
        return terms(given, *rest)

    task._terms = watched  # type: ignore[method-assign]
    task.losses(np.random.default_rng(0), torch.Generator().manual_seed(0))
    assert task.pairs
    every = np.arange(len(task.pairs.contents))
    x0, codes = task.data.rescaled(task.pairs.latents(every)), task.pairs.codes(every)
    for i in range(section.batch):
        which = int((x0 - shown[0].x0[i]).abs().sum(dim=(1, 2, 3)).argmin())
        assert torch.equal(x0[which], shown[0].x0[i])
        assert torch.equal(codes[which], shown[0].styles[i])
        assert torch.equal(task.data.scaled([task.pairs.contents[which]])[0], shown[0].seen[i])


def test_restyled_pictures_of_pairs_are_held_near_the_teacher(
    painted: tuple[configs.Config, Path]
) -> None:
    """Of each slot the content, the code of the style picture as it was looked at, and the teacher's picture
    are one pair's; pictures of no pair are held near their content and their style picture."""
    config, work = painted
    section = dataclasses.replace(config.unet, pair_share=0.5, restyle_batch=16)
    task = train_unet.UNetTask(dataclasses.replace(config, unet=section), work, CPU)
    way, taught = task.restyle, task.pairs
    assert taught
    way._begin(np.arange(len(way.pool.done)), np.random.default_rng(1), torch.Generator())
    some = np.arange(len(way.pool.done))
    shapes, style, pair = (v[some].numpy() for v in (way.pool.shapes, way.pool.style, way.pool.pair))
    of_pairs = pair >= 0
    assert 0.3 < of_pairs.mean() < 0.7
    assert set(pair[of_pairs]) <= set(range(len(taught.drawn)))
    wanted = way._shapes(shapes, pair)
    pixels, codes = way._styles(style, pair)
    index = pictures.load(work, CPU)
    for i, number in enumerate(pair):
        what = taught.drawn[number] if number >= 0 else None
        assert torch.equal(wanted[i], taught.pixels[number] if what else index.pixels[shapes[i]])
        if what:
            assert (shapes[i], style[i]) == (what.content, what.style)
            assert float(way.pool.blur[i]) == pytest.approx(section.blur[0])
            assert torch.equal(pixels[i], taught.pixels[number])
            assert torch.equal(codes[i], taught.codes(np.array([number]))[0])
        else:
            assert torch.equal(pixels[i], index.pixels[style[i]])
    assert any(taught.drawn[k].zoom != 1.0 for k in pair[of_pairs])


def test_likeness_is_learnt(painted: tuple[configs.Config, Path], tmp_path: Path) -> None:
    """With a weight it falls more than without; and there is none without pairs."""
    config, work = painted
    weights = ("style", "band", "content", "likeness", "lattice", "critic")
    none = {f"{name}_weight": 0.0 for name in weights}

    def last(changed: dict[str, float]) -> dict[str, float]:
        section = dataclasses.replace(
            config.unet, samples=160, warmup=4, **none | changed
        )
        recipe = dataclasses.replace(config, unet=section)
        trainer = trainer_of(
            recipe, train_unet.UNetTask(recipe, work, CPU), "unet", tmp_path / f"{changed}.pt"
        )
        trainer.plan = dataclasses.replace(trainer.plan, seconds=1e9)
        trainer.run(every=10)
        return trainer.history.train[-1]

    without = last({"pair_share": 1.0})
    assert last({"pair_share": 1.0, "likeness_weight": 10.0})["likeness"] < 0.95 * without["likeness"]
    assert "critic" not in without and "likeness" not in last({"pair_share": 0.0})


def test_the_closed_form_is_measured_on_what_is_trained(
    painted: tuple[configs.Config, Path]
) -> None:
    """A teacher's picture is far from its content; on pictures as they are alone, the closed form would
    be sure of itself, and what is left to explain, in its units, enormous."""
    config, work = painted
    task = train_unet.UNetTask(config, work, CPU)
    assert task.pairs
    made = task._painted(np.arange(len(task.pairs.contents)))
    rows = np.flatnonzero(~pictures.load(work, CPU).heldout)
    blur = config.unet.blur
    for share in (0.0, 0.25, 1.0):
        got = latents.measure(task.data, rows, blur, made[:2], share).residual
        own = latents.measure(task.data, rows, blur).residual.square()
        wanted, content = (latents.normalised(z) for z in made[:2])
        soft = unets.gaussian_blur(content, torch.full((len(content),), blur[0]))
        theirs = (wanted - soft).square().mean(dim=(0, 2, 3))
        assert torch.allclose(got[0].square(), (1.0 - share) * own[0] + share * theirs, rtol=1e-4)
    share = config.unet.pair_share
    assert torch.allclose(
        task.unet.residual, latents.measure(task.data, rows, blur, made[:2], share).residual
    )


def test_a_style_is_looked_at_from_near_and_far() -> None:
    picture = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8))
    picture = picture.repeat_interleave(8, 0).repeat_interleave(8, 1)  # squares of 8 pixels
    near = pairs.seen(picture, pairs.Draw(0, 0, 2.0, 0.0, 1.0))
    far = pairs.seen(picture, pairs.Draw(0, 0, 0.5, 0.0, 0.0))
    assert near.shape == far.shape == picture.shape
    # Squares of 16 pixels, those of the lower left quarter; and of 4, mirrored beyond the middle.
    assert (near[8::16, 8::16].int() - picture[36::8, 4:32:8].int()).abs().max() <= 12
    for axis in (0, 1):
        assert (far.int() - far.flip(axis).int()).abs().max() <= 1
    inner = picture[4::8, 4::8].float()
    small = far[:32, :32].float().unfold(0, 4, 4).unfold(1, 4, 4).mean(dim=(3, 4))
    assert (small - inner).abs().mean() < 12


def test_a_weave_is_heard_where_it_is_even() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:256, 0:256]
    plain = np.zeros((256, 256), np.float32)
    plain[128:] = rng.normal(0.0, 0.3, (128, 256))  # busy below, even above
    weave = plain + 0.05 * np.sin(2 * np.pi * x / 5).astype(np.float32) * (y < 128)

    def rgb(luma: np.ndarray) -> Tensor:
        return torch.from_numpy(luma.astype(np.float32)).expand(3, -1, -1)

    where = pairs.even(rgb(plain))
    assert all(int(i) // 7 < 3 for i in where)  # seven windows a row
    quiet = plain + rng.normal(0.0, 0.05, plain.shape) * (y < 128)
    assert pairs.repetition(rgb(weave), where) > pairs.repetition(rgb(quiet), where) + 2.0


def test_the_best_teacher_is_taken_and_failures_are_left_out(world: World) -> None:  # noqa: F811
    section = dataclasses.replace(
        world[0].pairs, content_price=1.0, content_limit=0.6, repetition_limit=0.5
    )
    chooser = pairs.Chooser(section, torch.ones(stylenet.STYLE_WIDTH))

    def score(style: float, content: float, repetition: float) -> dict[str, float]:
        return {"style": style, "content": content, "repetition": repetition}

    good, lost, woven = score(0.4, 0.5, 0.1), score(0.1, 0.7, 0.1), score(0.1, 0.1, 0.6)
    assert chooser.best([lost, good, woven]) == 1
    assert chooser.best([good, score(0.5, 0.3, 0.0)]) == 1
    assert chooser.best([lost, woven]) is None
