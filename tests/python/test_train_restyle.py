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
    critic,
    distances,
    gallery,
    latents,
    loop,
    pictures,
    pool,
    publish,
    restyle,
    stylenet,
    train_autoencoder,
    train_unet,
)
from torch import Tensor

from training import CPU, trained, trainer_of, world  # noqa: F401


def two_pictures(trained: tuple[configs.Config, Path]) -> Tensor:
    return train_autoencoder.to_rgb(pictures.load(trained[1], CPU).pixels[:2])


@torch.inference_mode()
def test_style_distance_is_of_what_the_maps_hold(trained: tuple[configs.Config, Path]) -> None:
    net, rgb = stylenet.pretrained(), two_pictures(trained)
    maps, spread = net.features(rgb), torch.ones(stylenet.STYLE_WIDTH)
    assert float(distances.style_distance(maps, maps, spread)) == 0.0
    # Where something is does not matter.
    elsewhere = [m.flip(2) for m in maps]
    assert float(distances.style_distance(maps, elsewhere, spread)) < 1e-9
    assert float(distances.style_distance(maps, [m.flip(0) for m in maps], spread)) > 1e-3
    # Each of eight parts counts the same, however many channels it has: a step of 3 in the mean of
    # one of the stem's 32 costs (3 - 1/2) / 32 / 8, of half as many deviations 1 / 32 / 8.
    moved = [m.clone() for m in maps]
    moved[0][:, 5] += 3.0
    far = float(distances.style_distance(moved, maps, spread))
    assert far == pytest.approx(2.5 / 32 / 8, rel=1e-3)
    near = float(distances.style_distance(moved, maps, 2.0 * spread))
    assert near == pytest.approx(1.0 / 32 / 8, rel=1e-3)


@torch.inference_mode()
def test_a_few_loud_places_are_no_style() -> None:
    """Two maps of the same deviations and means: even noise, and silence with one loud place."""
    noise = torch.randn((1, 1, 32, 32), generator=torch.Generator().manual_seed(0))
    noise = (noise - noise.mean()) / noise.std()
    loud = torch.zeros_like(noise)
    loud[..., 3:5, 7:9] = 1.0
    loud = (loud - loud.mean()) / loud.std()
    spread = torch.ones(stylenet.STYLE_WIDTH)
    for i, width in enumerate(stylenet.WIDTHS):
        maps = [torch.zeros((1, w, 32, 32)) for w in stylenet.WIDTHS]
        even = [m.clone() for m in maps]
        maps[i] += loud
        even[i] += noise
        distance = float(distances.style_distance(maps, even, spread))
        if i in (2, 3):  # at 1/4 and 1/8; the map at 1/16 is not asked
            assert distance > 0.03, width
        else:
            assert distance < 1e-6, width


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
    assert float(distances.content_distance(maps, restyled)) < 0.01
    assert float(distances.content_distance(maps, mirrored)) > 0.1


@torch.inference_mode()
def test_band_energies_are_those_of_octaves() -> None:
    """Waves of 4, 8 and 16 pixels have most of their energy in one octave each; and twice the
    contrast is four times the energy."""
    x = torch.arange(64)
    for octave in range(3):
        wave = torch.sin((x + 0.5) * (torch.pi / 2 ** (octave + 1))).expand(1, 3, 64, 64)
        energy = distances.band_energies(0.5 * wave)[0].mean(dim=1)
        assert int(energy.argmax()) == octave
        louder = distances.band_energies(wave)[0].mean(dim=1)
        assert torch.allclose(louder, 4.0 * energy, rtol=1e-4)
    assert float(distances.band_energies(torch.zeros(1, 3, 64, 64)).max()) == 0.0


@torch.inference_mode()
def test_band_distance_hears_whole_and_patches() -> None:
    even, anywhere = torch.full((1, 3, 16), 0.01), torch.tensor([False])
    assert float(distances.band_distance(even, even, anywhere)) == 0.0
    # Half as loud everywhere: log 2, squared and halved, for the whole and for the patches.
    half = float(distances.band_distance(0.5 * even, even, anywhere))
    assert half == pytest.approx(np.log(2.0) ** 2, rel=0.01)
    # As loud, but all of it in one patch.
    loud = torch.zeros_like(even)
    loud[..., -1] = 0.16
    assert float(distances.band_distance(loud, even, anywhere)) > 3.0


