# SPDX-License-Identifier: MIT
"""Anybody's results of the same pairs: how they are named, the list of pairs, and reading them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .lists import SUFFIXES, InputError, Pictures, open_picture
from .metrics import Pair

_NAMED = 5  # missing results that a message names


def stems(contents: Pictures, styles: Pictures, pairs: Sequence[Pair]) -> list[str]:
    """CONTENT--STYLE of each pair: the pictures' file names without their suffixes."""
    names = [f"{Path(contents.names[c]).stem}--{Path(styles.names[s]).stem}" for c, s in pairs]
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"two pairs have results of the name {name}: rename a picture")
        seen.add(name)
    return names


def write_list(
    path: Path, folders: tuple[Path, Path], lists: tuple[Pictures, Pictures], pairs: Sequence[Pair]
) -> None:
    """Tab-separated: the files of content and style, and the name a result should have."""
    lines = ["content\tstyle\tresult"]
    for (c, s), stem in zip(pairs, stems(*lists, pairs), strict=True):
        files = (folders[0] / lists[0].names[c], folders[1] / lists[1].names[s], f"{stem}.png")
        lines.append("\t".join(map(str, files)))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


class Peer:
    """A folder with a result of every pair."""

    def __init__(self, name: str, folder: Path, wanted: Sequence[str]) -> None:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder of {name}'s results")
        files: dict[str, list[Path]] = {}
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in SUFFIXES:
                files.setdefault(path.stem, []).append(path)
        missing = [stem for stem in wanted if stem not in files]
        if missing:
            more = ", ..." if len(missing) > _NAMED else ""
            raise InputError(
                f"{folder}: {len(missing)} of {name}'s {len(wanted)} results are missing: "
                + ", ".join(f"{stem}.png" for stem in missing[:_NAMED])
                + more
            )
        for stem in wanted:
            if len(files[stem]) > 1:
                both = " and ".join(path.name for path in files[stem])
                raise InputError(f"{folder}: {both} are results of the same pair")
        self.name = name
        self.paths = {stem: files[stem][0] for stem in wanted}

    def read(self, stem: str, size: int) -> Tensor:
        """uint8 [3,size,size]; results of another size are scaled, not cropped."""
        path = self.paths[stem]
        picture = open_picture(path)
        if picture.width != picture.height:
            raise InputError(
                f"{path}: {picture.width} x {picture.height} pixels; results are squares, "
                "as the contents are after cropping"
            )
        if picture.width != size:
            picture = picture.resize((size, size), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1)
