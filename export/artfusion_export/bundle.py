# SPDX-License-Identifier: MIT
"""Writes a model file: one TorchScript archive with its manifest inside.

The archive holds one module with the submodules

    encoder.forward(rgb [N,3,H,W] in [-1,1])              -> latent [N,C,h,w]
    decoder.forward(latent [N,C,h,w])                     -> rgb [N,3,H,W], not clamped
    style.forward(rgb [N,3,H,W] in [-1,1])                -> style code [N,width]
    unet.condition(timesteps [T], styles [S,width])       -> modulation [T*S,M], row t*S+s
    unet.denoise(x, content [N,C,h,w], modulation [N,M])  -> prediction [N,C,h,w]
    unet.null_style [width]                                  buffer

and, as the extra record `extra/manifest.json`, what a program must know without running
any of it. `weights_sha256` there covers every record, itself but for its digits included, so that
a changed byte shows.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import itertools
import json
import os
import stat
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

_MANIFEST = "extra/manifest.json"
_ZEROS = "0" * 64  # where the digest's digits come
# fp16 keeps 11 significant bits, bf16 8: rounding of that order is all that may differ.
_SLACK = 1e-5


class BundleError(RuntimeError):
    """The bundle would differ from the networks it was given; nothing is written."""


class _Model(nn.Module):
    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, style: nn.Module, unet: nn.Module
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.style, self.unet = encoder, decoder, style, unet


def _narrow(model: nn.Module, dtype: torch.dtype) -> None:
    """Parameters to `dtype`; float32 buffers (schedules, scalings) keep their precision."""
    for name, parameter in model.named_parameters():
        narrowed = parameter.detach().to(dtype)
        if not bool(torch.isfinite(narrowed).all()):
            raise BundleError(f"{name} has values that {dtype} cannot hold")
        parameter.data = narrowed.contiguous()
        parameter.requires_grad_(False)


def widen(model: torch.nn.Module) -> torch.nn.Module:
    """Does what a loader does: 16-bit tensors become float32, everything else stays."""
    for tensor in [*model.parameters(), *model.buffers()]:
        if tensor.dtype in (torch.float16, torch.bfloat16):
            tensor.data = tensor.data.float()
    return model


def _records(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    """Names without the root folder, and contents, in the directory's order."""
    for info in archive.infolist():
        yield info.filename.split("/", 1)[1], archive.read(info)


def _dump(manifest: dict[str, Any], sha256: str) -> bytes:
    full = {**manifest, "weights_sha256": sha256}
    return json.dumps(full, indent=1, ensure_ascii=False).encode("utf-8")


def _number(value: int) -> bytes:
    return value.to_bytes(8, "little")


def _digest(records: Iterable[tuple[str, bytes]], count: int, version: int) -> str:
    """The digest that docs/model-format.md defines. The manifest is one of the `count` records, with
    zeros for the digits that this returns."""
    digest = hashlib.sha256()
    if version != 1:
        digest.update(b"\2" + _number(count))
    for name, content in records:
        encoded = name.encode("utf-8")
        if version != 1:
            digest.update(_number(len(encoded)) + encoded + _number(len(content)))
            digest.update(hashlib.sha256(content).digest())
        elif name != _MANIFEST:
            digest.update(encoded + b"\0" + content)
    return digest.hexdigest()


def weights_sha256(path: Path) -> str:
    """The digest that the manifest of a model file must have."""
    manifest = read_manifest(path)
    told = str(manifest["weights_sha256"]).encode("utf-8")
    with zipfile.ZipFile(path) as archive:
        records = (
            (name, content.replace(told, _ZEROS.encode("utf-8")) if name == _MANIFEST else content)
            for name, content in _records(archive)
        )
        return _digest(records, len(archive.infolist()), int(manifest["format_version"]))


