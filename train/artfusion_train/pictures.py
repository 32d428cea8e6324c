# SPDX-License-Identifier: MIT
"""Pictures, decoded once into a file of uint8, [N, size, size, 3]."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from .config import Config

_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}
_MAX_PIXELS = 200_000_000  # a larger picture is passed over before it is decoded
_MIN_SIDE = 64
_MIN_DEVIATION = 4.0  # grey levels; below this a picture is one colour


class PictureError(ValueError):
    """A picture that cannot be trained on; the message says why."""


@dataclass(frozen=True)
class Pictures:
    pixels: Tensor  # uint8 [N, size, size, 3]
    names: list[str]
    photo: NDArray[np.bool_]
    heldout: NDArray[np.bool_]


def read(path: Path, size: int) -> NDArray[np.uint8]:
    """Decodes, honours orientation, covers and centre-crops to size x size RGB."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                if image.width * image.height > _MAX_PIXELS:
                    raise PictureError(f"{image.width} x {image.height} is too large")
                if min(image.size) < _MIN_SIDE:
                    raise PictureError(f"{image.width} x {image.height} is too small")
                image.draft("RGB", (size, size))
                upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PictureError(str(error)) from error
    pixels = np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.BICUBIC))
    if float(pixels.std(axis=(0, 1)).max()) < _MIN_DEVIATION:
        raise PictureError("one colour all over")
    return pixels


def _attempt(path: Path, size: int) -> tuple[bytes, str] | PictureError:
    """A picture's pixels and hash, or why there are none."""
    try:
        return read(path, size).tobytes(), sha256(path)
    except PictureError as error:
        return error


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def heldout_hashes(path: Path) -> set[str]:
    """The SHA-256 of every held-out picture: lines of 'hash  kind/name', # is a comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}


def _folder(config: Config, pictures: Path, name: str) -> list[Path]:
    folder = pictures / name
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES)
    if not files:
        raise SystemExit(f"{folder}: no pictures here")
    return files


def prepare(config: Config, pictures: Path, work: Path) -> None:
    """Decodes every usable picture. What cannot be used is named on stderr and passed over."""
    held = heldout_hashes(config.folder / config.data.heldout)
    files = [(p, False) for p in _folder(config, pictures, config.data.paintings)]
    files += [(p, True) for p in _folder(config, pictures, config.data.photos)]
    size = config.data.size
    work.mkdir(parents=True, exist_ok=True)
    partial = work / "pictures.u8.partial"
    rows: list[tuple[str, str, bool, bool]] = []
    with partial.open("wb") as out, ProcessPoolExecutor(mp_context=get_context("spawn")) as workers:
        paths = [path for path, _ in files]
        results = workers.map(_attempt, paths, [size] * len(files), chunksize=64)
        for (path, photo), result in zip(files, results, strict=True):
            if isinstance(result, PictureError):
                print(f"warning: {path} is passed over: {result}", file=sys.stderr)
                continue
            pixels, digest = result
            rows.append((path.name, digest, photo, digest in held))
            out.write(pixels)
        out.flush()
        os.fsync(out.fileno())
    listing = hashlib.sha256("".join(sorted(f"{d}\n" for _, d, _, _ in rows)).encode())
    partial.replace(work / "pictures.u8")
    index = {"size": size, "list_sha256": listing.hexdigest(), "rows": rows}
    (work / "pictures.json").write_text(json.dumps(index), encoding="utf-8")
    print(f"{len(rows)} pictures, {sum(r[3] for r in rows)} held out, list {listing.hexdigest()}")


def stored(path: Path, dtype: type[np.generic], shape: tuple[int, ...], device: torch.device) -> Tensor:
    """An array in a file: mapped on the CPU, all of it in a GPU's memory."""
    # Mapped as private copies: torch knows no tensor that must not be written to.
    return torch.from_numpy(np.memmap(path, dtype, "c", shape=shape)).to(device)


def load(work: Path, device: torch.device) -> Pictures:
    index = json.loads((work / "pictures.json").read_text(encoding="utf-8"))
    rows, size = index["rows"], index["size"]
    return Pictures(
        stored(work / "pictures.u8", np.uint8, (len(rows), size, size, 3), device),
        [row[0] for row in rows],
        np.array([row[2] for row in rows], bool),
        np.array([row[3] for row in rows], bool),
    )


def listing(work: Path) -> str:
    """SHA-256 of the list of pictures."""
    index = json.loads((work / "pictures.json").read_text(encoding="utf-8"))
    return str(index["list_sha256"])


def cut(images: Tensor, rows: object, y: object, x: object, size: int) -> Tensor:
    """Squares [n,size,size,C] of some of images [N,H,W,C], from given corners on."""
    row, top, left = (on(images.device, value)[:, None, None] for value in (rows, y, x))
    ahead = torch.arange(size, device=images.device)
    return images[row, top + ahead[:, None], left + ahead]


def on(device: torch.device, values: object) -> Tensor:
    """An array or list of numbers as a tensor."""
    return torch.as_tensor(np.asarray(values), device=device)
