# SPDX-License-Identifier: MIT
"""What training reads: pictures, lists and recipes; what cannot be used is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from artfusion_train import config as configs, latents, pictures, train_autoencoder, train_unet
from PIL import Image

from training import CPU, RECIPE, SIZE, draw_picture, trained, world  # noqa: F401


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
    data = pictures.load(tmp_path / "work", CPU)
    assert data.names == ["alpha.png", "good.png", "grey.png", "good.png"]
    assert data.photo.tolist() == [False, False, False, True]
    grey = data.pixels[2]
    assert bool((grey == grey[:, :, :1]).all()) and float(grey.float().std()) > 10


def test_orientation_is_honoured(tmp_path: Path) -> None:
    pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
    pixels[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    assert pictures.read(tmp_path / "a.png", SIZE)[-8:].min() == 255


def test_heldout_pictures_are_never_drawn(trained: tuple[configs.Config, Path]) -> None:
    config, work = trained
    data = pictures.load(work, CPU)
    held = set(np.flatnonzero(data.heldout).tolist())
    assert len(held) == 3
    first = train_autoencoder.AutoencoderTask(config, work, CPU)
    assert held.isdisjoint(first.rows.tolist()) and len(first.rows) == 17
    task = train_unet.UNetTask(config, work, CPU)
    drawn = np.concatenate([task._rows(np.random.default_rng(i)) for i in range(200)])
    assert set(drawn.tolist()) == set(range(20)) - held
    assert data.photo[drawn].mean() == pytest.approx(0.1, abs=0.04)


def test_squares_are_cut_from_their_places() -> None:
    images = torch.arange(2 * 5 * 6 * 3).view(2, 5, 6, 3)
    cut = pictures.cut(images, np.array([1, 0, 1]), [0, 2, 3], [4, 0, 1], 2)
    for square, row, y, x in zip(cut, (1, 0, 1), (0, 2, 3), (4, 0, 1), strict=True):
        assert torch.equal(square, images[row, y : y + 2, x : x + 2])


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


@torch.inference_mode()
def test_recolouring_keeps_the_grey_axis_and_shapes() -> None:
    rgb = torch.rand(64, 3, 1, 1).expand(-1, -1, 8, 8) * 2.0 - 1.0
    out = latents.recolour(rgb.contiguous(), np.random.default_rng(0))
    assert float(out.abs().max()) <= 1.0
    assert float(out.std(dim=(2, 3)).max()) < 1e-5  # a flat picture stays flat
    assert float((out - rgb).abs().mean()) > 0.1  # but its colour moves