def read_manifest(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        root = archive.infolist()[0].filename.split("/", 1)[0]
        manifest: dict[str, Any] = json.loads(archive.read(f"{root}/{_MANIFEST}"))
    return manifest


def append_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Makes a TorchScript archive a model file: adds the manifest as its last record."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        records = itertools.chain(_records(archive), [(_MANIFEST, _dump(manifest, _ZEROS))])
        count = len(archive.infolist()) + 1
        sha256 = _digest(records, count, int(manifest["format_version"]))
        root = archive.infolist()[0].filename.split("/", 1)[0]
        # A fixed date: the same networks give the same bytes.
        record = zipfile.ZipInfo(f"{root}/{_MANIFEST}", (1980, 1, 1, 0, 0, 0))
        archive.writestr(record, _dump(manifest, sha256))


@torch.inference_mode()
def _probe(model: Any, manifest: dict[str, Any]) -> list[Tensor]:
    """Calls every entry point once, on sizes and batches that are not the native ones."""
    draw = torch.Generator().manual_seed(0)
    multiple = int(manifest["size"]["multiple"])
    channels, width = int(manifest["latent"]["channels"]), int(manifest["style"]["width"])
    rgb = torch.rand(2, 3, 2 * multiple, 3 * multiple, generator=draw) * 2.0 - 1.0
    latent = model.encoder(rgb)
    shape = (4, channels, latent.shape[2], latent.shape[3])
    styles = torch.cat([model.style(rgb)[:1], model.unet.null_style[None]])
    if styles.shape[1] != width or latent.shape[1] != channels:
        raise BundleError("manifest and networks disagree on the latent or the style width")
    modulation = model.unet.condition(torch.tensor([3.0, 900.0]), styles)
    x = torch.randn(shape, generator=draw)
    content = torch.randn(shape, generator=draw)
    content[1] = 0.0
    prediction = model.unet.denoise(x, content, modulation)
    return [latent, model.decoder(latent), styles, modulation, prediction]


def _check(path: Path, expected: list[Tensor], manifest: dict[str, Any]) -> None:
    loaded = widen(torch.jit.load(str(path), map_location="cpu"))
    for got, wanted in zip(_probe(loaded, manifest), expected, strict=True):
        error = float((got - wanted).abs().max() / wanted.abs().max().clamp_min(1e-30))
        if not error <= _SLACK:
            raise BundleError(f"the written model differs from its networks by {error:.2e}")


def _take_mode(new: Path, old: os.stat_result) -> None:
    """Whoever could not read the file that is replaced cannot read the new one. If its group cannot
    be set, the members of another group get only what everybody has."""
    mode = stat.S_IMODE(old.st_mode)
    try:
        os.chown(new, -1, old.st_gid)
    except OSError:
        mode &= ~0o070 | (mode & 0o007) << 3
    new.chmod(mode)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def write_bundle(
    path: Path,
    *,
    encoder: nn.Module,
    decoder: nn.Module,
    style: nn.Module,
    unet: nn.Module,
    manifest: dict[str, Any],
    dtype: torch.dtype,
) -> None:
    """Scripts the networks, stores their parameters in `dtype`, adds the manifest, and checks
    the file against the networks (with the same rounded weights) before it takes its name.

    The given modules are not changed. Buffers that must keep float32 in the file should be
    buffers, not parameters. Raises BundleError, and leaves no file, if something is wrong.
    """
    model = copy.deepcopy(_Model(encoder, decoder, style, unet)).eval()
    _narrow(model, dtype)
    # In a folder of its own, where nobody else reads what is half done or plants a link in its place.
    with tempfile.TemporaryDirectory(prefix=".artfusion-", dir=path.parent) as folder:
        partial = Path(folder) / f"{path.name}.partial"
        torch.jit.save(torch.jit.script(model), str(partial))
        append_manifest(partial, manifest)
        expected = _probe(widen(model), manifest)
        del model  # two sets of weights at a time are enough
        _check(partial, expected, manifest)
        if path.exists():
            _take_mode(partial, path.stat())
        _sync(partial)
        partial.replace(path)
    with contextlib.suppress(OSError):  # not all file systems can, and the file is in its place
        _sync(path.parent)
