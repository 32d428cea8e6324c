#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which way the arrows go in lib/ and shim/:  arrows.py OBJECT...

By the symbols of the built objects, a room uses only the rooms that ROOMS allows it, and no files use one another
in a circle. What symbols cannot show, such as a constant of a header, is looked for in the includes. shim/ is
looked at if its objects are given, and then all of them have to be: a build without libtorch has none."""
from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What each room may use, besides itself. "" has the files that are in no room.
ROOMS: dict[str, dict[str, set[str]]] = {
    "lib": {
        "base": set(),
        "image": {"base"},
        "math": {"base"},
        "model": {"base", "image", "math"},
        "sample": {"base", "image", "math", "model"},
        "host": {"base", "model"},
    },
    "shim": {
        "base": set(),
        "archive": {"base"},
        "arithmetic": {"base"},
        "cuda": {"base"},
        "graph": {"arithmetic", "base"},
        "": {"archive", "arithmetic", "base", "cuda", "graph"},
    },
}
SEAM = "artfusion_engine_v1"  # what lib/ may know of shim/, in a program that both are linked into
ONE_OF = (  # a build has one of each
    {"shim/cuda/cuda_graph.cpp", "shim/cuda/cuda_graph_none.cpp"},
    {"lib/base/platform_posix.c", "lib/base/platform_windows.c"},
    {"lib/model/isolated.c", "lib/model/not_isolated.c"},
)
LEAST = {"lib": 200, "shim": 60}  # arrows there are at least: with fewer, this rule sees nothing

# Where a file and its header are one, as to includes. In lib/ two files may include each other's headers.
WHOLE = {"shim"}

Arrows = dict[str, dict[str, set[str]]]  # from a file without its ending, to another: by which symbols


def source_of(path: str) -> str:
    found = re.search(r"/(lib|shim)/CMakeFiles/[^/]+\.dir/(?:\./)?(.+)\.o$", path)
    if not found:
        sys.exit(f"arrows: {path} is no object of lib/ or shim/")
    return f"{found[1]}/{found[2]}"


def readable(names: set[str]) -> str:
    text = subprocess.run(["c++filt", *sorted(names)], check=True, capture_output=True, text=True).stdout
    return ", ".join(re.sub(r"\(.*", "", name) for name in text.splitlines()[:3])


def stem(source: str) -> str:
    return source.rpartition(".")[0]


def room(file: str) -> tuple[str, str]:
    tree, *rooms, _ = file.split("/")
    return tree, "/".join(rooms)


def by_symbols(objects: list[str]) -> Arrows:
    """What is inline is defined in each object that uses it, and makes no arrow."""
    owners: dict[str, list[str]] = defaultdict(list)
    uses: dict[str, set[str]] = defaultdict(set)
    command = ["nm", "--extern-only", "--print-file-name", *objects]
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        path, _, rest = line.partition(":")
        *_, kind, name = rest.split()
        if kind in "Uwv":
            uses[source_of(path)].add(name)
        else:
            owners[name].append(source_of(path))
    arrows: Arrows = defaultdict(lambda: defaultdict(set))
    for source, names in uses.items():
        for name in names:
            for owner in owners.get(name, ()):
                arrows[stem(source)][stem(owner)].add(name)
    return arrows


def by_includes() -> Arrows:
    arrows: Arrows = defaultdict(lambda: defaultdict(set))
    for tree in ROOMS:
        for path in sorted((ROOT / tree).rglob("*.[ch]*")):
            for name in re.findall(r'^#include "([^"]+)"', path.read_text(), flags=re.M):
                if (ROOT / tree / name).exists():
                    source, other = str(path.relative_to(ROOT)), f"{tree}/{name}"
                    if tree in WHOLE:
                        source, other = stem(source), stem(other)
                    if source != other:
                        arrows[source][other].add(f'"{name}"')
    return arrows


def circles(arrows: Arrows) -> list[list[str]]:
    """Of files that reach one another, by Tarjan's algorithm."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(file: str) -> None:
        order[file] = low[file] = len(order)
        stack.append(file)
        for other in sorted(arrows.get(file, ())):
            if other not in order:
                visit(other)
            if other in stack:
                low[file] = min(low[file], low[other])
        if low[file] == order[file]:
            at = stack.index(file)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for file in sorted(arrows):
        if file not in order:
            visit(file)
    return found


def upward(arrows: Arrows) -> list[str]:
    wrong = []
    for file, others in arrows.items():
        tree, own = room(file)
        if own not in ROOMS[tree]:
            wrong.append(f"{file} is in a room that this rule does not know")
            continue
        for other, names in others.items():
            there, its = room(other)
            if there != tree and names != {SEAM}:
                wrong.append(f"{file} uses {readable(names)} of {there}/")
            elif there == tree and its != own and its not in ROOMS[tree][own]:
                wrong.append(f"{file} uses {readable(names)} of {other}: {own or tree}/ may not use {its or tree}/")
    return wrong


def lacking(objects: list[str]) -> list[str]:
    """Sources of which no object was given."""
    given = {source_of(path) for path in objects}
    trees = {source.split("/")[0] for source in given}
    there = {str(path.relative_to(ROOT)) for tree in trees for path in (ROOT / tree).rglob("*.c*") if path.is_file()}
    missing = {source for source in there - given if source.endswith((".c", ".cpp"))}
    for files in ONE_OF:
        if len(missing & files) == 1:
            missing -= files
    return [f"no object of {source} was given" for source in sorted(missing)]


def main() -> int:
    objects = sys.argv[1:]
    linked, included = by_symbols(objects), by_includes()
    wrong = lacking(objects) + upward(linked) + upward(included)
    for what, arrows in (("use", linked), ("include", included)):
        for circle in circles(arrows):
            wrong.append(f"these {what} one another in a circle: {', '.join(circle)}")
            for file in circle:
                for other in sorted(set(arrows[file]) & set(circle)):
                    wrong.append(f"    {file} -> {other}: {readable(arrows[file][other])}")
    for tree, least in LEAST.items():
        count = sum(len(others) for file, others in linked.items() if file.startswith(f"{tree}/"))
        built = any(source_of(path).startswith(f"{tree}/") for path in objects)
        print(f"{tree}/: {count} arrows" if built else f"{tree}/ is not built here: its includes alone")
        if built and count < least:
            wrong.append(f"{tree}/ has {count} arrows by symbols, fewer than {least}")
    for what in wrong:
        print(what if what.startswith(" ") else f"FAIL: {what}")
    return bool(wrong) or not any(source_of(path).startswith("lib/") for path in objects)


if __name__ == "__main__":
    sys.exit(main())
