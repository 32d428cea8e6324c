# SPDX-License-Identifier: MIT
"""The published network at its own size with synthetic weights: what all peers run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

TREE = Path(__file__).resolve().parents[2]
_DATA = TREE / "tests" / "data"
for _folder in (TREE / "export", TREE / "bindings" / "python"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

DOWN, CHANNELS, STYLE_WIDTH = 16, 16, 2944
GFLOP = 27.75  # a pass over a latent of 16 x 16, and as much more as that grows


def make_model(folder: Path) -> Path:
    """The model file, which is made at its first use: 20 seconds, 0.5 GB."""
    model = folder / "published-size.artfusion"
    if not model.exists():
        folder.mkdir(parents=True, exist_ok=True)
        checkpoint = folder / "synthetic.ckpt"
        make = [_DATA / "make_checkpoint.py", _DATA / "keys_full.tsv", "-o", checkpoint]
        export = ["-m", "artfusion_export", checkpoint, "-o", model, "--dtype", "float16"]
        for command, where in ((make, TREE), (export, TREE / "export")):
            words = [sys.executable, *map(str, command)]
            subprocess.run(words, cwd=where, check=True, stdout=sys.stderr)
        checkpoint.unlink()
    return model


def load_networks(model: Path) -> Any:
    """The networks of a model file as PyTorch modules, float32: encoder, decoder, style, unet."""
    import torch
    from artfusion_export.config import autoencoder_shape, settings_from, unet_shape
    from artfusion_export.convert import build_networks

    keys = (line.split("\t") for line in (_DATA / "keys_full.tsv").read_text().splitlines())
    shapes = {key: tuple(int(n) for n in shape.split(",") if n) for key, shape in keys}
    networks = build_networks(
        unet_shape(shapes, settings_from(None, None)), autoencoder_shape(shapes)
    )
    stored = torch.jit.load(str(model), map_location="cpu")
    for name, network in networks._asdict().items():
        network.load_state_dict(
            {key: value.float() for key, value in getattr(stored, name).state_dict().items()}
        )
    return networks
