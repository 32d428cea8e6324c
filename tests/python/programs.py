# SPDX-License-Identifier: MIT
"""Programs made at random of the operators that a model file may use, as model files: arguments that
fit, of which some are spoilt by numbers at their ends, other shapes and types, and devices.

programs.py --open NUMBER:PLACE:PRECISION:THREADS:ISOLATED:FILE...  opens each and runs what its code is
in, ISOLATED 1: with an engine in a process of its own; a line of JSON a file

Number N of a seed is the same program each time. `run_all` is for tests/python/test_programs.py and
tests/long/programs.py.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import program_calls
from hostile import CODE, Records, fixture_records, write
from program_writer import Form, Writer

# A program's processor time, ten times that by the clock, and the address space of its process.
SECONDS, MEMORY = 20, 4 << 30

# Methods a program may be in: module, head, what it starts from, and the result that is right.
PLACES = {
    "encoder": ("Encoder", "forward", "rgb", "torch.cat([_g, torch.slice(_g, 1, 0, 1)], 1)",
                "    _g = torch.avg_pool2d(rgb, [8, 8])\n"),
    "decoder": ("Decoder", "forward", "z",
                "torch.upsample_nearest2d(torch.slice(z, 1, 0, 3), None, [8., 8.])", ""),
    "style": ("Style", "forward", "rgb",
              "torch.cat([torch.mean(rgb, [2, 3]), torch.amax(rgb, [2, 3])], 1)", ""),
    "condition": ("UNet", "condition", "timesteps, styles",
                  "torch.reshape(torch.expand(torch.unsqueeze(torch.unsqueeze(timesteps, 1), 2), "
                  "[_t, _s, 3]), [-1, 3])",
                  "    _t = torch.size(timesteps, 0)\n    _s = torch.size(styles, 0)\n"),
    "denoise": ("UNet", "denoise", "x, content, modulation", "x", ""),
}  # fmt: skip


class Program(NamedTuple):
    number: int
    place: str
    precision: int
    threads: int
    large: bool  # has the weights of LARGE
    lines: str


def program(forms: dict[str, list[Form]], seed: int, number: int) -> Program:
    draw = random.Random(seed * 1_000_003 + number)
    place = draw.choice(list(PLACES))
    large = draw.random() < 0.06
    writer = Writer(draw, forms, PLACES[place][2], large)
    own = draw.random() < 0.35
    for _ in range(draw.choice((1, 1, 2, 3, 5))):
        if own and draw.random() < 0.8:
            writer.fused()
        elif draw.random() < 0.06:
            writer.cast()
        elif draw.random() < 0.1:
            writer.block()
        else:
            writer.statement(writes=not own)
    precision = draw.choice((0, 0, 2, 2, 1, 3))
    return Program(number, place, precision, draw.choice((1, 1, 2)), large, "".join(writer.lines))


# ---- files -----------------------------------------------------------------------------------


def tensors_of(weights: dict[str, Any]) -> dict[str, Any]:
    import torch

    made = {}
    for name, (sizes, kind) in weights.items():
        generator = torch.Generator().manual_seed(len(name))
        tensor = torch.rand(sizes, generator=generator) * 2 - 1
        if kind == "nan":
            tensor[0] = torch.tensor([float("nan"), float("inf"), -float("inf"), 3e38])
        elif kind == "transposed":
            tensor = torch.rand(sizes[::-1], generator=generator).t()
        elif kind != "float32":
            tensor = (tensor * 3).to(getattr(torch, kind))
        made[name] = tensor
    return made


def base_records(folder: Path, large: bool) -> Records:
    """Of a file whose modules have the weights, and whose code is to be put in."""
    import make_engine_fixture
    import torch

    given = tensors_of(program_calls.WEIGHTS | (program_calls.LARGE if large else {}))
    before = torch.nn.Module.__init__

    def with_weights(self: Any, *arguments: Any, **named: Any) -> None:
        before(self, *arguments, **named)
        if type(self).__module__ == "make_engine_fixture" and type(self).__name__ != "Bundle":
            for name, tensor in given.items():
                self.register_buffer(name, tensor)

    # Or the classes of a second file had other names.
    torch._C._jit_clear_class_registry()
    torch.jit._recursive.concrete_type_store = torch.jit._recursive.ConcreteTypeStore()
    torch.jit._state._clear_class_state()
    torch.nn.Module.__init__ = with_weights  # type: ignore[method-assign]
    try:
        records = fixture_records(folder)
        return {name: data for name, data in records.items()
                if not name.endswith(".debug_pkl") and "/functional" not in name}  # fmt: skip
    finally:
        torch.nn.Module.__init__ = before  # type: ignore[method-assign]


def code_with(text: str, made: Program) -> str:
    """The code, with the program as its method's body; other methods do no more than they have to."""
    for place, (kind, method, _, result, more) in PLACES.items():
        head = text.index(f"  def {method}(", text.index(f"class {kind}(Module)"))
        body = text.index(":\n", text.index("->", head)) + 2
        ends = [at for mark in ("\nclass ", "\n  def ") if (at := text.find(mark, body)) >= 0]
        end = min(ends, default=len(text) - 1) + 1
        lines = f"{more}    return {result}\n"
        if place == made.place:
            lines = f"    acc = torch.zeros([])\n{made.lines}{more}    return torch.add({result}, acc)\n"
        text = text[:body] + lines + text[end:]
    return text


