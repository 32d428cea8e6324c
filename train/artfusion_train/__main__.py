# SPDX-License-Identifier: MIT
"""python -m artfusion_train STAGE: makes a model file from a folder of pictures, stage by stage."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from . import config as configs
from . import latents, pairs, pictures, publish, sheets, train_autoencoder, train_unet
from .loop import TrainingError

_HERE = Path(__file__).resolve().parent.parent
_ALL = ("prepare", "autoencoder", "latents", "teachers", "pairs", "unet", "bundle")
_STAGES = """stages, in order; each continues where it was stopped:
  prepare      decode the pictures under --pictures
  autoencoder  train the autoencoder
  latents      encode every picture, once
  teachers     have the networks in --teachers paint pairs  pairs        encode these pairs, once
  unet         train the UNet
  sheet        contact sheet of held-out pictures
  bundle       write the model file --out
  all          all of them"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="artfusion_train",
        description=__doc__,
        epilog=_STAGES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stage", choices=(*_ALL[:-1], "sheet", "bundle", "all"))
    parser.add_argument("--config", type=Path, default=_HERE / "mini.toml", help="the recipe")
    parser.add_argument("--pictures", type=Path, default=Path.cwd(), help="folder with the folders paintings and photos")
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache" / "artfusion-train")
    parser.add_argument("--out", type=Path, help="model file (default: WORK/NAME.artfusion)")
    parser.add_argument("--teachers", type=Path, help="folder with the networks that paint pairs")
    parser.add_argument("--start-from", type=Path, help="model file whose weights to begin with")
    parser.add_argument("--blur", type=float, help="content blur instead of the recipe's")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


def _run(stage: str, args: argparse.Namespace, config: configs.Config) -> None:
    device, work = torch.device(args.device), args.work
    blur = config.unet.content_blur if args.blur is None else args.blur
    if stage == "prepare":
        pictures.prepare(config, args.pictures, work)
    elif stage == "autoencoder":
        train_autoencoder.train(config, work, device, args.start_from)
    elif stage == "latents":
        latents.compute(config, work, device)
    elif stage == "teachers":
        pairs.paint(config, work, args.teachers, args.threads)
    elif stage == "pairs":
        pairs.encode(config, work, device)
    elif stage == "unet":
        train_unet.train(config, work, device, args.start_from)
    elif stage == "sheet":
        net = train_unet.load(config, work, device, blur)
        rows = train_unet.sheet_rows(config, work, device, net)
        sheets.grid(args.out or work / "sheet.png", rows)
    else:
        publish.bundle(config, work, args.out or work / f"{config.name}.artfusion", blur)


def main() -> int:
    args = _arguments()
    torch.set_num_threads(args.threads)
    stages = [args.stage]
    if args.stage == "all":
        stages = list(_ALL)
    try:
        config = configs.load(args.config)
        for stage in stages:
            _run(stage, args, config)
    except (configs.ConfigError, TrainingError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
