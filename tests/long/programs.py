#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs programs made at random (tests/python/programs.py) for long:  programs.py [--count N] [--isolated]

Goes on where an earlier call with the same --state left off. What ends a process is run again alone, then
behind 3, 15, ... of the programs before it, and where it ends once more, under gdb for its backtrace.
With --isolated each runs by an engine in a process of its own; what ends that one is counted and kept, and
nothing may end the program that called it. Prints a table; the exit status is 1 where a process ended by
another signal than a time limit's."""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
for _folder in ("export", "tests/data", "tests/python", "bindings/python"):
    sys.path.insert(0, str(TREE / _folder))
os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)

import program_writer  # noqa: E402
import programs  # noqa: E402

GDB = ("gdb", "-q", "-batch", "-ex", "handle SIGALRM SIGPROF nostop pass", "-ex", "run", "-ex", "bt 40",
       "--args")  # fmt: skip

# Programs a process: without isolation its start takes as long as some 80 of them.
BATCH, BATCH_ISOLATED = 500, 50
FRAME = re.compile(r"^#\d+ +(?:0x[0-9a-f]+ in )?(.*)$", re.MULTILINE)
# Of an engine in a process of its own.
NO_ANSWER = "the engine's process did not answer within"
ENDED = re.compile(r"the engine's process (was ended|exited|ended|left)")
Batch = list[tuple[programs.Program, Path]]


class State:
    """What was run so far, and what ended."""

    def __init__(self, folder: Path, seed: int, isolated: bool) -> None:
        self.isolated = isolated
        self.folder = folder / f"seed-{seed}{'-isolated' if isolated else ''}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = self.folder / "state.json"
        self.sums = {"next": 0, "seconds": 0.0, "statuses": {}, "ends": [], "slow": [], "told": []}
        if self.file.exists():
            self.sums |= json.loads(self.file.read_text())

    def count(self, status: str) -> None:
        counts = self.sums["statuses"]
        counts[status] = counts.get(status, 0) + 1

    def save(self) -> None:
        temporary = self.file.with_suffix(".new")
        temporary.write_text(json.dumps(self.sums, indent=1))
        temporary.replace(self.file)


def fewest(batch: Batch, isolated: bool) -> Batch:
    """Those at the end of the batch without which its last one does not end the process; none, if it does
    not do so with all of them."""
    length = 1
    while True:
        tried = batch[-length:]
        *_, (_, answer) = programs.run_all(tried, isolated)
        if answer.status == "DIED":
            return tried
        if length >= len(batch):
            return []
        length *= 4


def backtrace(batch: Batch, isolated: bool) -> list[str]:
    done = subprocess.run([*GDB, sys.executable, programs.__file__, "--open",
                           *(programs.named(made, path, isolated) for made, path in batch)],
                          capture_output=True, text=True, errors="replace", check=False)  # fmt: skip
    return FRAME.findall(done.stdout)


def look_into(batch: Batch, answer: programs.Answer, state: State) -> None:
    made, path = batch[-1]
    kept = state.folder / f"{made.number}.artfusion"
    kept.write_bytes(path.read_bytes())
    (state.folder / f"{made.number}.txt").write_text(f"{made}\n\n{made.lines}\n\n{answer.message}\n")
    few = fewest(batch, state.isolated)
    frames = backtrace(few, state.isolated) if few else []
    own = next((frame for frame in frames if "af::" in frame or "/shim/" in frame), "")
    state.sums["ends"].append({
        "number": made.number, "message": answer.message[-600:], "alone": len(few) == 1,
        "again": len(few), "frames": frames[:24], "own": own})  # fmt: skip
    print(f"{made.number}: ended, {answer.message.splitlines()[0]}; again with {len(few)}",
          *frames[:12], sep="\n    ", flush=True)  # fmt: skip


