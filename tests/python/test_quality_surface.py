# SPDX-License-Identifier: MIT
"""What is measured without a network: pictures whose marks, lines and patterns are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from artfusion_quality import metrics, resampling, surface
from torch import Tensor


def noise(count: int, size: int = 128, deviation: float = 10.0, seed: int = 0) -> Tensor:
    """White, as luma [N,1,H,W]."""
    rng = torch.Generator().manual_seed(seed)
    return 128.0 + deviation * torch.randn(count, 1, size, size, generator=rng)


def grey(y: Tensor) -> Tensor:
    """As pictures: floats in -1..1."""
    return (y / 127.5 - 1.0).expand(-1, 3, -1, -1)


def alike(count: int) -> Tensor:
    return torch.ones(1, count, dtype=torch.float64)


def wave(period: float, size: int = 128) -> Tensor:
    """Upright stripes of amplitude 10."""
    row = 10.0 * torch.cos(2.0 * math.pi * torch.arange(float(size)) / period)
    return row.expand(1, 1, size, size)


@pytest.mark.parametrize(("octave", "period"), [(0, 3.0), (1, 8.0), (2, 16.0), (3, 32.0)])
def test_a_wave_has_its_energy_where_the_spline_says(octave: int, period: float) -> None:
    ours = surface.octaves(128.0 + wave(period, 256))[0].double().numpy()
    passed = [np.cos(np.pi * 2**j / period) ** 4 for j in range(surface.OCTAVES)]
    before = np.cumprod([1.0, *passed[:-1]])
    expected = 50.0 * (before * (1.0 - np.array(passed))) ** 2
    assert np.allclose(ours, expected, rtol=0.05, atol=0.05)
    assert int(ours.argmax()) == octave


def test_the_finest_octave_is_sharpness() -> None:
    rgb = noise(2).expand(-1, 3, -1, -1)
    assert torch.allclose(surface.octaves(metrics.luma(rgb))[:, 0], metrics.sharpness(rgb))


@pytest.mark.parametrize("tone", [80.0, -80.0])
@pytest.mark.parametrize("width", [1, 3, 6, 16])
def test_stripes_are_as_wide_as_they_are(width: int, tone: float) -> None:
    y = torch.full((1, 1, 128, 136), 128.0)
    y[..., (torch.arange(136) - 20) % 40 < width] += tone
    marks = surface.granulometry(y)
    assert float(marks[0, width - 1]) == pytest.approx(1.0)
    assert float(marks.sum()) == pytest.approx(1.0)


def test_marks_count_by_area_and_height_and_an_even_picture_has_none() -> None:
    y = torch.full((2, 1, 96, 96), 50.0)
    y[0, 0, 30:32, 30:50] += 20.0  # 2 x 20 pixels
    y[0, 0, 60:65, 60:65] += 40.0  # 5 x 5
    marks = surface.granulometry(y)
    assert float(marks[0, 1]) == pytest.approx(800.0 / 1800.0, abs=1e-5)
    assert float(marks[0, 4]) == pytest.approx(1000.0 / 1800.0, abs=1e-5)
    assert marks[1].tolist() == [1.0] + [0.0] * (surface.WIDTHS - 1)


def blots(zoom: int) -> Tensor:
    """Bright squares 2 and 3 pixels wide, far apart, times the zoom."""
    y = torch.full((1, 1, 100, 100), 100.0)
    y[..., 30:32, 30:32] += 50.0
    y[..., 60:63, 65:68] += 50.0
    return y.repeat_interleave(zoom, 2).repeat_interleave(zoom, 3)


def test_the_brush_grows_with_the_picture() -> None:
    pictures = grey(blots(1)), grey(blots(2))
    measured = [surface.Surface(pictures[0]).measure(p, [(0, 0)]) for p in pictures]
    one, two = (resampling.plain(columns, surface.scores) for columns in measured)
    assert one["brush"] == pytest.approx(13.0 / (4.0 / 2.0 + 9.0 / 3.0), abs=1e-3)
    assert two["brush"] == pytest.approx(2.0 * one["brush"], abs=1e-3)
    assert one["marks_distance"] == 0.0
    assert two["marks_distance"] == pytest.approx((4.0 * 2.0 + 9.0 * 3.0) / 13.0, abs=1e-3)


def border(y: Tensor) -> float:
    return float(surface.border(surface.lines(y), alike(len(y))))


@pytest.mark.parametrize("depth", [1, 4, 12])
def test_a_faint_line_along_the_border_is_found_and_measured(depth: int) -> None:
    y = noise(40, 256)
    assert abs(border(y)) < 0.02
    level, gradient = float(surface.lines(y).mean()), float(y.diff(dim=3).abs().mean())
    y[..., depth, :] += 3.0
    y[..., -1 - depth, :] -= 3.0
    y[..., :, depth] += 3.0
    y[..., :, -1 - depth] -= 3.0
    assert border(y) == pytest.approx(3.0 / gradient - level, abs=0.02)


@pytest.mark.parametrize("kind", ["deeper", "framed", "gridded"])
def test_what_is_no_line_of_the_border_is_passed_over(kind: str) -> None:
    y = noise(40, 256)
    if kind == "deeper":
        y[..., 60, :] += 10.0
    elif kind == "framed":  # a fifth has a frame of its own
        y[:8, :, :6] = y[:8, :, -6:] = 20.0
    else:  # as strong inside
        y[..., ::2, :] += 5.0
    assert border(y) < 0.02


def test_what_crosses_a_row_counts_little() -> None:
    y = noise(40, 256)
    gradient = float(y.diff(dim=3).abs().mean())
    for part in (y[..., 5, 30:70], y[..., -6, 30:70], y[..., 30:70, 5], y[..., 30:70, -6]):
        part += 60.0
    assert border(y) < 0.3 * 60.0 * (40 / 256) / gradient


def gained(power: float) -> float:
    """How much a sine of so much times the noise's power in a bin adds to its mean logarithm: of
    an exponential and a noncentral distribution, the difference of the means, as a series."""
    return sum((-1) ** (k + 1) * power**k / (k * math.factorial(k)) for k in range(1, 60))


def smoothed(power: float) -> float:
    """The same of the peak, which Hann's window spreads over the steps beside it (a quarter of the
    power each way), after smoothing, above what it adds to the frequencies 2 steps off."""
    own, beside, corner = (gained(power * share) for share in (1.0, 1 / 4, 1 / 16))
    return own / 4 + 4 * beside / 8 + 4 * corner / 16 - (beside / 8 + 2 * corner / 16) / 2


def amplitude(power: float, deviation: float = 10.0) -> float:
    """Of a cosine with so much times the power of white noise in its bin of a Hann window."""
    hann = torch.hann_window(64)
    window = (hann[:, None] * hann).double()
    return float(2.0 * deviation * (power * window.square().sum()).sqrt() / window.sum())


@pytest.mark.parametrize("period", surface.PERIODS)
@pytest.mark.parametrize("across", [True, False])
def test_a_known_grid_gives_the_known_peak(period: int, across: bool) -> None:
    plain, spoilt = noise(24, 256, seed=1), noise(24, 256, seed=2)
    grid = wave(period, 256) / 10.0 * amplitude(8.0)
    spoilt += grid if across else grid.mT
    difference = surface.spectrum(spoilt).mean(0) - surface.spectrum(plain).mean(0)
    assert float(surface.peak(difference, period)) == pytest.approx(smoothed(8.0), abs=0.1)
    for other in set(surface.PERIODS) - {period}:
        assert float(surface.peak(difference, other)) < 0.15


def test_an_oblique_weave_is_found_at_its_wavelength() -> None:
    at = torch.arange(256.0)
    # 13 waves down and 10 across in 64 pixels: 3.9 pixels long
    weave = 4.0 * torch.cos(2.0 * math.pi / 64.0 * (13.0 * at[:, None] + 10.0 * at))
    plain, woven = (surface.spectrum(noise(24, 256) + w).mean(0) for w in (0.0, weave))
    found = [float(surface.peak(woven - plain, period)) for period in surface.PERIODS]
    assert found[0] > 0.5 and max(found[1:]) < 0.1


def test_a_pattern_in_an_even_place_counts_as_much_as_in_a_busy_one() -> None:
    y = noise(12, 256)
    y[..., :128] = 128.0 + 0.1 * (y[..., :128] - 128.0)
    gridded = y.clone()
    gridded[..., :128] += wave(8, 256)[..., :128] * 0.1
    difference = surface.spectrum(gridded).mean(0) - surface.spectrum(y).mean(0)
    assert float(surface.peak(difference, 8)) > 1.0


def test_upright_edges_and_blur_are_no_peaks() -> None:
    upright = noise(40, 256, seed=4)[..., :1, :] - 128.0
    edges = noise(40, 256, seed=3) + upright  # a ridge along the horizontal frequencies
    taps = torch.tensor([0.25, 0.5, 0.25])
    kernel = (taps[:, None] * taps)[None, None]
    blurred = torch.nn.functional.conv2d(noise(40, 258, seed=5), kernel)
    reference = surface.spectrum(noise(40, 256, seed=6)).mean(0)
    for pictures in (edges, blurred):
        difference = surface.spectrum(pictures).mean(0) - reference
        for period in surface.PERIODS:
            assert float(surface.peak(difference, period)) < 0.15


def test_the_surface_of_a_painting_is_its_own_and_halves_differ_by_chance_alone() -> None:
    paintings = grey(noise(40, 128).clamp(0.0, 255.0))
    of = surface.Surface(paintings)
    own = resampling.plain(of.measure(paintings, [(0, i) for i in range(40)]), surface.scores)
    for name in (*(f"octave_{i}" for i in range(1, 5)), "peak_4", "peak_8", "peak_16"):
        assert own[name] == pytest.approx(1.0 if name.startswith("octave") else 0.0, abs=1e-9)
    many, few = of.halves(), surface.Surface(paintings[:8]).halves()
    assert many["border"] == pytest.approx(own["border"])
    for period in surface.PERIODS:
        assert 0.0 < many[f"peak_{period}"] < 0.8 * few[f"peak_{period}"]


def test_intervals_are_by_paintings_and_not_by_pairs() -> None:
    # Every second painting is always found, the others never: 40 draws, however many the pairs.
    once = [(0, s) for s in range(40)]
    often = [(c, s) for c in range(9) for s in range(40)]
    ends = []
    for pairs in (once, often):
        columns = {"energy": torch.tensor([float(s % 2) for _, s in pairs])}
        columns["reference_energy"] = torch.full((len(pairs),), 2.0)
        low, high = resampling.intervals(columns, metrics.scores, resampling.weights(pairs))[
            "sharpness"
        ]
        ends.append((low, high))
        assert resampling.plain(columns, metrics.scores)["sharpness"] == pytest.approx(0.25)
        assert high - low == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(40) / 2.0, rel=0.1)
    assert ends[0] == pytest.approx(ends[1])


def test_weights_repeat_results() -> None:
    pairs = [(0, 0), (0, 1), (1, 1), (1, 2)]
    rng = torch.Generator().manual_seed(0)
    rows, styles = torch.rand(4, 3, 64, 64, generator=rng), torch.rand(3, 3, 64, 64, generator=rng)
    columns = surface.Surface(styles * 2 - 1).measure(rows * 2 - 1, pairs)
    weighed = surface.scores(columns, torch.tensor([[1.0, 2.0, 0.0, 3.0]], dtype=torch.float64))
    again = [0, 1, 1, 3, 3, 3]
    repeated = surface.scores({k: v[again] for k, v in columns.items()}, alike(6))
    for name, value in weighed.items():
        assert float(value) == pytest.approx(float(repeated[name])), name


def test_a_hub_loses_its_advantage() -> None:
    rng = np.random.default_rng(0)
    distances = rng.uniform(1.0, 2.0, (15, 4))
    near = np.sort(distances, 0)[:10].mean(0)
    ours = metrics.hubs_discounted(torch.from_numpy(distances)).numpy()
    assert np.allclose(ours, 2.0 * distances - near)

    # The second style is near to everything, to the first result as near as its own is.
    hub = torch.tensor([[2.0, 1.9], [2.4, 1.9], [2.5, 1.9]])
    assert hub[0].argmin() == 1 and metrics.hubs_discounted(hub)[0].argmin() == 0
