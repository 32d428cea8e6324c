# SPDX-License-Identifier: MIT
"""Pillow's pictures. They reach the library as PNG files, so that depth, colour profile and
transparency come out as they do by path; and Pillow reads the formats that the library does not."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any

from ._errors import ArgumentError, FormatError, LimitError

if TYPE_CHECKING:
    import PIL.Image

# What PNG holds as it is, and what has to become something that it holds.
_HELD = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}
_BECOMES = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA"}


def is_picture(value: Any) -> bool:
    """Pillow is not imported to see."""
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(value, pil.Image)


def upright(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Turned as its EXIF says."""
    import PIL.ImageOps

    return PIL.ImageOps.exif_transpose(picture)


def is_plain(picture: PIL.Image.Image) -> bool:
    """Whether its levels are the picture, without anything that says how to read them."""
    says = {"icc_profile", "transparency", "gamma", "chromaticity"}
    return picture.mode == "RGB" and not says & picture.info.keys()


def png(picture: PIL.Image.Image) -> bytes:
    """The file that Pillow's picture may have been opened from, as far as its colours go."""
    from PIL.PngImagePlugin import PngInfo

    info, file, chunks = picture.info, io.BytesIO(), PngInfo()
    if "srgb" in info:
        chunks.add(b"sRGB", bytes([info["srgb"]]))
    if "gamma" in info:
        chunks.add(b"gAMA", _fixed(info["gamma"]))
    if "chromaticity" in info:
        chunks.add(b"cHRM", b"".join(map(_fixed, info["chromaticity"])))
    profile = info.get("icc_profile")
    if picture.mode == "CMYK" and profile:
        picture, profile = _from_cmyk(picture, profile), None
    picture = _held(picture)
    picture.save(file, "PNG", compress_level=1, icc_profile=profile, pnginfo=chunks, exif=b"")
    return file.getvalue()


def _fixed(value: float) -> bytes:
    return round(value * 100_000).to_bytes(4, "big")


def _held(picture: PIL.Image.Image) -> PIL.Image.Image:
    """In a mode that PNG has, with the same look."""
    mode = picture.mode
    if mode == "F":
        low, high = picture.getextrema()
        if not (-0.5 / 255 <= low and high <= 1 + 0.5 / 255):  # type: ignore[operator]
            raise ArgumentError(
                f"the picture is of Pillow's mode F, with values from {low:.6g} to {high:.6g}, "
                "which may mean anything beyond 0 to 1: scale them, or convert('L') levels of 0 to "
                "255"
            )
        return picture.point(lambda level: level * 255 + 0.5).convert("L")
    if mode.startswith("I;16") and mode != "I;16":  # of another order of bytes
        picture = picture.convert("I")
    if picture.mode == "I":
        low, high = picture.getextrema()
        if not 0 <= low <= high <= 65535:  # type: ignore[operator]
            raise ArgumentError(
                f"the picture is of Pillow's mode I, with values from {low} to {high}: 0 to 65535 "
                "is right, and levels of 0 to 255 become right by convert('L')"
            )
        return picture.convert("I;16")
    if mode in _HELD:
        return picture
    return picture.convert(_BECOMES.get(mode, "RGB"))


def _from_cmyk(picture: PIL.Image.Image, profile: bytes) -> PIL.Image.Image:
    from PIL import ImageCms

    ink, screen = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(picture, ink, screen, outputMode="RGB")
    assert converted is not None
    return converted


def opened(source: str | os.PathLike[str] | bytes, max_pixels: int) -> PIL.Image.Image | None:
    """A file of a format that is Pillow's alone; None if it is none, or Pillow is not there."""
    try:
        import PIL.Image
    except ImportError:
        return None
    try:
        picture = PIL.Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
    except PIL.UnidentifiedImageError:
        return None
    except PIL.Image.DecompressionBombError as error:
        raise LimitError(str(error)) from error
    if picture.width * picture.height > max_pixels:
        raise LimitError(
            f"{picture.width}x{picture.height} is more than max_pixels, {max_pixels}"
        )
    try:
        picture.load()
    except Exception as error:  # each of its decoders has its own
        raise FormatError(f"{picture.format}, which Pillow reads: {error}") from error
    return picture
