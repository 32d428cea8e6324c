# SPDX-License-Identifier: MIT
"""The style network: channel statistics of VGG-16 features (arXiv 1409.1556)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Channels of each stage's convolutions; a stage ends at reluN_M and is followed by a max-pool.
_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
STYLE_WIDTH = 2 * sum(stage[-1] for stage in _STAGES)

# relu5_3's map has four pooled halvings; its standard deviation needs two values.
MIN_SIZE = 32


class Stage(nn.Module):
    def __init__(self, cin: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        inputs = (cin, *widths[:-1])
        self.convs = nn.ModuleList(
            nn.Conv2d(i, o, 3, padding=1) for i, o in zip(inputs, widths, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = F.relu(conv(x))
        return x


class StyleNetwork(nn.Module):
    """rgb[N, 3, H, W] in [-1, 1], H and W from MIN_SIZE -> style code[N, 2944]."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Buffer(torch.zeros(1, 3, 1, 1))
        self.scale = nn.Buffer(torch.ones(1, 3, 1, 1))
        inputs = (3, *(stage[-1] for stage in _STAGES[:-1]))
        self.stages = nn.ModuleList(
            Stage(cin, widths) for cin, widths in zip(inputs, _STAGES, strict=True)
        )

    def forward(self, rgb: Tensor) -> Tensor:
        x = (rgb - self.shift) / self.scale
        statistics: list[Tensor] = []
        for i, stage in enumerate(self.stages):
            if i > 0:
                x = F.max_pool2d(x, 2)
            x = stage(x)
            flat = x.flatten(2)
            statistics.append(flat.std(dim=2))
            statistics.append(flat.mean(dim=2))
        return torch.cat(statistics, dim=1)

    def slots(self) -> Iterator[tuple[str, Tensor]]:
        """Where the checkpoint's tensors go: (key, destination).

        The checkpoint numbers the layers as torchvision does, activations and pools included.
        """
        yield "vgg_scaling_layer.shift", self.shift
        yield "vgg_scaling_layer.scale", self.scale
        layer = 0
        for number, stage in enumerate(self.stages, start=1):
            assert isinstance(stage, Stage)
            for conv in stage.convs:
                for name, parameter in conv.named_parameters():
                    yield f"vgg.slice{number}.{layer}.{name}", parameter
                layer += 2
            layer += 1
