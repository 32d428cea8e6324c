#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the fuzzers for longer than the tests do and measures what they reach:  run.py [NAME...]

Each gets --minutes of processor time, added up over calls in --state, so that a machine may be
switched off in between; what it finds is kept there. Then all inputs are run once in a build that
counts lines. Prints a table; the exit status is 1 where a fuzzer crashed or reaches less than it
should of the files it is for. Needs clang with libFuzzer and llvm."""
from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
FOLDER = TREE / "tests" / "fuzz"
FUZZERS, COVERAGE = TREE / "build" / "fuzz", TREE / "build" / "fuzz-coverage"
LEAST = 85.0  # per cent of lines, each fuzzer of its files
SLICE = 60  # seconds between two notes of how far it is
FLAGS = ("-timeout=10", "-rss_limit_mb=2048", "-malloc_limit_mb=65536")
FILES = {
    "png": ["lib/image/png.c", "lib/image/codec.c"],
    "jpeg": ["lib/image/jpeg.c", "lib/image/orientation.c"],
    "webp": ["lib/image/webp.c"],
    "profile": ["lib/image/color.c"],
    "manifest": ["lib/model/manifest.c"],
    "style": ["lib/model/style.c", "lib/model/style_record.c", "lib/base/record.c"],
    "state": ["lib/sample/state.c", "lib/sample/fields.c", "lib/base/record.c"],
    "options": ["lib/base/options.c", "lib/base/context.c", "lib/sample/options.c",
                "lib/sample/sampler.c", "lib/sample/setters.c", "lib/image/io.c"],
    "archive": ["lib/model/archive.c", "lib/model/archive_end.c", "lib/model/bundle.c",
                "lib/model/unpack.c", "lib/model/source.c", "lib/model/open.c"],
    "metadata": ["lib/image/png.c"],
    "lexer": ["shim/archive/lexer.cpp"],
    "code": ["shim/archive/code.cpp", "shim/archive/cursor.cpp", "shim/archive/definitions.cpp",
             "shim/archive/divisors.cpp", "shim/archive/expression.cpp", "shim/archive/tuples.cpp"],
    "pickle": ["shim/archive/pickle.cpp"],
    "records": ["shim/archive/archive.cpp", "shim/archive/read_record.cpp"],
    "arguments": ["tools/main.c", "tools/options.c", "tools/sampling.c", "tools/message.c"],
}  # fmt: skip


class State:
    """Executions, processor time and crashes so far."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._file, self._lock = folder, folder / "state.json", threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._sums = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._running: set[str] = set()

    def of(self, name: str) -> dict[str, float]:
        return self._sums.setdefault(name, {"executions": 0, "seconds": 0.0, "crashes": 0})

    def start_next(self, names: list[str], seconds: float) -> str | None:
        """The one that has run least, so that all are equally far wherever the runs break off."""
        with self._lock:
            left = [name for name in names if name not in self._running
                    and self.of(name)["seconds"] < seconds and self.of(name)["crashes"] < 5]
            name = min(left, key=lambda name: self.of(name)["seconds"], default=None)
            self._running |= {name} - {None}
            return name

    def add(self, name: str, executions: int, seconds: float, crashes: int) -> None:
        with self._lock:
            self._running.discard(name)
            sums = self.of(name)
            sums["executions"] += executions
            sums["seconds"] += seconds
            sums["crashes"] += crashes
            temporary = self._file.with_suffix(".new")
            temporary.write_text(json.dumps(self._sums, indent=1))
            temporary.replace(self._file)

    def corpus(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder


def run_slice(name: str, state: State) -> None:
    quiet = ("-close_fd_mask=3",) if name == "arguments" else ()  # the help it prints
    command = [FUZZERS / "tests" / "fuzz" / f"fuzz_{name}", f"-max_total_time={SLICE}", *FLAGS,
               "-max_len=16384", "-print_final_stats=1", *quiet,
               f"-artifact_prefix={state.folder}/{name}-", state.corpus(name),
               FOLDER / "corpus" / name]  # fmt: skip
    dictionary = FOLDER / "dictionaries" / f"{name}.dict"
    if dictionary.exists():
        command.insert(1, f"-dict={dictionary}")
    log = state.folder / f"{name}.log"
    with log.open("w") as out:
        process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=out,
                                   preexec_fn=lambda: os.nice(10))  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    text = log.read_text(errors="replace")
    done = re.search(r"stat::number_of_executed_units: (\d+)", text)
    if process.returncode:
        log.rename(log.with_suffix(f".crash-{int(state.of(name)['crashes'])}.log"))
        print(f"{name}: crashed; the input and the log lie in {state.folder}", flush=True)
    state.add(name, int(done[1]) if done else 0, usage.ru_utime + usage.ru_stime,
              int(process.returncode != 0))  # fmt: skip


def fuzz(names: list[str], state: State, minutes: float) -> None:
    while name := state.start_next(names, 60 * minutes):
        run_slice(name, state)


