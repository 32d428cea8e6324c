# SPDX-License-Identifier: MIT
"""Lists of pictures: from folders, or just the ones a held-out list names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}
_MIN_SIDE = 64


class InputError(Exception):
    """The input cannot be used; the message is a sentence about it."""


@dataclass(frozen=True)
class Pictures:
    names: list[str]
    pixels: Tensor  # uint8 [N,3,size,size]
    sha256: str  # over the files' SHA-256 in order, one hexadecimal line each


def open_picture(path: Path, size: int | None = None) -> Image.Image:
    """An RGB picture, turned upright; a JPEG may be read smaller, but not below `size` per side."""
    try:
        with Image.open(path) as image:
            if min(image.size) < _MIN_SIDE:
                raise InputError(
                    f"{path}: {image.width} x {image.height} pixels are too few; "
                    f"a side needs at least {_MIN_SIDE}"
                )
            if size:
                image.draft("RGB", (size, size))
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: cannot be read as a picture: {error}") from error


def read(path: Path, size: int) -> Tensor:
    """uint8 [3,size,size]: covered and centre-cropped, as training does."""
    fitted = ImageOps.fit(open_picture(path, size), (size, size), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(fitted)).permute(2, 0, 1)


def heldout(path: Path, kind: str) -> dict[str, str]:
    """Name -> SHA-256 of the lines 'hash  kind/name'; # begins a comment."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a list: {error}") from error
    listed = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        digest, _, rest = line.partition("  ")
        folder, _, name = rest.partition("/")
        if len(digest) != 64 or not name or "/" in name:
            raise InputError(f"{path}, line {number}: not of the form 'sha256  kind/name'")
        if folder == kind:
            listed[name] = digest
    if not listed:
        raise InputError(f"{path}: lists no {kind}")
    return listed


def load(folder: Path, size: int, least: int, listed: dict[str, str] | None = None) -> Pictures:
    """All pictures of a folder by name, or the listed ones, whose hashes must be as listed."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    if listed is None:
        paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    else:
        paths = [folder / name for name in sorted(listed)]
    if len(paths) < least:
        raise InputError(f"{folder}: {len(paths)} pictures; at least {least} are needed")
    digests = []
    for path in paths:
        try:
            digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
        if listed is not None and digests[-1] != listed[path.name]:
            raise InputError(f"{path}: not the picture that is listed: its SHA-256 differs")
    whole = hashlib.sha256("".join(f"{d}\n" for d in digests).encode()).hexdigest()
    return Pictures([p.name for p in paths], torch.stack([read(p, size) for p in paths]), whole)