def kind_of(answer: programs.Answer) -> str:
    """Its status; SLOW where a time limit ended it, TOLD where an engine's process ended otherwise."""
    if answer.status == "DIED" and answer.message.startswith(("-14:", "-27:")):
        return "SLOW"
    if answer.status == "ENGINE" and NO_ANSWER in answer.message:
        return "SLOW"
    if answer.status == "ENGINE" and ENDED.search(answer.message):
        return "TOLD"
    return answer.status


def run(state: State, seed: int, count: int, deadline: float) -> None:
    forms = program_writer.all_forms()
    size = BATCH_ISOLATED if state.isolated else BATCH
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        records = {large: programs.base_records(folder, large) for large in (False, True)}
        while state.sums["next"] < count and time.monotonic() < deadline:
            began, first = time.monotonic(), state.sums["next"]
            batch: Batch = []
            for number in range(first, min(first + size, count)):
                program = programs.program(forms, seed, number)
                batch.append((program, folder / f"{number}.artfusion"))
                programs.write_program(batch[-1][1], records[program.large], program)
            for place, (_, answer) in enumerate(programs.run_all(batch, state.isolated)):
                kind, (program, path) = kind_of(answer), batch[place]
                state.count(kind)
                if kind == "SLOW":
                    state.sums["slow"].append(program.number)
                    print(f"{program.number}: slow", flush=True)
                elif kind == "TOLD":
                    (state.folder / f"{program.number}.artfusion").write_bytes(path.read_bytes())
                    state.sums["told"].append([program.number, answer.message])
                    print(f"{program.number}: {answer.message}", flush=True)
                elif kind == "DIED":
                    look_into(batch[: place + 1], answer, state)
            for _, path in batch:
                path.unlink()
            state.sums["next"] = first + len(batch)
            state.sums["seconds"] += time.monotonic() - began
            state.save()


def table(state: State) -> str:
    sums = state.sums
    ends = collections.Counter(end["frames"][0] if end["frames"] else "not again" for end in sums["ends"])
    where = ", with isolation" if state.isolated else ""
    rows = [f"| programs of random operators{where} | |", "| --- | ---: |", f"| run | {sums['next']:,} |"]
    names = {"OK": "gave a picture or a latent", "FORMAT": "refused, or of a wrong result",
             "ENGINE": "an error while they ran", "MEMORY": "no memory",
             "LIMIT": "beyond a limit", "NUMERIC": "nan or an infinity as the result",
             "TOLD": "ended the engine's process, which the error says",
             "SLOW": f"not done after {programs.SECONDS} s"}  # fmt: skip
    for status, number in sorted(sums["statuses"].items(), key=lambda item: -item[1]):
        if status != "DIED":
            rows.append(f"| {names.get(status, status)} | {number:,} |")
    rows.append(f"| ended {'the program' if state.isolated else 'the process'} | {len(sums['ends']):,} |")
    rows += [f"| of these in `{frame[:90]}` | {number} |" for frame, number in ends.most_common()]
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--isolated", action="store_true", help="engines in processes of their own")
    parser.add_argument("--minutes", type=float, default=1e6, help="break off behind the batch after that")
    parser.add_argument("--build", type=Path, default=TREE / "build" / "release")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--state", type=Path, default=cache / "artfusion-programs")
    parser.add_argument("--record", action="store_true", help="into docs/testing.md")
    options = parser.parse_args()
    os.environ["ARTFUSION_LIBRARY"] = str(options.build / "lib" / "libartfusion.so")
    os.environ["ARTFUSION_ENGINE"] = str(options.build / "lib" / "libartfusion-engine-torch.so")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    state = State(options.state, options.seed, options.isolated)
    run(state, options.seed, options.count, time.monotonic() + 60 * options.minutes)
    text = table(state)
    print(text)
    if options.record:
        subprocess.run([sys.executable, TREE / "scripts" / "testing-figures.py",
                        "programs-isolated" if options.isolated else "programs"],
                       input=text, text=True, check=True)  # fmt: skip
    return 1 if state.sums["ends"] else 0


if __name__ == "__main__":
    sys.exit(main())
