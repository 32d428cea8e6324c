# SPDX-License-Identifier: MIT
"""The arithmetic of 16 bits against float32: every pattern that the engine replaces, at sizes that
fit its blocks and at sizes that do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import artfusion_c as af
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from artfusion_export.bundle import read_manifest, write_bundle
from conftest import TREE
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

FloatArray = NDArray[np.float32]
CHANNELS = 6
MINI = TREE / "models" / "mini.artfusion"


class Convolved(nn.Module):
    """A convolution as large as its input, its border as given."""

    def __init__(self, cin: int, cout: int, size: int, **options: object) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, size, padding=size // 2, **options)  # type: ignore[arg-type]
        self.back = nn.Conv2d(cout, cin, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.back(self.conv(x))


class Normalised(nn.Module):
    """What stands before and after a convolution in a residual block; factors are a channel's, or,
    where `everywhere` is set, a pixel's own."""

    def __init__(self, channels: int, everywhere: bool, activation: bool) -> None:
        super().__init__()
        self.norm_in = nn.GroupNorm(3, channels)
        self.conv_in = nn.Conv2d(channels, 10, 3, padding=1)
        self.conv_out = nn.Conv2d(10, channels, 3, padding=1)
        self.scale = nn.Parameter(torch.randn(1, 10, 1, 1))
        self.shift = nn.Parameter(torch.randn(1, 10, 1, 1))
        self.gate = nn.Parameter(torch.randn(1, channels, 1, 1))
        self.everywhere, self.activation = everywhere, activation

    def forward(self, x: Tensor) -> Tensor:
        scale, gate = self.scale, self.gate
        if self.everywhere:
            place = torch.tanh(x[:, :1])
            scale, gate = scale * place, gate * place
        h = self.conv_in(F.silu(self.norm_in(x)))
        h = F.group_norm(h, 5) * (1.0 + scale) + self.shift
        if self.activation:
            h = F.silu(h)
        return x + gate * self.conv_out(h)


