#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tree's text is as .editorconfig says: encoding, line ends, blanks, indentation."""

import configparser
import fnmatch
import re
import sys
from pathlib import Path

from tree import files

ROOT = Path(__file__).resolve().parents[2]
# Bytes that are what they are: inputs of tests, and what tools wrote.
KEPT = ("tests/fuzz/corpus/", "tests/fuzz/dictionaries/", "tests/data/", "tests/abi/first/", "abi/artfusion-1.abixml")


def alternatives(pattern: str) -> list[str]:
    """*.{c,h} as *.c and *.h."""
    braces = re.fullmatch(r"(.*)\{(.*)\}(.*)", pattern)
    if not braces:
        return [pattern]
    before, inner, after = braces.groups()
    return [before + each + after for each in inner.split(",")]


def settings() -> list[tuple[list[str], dict[str, str]]]:
    reader = configparser.ConfigParser(interpolation=None)
    reader.read_string("[:top]\n" + (ROOT / ".editorconfig").read_text())
    return [(alternatives(name), dict(reader[name])) for name in reader.sections() if name != ":top"]


def faults(data: bytes, wanted: dict[str, str]) -> list[str]:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return [f"not UTF-8: {error}"]
    found = []
    if wanted.get("end_of_line") == "lf" and "\r" in text:
        found.append("a carriage return")
    if wanted.get("insert_final_newline") == "true" and text and not text.endswith("\n"):
        found.append("no newline at the end")
    for number, line in enumerate(text.split("\n"), 1):
        if wanted.get("trim_trailing_whitespace") == "true" and line != line.rstrip():
            found.append(f"line {number}: blanks at the end")
        indent = line[: len(line) - len(line.lstrip())]
        if wanted.get("indent_style") == "space" and "\t" in indent:
            found.append(f"line {number}: a tab in the indentation")
    return found


def main() -> int:
    sections = settings()
    checked = failed = 0
    for path in files(ROOT):
        data = (ROOT / path).read_bytes()
        if b"\0" in data or str(path).startswith(KEPT):
            continue
        checked += 1
        wanted: dict[str, str] = {}
        for patterns, values in sections:
            if any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns):
                wanted |= values
        for fault in faults(data, wanted):
            print(f"FAIL: {path}: {fault}")
            failed += 1
    print(f"{checked} files of text")
    return failed > 0 or checked < 300


if __name__ == "__main__":
    sys.exit(main())
