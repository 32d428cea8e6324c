# SPDX-License-Identifier: MIT
"""Pictures that teachers painted, and their latents: what restyling looks like, by example.

Judged by statistics alone a small network finds motifs that please the judge (docs/training.md); given
a picture to reach, it only has to come near it, and in latents, without one pixel decoded. Each pair
is a content, a style picture looked at from nearer or farther (the brush: a code is made of what is
seen at a scale), and what a teacher made of them. Of several teachers the one whose picture is nearest
to the style and keeps the content is taken, by the style network's features, which judge training and
not its results; and none, where all have failed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from . import config as configs
from . import distances, latents, pictures, stylenet, teachers, train_autoencoder
from .borrowed import metrics
from .loop import TrainingError, mixed

_AT_ONCE = 32
_MEASURED_ON = 150  # paintings, for the unit of style distances
_WINDOW = 64  # pixels, of the spectrum
_NEAREST, _FARTHEST = 3, 12  # pixels, the wavelengths of a texture that repeats
_UNSEEN = 0.1


@dataclass(frozen=True)
class Draw:
    """What one pair is of."""

    content: int  # row of the picture
    style: int
    zoom: float  # 2: the style picture's middle half, enlarged; 0.5: it is shrunk, and mirrored around
    left: float  # where the part that is seen begins, of 0...1
    top: float


def draw(config: configs.Config, index: pictures.Pictures, number: int) -> Draw:
    """The pair of that number, the same in every run."""
    rng = np.random.default_rng((config.seed, number))
    training = ~index.heldout
    s = config.pairs
    contents = index.photo if rng.random() < s.photo_share else ~index.photo
    zoom = s.zooms[int(rng.integers(len(s.zooms)))] if rng.random() < s.zoom_share else 1.0
    return Draw(
        int(rng.choice(np.flatnonzero(training & contents))),
        int(rng.choice(np.flatnonzero(training & ~index.photo))),
        float(zoom),
        *(float(v) for v in rng.random(2)),
    )


def _drawn(line: dict[str, Any]) -> Draw:
    """What a line of the index says."""
    return Draw(**{name: line[name] for name in Draw.__dataclass_fields__})


def seen(picture: Tensor, what: Draw) -> Tensor:
    """The style picture, uint8 [S,S,3], as it is looked at: of the same size."""
    if what.zoom == 1.0:
        return picture
    size = picture.shape[0]
    rgb = picture.permute(2, 0, 1)[None].float()
    side = round(size / what.zoom)
    if what.zoom > 1.0:
        top, left = (round(part * (size - side)) for part in (what.top, what.left))
        rgb = rgb[:, :, top : top + side, left : left + side]
    else:
        # Mirrored beyond its border as often as it takes.
        at = torch.arange(side) % (2 * size)
        at = torch.minimum(at, 2 * size - 1 - at)
        rgb = rgb[:, :, at][:, :, :, at]
    rgb = F.interpolate(rgb, (size, size), mode="bicubic", antialias=True)
    return rgb.round().clamp(0.0, 255.0).to(torch.uint8)[0].permute(1, 2, 0).contiguous()


def _windows(rgb: Tensor) -> Tensor:
    """Overlapping squares of the luma of a picture [3,H,W], [N, side, side]."""
    luma = metrics.luma(rgb[None].float())[0, 0]
    return luma.unfold(0, _WINDOW, _WINDOW // 2).unfold(1, _WINDOW, _WINDOW // 2).flatten(0, 1)


def even(rgb: Tensor) -> Tensor:
    """Which quarter of the windows has least in it."""
    energy = _windows(rgb).var(dim=(1, 2))
    return energy.argsort()[: max(1, len(energy) // 4)]


def repetition(rgb: Tensor, where: Tensor) -> float:
    """How far the loudest frequency in some windows of a picture [3,H,W] in [-1,1] stands out of those
    of about its wavelength, in natural logarithms of energy: a weave or a lattice is energy at a few
    frequencies, and shows in even areas."""
    patches = _windows(rgb)[where]
    hann = torch.hann_window(_WINDOW, device=rgb.device)
    patches = (patches - patches.mean(dim=(1, 2), keepdim=True)) * hann[:, None] * hann
    # What is added is the energy of what no eye sees.
    level = (torch.fft.rfft2(patches).abs().square().mean(dim=0) + _UNSEEN).log()
    fy = torch.fft.fftfreq(_WINDOW, device=rgb.device)[:, None]
    fx = torch.fft.rfftfreq(_WINDOW, device=rgb.device)[None]
    ring = (torch.hypot(fy, fx) * _WINDOW).round()
    out = []
    for r in range(-(-_WINDOW // _FARTHEST), _WINDOW // _NEAREST + 1):
        values = level[ring == r]
        out.append(values.max() - values.median())
    return float(torch.stack(out).max())


class Chooser:
    """What a teacher's picture is worth, and whether it is worth anything."""

    def __init__(self, section: configs.Pairs, spread: Tensor) -> None:
        self.section, self.spread = section, spread
        self.judge = stylenet.pretrained().to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def scores(self, content: Tensor, style: Tensor, results: list[Tensor]) -> list[dict[str, float]]:
        """All uint8 [S,S,3]."""
        rgb = train_autoencoder.to_rgb(torch.stack([content, style, *results]))
        with mixed(rgb.device):
            maps = self.judge.features(rgb)
        flat = even(rgb[0])
        known = max(repetition(rgb[0], flat), repetition(rgb[1], even(rgb[1])))

        def of(i: int) -> list[Tensor]:
            return [m[i : i + 1] for m in maps]

        return [
            {
                "style": round(float(distances.style_distance(of(i), of(1), self.spread)), 4),
                "content": round(float(distances.content_distance(of(i), of(0))), 4),
                "repetition": round(max(0.0, repetition(rgb[i], flat) - known), 4),
            }
            for i in range(2, len(rgb))
        ]

    def best(self, scores: list[dict[str, float]]) -> int | None:
        """The place of the one to learn from; None where all have failed."""
        s = self.section
        left = [
            (score["style"] + s.content_price * score["content"], i)
            for i, score in enumerate(scores)
            if score["content"] <= s.content_limit and score["repetition"] <= s.repetition_limit
        ]
        return min(left)[1] if left else None