class Wide(nn.Module):
    """So many channels that a convolution is computed two pixels at a time."""

    def __init__(self, channels: int, cin: int, cout: int, mode: str) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, cin, 1)
        self.norm = nn.GroupNorm(1, cin)
        self.middle = nn.Conv2d(cin, cout, 3, padding=1, padding_mode=mode)
        self.last = nn.Conv2d(cout, channels, 3, padding=1, padding_mode=mode)
        self.gate = nn.Parameter(torch.randn(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        h = self.middle(F.silu(self.norm(self.first(x))))
        return x + self.gate * self.last(h)


class Broadcast(nn.Module):
    """Factors and sums along columns and from one pixel: no channel's, whatever their sizes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.columns = nn.Parameter(torch.randn(channels))
        self.width = channels

    def forward(self, x: Tensor) -> Tensor:
        row = x[:, :, :1, :1].expand(-1, -1, 1, self.width)  # as wide as there are channels
        h = F.group_norm(row, 2) * self.columns + self.columns
        h = self.conv(F.silu(h)) * self.columns + row
        one = self.conv(x[:, :, :1, :1]) + x
        return one + h.mean(dim=(2, 3), keepdim=True)


class Attended(nn.Module):
    def __init__(self, channels: int, heads: int, width: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(2, channels)
        self.qkv = nn.Linear(channels, 3 * heads * width)
        self.out = nn.Linear(heads * width, channels)
        self.gate = nn.Parameter(torch.randn(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.qkv(self.norm(x).flatten(2).transpose(1, 2))
        q, k, v = tokens.unflatten(2, (self.heads, -1)).transpose(1, 2).chunk(3, dim=3)
        h = F.scaled_dot_product_attention(3.0 * q, k, v)
        h = self.out(h.transpose(1, 2).flatten(2))
        return x + self.gate * h.transpose(1, 2).reshape(x.shape)


class Sharpened(nn.Module):
    """Group normalisation and a convolution that nothing else belongs to."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        shared = self.norm(x)
        return F.silu(shared) + shared * 0.5 + self.conv(shared)


class LayerNormalised(nn.Module):
    """Channels by their own mean, in the type of the convolution before."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.mix = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(self.norm(x.movedim(1, 3))).movedim(3, 1)


class Halved(nn.Module):
    """Stride 2, with borders right and bottom only, and back by an enlargement of the given kind."""

    def __init__(self, channels: int, mode: str, size: int, named: bool = False) -> None:
        super().__init__()
        self.named = named
        self.down = nn.Conv2d(channels, 2 * channels, 3, stride=2)
        self.up = nn.Conv2d(2 * channels, channels, size, padding=size // 2, padding_mode=mode)

    def forward(self, x: Tensor) -> Tensor:
        h = self.down(F.pad(x, (0, 1, 0, 1)))
        if self.named:
            return x + self.up(torch.ops.aten.upsample_nearest2d(h, None, [2.0, 2.0]))
        return x + self.up(F.interpolate(h, scale_factor=2.0, mode="nearest"))


class Unpadded(nn.Module):
    """One number a picture, of a convolution that sees what is inside alone."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x).mean(dim=(2, 3), keepdim=True)


class WrittenInPlace(nn.Module):
    """What a fusion that moves reads past the write would get wrong."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        kept = x.clone()
        y = self.conv(kept)
        kept.mul_(3.0)
        return kept + y


def _patterns() -> Iterator[tuple[str, Callable[[], nn.Module]]]:
    c = CHANNELS
    yield "3x3", lambda: Convolved(c, c, 3)
    yield "many panels, odd channels", lambda: Convolved(c, 131, 3)
    yield "1x1 without bias", lambda: Convolved(c, 17, 1, bias=False)
    yield "5x5", lambda: Convolved(c, 9, 5)
    yield "replicated border", lambda: Convolved(c, 16, 3, padding_mode="replicate")
    yield "reflected border", lambda: Convolved(c, 16, 3, padding_mode="reflect")
    yield "depthwise", lambda: Convolved(c, c, 3, groups=c)
    yield "modulated", lambda: Normalised(c, False, True)
    yield "modulated without SiLU", lambda: Normalised(c, False, False)
    yield "modulated pixel by pixel", lambda: Normalised(c, True, True)
    yield "wide", lambda: Wide(c, 133, 150, "zeros")
    yield "wide, replicated", lambda: Wide(c, 128, 128, "replicate")
    yield "columns' factors", lambda: Broadcast(c)
    yield "without borders", lambda: Unpadded(c)
    yield "attention", lambda: Attended(c, 3, 8)
    yield "one odd head", lambda: Attended(c, 1, 7)
    yield "shared normalisation", lambda: Sharpened(c)
    yield "layer normalisation", lambda: LayerNormalised(c)
    yield "stride and enlargement", lambda: Halved(c, "zeros", 3)
    yield "enlargement by its operator", lambda: Halved(c, "zeros", 3, named=True)
    yield "enlargement, replicated", lambda: Halved(c, "replicate", 3)
    yield "enlargement, 5x5", lambda: Halved(c, "zeros", 5)
    yield "written in place", lambda: WrittenInPlace(c)


PATTERNS = dict(_patterns())


class Decoder(nn.Module):
    """z[N, C, h, w] -> rgb[N, 3, h, w]: a convolution, so that what follows is in 16 bits, and the
    pattern."""

    def __init__(self, pattern: nn.Module) -> None:
        super().__init__()
        self.first = nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False)
        nn.init.dirac_(self.first.weight)
        self.pattern = pattern
        self.register_buffer("out", torch.randn(3, CHANNELS))

    def forward(self, z: Tensor) -> Tensor:
        return torch.einsum("oc,nchw->nohw", self.out, self.pattern(self.first(z)).float())


class Encoder(nn.Module):
    def forward(self, rgb: Tensor) -> Tensor:
        return torch.cat((rgb, -rgb), dim=1)


class Style(nn.Module):
    def forward(self, rgb: Tensor) -> Tensor:
        return rgb.mean(dim=(2, 3))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("null_style", torch.zeros(3))

    @torch.jit.export
    def condition(self, timesteps: Tensor, styles: Tensor) -> Tensor:
        return timesteps.repeat_interleave(styles.shape[0])[:, None]

    @torch.jit.export
    def denoise(self, x: Tensor, content: Tensor, modulation: Tensor) -> Tensor:
        return x + content


class Sharing(UNet):
    """Both methods of it use the same weights, one of them twice."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(3, 3)

    @torch.jit.export
    def condition(self, timesteps: Tensor, styles: Tensor) -> Tensor:
        return self.mix(styles).repeat(timesteps.shape[0], 1)

    @torch.jit.export
    def denoise(self, x: Tensor, content: Tensor, modulation: Tensor) -> Tensor:
        factor = self.mix(torch.tanh(self.mix(modulation)))
        return (x + content) * factor[:, :1, None, None].float()


@pytest.fixture(scope="module")
def manifest(tiny_model: Path) -> dict[str, object]:
    changes = {
        "latent": {"channels": CHANNELS, "downsample": 1, "shift": [0.0] * CHANNELS,
                   "scale": [1.0] * CHANNELS},
        "style": {"width": 3, "min_size": 1},
    }  # fmt: skip
    kept = {k: v for k, v in read_manifest(tiny_model).items() if k != "weights_sha256"}
    return kept | changes


def write_pattern(path: Path, name: str, manifest: dict[str, object]) -> None:
    torch.manual_seed(5)
    multiple = 2 if "enlargement" in name else 1
    size = {"multiple": multiple, "native_width": 26, "native_height": 18}
    write_bundle(
        path,
        encoder=Encoder(),
        decoder=Decoder(PATTERNS[name]()),
        style=Style(),
        unet=UNet(),
        manifest=manifest | {"size": size},
        dtype=torch.float32,
    )


def decoded(path: Path, precision: int, z: FloatArray, threads: int = 1) -> FloatArray:
    with (
        af.Context(threads=threads, precision=precision) as context,
        af.Model(context, path) as model,
    ):
        return model.decode(z)


def computes_in_bfloat16() -> bool:
    with af.Context() as context, af.Model(context, MINI) as model:
        return bool(model.info().arithmetic == b"bfloat16")


def test_a_cpu_that_may_not_multiply_bfloat16_computes_in_float32() -> None:
    """oneDNN's own switch takes it away: nothing may break, and the user is told."""
    command = [os.environ["ARTFUSION_COMMAND"], "info", "--json", str(MINI)]
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["arithmetic"] == "float32"


def difference(a: FloatArray, b: FloatArray) -> float:
    return float(np.abs(a - b).max() / np.abs(b).max())


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_the_same_in_16_bits(
    name: str, manifest: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "pattern.artfusion"
    write_pattern(path, name, manifest)
    sizes = [(18, 26), (2, 134), (34, 32)]
    if "enlargement" not in name:
        sizes += [(17, 9)]
    for height, width in sizes:
        draw = np.random.Generator(np.random.PCG64(height))
        z = draw.standard_normal((2, CHANNELS, height, width), dtype=np.float32)
        z = torch.from_numpy(z).bfloat16().float().numpy()  # the first convolution is exact
        exact = decoded(path, af.PRECISION_FLOAT32, z)
        for precision in (af.PRECISION_BFLOAT16, af.PRECISION_FLOAT16):
            got = decoded(path, precision, z)
            bound = 1.5e-2 if precision == af.PRECISION_BFLOAT16 else 2e-3
            least = -1.0 if name == "written in place" else 0.0  # nothing is replaced there
            assert least < difference(got, exact) < bound, (height, width, precision)
        if computes_in_bfloat16():  # torch's own operators promise nothing of the kind
            one, two = (decoded(path, af.PRECISION_BFLOAT16, z, threads) for threads in (1, 2))
            assert np.array_equal(one, two), (height, width)


class TypesTogether(TorchDispatchMode):
    """Which operators are given floating-point tensors of several types. Those that compute value by
    value, join, or copy take them on every device; of the others, kernels for CUDA do not."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.mixed: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        flat = torch.utils._pytree.tree_leaves((args, kwargs))
        given = {a.dtype for a in flat if isinstance(a, Tensor) and a.is_floating_point()}
        name = str(func.overloadpacket)
        self.seen.add(name)
        if len(given) > 1 and torch.Tag.pointwise not in func.tags and name not in TAKE_ANY:
            self.mixed.add(name)
        return func(*args, **(kwargs or {}))


TAKE_ANY = {"aten.cat", "aten.copy_", "aten.type_as"}


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_mixes_types_that_a_gpu_does_not(
    name: str, manifest: dict[str, object], tmp_path: Path
) -> None:
    """In float16, for which every processor has torch's operators."""
    path, types = tmp_path / "pattern.artfusion", TypesTogether()
    write_pattern(path, name, manifest)
    with (
        af.Context(precision=af.PRECISION_FLOAT16) as context,
        af.Model(context, path) as model,
        types,
    ):
        model.decode(np.ones((1, CHANNELS, 18, 26), np.float32))
    assert "aten.conv2d" in types.seen
    assert not types.mixed


@pytest.mark.parametrize("published", [False, True])
def test_no_model_mixes_types_that_a_gpu_does_not(published: bool, tiny_model: Path) -> None:
    types, side = TypesTogether(), 128
    pixels = np.random.default_rng(2).integers(0, 256, (side, side, 3), dtype=np.uint8)
    with (
        af.Context(precision=af.PRECISION_FLOAT16) as context,
        af.Model(context, tiny_model if published else MINI) as model,
        af.Image.from_array(pixels) as image,
        af.Sampler(model, width=side, height=side, batch=1, steps=2) as sampler,
        types,
    ):
        sampler.set_content(image)
        sampler.set_style(model.style(image))
        sampler.run()
        sampler.image()
    assert types.seen >= {"aten.conv2d", "aten.group_norm"}
    assert not types.mixed


def write_networks(path: Path, manifest: dict[str, object], decoder: nn.Module, unet: nn.Module) -> None:
    size = {"multiple": 1, "native_width": 8, "native_height": 8}
    write_bundle(
        path, encoder=Encoder(), decoder=decoder, style=Style(), unet=unet,
        manifest=manifest | {"size": size}, dtype=torch.float16,
    )  # fmt: skip


def test_weights_that_several_uses_share(manifest: dict[str, object], tmp_path: Path) -> None:
    """A weight leaves the file's module with the last use of all methods, not with the first."""
    path, draw = tmp_path / "sharing.artfusion", np.random.default_rng(3)
    torch.manual_seed(7)
    unet = Sharing().half().float()  # as the file has it
    write_networks(path, manifest, Decoder(nn.Identity()), unet)
    x, content = (draw.standard_normal((2, CHANNELS, 4, 5), np.float32) for _ in range(2))
    styles = draw.standard_normal((2, 3), np.float32)
    given = [torch.from_numpy(a) for a in (x, content)]
    with torch.no_grad():
        expected = torch.cat(
            [
                unet.denoise(
                    *(part[i : i + 1] for part in given),
                    unet.condition(torch.zeros(1), torch.from_numpy(styles[i : i + 1])),
                )
                for i in range(2)
            ]
        ).numpy()
    for precision, bound in ((af.PRECISION_FLOAT32, 1e-5), (af.PRECISION_BFLOAT16, 3e-2),
                             (af.PRECISION_FLOAT16, 1e-2)):  # fmt: skip
        with af.Context(precision=precision) as context, af.Model(context, path) as model:
            got = model.denoise(x, np.zeros(2, np.int32), content, styles)
        assert difference(got, expected) < bound, precision


MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.parametrize(
    ("name", "instructions"),
    [("float32", "DEFAULT"), ("bfloat16", "DEFAULT"), ("bfloat16", "AVX2"), ("float16", "DEFAULT")],
)
def test_opening_needs_little_more_memory_than_the_model(
    name: str, instructions: str, manifest: dict[str, object], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Of the file's weights and those laid out for the engine, one layer stands twice, not all."""
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", instructions)

    def peak(layers: int) -> float:
        path = tmp_path / f"{layers}.artfusion"
        deep = nn.Sequential(nn.Conv2d(CHANNELS, 1024, 1), *(nn.Conv2d(1024, 1024, 3, padding=1) for _ in range(layers)),
                             nn.Conv2d(1024, CHANNELS, 1))  # fmt: skip
        write_networks(path, manifest, Decoder(deep), UNet())
        command = [os.environ["ARTFUSION_COMMAND"], "info", "--precision", name, str(path)]
        # By a small process between: a peak counts from the fork on, and this process is large.
        measured = [sys.executable, "-ISc", MEASURE, *command]
        done = subprocess.run(measured, capture_output=True, text=True, check=True, timeout=60)
        return float(done.stdout) * 1024.0

    layers, weights = 6, 6 * 9 * 1024 * 1024
    # F(2, 3) has four taps for three.
    wide = name == "bfloat16" and instructions == "DEFAULT" and computes_in_bfloat16()
    stays = weights * (4 if name == "float32" else 8 / 3 if wide else 2)
    assert peak(layers) - peak(0) < 1.25 * stays


def test_an_error_in_a_network_is_a_sentence(manifest: dict[str, object], tmp_path: Path) -> None:
    """It is told from functions of the file, of which the engine has kept no module."""
    path = tmp_path / "pattern.artfusion"
    write_pattern(path, "reflected border", manifest)
    z = np.zeros((1, CHANNELS, 1, 1), np.float32)  # nothing to reflect
    for precision in (af.PRECISION_FLOAT32, af.PRECISION_BFLOAT16, af.PRECISION_FLOAT16):
        with pytest.raises(af.ArtfusionError, match="[Pp]adding size should be less"):
            decoded(path, precision, z)


def test_a_kernel_larger_than_its_input_is_an_error(
    manifest: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "pattern.artfusion"
    write_pattern(path, "without borders", manifest)
    z = np.zeros((1, CHANNELS, 1, 5), np.float32)  # at stride 2, one line less than none is none
    for precision in (af.PRECISION_FLOAT32, af.PRECISION_BFLOAT16):
        with pytest.raises(af.ArtfusionError, match="[Kk]ernel"):
            decoded(path, precision, z)


def stylised(precision: int, size: int) -> NDArray[np.uint8]:
    images = TREE / "examples" / "images"
    with (
        af.Context(precision=precision) as context,
        af.Model(context, MINI) as model,
        af.Image.load(str(images / "pagoda.jpg")) as content,
        af.Image.load(str(images / "van-gogh.jpg")) as style,
        af.Sampler(model, width=size, height=size, batch=1) as sampler,
    ):
        sampler.set_content(content.resize(size, size))
        sampler.set_style(model.style(style))
        sampler.run()
        return sampler.image().array()


@pytest.mark.parametrize("size", [256, 320])
def test_pictures_of_the_default_model_are_those_of_float32(size: int) -> None:
    exact = stylised(af.PRECISION_FLOAT32, size).astype(np.float64)
    got = stylised(af.PRECISION_BFLOAT16, size).astype(np.float64)
    error = np.mean((got - exact) ** 2)
    assert error > 0.0
    assert 10.0 * np.log10(255.0**2 / error) >= 35.0
