# SPDX-License-Identifier: MIT
"""Two small networks of others that restyle a picture in one pass, to learn from: pairs.py.

Their weights are not here, nor does anything fetch them: a folder that has them is named by
--teachers. Both go by the files of their authors:

- Magenta's arbitrary image stylization (Ghiasi et al., arXiv 1705.06830), Apache-2.0, as TensorFlow
  Lite of 8 bits: `magenta_style_prediction_int8.tflite`, `magenta_style_transfer_int8.tflite`.
  It is run by the package ai-edge-litert and takes 384 x 384 pixels alone.
- MicroAST (Wang et al., arXiv 2211.15313), MIT: `microast_content_encoder.pt`,
  `microast_style_encoder.pt`, `microast_modulator.pt`, `microast_decoder.pt`.

Each has what the other lacks: Magenta's strokes are sharp, under a regular texture that stays where its lattice is,
and its colours are only near; MicroAST's colours are right and its strokes are soft. `duet` is the detail of the
one, averaged over two places of that lattice, over the tones of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .borrowed import metrics
from .loop import TrainingError

# A content and a style picture, uint8 [H,W,3], to the content in that style, of the content's size.
Painter = Callable[[Tensor, Tensor], Tensor]

_MAGENTA_STYLE = 256  # pixels, the only size that each network takes
_MAGENTA_CONTENT = 384
_LATTICES = ((8, 8), (5, 3))  # places, in pixels of Magenta's picture, whose mean is taken
_TONES = 4.0  # pixels: what a Gaussian of that deviation keeps is tones, the rest detail


def _batch(pixels: Tensor, size: int | None = None) -> Tensor:
    """uint8 [H,W,3] -> [1,3,size,size] in [0,1]."""
    rgb = pixels.permute(2, 0, 1)[None].float() / 255.0
    return rgb if size is None else _resized(rgb, size, size)


def _resized(rgb: Tensor, height: int, width: int) -> Tensor:
    if tuple(rgb.shape[2:]) == (height, width):
        return rgb
    return F.interpolate(rgb, (height, width), mode="bicubic", antialias=True).clamp(0.0, 1.0)


def _pixels(rgb: Tensor) -> Tensor:
    """The inverse of `_batch`."""
    return (rgb[0].clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).permute(1, 2, 0).contiguous()


class Magenta:
    def __init__(self, folder: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.predict, self.transfer = (
            Interpreter(str(folder / f"magenta_style_{name}_int8.tflite"), num_threads=1)
            for name in ("prediction", "transfer")
        )
        for network in (self.predict, self.transfer):
            network.allocate_tensors()

    @staticmethod
    def _run(network: Any, **inputs: Tensor) -> Tensor:
        """By the names of the inputs: their order differs between files."""
        for detail in network.get_input_details():
            value = next(v for k, v in inputs.items() if detail["name"].startswith(k))
            network.set_tensor(detail["index"], value.numpy())
        network.invoke()
        out = network.get_tensor(network.get_output_details()[0]["index"])
        return torch.from_numpy(out)

    def __call__(self, content: Tensor, style: Tensor) -> Tensor:
        return _pixels(self.paint(content, style, ((0, 0),)))

    def paint(self, content: Tensor, style: Tensor, places: tuple[tuple[int, int], ...]) -> Tensor:
        """The mean of what is painted of the content moved down and right by so many pixels, and moved back:
        [1,3,H,W] in [0,1]."""
        seen = _batch(style, _MAGENTA_STYLE).permute(0, 2, 3, 1).contiguous()
        code = self._run(self.predict, style_image=seen)
        size = _MAGENTA_CONTENT
        rgb = _batch(content, size)
        painted = []
        for y, x in places:
            moved = F.pad(rgb, (x, 0, y, 0), mode="reflect")[:, :, :size, :size]
            nhwc = moved.permute(0, 2, 3, 1).contiguous()
            out = self._run(self.transfer, content_image=nhwc, mobilenet_conv=code)
            back = F.pad(out.permute(0, 3, 1, 2), (0, x, 0, y), mode="reflect")
            painted.append(back[:, :, y:, x:])
        return _resized(torch.stack(painted).mean(dim=0), *content.shape[:2])


class _Conv(nn.Module):
    """Convolution with a border that mirrors the picture."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(
            cin, cout, kernel, stride, kernel // 2, groups=groups, padding_mode="reflect"
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv_layer(x)
        return out