def _count(work: Path, size: int) -> int:
    """How many pairs are whole; what a kill or a full disk left of another is cut off."""
    listing, pixels = work / "pairs.jsonl", work / "pairs.u8"
    text = listing.read_bytes() if listing.exists() and pixels.exists() else b""
    head, *lines = text[: text.rfind(b"\n") + 1].splitlines(keepends=True) or [b""]
    if not head:
        listing.unlink(missing_ok=True)
        return 0
    painted = np.cumsum([b'"teacher"' in line for line in lines], dtype=np.int64)
    each = 3 * size * size
    whole = int(np.searchsorted(painted, pixels.stat().st_size // each, side="right"))
    os.truncate(listing, len(head) + sum(map(len, lines[:whole])))
    os.truncate(pixels, int(painted[whole - 1] if whole else 0) * each)
    return whole


def _head(config: configs.Config, work: Path) -> dict[str, str]:
    """What the pairs depend on."""
    return {"identity": configs.identity(config, "pairs"), "pictures": pictures.listing(work)}


def _read(config: configs.Config, work: Path) -> list[dict[str, Any]]:
    """The stored pairs; TrainingError where they are another recipe's, or of other pictures."""
    lines = (work / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    head = _head(config, work)
    for key, value in head.items():
        if json.loads(lines[0]).get(key) != value:
            what = "recipe" if key == "identity" else "list of pictures"
            raise TrainingError(
                f"{work}/pairs.jsonl belongs to another {what}: remove it to paint the pairs again"
            )
    return [json.loads(line) for line in lines[1:]]


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """For torch, inside of threads that are many enough already."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def paint(config: configs.Config, work: Path, folder: Path | None, threads: int) -> None:
    """Has the teachers paint: work/pairs.u8, and pairs.jsonl, which says what of. Goes on from what is
    there; numbers that no teacher could do are listed, without a picture.

    Each thread has teachers of its own and paints pairs of its own: networks of this size gain little
    from two cores."""
    studios = [teachers.load(folder, config.pairs.teachers)]
    if not studios[0]:
        print("no teacher is left: nothing is painted", flush=True)
        return
    studios += [teachers.load(folder, tuple(studios[0])) for _ in range(1, threads)]
    index, size = pictures.load(work, torch.device("cpu")), config.data.size
    listing, pixels = work / "pairs.jsonl", work / "pairs.u8"
    try:
        done = _count(work, size)
        if listing.exists():
            _read(config, work)
        else:
            pixels.write_bytes(b"")
            listing.write_text(json.dumps(_head(config, work)) + "\n", encoding="utf-8")
        chooser = Chooser(config.pairs, _spread(index))
        free: SimpleQueue[dict[str, teachers.Painter]] = SimpleQueue()
        for studio in studios:
            free.put(studio)

        def one(number: int) -> tuple[dict[str, Any], bytes]:
            studio = free.get()
            try:
                return _paint_one(config, index, number, studio, chooser)
            finally:
                free.put(studio)

        with (
            _one_thread_each(),
            ThreadPoolExecutor(len(studios)) as workers,
            pixels.open("ab") as out,
            listing.open("ab") as lines,
        ):
            while done < config.pairs.count:
                end = min(done + _AT_ONCE, config.pairs.count)
                rows, painted = zip(*workers.map(one, range(done, end)), strict=True)
                out.write(b"".join(painted))
                _flush(out)  # the pictures before the lines that promise them
                lines.write("".join(json.dumps(row) + "\n" for row in rows).encode())
                _flush(lines)
                done = end
                print(f"{done}/{config.pairs.count} pairs painted", flush=True)
    except OSError as error:
        raise TrainingError(
            f"{pixels} cannot be written: {error}; the pairs that are whole are kept"
        ) from error


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _spread(index: pictures.Pictures) -> Tensor:
    """Deviations of the style codes of some paintings, in which style distances are counted."""
    rows = np.flatnonzero(~index.heldout & ~index.photo)
    some = index.pixels[rows[:: max(1, len(rows) // _MEASURED_ON)]]
    style = stylenet.pretrained()
    with torch.inference_mode():
        codes = [style(train_autoencoder.to_rgb(part)) for part in some.split(_AT_ONCE)]
        return torch.cat(codes).std(dim=0).clamp_min(1e-3)


def _paint_one(
    config: configs.Config,
    index: pictures.Pictures,
    number: int,
    found: dict[str, teachers.Painter],
    chooser: Chooser,
) -> tuple[dict[str, Any], bytes]:
    """A pair's line of the index, and its picture."""
    what = draw(config, index, number)
    content, style = index.pixels[what.content], seen(index.pixels[what.style], what)
    results = [painter(content, style) for painter in found.values()]
    scores = chooser.scores(content, style, results)
    best = chooser.best(scores)
    if best is None:
        return {"left_out": number, "scores": dict(zip(found, scores, strict=True))}, b""
    line = {**vars(what), "teacher": list(found)[best], "scores": scores[best]}
    return line, results[best].numpy().tobytes()


@torch.inference_mode()
def encode(config: configs.Config, work: Path, device: torch.device) -> None:
    """Writes work/pairs.f16 and pairs.json: each pair's latent and the code of its style as it was
    looked at. Goes on from what is there, unless that is another autoencoder's."""
    _count(work, config.data.size)
    if not (work / "pairs.jsonl").exists():
        print("there are no pairs: training goes without them", flush=True)
        return
    index = pictures.load(work, torch.device("cpu"))
    rows = [row for row in _read(config, work) if "teacher" in row]
    autoencoder = train_autoencoder.load(config, work, device)
    style = stylenet.pretrained().to(device, memory_format=torch.channels_last)
    low, size, channels = config.data.size // 8, config.data.size, config.autoencoder.latent_channels
    each = channels * low * low + stylenet.STYLE_WIDTH
    digest, described = latents.digest(autoencoder), work / "pairs.json"
    done = 0
    if described.exists():
        before = json.loads(described.read_text(encoding="utf-8"))
        done = min(before["count"], len(rows)) if before["autoencoder"] == digest else 0
    described.unlink(missing_ok=True)  # until it is true again
    shape = (len(rows), size, size, 3)
    pixels = pictures.stored(work / "pairs.u8", np.uint8, shape, torch.device("cpu"))
    path = work / "pairs.f16"
    try:
        with path.open("r+b" if done else "wb") as out:
            out.truncate(2 * each * done)
            out.seek(0, os.SEEK_END)
            for at in range(done, len(rows), _AT_ONCE):
                some = [_drawn(row) for row in rows[at : at + _AT_ONCE]]
                looked = torch.stack([seen(index.pixels[what.style], what) for what in some])
                rgb = train_autoencoder.to_rgb(pixels[at : at + _AT_ONCE].to(device))
                with mixed(device):
                    z = autoencoder.encoder(rgb)
                    codes = style(train_autoencoder.to_rgb(looked.to(device)))
                both = torch.cat([z.float().flatten(1), codes.float()], dim=1)
                out.write(both.half().cpu().numpy().tobytes())
                if at // _AT_ONCE % 20 == 0:
                    print(f"{at}/{len(rows)} pairs encoded", flush=True)
            _flush(out)
        now = {"autoencoder": digest, "count": len(rows)}
        described.write_text(json.dumps(now), encoding="utf-8")
    except OSError as error:
        raise TrainingError(f"{path} cannot be written: {error}; run 'pairs' again") from error


@dataclass(frozen=True)
class Pairs:
    """All on one device."""

    both: Tensor  # float16 [N, latent and style code]
    shape: tuple[int, ...]  # of a latent
    contents: NDArray[np.int64]  # rows of the pictures
    manners: NDArray[np.int64]  # rows of the style pictures
    drawn: list[Draw]
    pixels: Tensor  # uint8 [N,S,S,3], what the teachers painted

    def latents(self, which: NDArray[np.int64]) -> Tensor:
        """Not scaled, float32."""
        rows = self.both[pictures.on(self.both.device, which)]
        return rows[:, : -stylenet.STYLE_WIDTH].float().unflatten(1, self.shape)

    def codes(self, which: NDArray[np.int64]) -> Tensor:
        return self.both[pictures.on(self.both.device, which)][:, -stylenet.STYLE_WIDTH :].float()


def load(config: configs.Config, work: Path, device: torch.device, autoencoder: str) -> Pairs | None:
    """The encoded pairs, None where there are none; TrainingError where they are another
    autoencoder's. autoencoder: the digest of that whose latents are trained on."""
    if config.unet.pair_share == 0.0:
        return None
    path = work / "pairs.f16"
    if not path.exists():
        print("there are no pairs: training goes without them", flush=True)
        return None
    try:
        index = json.loads((work / "pairs.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrainingError(f"{path} is incomplete: run 'pairs' again") from None
    if index["autoencoder"] != autoencoder:
        raise TrainingError(f"{path} belongs to another autoencoder: run 'pairs' again")
    low, count = config.data.size // 8, index["count"]
    shape = (config.autoencoder.latent_channels, low, low)
    width = int(np.prod(shape)) + stylenet.STYLE_WIDTH
    rows = [row for row in _read(config, work) if "teacher" in row][:count]
    both = pictures.stored(path, np.float16, (count, width), device)
    size = config.data.size
    pixels = pictures.stored(work / "pairs.u8", np.uint8, (count, size, size, 3), device)
    drawn = [_drawn(row) for row in rows]
    contents, manners = (np.array([getattr(w, side) for w in drawn]) for side in ("content", "style"))
    return Pairs(both, shape, contents, manners, drawn, pixels)
