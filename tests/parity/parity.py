#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the C library with what the published code computes, stage by stage.

    parity.py CHECKPOINT GOLDEN.npz... [--config YAML] [--head-channels N] [--steps N]
        [--precision float32,bfloat16]

The checkpoint is converted to a model file; then every stage that a golden file holds runs through
the public C library, which ARTFUSION_LIBRARY names. Prints one line a stage,
`name  error  bound  ok|FAIL`: the error is max |a - b| / max |b|, for pictures the largest
difference in levels. Exit status: 0 all within bounds, 1 some stage failed or could not be run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_TREE = Path(__file__).resolve().parents[2]
_FOLDERS = ("tests/python", "tests/parity", "bindings/python")
sys.path[:0] = [str(_TREE / folder) for folder in _FOLDERS]

import artfusion_c as af  # noqa: E402
from report import Tables, write_markdown  # noqa: E402
from stages import Result, Stages, UnknownStage  # noqa: E402


_PRECISIONS = {"float32": af.PRECISION_FLOAT32, "bfloat16": af.PRECISION_BFLOAT16}


def _convert(options: argparse.Namespace, folder: str) -> Path:
    """In a process of its own: this one is to have the engine's libtorch only."""
    if options.checkpoint.suffix == ".artfusion":
        return Path(options.checkpoint)
    model = Path(folder) / "parity.artfusion"
    command = [sys.executable, "-m", "artfusion_export", options.checkpoint, "-o", model]
    if options.config:
        command += ["--config", options.config]
    if options.head_channels:
        command += ["--head-channels", options.head_channels]
    environment = os.environ | {"PYTHONPATH": str(_TREE / "export")}
    subprocess.run([str(word) for word in command], env=environment, check=True, stdout=sys.stderr)
    return model


def _line(result: Result) -> str:
    verdict = "ok" if result.ok else "FAIL"
    return f"{result.name:34} {result.error:9.2e} {result.bound:8.0e}  {verdict}"


def run_golden(
    model: af.Model, path: Path, steps: int, precision: int
) -> tuple[list[Result], bool]:
    """All results, and whether every stage was run and is within its bound."""
    with np.load(path) as file:
        golden = {name: file[name] for name in file.files}
    stages = Stages(model, golden, steps, precision)
    results: list[Result] = []
    complete = True
    for name in stages.names():
        try:
            for result in stages.run(name):
                results.append(result)
                print(_line(result), flush=True)
        except (UnknownStage, af.ArtfusionError) as error:
            complete = False
            print(f"{name:34} {'-':>9} {'-':>8}  FAIL  not run: {error}", flush=True)
    done = {result.name for result in results}
    for name in golden if precision == af.PRECISION_FLOAT32 else ():
        if "__" in name and name not in done:
            complete = False
            print(f"{name:34} {'-':>9} {'-':>8}  FAIL  not run")
    if absent := [name for name in stages.known_networks() if name not in golden]:
        print(f"{path.name} does not hold: {', '.join(absent)}")
    complete &= bool(results) or precision != af.PRECISION_FLOAT32
    return results, complete and all(result.ok for result in results)


def _precisions(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in _PRECISIONS:
            raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(_PRECISIONS)}")
    return names


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "checkpoint", type=Path, help="checkpoint, or a .artfusion model converted from it"
    )
    parser.add_argument("goldens", type=Path, nargs="+", metavar="GOLDEN.npz")
    parser.add_argument("--config", type=Path, help="the checkpoint's configuration")
    parser.add_argument("--head-channels", type=int, help="channels of an attention head")
    parser.add_argument(
        "--steps", type=int, default=10, help="of samples whose name says none (default: 10)"
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="of the engine; 0: as many as it likes (default: 1, which other load slows least)",
    )
    parser.add_argument(
        "--precision",
        type=_precisions,
        default="float32",
        metavar="A,B",
        help="what to compute in, one run each (default: float32)",
    )
    parser.add_argument("--markdown", type=Path, help="file to write the table to")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    sections: dict[str, Tables] = {}
    passed = True
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = _convert(options, folder)
        except subprocess.CalledProcessError:
            print(f"{options.checkpoint}: could not be converted", file=sys.stderr)
            return 1
        for name in options.precision:
            precision = _PRECISIONS[name]
            with (
                af.Context(threads=options.threads, precision=precision) as context,
                af.Model(context, path) as model,
            ):
                info = model.info()
                words = (info.engine, info.device_name, info.arithmetic)
                setting = ", ".join(word.decode() for word in words)
                tables = sections.setdefault(setting, {})
                for golden in options.goldens:
                    print(f"{golden.name}: {setting}")
                    results, complete = run_golden(model, golden, options.steps, precision)
                    if results or precision == af.PRECISION_FLOAT32:
                        tables[golden.name] = results
                    passed &= complete
    if options.markdown:
        write_markdown(options.markdown, sections)
    print("all stages within bounds" if passed else "FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
