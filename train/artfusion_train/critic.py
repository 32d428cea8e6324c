# SPDX-License-Identifier: MIT
"""A critic that is trained against the pictures that nobody has painted: restyle.py.

Statistics of a whole picture can be met by a few loud places. The critic looks at every place
by itself and asks whether a painting of that style looks so there; motifs and lattices that no
painting has are what it learns first. It sees features of a fixed network instead of pixels
(projected GAN, Sauer et al., arXiv 2111.01007), knows the style code through an inner product
(Miyato and Koyama, arXiv 1802.05637) and is kept smooth by spectral normalisation (Miyato et
al., arXiv 1802.05957). Its loss is the hinge (Lim and Ye, arXiv 1705.02894).
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
        own: Tensor = self.real(y)
        wanted = self.style(code * (2.0 * stylenet.STYLE_WIDTH**-0.5))  # of length 2 or so
        return own[:, 0] + (y * wanted[:, :, None, None]).sum(dim=1)


class Critic(nn.Module):
    """Feature maps of a picture and the style code it should have -> a score for every place."""

    def __init__(self, style_mean: Tensor) -> None:
        """style_mean: the mean style code of paintings, by which the maps are scaled."""
        super().__init__()
        self.heads = nn.ModuleList()
        at = 0
        for i, width in enumerate(stylenet.WIDTHS):
            std, mean = style_mean[at : at + width], style_mean[at + width : at + 2 * width]
            at += 2 * width
            if i in _MAPS:
                self.heads.append(Head(width, 2 if i <= _FINE else 1))
                self.register_buffer(f"mean{i}", mean[:, None, None].clone())
                self.register_buffer(f"scale{i}", 1.0 / std.clamp_min(1e-3)[:, None, None])

    def forward(self, maps: list[Tensor], code: Tensor) -> list[Tensor]:
        """code: in standard deviations, as UNet.code gives it."""
        scores = []
        for i, head in zip(_MAPS, self.heads, strict=True):
            mean, scale = self.get_buffer(f"mean{i}"), self.get_buffer(f"scale{i}")
            scores.append(head((maps[i].float() - mean) * scale, code))
        return scores


def _mean(scores: list[Tensor]) -> Tensor:
    return torch.stack([score.float().mean() for score in scores]).mean()


def verdict(critic: Critic, maps: list[Tensor], code: Tensor) -> Tensor:
    """How unlike a painting of that style the critic finds a picture. It teaches the picture and
    not the critic."""
    fixed = {name: value.detach() for name, value in critic.named_parameters()}
    scores: list[Tensor] = functional_call(critic, fixed, (maps, code))
    return -_mean(scores)


def mistakes(critic: Critic, fake: list[Tensor], real: list[Tensor], code: Tensor) -> Tensor:
    """The critic's own loss: paintings with their style against predictions, and against
    paintings with another's style. It teaches the critic and not the pictures."""
    unlike = [critic([m.detach() for m in fake], code), critic(real, code.roll(1, dims=0))]
    like = critic(real, code)
    wrong = torch.stack([_mean([F.relu(1.0 + s.float()) for s in scores]) for scores in unlike])
    return _mean([F.relu(1.0 - s.float()) for s in like]) + wrong.mean()
