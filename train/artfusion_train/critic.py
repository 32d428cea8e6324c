# SPDX-License-Identifier: MIT
"""A critic that is trained against the pictures that nobody has painted: restyle.py.

Statistics of a whole picture can be met by a few loud places. The critic looks at every place
by itself and asks whether a painting of that style looks so there; motifs and lattices that no
painting has are what it learns first. It has two halves. One sees pixels, of which a feature
network that was trained to name things may pass over the very ones that give a picture away. The other
sees features of that fixed network (projected GAN, Sauer et al., arXiv 2111.01007), kept smooth by
spectral normalisation (Miyato et al., arXiv 1802.05957). Both know the style code through an inner
product (Miyato and Koyama, arXiv 1802.05637).

Scores mean something in pairs alone: a painting's should be above those of a picture in its style, at
any place, and above its own with another's style (relativistic pairing, Jolicoeur-Martineau,
arXiv 1807.00734). The half that sees pixels may not change its mind by a little noise, of paintings as of
pictures: a gradient penalty around zero on both (Huang et al., arXiv 2501.05441), by finite
differences (Lin et al., arXiv 2501.08316).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from . import stylenet

_MAPS = (0, 2, 3, 4)  # of StyleNet.features: at 1/2, 1/4, 1/8 and 1/16 of the picture
_FINE = 2  # maps up to this one are halved first
_WIDTH = 64
_PIXEL_WIDTHS = (48, 96, 192)  # at 1/2, 1/4 and 1/8
_NOISE = 0.05  # of a picture in [-1,1]
_STEADY = 200.0  # weight of what that noise may change


def _matched(y: Tensor, own: Tensor, wanted: Tensor) -> Tensor:
    """Scores [N,h,w] of features y [N,C,h,w]: their own, and by the style that is wanted [N,C]."""
    return own[:, 0] + (y * wanted[:, :, None, None]).sum(dim=1)


class Head(nn.Module):
    """Scores of the places of one feature map."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(channels, _WIDTH, 3, stride, padding=1))
        self.second = spectral_norm(nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1))
        self.real = spectral_norm(nn.Conv2d(_WIDTH, 1, 1))
        self.style = spectral_norm(nn.Linear(stylenet.STYLE_WIDTH, _WIDTH))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        y = F.leaky_relu(self.first(x), 0.2)
        y = F.leaky_relu(self.second(y), 0.2)
        wanted = self.style(code * (2.0 * stylenet.STYLE_WIDTH**-0.5))  # of length 2 or so
        return _matched(y, self.real(y), wanted)


class PixelHead(nn.Module):
    """Scores of places of the picture itself: one in 8 pixels each way, of 54 x 54 of them."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in _PIXEL_WIDTHS:
            layers += [nn.Conv2d(before, width, 4, 2, padding=1), nn.LeakyReLU(0.2)]
            before = width
        for _ in range(2):
            layers += [nn.Conv2d(before, before, 3, padding=1), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers)
        self.real = nn.Conv2d(before, 1, 1)
        self.style = nn.Linear(stylenet.STYLE_WIDTH, before)

    def forward(self, rgb: Tensor, code: Tensor) -> Tensor:
        y = self.body(rgb)
        wanted = self.style(code * stylenet.STYLE_WIDTH**-0.5) * y.shape[1] ** -0.5
        return _matched(y, self.real(y), wanted)


class Critic(nn.Module):
    """A picture, its feature maps and the style code it should have -> a score for every place."""

    def __init__(self, style_mean: Tensor) -> None:
        """style_mean: the mean style code of paintings, by which the maps are scaled."""
        super().__init__()
        self.pixels = PixelHead()
        self.heads = nn.ModuleList()
        at = 0
        for i, width in enumerate(stylenet.WIDTHS):
            std, mean = style_mean[at : at + width], style_mean[at + width : at + 2 * width]
            at += 2 * width
            if i in _MAPS:
                self.heads.append(Head(width, 2 if i <= _FINE else 1))
                self.register_buffer(f"mean{i}", mean[:, None, None].clone())
                self.register_buffer(f"scale{i}", 1.0 / std.clamp_min(1e-3)[:, None, None])

    def forward(self, rgb: Tensor, maps: list[Tensor], code: Tensor) -> list[Tensor]:
        """rgb [N,3,H,W] in [-1,1], maps: its StyleNet.features, code: in standard deviations, as
        UNet.code gives it. The first scores are those of pixels."""
        scores: list[Tensor] = [self.pixels(rgb, code)]
        for i, head in zip(_MAPS, self.heads, strict=True):
            mean, scale = self.get_buffer(f"mean{i}"), self.get_buffer(f"scale{i}")
            scores.append(head((maps[i].float() - mean) * scale, code))
        return scores


def _below(low: list[Tensor], high: list[Tensor]) -> Tensor:
    """How far scores are from being below others, place by place; both halves count the same."""
    terms = [F.softplus(a.float() - b.float()).mean() for a, b in zip(low, high, strict=True)]
    return 0.5 * (terms[0] + torch.stack(terms[1:]).mean())


Seen = tuple[Tensor, list[Tensor]]  # pictures, and their feature maps


def verdict(critic: Critic, fake: Seen, real: Seen, code: Tensor) -> Tensor:
    """How far below paintings of their styles the critic finds pictures. It teaches the pictures
    and not the critic."""
    fixed = {name: value.detach() for name, value in critic.named_parameters()}
    above: list[Tensor] = functional_call(critic, fixed, (*real, code))
    below: list[Tensor] = functional_call(critic, fixed, (*fake, code))
    return _below(above, below)


def mistakes(critic: Critic, fake: Seen, real: Seen, code: Tensor, noise: torch.Generator) -> Tensor:
    """The critic's own loss. It teaches the critic and not the pictures."""
    rgb = fake[0].detach()
    like = critic(*real, code)
    unlike = critic(rgb, [m.detach() for m in fake[1]], code)
    others = critic(*real, code.roll(1, dims=0))
    steady = rgb.new_zeros(())
    for picture, score in ((rgb, unlike[0]), (real[0], like[0])):
        drawn = torch.randn(picture.shape, generator=noise, device=picture.device)
        moved = critic.pixels(picture + _NOISE * drawn, code)
        steady = steady + (moved.float() - score.float()).square().mean()
    return _below(unlike, like) + 0.5 * _below(others, like) + _STEADY * steady
