# SPDX-License-Identifier: MIT
"""The judges and the contestants."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from . import peers, report, resampling, surface
from .baselines import reinhard
from .judge import found, pretrained
from .metrics import Pair, Scorer, as_rgb, compare, hubs_discounted, joined, scores, summary
from .pairs import Pairs, evenly
from .painter import Cost, Painter, Settings, choose_library
from .report import Row

# Of the contents and the styles of some pairs, one of each a pair, and these pairs: pictures.
Method = Callable[[Tensor, Tensor, Sequence[Pair]], Tensor]


class Progress:
    """One line on stderr: rewritten on a terminal, else a new one every half minute."""

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total, self.done = name, total, 0
        self.begin = self.told = time.monotonic()

    def add(self, count: int) -> None:
        self.done += count
        now, terminal = time.monotonic(), sys.stderr.isatty()
        if not terminal and now - self.told < 30:
            return
        self.told = now
        left = (now - self.begin) / self.done * (self.total - self.done)
        line = f"{self.name}: {self.done} of {self.total} pictures, {left:.0f} s left"
        if terminal:
            line = "\r\x1b[K" + (line if self.done < self.total else "")
        print(line, end="" if terminal else "\n", file=sys.stderr, flush=True)


class Contest(Pairs):
    """The lists, the judges, and the contestants that need no model: baselines and peers."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.peers = [peers.Peer(name, folder, self.stems) for name, folder in options.peer]
        on_gpu = options.device != "cpu" and torch.cuda.is_available()
        self.judge = pretrained().to("cuda" if on_gpu else "cpu")
        self.scorer = Scorer(self.judge, self.contents.pixels, self.styles.pixels)
        self.surface = surface.Surface(self.styles.pixels)
        self.weights = resampling.weights(self.pairs)
        self.batch: int = options.batch
        self.out: Path | None = options.out

    def _run(
        self, name: str, contents: Tensor, styles: Tensor, pairs: Sequence[Pair], method: Method
    ) -> Iterator[tuple[Sequence[Pair], Tensor]]:
        """The method's pictures, a batch at a time, and their pairs."""
        progress = Progress(name, len(pairs))
        for i in range(0, len(pairs), self.batch):
            chunk = pairs[i : i + self.batch]
            of_chunk = contents[[c for c, _ in chunk]], styles[[s for _, s in chunk]]
            yield chunk, method(*of_chunk, chunk)
            progress.add(len(chunk))

    def baselines(self) -> dict[str, Method]:
        return {
            "the photo": lambda contents, styles, _: contents,
            "the painting": lambda contents, styles, _: styles,
            "colour transfer": lambda contents, styles, _: reinhard(contents, styles),
        }

    def peer(self, peer: peers.Peer) -> Row:
        stems = dict(zip(self.pairs, self.stems, strict=True))

        def read(contents: Tensor, styles: Tensor, pairs: Sequence[Pair]) -> Tensor:
            size = self.contents.pixels.shape[-1]
            return torch.stack([peer.read(stems[pair], size) for pair in pairs])

        return self.transfer(peer.name, read, keep=False)

    def transfer(self, name: str, method: Method, keep: bool = True) -> Row:
        """Scores over all pairs; the results are written where --out says."""
        folder = self.out / name.replace(" ", "-") if self.out and keep else None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        looks, surfaces = [], []
        stems = dict(zip(self.pairs, self.stems, strict=True))
        contents, styles = self.contents.pixels, self.styles.pixels
        for chunk, results in self._run(name, contents, styles, self.pairs, method):
            looks.append(self.scorer.measure(results, chunk))
            surfaces.append(self.surface.measure(results, chunk))
            if folder:
                for pair, picture in zip(chunk, as_rgb(results).round().byte(), strict=True):
                    report.save(folder / f"{stems[pair]}.png", picture)
        columns = joined(looks)
        style = torch.tensor([s for _, s in self.pairs])
        columns["style_csls"] = found(hubs_discounted(columns["to_style"]), style, 1)
        row = Row()
        for values, of in ((columns, scores), (joined(surfaces), surface.scores)):
            row.scores |= resampling.plain(values, of)
            row.intervals |= resampling.intervals(values, of, self.weights)
        return row


class ModelContest(Contest):
    """The same, and a model."""

    def __init__(self, options: argparse.Namespace, device: int, precision: int) -> None:
        choose_library(options.library)
        super().__init__(options)
        self.painter = Painter(options.model, options.size, device, precision)

    def baselines(self) -> dict[str, Method]:
        adain = self.painter.adain
        return super().baselines() | {
            "latent AdaIN": lambda contents, styles, _: adain(contents, styles)
        }

    def _painting(self, settings: Settings, cost: Cost | None = None) -> Method:
        return lambda contents, styles, pairs: self.painter.paint(
            contents, styles, pairs, settings, cost
        )

    def model(self, name: str, settings: Settings, diverse: int) -> Row:
        """The model's scores, what it cost, and how much `diverse` pairs vary with the seed."""
        cost = Cost()
        row = self.transfer(name, self._painting(settings, cost))
        row.scores |= cost.summary()
        some = [self.pairs[i] for i in evenly(diverse, len(self.pairs))]
        if some:
            other = dataclasses.replace(settings, seed=settings.seed + 1)
            both = [self.paint("diversity", some, seed) for seed in (settings, other)]
            a, b = (as_rgb(results.to(self.scorer.device)) for results in both)
            row.scores["diversity"] = float(self.judge.feature_distance(a, b).mean())
        return row

    def paint(self, name: str, pairs: Sequence[Pair], settings: Settings) -> Tensor:
        contents, styles = self.contents.pixels, self.styles.pixels
        runs = self._run(name, contents, styles, pairs, self._painting(settings))
        return torch.cat([results for _, results in runs])

    def reconstructions(self, settings: Settings) -> Iterator[tuple[str, dict[str, float]]]:
        """How pictures are reproduced: through the autoencoder, and painted in their own style."""
        methods: dict[str, Method] = {
            "autoencoder": lambda contents, styles, _: self.painter.reconstruct(contents),
            "own style": self._painting(settings),
        }
        for how, method in methods.items():
            for kind, pictures in (("paintings", self.styles), ("photos", self.contents)):
                name, x = f"{how}, {kind}", pictures.pixels
                runs = self._run(name, x, x, [(i, i) for i in range(len(x))], method)
                parts = [
                    compare(self.judge, results, x[[i for i, _ in chunk]])
                    for chunk, results in runs
                ]
                yield name, summary(parts)

    def sheet(self, path: Path, shape: tuple[int, int], settings: Settings) -> None:
        contents, styles = self.contents.pixels, self.styles.pixels
        down, across = evenly(shape[0], len(contents)), evenly(shape[1], len(styles))
        results = self.paint("sheet", [(c, s) for c in down for s in across], settings)
        report.sheet(path, contents[down], styles[across], results)