def build(folder: Path, *configure: str) -> None:
    quiet = {"stdout": subprocess.DEVNULL, "check": True, "cwd": TREE}
    subprocess.run(["cmake", *configure], **quiet)
    subprocess.run(["nice", "cmake", "--build", folder, "-j2", "--target", "fuzzers"], **quiet)


def tool(name: str) -> str:
    """The llvm that belongs to clang: their formats change together."""
    return subprocess.run(["clang", f"-print-prog-name={name}"], check=True, text=True,
                          capture_output=True).stdout.strip()  # fmt: skip


def lines_reached(name: str, state: State) -> dict[str, tuple[int, int]]:
    """(reached, all) lines of each of its files, over what was found and what the tree has."""
    program = COVERAGE / "tests" / "fuzz" / f"fuzz_{name}"
    raw, merged = state.folder / f"{name}.profraw", state.folder / f"{name}.profdata"
    subprocess.run([program, FOLDER / "corpus" / name, state.corpus(name)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env=os.environ | {"LLVM_PROFILE_FILE": str(raw)})  # fmt: skip
    subprocess.run([tool("llvm-profdata"), "merge", "-o", merged, raw], check=True)
    report = subprocess.run(
        [tool("llvm-cov"), "export", "-summary-only", program, f"-instr-profile={merged}",
         *(TREE / file for file in FILES[name])],
        check=True, capture_output=True, text=True)  # fmt: skip
    raw.unlink()
    found = {}
    for file in json.loads(report.stdout)["data"][0]["files"]:
        lines = file["summary"]["lines"]
        found[str(Path(file["filename"]).relative_to(TREE))] = (lines["covered"], lines["count"])
    assert sorted(found) == sorted(FILES[name]), f"{name}: no figures of {FILES[name]}"
    return found


def table(names: list[str], state: State, least: float) -> tuple[str, bool]:
    rows = ["| fuzzer | what it is for | executions | minutes | lines reached | crashes |",
            "| --- | --- | ---: | ---: | ---: | ---: |"]  # fmt: skip
    sound = True
    for name in names:
        lines = lines_reached(name, state)
        sums = state.of(name)
        share = 100 * sum(a for a, _ in lines.values()) / sum(b for _, b in lines.values())
        sound = sound and share >= least and not sums["crashes"]
        files = ", ".join(f"{file} {100 * a // b} %" for file, (a, b) in lines.items())
        rows.append(f"| {name} | {files} | {int(sums['executions']):,} | "
                    f"{sums['seconds'] / 60:.1f} | {share:.1f} % | {int(sums['crashes'])} |")
    return "\n".join(rows), sound


def merge(name: str, state: State) -> None:
    """What reaches more than the tree's corpus does, and is small, goes into the tree."""
    kept = FOLDER / "corpus" / name
    program = FUZZERS / "tests" / "fuzz" / f"fuzz_{name}"
    subprocess.run([program, "-merge=1", "-use_counters=0", "-max_len=2048", *FLAGS,
                    "-close_fd_mask=3", kept, state.corpus(name)], check=True)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FILES))
    parser.add_argument("--minutes", type=float, default=10, help="processor time each (10)")
    parser.add_argument("--jobs", type=int, default=2, help="at once (2)")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--state", type=Path, default=cache / "artfusion-fuzz", metavar="FOLDER",
                        help="what was found and how long was run (%(default)s)")  # fmt: skip
    parser.add_argument("--merge", action="store_true", help="add to the tree's corpora")
    parser.add_argument("--record", action="store_true", help="into docs/testing.md")
    options = parser.parse_args()
    names = options.names or list(FILES)
    if unknown := set(names) - set(FILES):
        parser.error(f"no such fuzzer: {', '.join(sorted(unknown))}")
    if options.record and options.names:
        parser.error("--record is for all fuzzers at once")

    state = State(options.state)
    build(FUZZERS, "--preset", "fuzz")
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda _: fuzz(names, state, options.minutes), range(options.jobs)))
    if options.merge:
        for name in names:
            merge(name, state)
    build(COVERAGE, "-S", ".", "-B", str(COVERAGE), "-G", "Ninja", "-DCMAKE_C_COMPILER=clang",
          "-DCMAKE_BUILD_TYPE=Debug", "-DARTFUSION_ENGINE_TORCH=OFF",
          "-DARTFUSION_BUILD_STATIC=OFF", "-DARTFUSION_BUILD_TESTS=ON",
          "-DCMAKE_CXX_COMPILER=clang++",
          *(f"-DCMAKE_{language}_FLAGS=-fprofile-instr-generate -fcoverage-mapping"
            for language in ("C", "CXX")))  # fmt: skip
    text, sound = table(names, state, LEAST)
    print(text)
    if options.record:
        subprocess.run([sys.executable, TREE / "scripts" / "testing-figures.py", "fuzzers"],
                       input=text, text=True, check=True)  # fmt: skip
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