class _Residual(nn.Module):
    """With weight and bias [64] the modulated form, without them the plain one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = _Conv(64, 64, 3), _Conv(64, 64, 3)

    def forward(self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        if weight is None or bias is None:
            out: Tensor = x + self.conv2(F.relu(self.conv1(x)))
            return out
        y = F.relu(weight * self.conv1(x) + bias * x)
        out = x + weight * self.conv2(y) + bias * y
        return out


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enc1 = nn.Sequential(
            _Conv(3, 16, 9), nn.ReLU(),
            _Conv(16, 32, 3, 2, 16), nn.ReLU(), _Conv(32, 32, 1), nn.ReLU(),
            _Conv(32, 64, 3, 2, 32), nn.ReLU(), _Conv(64, 64, 1), nn.ReLU(),
            _Residual(),
        )
        self.enc2 = nn.Sequential(_Residual())

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        first = self.enc1(rgb)
        return first, self.enc2(first)


class _Modulator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for name in ("weight1", "bias1", "weight2", "bias2"):
            self.add_module(name, nn.Sequential(_Conv(64, 64, 3, 1, 64)))

    def forward(self, first: Tensor, second: Tensor) -> list[Tensor]:
        made = ((self.weight1, first), (self.bias1, first), (self.weight2, second), (self.bias2, second))
        return [network(x).mean(dim=(2, 3), keepdim=True) for network, x in made]


class _Twice(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class _Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dec1, self.dec2 = _Residual(), _Residual()
        self.dec3 = nn.Sequential(
            _Twice(), _Conv(64, 32, 3, 1, 32), nn.ReLU(), _Conv(32, 32, 1), nn.ReLU(),
            _Twice(), _Conv(32, 16, 3, 1, 16), nn.ReLU(), _Conv(16, 16, 1), nn.ReLU(),
            _Conv(16, 3, 9),
        )

    def forward(self, content: Tensor, style: tuple[Tensor, Tensor], made: list[Tensor]) -> Tensor:
        weight1, bias1, weight2, bias2 = made
        x = self.dec1(_given(content, style[1]), weight2, bias2)
        x = self.dec2(_given(x, style[0]), weight1, bias1)
        out: Tensor = self.dec3(x)
        return out


def _given(x: Tensor, style: Tensor) -> Tensor:
    """x with the mean and deviation of the style's channels."""
    (mean, std), (wanted, spread) = (
        (m.mean(dim=(2, 3), keepdim=True), (m.var(dim=(2, 3), keepdim=True) + 1e-5).sqrt())
        for m in (x, style)
    )
    return (x - mean) / std * spread + wanted


class MicroAst:
    def __init__(self, folder: Path) -> None:
        self.content, self.style = _Encoder(), _Encoder()
        self.modulator, self.decoder = _Modulator(), _Decoder()
        parts = {"content_encoder": self.content, "style_encoder": self.style,
                 "modulator": self.modulator, "decoder": self.decoder}
        for name, network in parts.items():
            weights = torch.load(folder / f"microast_{name}.pt", "cpu", weights_only=True)
            network.load_state_dict(weights)
            network.eval().requires_grad_(False)

    def __call__(self, content: Tensor, style: Tensor) -> Tensor:
        return _pixels(self.paint(content, style))

    @torch.inference_mode()
    def paint(self, content: Tensor, style: Tensor) -> Tensor:
        """[1,3,H,W], about in [0,1]."""
        painted = self.style(_batch(style))
        shapes = self.content(_batch(content))[1]
        out: Tensor = self.decoder(shapes, painted, self.modulator(*painted))
        return out


class Duet:
    def __init__(self, folder: Path) -> None:
        self.detail, self.tones = Magenta(folder), MicroAst(folder)

    def __call__(self, content: Tensor, style: Tensor) -> Tensor:
        sharp = self.detail.paint(content, style, _LATTICES)
        right = self.tones.paint(content, style).clamp(0.0, 1.0)
        return _pixels(sharp + _low(right - sharp))


def _low(rgb: Tensor) -> Tensor:
    """What a Gaussian of deviation _TONES leaves of rgb [1,3,H,W]."""
    reach = round(3.0 * _TONES)
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1.0) / _TONES).square())
    return metrics.filtered(F.pad(rgb, (reach,) * 4, mode="reflect"), taps / taps.sum())


def load(folder: Path | None, names: tuple[str, ...]) -> dict[str, Painter]:
    """The teachers of the recipe. Those that can't be had are named and left out: a recipe runs
    without them, on paintings and photos alone. TrainingError for a name that nobody has."""
    made: dict[str, Callable[[Path], Painter]] = {
        "magenta": Magenta,
        "microast": MicroAst,
        "duet": Duet,
    }
    found: dict[str, Painter] = {}
    for name in names:
        if name not in made:
            raise TrainingError(f"the recipe names a teacher '{name}'; there are {', '.join(made)}")
        if folder is None:
            print(f"{name} is left out: --teachers names no folder", flush=True)
            continue
        try:
            found[name] = made[name](folder)
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            why = str(error).splitlines()[0]
            print(f"{name} is left out: {why}", flush=True)
    return found
