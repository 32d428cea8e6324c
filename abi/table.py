#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""table.py [HEADER]: every constant, struct and field of the public header, one a line.

    constant  NAME          value
    size      STRUCT        bytes
    field     STRUCT.FIELD  offset  bytes
    function  NAME          declaration

A compiler says the numbers, this program finds the names. What it prints is kept as abi/table.tsv:
a change of the header shows there, abidiff's blind spots (constants of enumerations) included, and
every binding checks its own declarations against it. The numbers are those of 64-bit platforms with
LP64 or LLP64, of which no public type differs.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


def _code(text: str) -> str:
    """The header without its comments."""
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)


def constants(code: str) -> list[str]:
    # The release moves with every release; all else stays.
    names = re.findall(r"^#define (ARTFUSION_(?!VERSION_)[A-Z0-9_]+) \(?-?[0-9]", code, re.M)
    for body in re.findall(r"\benum\s*\{(.*?)\}", code, re.DOTALL):
        names += re.findall(r"(ARTFUSION_[A-Z0-9_]+)\s*=", body)
        if body.count("=") != body.count(",") + 1:
            raise SystemExit("table.py: a constant of the header has no explicit value")
    return names


def structs(code: str) -> dict[str, list[str]]:
    found = {}
    for name, body in re.findall(r"typedef struct (artfusion_\w+) \{(.*?)\} \1;", code, re.DOTALL):
        found[name] = [
            re.sub(r"\[.*", "", declaration).split()[-1].lstrip("*")
            for declaration in body.split(";")
            if declaration.strip()
        ]
    return found


def functions(code: str) -> dict[str, str]:
    found = {}
    for declaration in re.findall(r"^ARTFUSION_API ([^;]*);", code, re.MULTILINE):
        text = re.sub(r"\s+", " ", declaration).replace("( ", "(")
        name = re.search(r"(artfusion_\w+)\(", text)
        if not name:
            raise SystemExit(f"table.py: not understood: {text}")
        found[name[1]] = text
    return found


def program(header: Path, names: list[str], types: dict[str, list[str]]) -> str:
    lines = ["#include <inttypes.h>", "#include <stdio.h>", f'#include "{header}"']
    lines += ["#define FIELD(s, f) (size_t)offsetof(s, f), sizeof(((s *)0)->f)", "int main(void) {"]
    for name in names:
        lines.append(f'printf("constant\\t{name}\\t%" PRId64 "\\n", (int64_t){name});')
    for name, fields in types.items():
        lines.append(f'printf("size\\t{name}\\t%zu\\n", sizeof({name}));')
        for field in fields:
            lines.append(f'printf("field\\t{name}.{field}\\t%zu\\t%zu\\n", FIELD({name}, {field}));')
    return "\n".join([*lines, "return 0; }", ""])


def table(header: Path) -> str:
    code = _code(header.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as scratch:
        source, binary = Path(scratch) / "table.c", Path(scratch) / "table"
        source.write_text(program(header.resolve(), constants(code), structs(code)))
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-std=c17", str(source), "-o", str(binary)], check=True)
        measured = subprocess.run([binary], check=True, capture_output=True, text=True).stdout
    declared = functions(code).items()
    return measured + "".join(f"function\t{name}\t{text}\n" for name, text in declared)


if __name__ == "__main__":
    header = Path(sys.argv[1]) if len(sys.argv) > 1 else _ROOT / "include" / "artfusion.h"
    print(table(header), end="")