@torch.inference_mode()
def test_band_distance_looks_at_places_where_shapes_are_the_same() -> None:
    """The same patches in another order differ where both pictures show the same shapes, and there alone."""
    one = torch.tensor([0.01, 0.04, 0.09, 0.16]).expand(2, 3, 4)
    turned = one.flip(2)
    both = [float(distances.band_distance(one[i : i + 1], turned[i : i + 1], torch.tensor([placed])))
            for i, placed in enumerate((True, False))]
    assert both[0] > 0.5 and both[1] == 0.0
    mixed = float(distances.band_distance(one, turned, torch.tensor([True, False])))
    assert mixed == pytest.approx(both[0] / 2)


def test_a_lattice_is_what_the_place_in_a_square_foretells() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = 0.2 * torch.randn((2, 3, 120, 120), generator=generator)
    at = torch.arange(120)
    edges = 0.1 * ((at // 8) % 2).float()  # a step every 8 pixels, and nothing else in common
    blind = float(distances.lattice(noise))
    assert blind < 0.02
    for across in (edges, edges[:, None]):
        assert float(distances.lattice(0.05 * noise + across)) > 20.0 * blind
    odd = 0.1 * ((at // 7) % 2).float()  # known to no square of 8
    assert float(distances.lattice(0.05 * noise + odd)) < 0.1 * float(
        distances.lattice(0.05 * noise + edges)
    )


def test_what_is_judged_is_learnt(trained: tuple[configs.Config, Path], tmp_path: Path) -> None:
    """Each distance of predicted pictures falls when it is trained on, more than without."""
    config, work = trained
    weights = ("style_weight", "band_weight", "content_weight", "lattice_weight", "critic_weight")
    none = dict.fromkeys(weights, 0.0)

    def last(weights: dict[str, float], name: str) -> dict[str, float]:
        section = dataclasses.replace(config.unet, samples=120, warmup=4, **none | weights)
        changed = dataclasses.replace(config, unet=section)
        task = train_unet.UNetTask(changed, work, CPU)
        trainer = trainer_of(changed, task, "unet", tmp_path / name)
        trainer.plan = dataclasses.replace(trainer.plan, seconds=1e9)
        trainer.run(every=10)
        return trainer.history.train[-1]

    without = last({}, "none.pt")
    for weight, name in (
        ("style", "style"), ("band", "bands"), ("content", "shape"), ("lattice", "lattice")
    ):
        assert last({f"{weight}_weight": 10.0}, f"{name}.pt")[name] < 0.95 * without[name], name


def test_held_out_pictures_are_scored_with_the_averaged_weights(
    trained: tuple[configs.Config, Path],
) -> None:
    config, work = trained
    state = loop.load_checkpoint(work / "unet.pt", configs.identity(config, "unet"))
    told = json.loads(state["history"])["scores"]
    data = latents.load(config, work, CPU)
    judged = gallery.Gallery.of(config, pictures.load(work, CPU), data, CPU)
    assert judged is not None and sorted(judged.pairs) == [(0, 0), (0, 1)]
    networks = train_unet.load(config, work, CPU, config.unet.content_blur)
    scores = judged.scores(networks.unet, networks.decoder)
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
    rivals = task.decoder, task.networks.critic
    task.restyle.losses(task.unet, *rivals, np.random.default_rng(2), generator)
    encoder = train_autoencoder.load(config, work, CPU).encoder
    with torch.inference_mode():
        z = encoder(seen[1])  # after the paintings
    z = (z - task.data.shift[:, None, None]) * task.data.scale[:, None, None]
    std, mean = torch.std_mean(z, dim=(2, 3), keepdim=True)
    assert torch.allclose((z - mean) / std, contents[0], atol=0.1)


def test_a_square_is_judged_against_the_same_square(
    trained: tuple[configs.Config, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of less than the whole: what is decoded lies where what it is compared with lies."""
    config, work = trained
    section = dataclasses.replace(config.unet, restyle_crop=6)
    task = train_unet.UNetTask(dataclasses.replace(config, unet=section), work, CPU)
    way, predict, part = task.restyle, task.restyle._predict, task.restyle._part
    predicted, decoded, squares = [], [], []
    monkeypatch.setattr(way, "_predict", lambda *a: predicted.append(predict(*a)) or predicted[-1])
    task.decoder.register_forward_pre_hook(lambda _, given: decoded.append(given[0]))

    def watch(rgb: Tensor, seen: tuple[slice, slice]) -> Tensor:
        squares.append(seen)
        out = part(rgb, seen)
        y, x = (8 * side.start for side in seen)
        assert torch.equal(out, rgb[:, :, y + 8 : y + 40, x + 8 : x + 40])  # without a latent's border
        return out

    monkeypatch.setattr(way, "_part", watch)
    for step in range(3):
        rivals = task.decoder, task.networks.critic
        way.losses(task.unet, *rivals, np.random.default_rng(step), torch.Generator())
    assert len({str(seen) for seen in squares}) > 1
    for x0, z, seen in zip(predicted, decoded, squares[::2], strict=True):
        assert torch.equal(z, task.data.unscaled(x0[:, :, *seen]))


def test_pool_goes_down_to_x0_and_begins_anew() -> None:
    """Each slot visits the trailing timesteps of its own number of steps, then arrives."""
    slots = pool.Pool(6, (1, 2, 2), CPU)
    everyone = np.arange(6)
    assert slots.arrived(everyone).tolist() == everyone.tolist()  # nothing is under way at first
    rng = np.random.default_rng(5)
    slots.begin(everyone, rng, x=torch.full((6, 1, 2, 2), 7.0), blur=torch.arange(6.0))
    steps = slots.steps.tolist()
    assert len(set(steps)) > 1 and min(steps) >= 1 and max(steps) <= 4
    for i, count in enumerate(steps):
        one, seen = np.array([i]), []
        while not len(slots.arrived(one)):
            seen.append(float(slots.timesteps(one)))
            assert float(slots.timesteps(one, 1)) == round(1000 - 1000 * len(seen) / count) - 1
            slots.move(one, torch.full((1, 1, 2, 2), float(i)))
        assert len(seen) == count and seen[0] == 999.0 and seen == sorted(seen, reverse=True)
        assert float(slots.timesteps(one)) == -1.0
        assert torch.equal(slots.x[i], torch.full((1, 2, 2), float(i)))
    slots.begin(np.array([2]), rng, blur=torch.tensor([9.0]))
    assert slots.arrived(everyone).tolist() == [0, 1, 3, 4, 5]
    assert slots.blur.tolist() == [0.0, 1.0, 9.0, 3.0, 4.0, 5.0]
    counts = torch.bincount(torch.cat([begun(rng) for _ in range(200)]), minlength=5)
    assert counts[0] == 0 and all(counts[1:] > 0)
    # As many predictions of ways of 1 or 2 steps as of 3 or 4: shares fall about as 1 / steps.
    visits = counts * torch.arange(5)
    assert float(visits[1:3].sum()) == pytest.approx(float(visits[3:5].sum()), rel=0.2)
    other = pool.Pool(3, (1, 2, 2), CPU)
    other.restore(slots.state())  # of another number of slots: all begin anew
    assert other.arrived(np.arange(3)).tolist() == [0, 1, 2]


def begun(rng: np.random.Generator) -> Tensor:
    slots = pool.Pool(60, (1, 2, 2), CPU)
    slots.begin(np.arange(60), rng)
    return slots.steps


def test_pool_moves_as_the_sampler_does(trained: tuple[configs.Config, Path]) -> None:
    """From the same noise, by the same network, the latents that training sees are those of DDIM."""
    config, work = trained
    task = train_unet.UNetTask(config, work, CPU)
    under_way, net = task.restyle.pool, task.unet
    rng, noise = np.random.default_rng(1), torch.Generator().manual_seed(1)
    everyone = np.arange(len(under_way.done))
    task.restyle._begin(everyone, rng, noise)
    begun = int(torch.argmax(under_way.steps))
    under_way.done[:] = torch.where(torch.arange(len(everyone)) == begun, 0, under_way.steps - 1)
    start, count = under_way.x[begun : begun + 1].clone(), int(under_way.steps[begun])
    mirror = int(under_way.mirror[begun])
    content = latents.normalised(task.data.scaled([int(under_way.shapes[begun])], 0, mirror))
    code = net.code(task.data.codes([int(under_way.style[begun])]))
    blur = under_way.blur[begun : begun + 1]
    with torch.no_grad():
        x = start
        for i in range(count - 1):
            a, b = (round(1000 - 1000 * k / count) - 1 for k in (i, i + 1))
            rows = net.rows(torch.tensor([float(a)]), code, net.statistics(code), blur)
            x0 = task.restyle._predict(net, x, content, rows, blur)
            eps = (x - net.alphas_cumprod[a].sqrt() * x0) / (1 - net.alphas_cumprod[a]).sqrt()
            x = net.alphas_cumprod[b].sqrt() * x0 + (1 - net.alphas_cumprod[b]).sqrt() * eps
            while int(under_way.done[begun]) == i:
                with torch.enable_grad():
                    losses = task.restyle.losses(net, task.decoder, task.networks.critic, rng, noise)
                assert bool(torch.isfinite(losses["loss"]))
    assert torch.allclose(under_way.x[begun], x[0], atol=0.05)


def test_critic_learns_and_teaches_apart(trained: tuple[configs.Config, Path]) -> None:
    """It learns to tell pictures from noise and styles from each other; what it says of a picture
    has a gradient for the picture alone, and its own mistakes for itself alone."""
    _, work = trained
    net = stylenet.pretrained()
    rgb = train_autoencoder.to_rgb(pictures.load(work, CPU).pixels[:8])
    noise = torch.randn(rgb.shape, generator=torch.Generator().manual_seed(3)).clamp(-1.0, 1.0)
    codes = net(rgb)
    code = (codes - codes.mean(0)) / codes.std(0).clamp_min(1e-3)
    torch.manual_seed(0)
    judge = critic.Critic(codes.mean(0))
    real, fake = (rgb, net.features(rgb)), (noise, net.features(noise))
    drawn = torch.Generator().manual_seed(4)

    def wrong(fake: critic.Seen) -> Tensor:
        return critic.mistakes(judge, fake, real, code, drawn)

    optimizer = torch.optim.Adam(judge.parameters(), 2e-3)
    first = float(wrong(fake).detach())
    for _ in range(60):
        optimizer.zero_grad()
        wrong(fake).backward()
        optimizer.step()
    assert float(wrong(fake).detach()) < 0.5 * first
    # As far below a painting as itself, where log 2 says that there is no difference; and noise farther.
    own, noisy = (float(critic.verdict(judge, seen, real, code)) for seen in (real, fake))
    assert own == pytest.approx(np.log(2.0), rel=0.02) and noisy > 2.0 * own
    with torch.no_grad():
        matched, others = (judge(*real, c) for c in (code, code.roll(1, dims=0)))
    assert all(float(a.mean()) > float(b.mean()) for a, b in zip(matched, others, strict=True))

    optimizer.zero_grad()
    picture = noise.clone().requires_grad_()
    critic.verdict(judge, (picture, net.features(picture)), real, code).backward()
    assert picture.grad is not None and float(picture.grad.abs().max()) > 0.0
    assert all(p.grad is None for p in judge.parameters())
    picture.grad = None
    wrong((picture, net.features(picture))).backward()
    assert picture.grad is None
    assert all(p.grad is not None for p in judge.parameters())


def test_critic_has_a_share_however_sure_it_is(
    trained: tuple[configs.Config, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a picture learns from the critic is as long as what it learns from statistics, times the
    weight: a verdict 1,024 times as loud changes nothing, and another weight does. By a power of two,
    since bfloat16 rounds alike after it."""
    config, work = trained
    verdict = critic.verdict

    def learnt(weight: float, loud: float) -> Tensor:
        section = dataclasses.replace(config.unet, critic_weight=weight)
        torch.manual_seed(0)
        task = train_unet.UNetTask(dataclasses.replace(config, unet=section), work, CPU)
        monkeypatch.setattr(restyle, "verdict", lambda *seen: loud * verdict(*seen))
        noise = torch.Generator().manual_seed(0)
        rivals = task.decoder, task.networks.critic
        task.restyle.losses(task.unet, *rivals, np.random.default_rng(2), noise)["loss"].backward()
        gradient = task.unet.body.out.weight.grad
        assert gradient is not None
        return gradient

    one, loud, heavy = learnt(1.0, 1.0), learnt(1.0, 1024.0), learnt(3.0, 1.0)
    assert float((one - loud).norm()) < 1e-3 * float(one.norm())
    assert float((one - heavy).norm()) > 0.1 * float(one.norm())


def test_decoder_is_mixed(trained: tuple[configs.Config, Path]) -> None:
    config, work = trained

    def first(mix: float) -> Tensor:
        section = dataclasses.replace(config.unet, decoder_mix=mix)
        networks = train_unet.load(dataclasses.replace(config, unet=section), work, CPU, 0.7)
        return next(networks.decoder.parameters())

    own, learnt = next(train_autoencoder.load(config, work, CPU).decoder.parameters()), first(1.0)
    assert torch.equal(first(0.0), own) and not torch.equal(own, learnt)
    assert torch.allclose(first(0.25), 0.75 * own + 0.25 * learnt)


def test_yielding_scales_what_the_weights_learn() -> None:
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(3, 2), torch.randn(4, 3, requires_grad=True)
    gradients = []
    for share in (1.0, 0.25):
        layer.zero_grad()
        x.grad = None
        out = restyle.yielding(layer, share, x)
        assert torch.allclose(out, layer(x))
        out.square().sum().backward()
        assert layer.weight.grad is not None and x.grad is not None
        gradients.append((layer.weight.grad.clone(), x.grad.clone()))
    (whole, to_x), (part, to_x_again) = gradients
    assert torch.allclose(part, 0.25 * whole) and torch.allclose(to_x, to_x_again)


def test_training_starts_from_a_model_file(
    trained: tuple[configs.Config, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, work = trained
    model = tmp_path / "whole.artfusion"
    publish.bundle(config, work, model, 0.7)
    torch.manual_seed(0)
    task = train_unet.UNetTask(config, work, CPU)
    loop.start_from(task.network, model, {"unet.": "unet.", "decoder.": "decoder."})
    for name, value in train_unet.load(config, work, CPU, 0.7).named_parameters():
        if name.startswith("critic."):  # no part of a model file
            continue
        assert torch.allclose(task.network.state_dict()[name], value, rtol=1e-3, atol=1e-4), name

    # What another recipe has made longer begins with the rows that there are; what it shapes otherwise keeps
    # its own start.
    section = dataclasses.replace(config.autoencoder, latent_channels=6)
    other = train_autoencoder.build(section)
    before = [other.encoder.body[9].weight.detach().clone(), other.decoder.body[0].weight.detach().clone()]
    loop.start_from(other, model, {"encoder.": "encoder.", "decoder.": "decoder."})
    kept = train_autoencoder.load(config, work, CPU)
    rows = len(kept.encoder.body[9].weight)
    assert 0 < rows < len(before[0])
    assert torch.allclose(other.encoder.body[9].weight[:rows], kept.encoder.body[9].weight, atol=1e-3)
    assert torch.equal(other.encoder.body[9].weight[rows:], before[0][rows:])
    assert torch.equal(other.decoder.body[0].weight, before[1])
    assert torch.allclose(other.encoder.body[1].weight, kept.encoder.body[1].weight, atol=1e-3)
    count = len(list(other.parameters()))
    assert f"{count - 1} of {count} tensors" in capsys.readouterr().out

    with pytest.raises(loop.TrainingError, match="no weights that fit"):
        loop.start_from(torch.nn.Linear(2, 2), model, {"unet.": ""})
    broken = tmp_path / "broken.artfusion"
    broken.write_bytes(model.read_bytes()[:1000])
    with pytest.raises(loop.TrainingError, match="broken.artfusion cannot be read as a model"):
        loop.start_from(other, broken, {"encoder.": "encoder."})


def test_a_start_that_needs_no_settling_is_left_as_it_is(
    trained: tuple[configs.Config, Path],
) -> None:
    """Weights that were trained without normalisation would be spoilt by factors that replace it."""
    config, work = trained
    section = dataclasses.replace(config.autoencoder, local=True, crop=16)
    task = train_autoencoder.AutoencoderTask(dataclasses.replace(config, autoencoder=section), work, CPU)
    task.settle(started=False)
    rgb = task._batch(np.random.default_rng(task.seed))
    optimizer = torch.optim.Adam(task.network.parameters(), lr=2e-3)
    for _ in range(60):
        optimizer.zero_grad()
        (task.network.decoder(task.network.encoder(rgb)) - rgb).square().mean().backward()
        optimizer.step()
    learnt = {k: v.clone() for k, v in task.network.state_dict().items()}
    task.settle(started=True)
    assert all(torch.equal(v, learnt[k]) for k, v in task.network.state_dict().items())
    task.settle(started=False)
    assert not all(torch.equal(v, learnt[k]) for k, v in task.network.state_dict().items())


def test_a_checkpoint_wins_over_a_start(
    trained: tuple[configs.Config, Path], tmp_path: Path
) -> None:
    """A run that goes on must not be thrown back to where it began."""
    config, work = trained
    before = (work / "autoencoder.pt").read_bytes()
    train_autoencoder.train(config, work, CPU, tmp_path / "there is no such file")
    assert (work / "autoencoder.pt").read_bytes() == before