def write_program(path: Path, records: Records, made: Program) -> None:
    write(path, records | {CODE: code_with(records[CODE].decode(), made).encode()})


# ---- running ---------------------------------------------------------------------------------


def open_one(path: str, place: str, precision: int, threads: int, isolated: int) -> None:
    import artfusion_c as af
    import numpy as np

    isolation = {"isolation": isolated, "isolation_timeout": 1000 * SECONDS * isolated}
    with af.Context(threads=threads, precision=precision, **isolation) as context:
        with af.Model(context, path) as model:
            picture = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
            latent = np.linspace(-2, 2, 16, dtype=np.float32).reshape(1, 4, 2, 2)
            with af.Image.from_array(picture) as image:
                if place == "encoder":
                    model.encode(image, af.LATENT_MODE)
                elif place == "decoder":
                    model.decode(latent)
                elif place == "style":
                    model.style_exact(image).close()
                else:
                    codes = np.ones((1, model.info().style_width), np.float32)
                    model.denoise(latent, np.array([7], np.int32), latent, codes)


def named(made: Program, path: Path, isolated: bool = False) -> str:
    """For --open."""
    return f"{made.number}:{made.place}:{made.precision}:{made.threads}:{int(isolated)}:{path}"


def open_all(programs: list[str]) -> None:
    import artfusion_c as af

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for text in programs:
        number, place, precision, threads, isolated, path = text.split(":", 5)
        print(json.dumps({"begins": int(number)}), flush=True)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(10 * SECONDS)
        try:
            open_one(path, place, int(precision), int(threads), int(isolated))
            answer = {"status": "OK", "message": ""}
        except af.ArtfusionError as error:
            name, message = str(error).split(": ", 1)
            answer = {"status": name.removeprefix("ARTFUSION_ERROR_"), "message": message}
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps({"number": int(number)} | answer), flush=True)


class Answer(NamedTuple):
    status: str  # DIED besides those of the library
    message: str


def run_all(
    programs: list[tuple[Program, Path]], isolated: bool = False
) -> Iterator[tuple[Program, Answer]]:
    """What came of each. What ends a process is told, and the rest is run by another one."""
    left = list(programs)
    while left:
        done = subprocess.run([sys.executable, __file__, "--open",
                               *(named(made, path, isolated) for made, path in left)],
                              capture_output=True, text=True, errors="replace")  # fmt: skip
        answers: dict[int, Answer] = {}
        begun = None
        for line in done.stdout.splitlines():
            if not line.startswith("{"):
                continue
            told = json.loads(line)
            begun = told.get("begins", begun)
            if "number" in told:
                answers[begun] = Answer(told["status"], told["message"])
        if begun is None:
            raise RuntimeError(done.stderr[-4000:])
        if begun not in answers or done.returncode:
            answers[begun] = Answer("DIED", f"{done.returncode}: {done.stderr[-2000:]}")
        for made, _ in left:
            if made.number in answers:
                yield made, answers[made.number]
        left = [(made, path) for made, path in left if made.number not in answers]


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "--open":
        open_all(sys.argv[2:])
    else:
        sys.exit(__doc__)
