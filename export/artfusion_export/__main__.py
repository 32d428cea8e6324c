# SPDX-License-Identifier: MIT
"""python -m artfusion_export CHECKPOINT -o MODEL.artfusion"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import torch

from . import __version__
from .checkpoint import CheckpointError
from .config import DEFAULT_HEAD_CHANNELS, ConfigError, settings_from
from .convert import convert

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
_EPILOG = """\
The averaged (EMA) weights are used. Nothing in the checkpoint is run. The model is reloaded and
compared with the networks before it takes the output's name. Exit status: 0 done; 1 the conversion
failed, and the output is as it was; 2 wrong usage.
"""


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not above 0")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="artfusion_export",
        description="Converts a published ArtFusion checkpoint to a model file of libartfusion.",
        epilog=_EPILOG,
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="PyTorch checkpoint")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="MODEL", help="file to write"
    )
    parser.add_argument(
        "--config", type=Path, metavar="YAML", help="the checkpoint's configuration"
    )
    parser.add_argument(
        "--head-channels",
        type=_positive,
        metavar="N",
        help="channels of an attention head of the UNet "
        f"(default: the configuration's, or {DEFAULT_HEAD_CHANNELS})",
    )
    parser.add_argument(
        "--dtype",
        choices=_DTYPES,
        default="float32",
        help="how weights are stored (default: float32; the others halve the file)",
    )
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def _say(text: str, file: TextIO | None = None) -> None:
    """Prints a line. What a terminal would obey is escaped: names in a checkpoint come from strangers."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    print("".join(shown), file=file or sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    started = time.monotonic()
    try:
        settings = settings_from(options.config, options.head_channels)
        convert(
            options.checkpoint,
            options.output,
            settings,
            _DTYPES[options.dtype],
            _say,
        )
    except (CheckpointError, ConfigError, OSError, RuntimeError) as error:  # torch's: RuntimeError
        _say(f"artfusion_export: {error}")
        return 1
    size = options.output.stat().st_size
    _say(f"{options.output}: {size:,} bytes, {time.monotonic() - started:.0f} s", sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
