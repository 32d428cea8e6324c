# SPDX-License-Identifier: MIT
"""The networks by themselves, against their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from artfusion_train import autoencoder as autoencoders, sampling, stylenet, unet as unets

from training import SECTION, random_unet


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
def test_even_areas_have_no_lattice() -> None:
    """What is the same everywhere comes out the same everywhere: no place has weights of its own."""
    net = random_unet()
    rows = net.condition(torch.tensor([500.0]), torch.randn(1, 12))
    even = torch.randn(1, 4 * 2 + SECTION.content_channels + 1, 1, 1).expand(-1, -1, 16, 16)
    out = net.body(even, net.body_modulation(rows))
    assert float(out.abs().max()) > 0.1
    assert torch.allclose(out, out.mean(dim=(2, 3), keepdim=True).expand_as(out), atol=1e-4)


@torch.inference_mode()
def test_attention_looks_at_a_bounded_number_of_places() -> None:
    """At the training's size at all of them, as without a bound; in a larger map at means."""
    torch.manual_seed(0)
    layer = unets.Attention(64, 16)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    modulation = torch.randn(1, layer.width)
    small = torch.randn(1, 64, 16, 16)
    bounded = layer(small, modulation)
    layer.most = 1000
    assert torch.allclose(layer(small, modulation), bounded, atol=1e-6)
    layer.most = 16
    # Each place four times is the same picture, larger.
    large = small.repeat_interleave(2, 2).repeat_interleave(2, 3)
    wanted = bounded.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(layer(large, modulation), wanted, atol=1e-4)
    keys: list[int] = []
    attend = torch.nn.functional.scaled_dot_product_attention

    def counted(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        keys.append(k.shape[2])
        return attend(q, k, v)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "scaled_dot_product_attention", counted)
        assert layer(torch.randn(1, 64, 18, 70), modulation).shape == (1, 64, 18, 70)
    assert keys == [256]


def autoencoder(local: bool) -> autoencoders.Autoencoder:
    """With no zeros left of those that it starts with."""
    torch.manual_seed(3)
    network = autoencoders.Autoencoder((8, 16, 24), 4, local)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def test_bands_of_a_picture_are_what_they_are_in_the_whole() -> None:
    network = autoencoder(True)
    rgb = torch.rand(1, 3, 256, 64) * 2.0 - 1.0
    z = network.encoder(rgb)
    whole, parts = network.decoder(z), network.decoder(z[:, :, :24])
    margin = 12  # latents: what the convolutions reach; the encoder's reach 8
    kept = 8 * (24 - margin)
    assert torch.allclose(parts[:, :, :kept], whole[:, :, :kept], atol=1e-6)
    assert not torch.allclose(parts, whole[:, :, :192], atol=1e-3)
    assert torch.allclose(network.encoder(rgb[:, :, :192])[:, :, :16], z[:, :, :16], atol=1e-6)
    other = autoencoder(False)
    z = other.encoder(rgb)
    parts, whole = other.decoder(z[:, :, :24]), other.decoder(z)
    assert not torch.allclose(parts[:, :, :kept], whole[:, :, :kept], atol=1e-3)


@torch.inference_mode()
def test_a_local_autoencoder_paints_no_frame() -> None:
    """Out of one colour comes what is the same at every corner and border."""

    def frame(local: bool) -> float:
        network = autoencoder(local)
        out = network.decoder(network.encoder(torch.full((1, 3, 64, 64), 0.3)))
        blocks = out.unfold(2, 8, 8).unfold(3, 8, 8)  # a latent's own pixels may differ
        return float((blocks - blocks[:, :, 4:5, 4:5]).abs().max())

    assert frame(True) < 1e-4
    assert frame(False) > 1e-2


@torch.inference_mode()
def test_a_settled_autoencoder_begins_with_values_of_a_known_size() -> None:
    """As group normalisation of these pictures would give on the mean."""
    network = autoencoder(True)
    rgb = torch.rand(16, 3, 8, 8).repeat_interleave(8, 2).repeat_interleave(8, 3) * 2.0 - 1.0
    sizes: list[tuple[float, float]] = []

    def measure(_: torch.nn.Module, __: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
        groups = out.unflatten(1, (-1, 8))
        mean, var = groups.mean(dim=(0, 2, 3, 4)), groups.var(dim=(2, 3, 4)).mean(dim=0)
        sizes.append((float(mean.abs().max()), float((var - 1.0).abs().max())))

    for module in network.modules():
        if isinstance(module, autoencoders.Affine):
            module.weight.fill_(1.0)
            module.bias.fill_(0.0)
            module.register_forward_hook(measure)
    network.decoder(network.encoder(rgb))
    assert max(max(size) for size in sizes) > 0.5
    autoencoders.settle(network, rgb)
    sizes.clear()
    network.decoder(network.encoder(rgb))
    assert len(sizes) == 22 and max(max(size) for size in sizes) < 1e-2


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
