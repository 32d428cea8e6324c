#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The libtorch engine without memory:  engine_faults.py [--long] [--isolated]

Runs tests/faults/preload/engine_faults.c, whose n-th allocation fails, for many n of every call
that reaches the engine, and in address spaces of many sizes. A fault is survived if the call
answers with an error and a sentence, or succeeds, and then works again. With --isolated the
allocations are of the process that an isolated engine is in, from its start on. Prints a table."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

# (least bytes, whether all allocations after it fail too)
SMALL = ((0, 0), (0, 1))
LARGE = ((4096, 0), (65536, 1))
CALLS = {
    "open": "`artfusion_model_open_file`",
    "encode": "`artfusion_model_encode`",
    "style": "`artfusion_style_from_image`",
    "run": "`artfusion_sampler_run`",
    "image": "`artfusion_sampler_image`",
}


# What glibc's loader says, and what engine_faults.c does of each request of it that was refused.
NO_THREAD_LOCAL = "cannot allocate memory for thread-local data"
LOADER = "the loader's for "


@dataclass
class Row:
    """What came of one call's faults."""

    injected: int = 0
    answered: int = 0  # with an error
    absorbed: int = 0  # by succeeding all the same
    told: int = 0  # of those answered, that the engine's process had ended
    ended: list[str] = field(default_factory=list)  # the process, by what
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Row) -> None:
        self.injected += other.injected
        self.answered += other.answered
        self.absorbed += other.absorbed
        self.told += other.told
        self.ended += other.ended
        self.wrong += other.wrong


def start(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "LD_PRELOAD": os.environ["ARTFUSION_FAULTS_PRELOAD"],
        "OMP_WAIT_POLICY": "passive",
    }
    return subprocess.run(
        [os.environ["ARTFUSION_FAULTS_ENGINE"], os.environ["ARTFUSION_MODEL"], *map(str, arguments)],
        capture_output=True, text=True, errors="replace", timeout=3000, env=environment,
    )


def how_it_ended(done: subprocess.CompletedProcess[str]) -> str:
    words = done.stderr.strip().splitlines()
    if done.returncode == 127 and words and NO_THREAD_LOCAL in words[-1]:
        # The loader's own end, which is no signal: the last that it asked memory for is whose it was.
        words.append(next((f"ended in {word.removeprefix(LOADER)}" for word in reversed(words)
                           if word.startswith(LOADER)), ""))  # fmt: skip
    by = signal.Signals(-done.returncode).name if done.returncode < 0 else f"exit {done.returncode}"
    return f"{by}: {words[-1] if words else ''}"


def read(row: Row, lines: list[str], of: str) -> int:
    """Counts what a process has said; returns which fault it came to last."""
    last = 0
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "at":
            last = int(rest)
            row.injected += 1
        elif word == "missed":  # other threads' allocations are not always as many
            row.injected -= 1
        elif word == "answered":
            status = int(rest.split()[0])
            row.answered += status < 0
            row.absorbed += status >= 0
            row.told += status < 0 and "the engine's process" in rest
            # -9 where libtorch puts the want of memory into words of its own
            if status < 0 and status not in (-2, -9):
                row.wrong.append(f"{of}, {last}: {rest}")
        elif word.startswith("broken"):
            row.wrong.append(f"{of}, {last}: {line}")
    return last


def fail_in_turn(call: str, wanted: int, least: int, lasting: int, isolated: bool = False) -> Row:
    """About `wanted` of the call's allocations fail, one at a time, evenly spread."""
    row = Row()
    at = 1
    of = f"{call}, of {least} bytes and more{' and on' if lasting else ''}"
    while True:
        done = start(call, at, wanted, least, lasting, *(("isolated",) if isolated else ()))
        lines = done.stdout.splitlines()
        totals = [int(n) for line in lines for n in re.findall(r"^total (\d+), every (\d+)", line)[:1]
                  for n in n]
        last = read(row, lines, of)
        if done.returncode == 0:
            break
        if done.returncode == 3 and last:
            pass  # it said what is broken
        elif not last:
            row.wrong.append(f"{of}: {how_it_ended(done)}")
            break
        else:
            row.ended.append(f"{of}, {last} of {totals[0]}: {how_it_ended(done)}")
        at = last + totals[1]
    return row


