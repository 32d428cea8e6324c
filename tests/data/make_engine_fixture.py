#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the miniature TorchScript modules that the engine's tests open.

usage: make_engine_fixture.py DIRECTORY

`good.artfusion` has the interface of a model file: 4 latent channels, 8x down, style codes of 6
values. Its functions are simple enough for the C test to know their results in closed form. `half`
and `bfloat16` are the same with weights of 16 bits; every other file is `good` with one fault,
named after it.
"""
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

CHANNELS, DOWN, STYLE = 4, 8, 6


class Encoder(nn.Module):
    """mode[c] = (c + 1) * mean of each 8x8 block of channel c % 3."""

    def forward(self, rgb: Tensor) -> Tensor:
        pooled = nn.functional.avg_pool2d(rgb, 8)
        return torch.stack([pooled[:, c % 3] * float(c + 1) for c in range(4)], 1)


class Decoder(nn.Module):
    """rgb[k] = z[k], each value over an 8x8 block."""

    def forward(self, z: Tensor) -> Tensor:
        # F.interpolate's script has the operators of all modes: an older libtorch may lack one.
        return torch.ops.aten.upsample_nearest2d(z[:, :3], None, [8.0, 8.0])


class Style(nn.Module):
    """code = mean, then maximum of each channel."""

    def forward(self, rgb: Tensor) -> Tensor:
        return torch.cat([rgb.mean((2, 3)), rgb.amax((2, 3))], 1)


class UNet(nn.Module):
    """prediction = x * (1 + row[0]) + content * row[1] + heavy(x) * row[2].

    row = (timestep, (1 + 2**-20) * sum(code[:5]), code[5]). The factor is a float32 buffer that 16
    bits cannot hold; `heavy` is what is worth several threads.
    """

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.register_buffer("null_style", torch.arange(STYLE, dtype=torch.float32) / 8)
        self.register_buffer("factor", torch.tensor(1.0 + 2.0**-20))
        self.conv_in = nn.Conv2d(CHANNELS, 64, 3, padding=1)
        self.conv_out = nn.Conv2d(64, CHANNELS, 3, padding=1)
        self.mix = nn.Linear(64, 64)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) / 8

    @torch.jit.export
    def condition(self, timesteps: Tensor, styles: Tensor) -> Tensor:
        t, s = timesteps.size(0), styles.size(0)
        time = timesteps.unsqueeze(1).expand(t, s)
        total = (self.factor * styles[:, :5].sum(1)).expand(t, s)
        return torch.stack([time, total, styles[:, 5].expand(t, s)], 2).reshape(t * s, 3)

    @torch.jit.export
    def denoise(self, x: Tensor, content: Tensor, modulation: Tensor) -> Tensor:
        row = modulation.unsqueeze(2).unsqueeze(3)
        hidden = nn.functional.silu(self.conv_in(x)).permute(0, 2, 3, 1)
        heavy = self.conv_out(self.mix(hidden).permute(0, 3, 1, 2))
        return x * (1 + row[:, 0:1]) + content * row[:, 1:2] + heavy * row[:, 2:3]


class Bundle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder: nn.Module = Encoder()
        self.decoder: nn.Module = Decoder()
        self.style: nn.Module = Style()
        self.unet: nn.Module = UNet()


class EncoderOfWrongShape(Encoder):
    def forward(self, rgb: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(rgb, 8)


class EncoderOfWrongType(Encoder):
    def forward(self, rgb: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(rgb, 8)[:, [0, 1, 2, 0]].double()


class EncoderOfNoTensor(Encoder):
    def forward(self, rgb: Tensor) -> int:
        return rgb.size(0)


class EncoderThatWrites(Encoder):
    def forward(self, rgb: Tensor) -> Tensor:
        rgb.fill_(7.0)
        return nn.functional.avg_pool2d(rgb, 8)[:, [0, 1, 2, 0]]


class EncoderThatRaises(Encoder):
    def forward(self, rgb: Tensor) -> Tensor:
        if rgb.size(0) > 0:
            raise ValueError("no such picture")
        return rgb


class EncoderThatMismatches(Encoder):
    def forward(self, rgb: Tensor) -> Tensor:
        return torch.mm(rgb[0, 0], rgb[0, 1, :3])


class EncoderThatEatsMemory(Encoder):
    def forward(self, rgb: Tensor) -> Tensor:
        row = rgb.flatten()[:1].expand(1 << 29)
        return row.unsqueeze(0) + row.unsqueeze(1)


class EncoderThatWarns(Encoder):
    """torch warns of one value's deviation, which is NaN."""

    def forward(self, rgb: Tensor) -> Tensor:
        mode = nn.functional.avg_pool2d(rgb, 8)[:, [0, 1, 2, 0]]
        return mode + mode.nan_to_num(0.0) + rgb.flatten()[:1].std().nan_to_num(0.0)


class DecoderOfNaN(Decoder):
    def forward(self, z: Tensor) -> Tensor:
        return torch.ops.aten.upsample_nearest2d(z[:, :3], None, [8.0, 8.0]) * float("nan")


class UNetWithoutDenoise(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("null_style", torch.zeros(STYLE))

    @torch.jit.export
    def condition(self, timesteps: Tensor, styles: Tensor) -> Tensor:
        return timesteps[:, None] + styles


class UNetWithoutNullStyle(UNet):
    def __init__(self) -> None:
        super().__init__()
        del self.null_style
        self.other = nn.Parameter(torch.zeros(STYLE))

    @torch.jit.export
    def condition(self, timesteps: Tensor, styles: Tensor) -> Tensor:
        return timesteps[:, None] + styles


FAULTS = {
    "encoder_shape": ("encoder", EncoderOfWrongShape),
    "encoder_type": ("encoder", EncoderOfWrongType),
    "encoder_no_tensor": ("encoder", EncoderOfNoTensor),
    "encoder_writes": ("encoder", EncoderThatWrites),
    "encoder_raises": ("encoder", EncoderThatRaises),
    "encoder_mismatch": ("encoder", EncoderThatMismatches),
    "encoder_memory": ("encoder", EncoderThatEatsMemory),
    "encoder_warns": ("encoder", EncoderThatWarns),
    "decoder_nan": ("decoder", DecoderOfNaN),
    "no_denoise": ("unet", UNetWithoutDenoise),
    "no_null_style": ("unet", UNetWithoutNullStyle),
}


def save(module: nn.Module, path: Path) -> None:
    torch.jit.save(torch.jit.script(module.eval()), str(path))


def write_all(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    save(Bundle(), directory / "good.artfusion")
    for dtype, name in ((torch.float16, "half"), (torch.bfloat16, "bfloat16")):
        narrow = Bundle()
        for tensor in narrow.parameters():
            tensor.data = tensor.data.to(dtype)
        save(narrow, directory / f"{name}.artfusion")
    for name, (part, make) in FAULTS.items():
        faulty = Bundle()
        setattr(faulty, part, make())
        save(faulty, directory / f"{name}.artfusion")
    without = Bundle()
    del without.decoder
    save(without, directory / "no_decoder.artfusion")
    whole = (directory / "good.artfusion").read_bytes()
    (directory / "cut.artfusion").write_bytes(whole[: len(whole) // 2])
    (directory / "text.artfusion").write_bytes(b"this is no archive\n" * 64)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write_all(Path(sys.argv[1]))