def limit_space(levels: int) -> Row:
    """Everything in address spaces from next to nothing to enough."""
    row = Row()
    free = start("limit", 0)
    peak = next(int(x.split()[1]) for x in free.stdout.splitlines() if x.startswith("peak"))
    for level in range(1, levels + 1):
        space = (peak + (64 << 20)) * level // levels
        done = start("limit", space)
        if not read(row, done.stdout.splitlines(), "limit"):
            # The program itself does not start in so little: no fault of the library's.
            continue
        if done.returncode != 0:
            row.ended.append(f"{space >> 20} MiB: {how_it_ended(done)}")
    return row


@dataclass
class Rows:
    """Of one call: allocations of any size, most of which are small, and those of 4 KiB and more."""

    small: Row = field(default_factory=Row)
    large: Row = field(default_factory=Row)


LIBTORCHS_OWN = re.compile(r": (SIG(SEGV|ABRT)|exit 127): ended in lib(torch_cpu|c10)\.so$")
SPACE = "all of them, in too small an address space"


def measure(faults: int, opens: int, levels: int) -> dict[str, Rows]:
    """`faults` of each series of a call, `opens` where it opens the model, which takes longer."""
    rows = {name: Rows() for name in [*CALLS.values(), SPACE]}
    for call, name in CALLS.items():
        wanted = opens if call == "open" else faults
        for series, row in ((SMALL, rows[name].small), (LARGE, rows[name].large)):
            for least, lasting in series:
                row.add(fail_in_turn(call, wanted, least, lasting))
    rows[SPACE].large.add(limit_space(levels))
    return rows


def measure_isolated(faults: int, opens: int) -> dict[str, Row]:
    """Of any size, since the program is to outlive all of them. By series, to see them all in a sample."""
    rows = {name: Row() for name in CALLS.values()}
    for call, name in CALLS.items():
        for least, lasting in SMALL:
            rows[name].add(fail_in_turn(call, opens if call == "open" else faults, least, lasting, True))
    return rows


def isolated_table(rows: dict[str, Row]) -> str:
    lines = ["| call, with libtorch, isolated | any size: faults | survived |"
             " of these, the engine's process ended |",
             "| --- | --: | --: | --: |"]  # fmt: skip
    whole = Row()
    for row in rows.values():
        whole.add(row)
    for name, row in [*rows.items(), ("**all**", whole)]:
        lines.append(f"| {name} | {row.injected} | {row.injected - len(row.ended)} | {row.told} |")
    return "\n".join(lines)


def isolated_failures(rows: dict[str, Row]) -> list[str]:
    """What must not be: whatever the engine's process does, the program has its answer."""
    found = [f"{name}: nothing failed" for name, row in rows.items() if not row.injected]
    return found + [line for row in rows.values() for line in row.ended + row.wrong]


def table(rows: dict[str, Rows]) -> str:
    lines = ["| call, with libtorch | 4 KiB and more: faults | survived | any size: faults | survived |",
             "| --- | --: | --: | --: | --: |"]
    whole = Rows()
    for row in rows.values():
        whole.small.add(row.small)
        whole.large.add(row.large)
    for name, row in [*rows.items(), ("**all**", whole)]:
        large, small = row.large, row.small
        lines.append(f"| {name} | {large.injected} | {large.injected - len(large.ended)} |"
                     f" {small.injected or '-'} | {small.injected - len(small.ended) or '-'} |")
    return "\n".join(lines)


def failures(rows: dict[str, Rows]) -> list[str]:
    """What must not be. A process that is ended for want of a few bytes is counted only, where it is
    libtorch's own doing: oneDNN in it takes some of its allocations for granted, and TorchScript's
    compiler has destructors that allocate. What ends in our code, or by it, can be helped."""
    found = []
    for name, row in rows.items():
        found += row.large.ended + row.large.wrong + row.small.wrong
        if not row.large.injected:
            found.append(f"{name}: nothing failed")
        if name == SPACE and not row.large.absorbed:
            found.append(f"{name}: the largest was too small as well")
        found += [line for line in row.small.ended if not LIBTORCHS_OWN.search(line)]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="thousands of faults")
    parser.add_argument("--isolated", action="store_true", help="an engine in a process of its own")
    parser.add_argument("--table", help="write the table here too")
    arguments = parser.parse_args()
    if arguments.isolated:
        isolated = measure_isolated(500, 100) if arguments.long else measure_isolated(20, 4)
        text, found = isolated_table(isolated), isolated_failures(isolated)
    else:
        rows = measure(500, 100, 60) if arguments.long else measure(20, 4, 6)
        text, found = table(rows), failures(rows)
        for row in rows.values():
            for line in row.small.ended:
                print("ended:", line)
    print(text)
    for line in found:
        print("FAIL:", line)
    if arguments.table:
        Path(arguments.table).write_text(text + "\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
