#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes requirements.lock: the SHA-256 of every file that the requirements*.txt may bring.

  TORCH_INDEX=URL scripts/lock-python.py

uv resolves the pins for all Pythons and both processors together, and tells what each release has; it takes
the index that it is configured for. Only wheels are listed, since a source package runs code of its own while
it is installed. TORCH_INDEX is an index with torch's builds for the CPU, PyTorch's for instance; without
it their hashes stay those of the present lock, if that has them.

Needs uv and packaging: `pip install uv packaging`. Ends with 1 if something is required that no file pins.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
PYTHONS = [(3, 11), (3, 12), (3, 13), (3, 14)]
PLATFORMS = [
    f"{glibc}_{machine}"
    for machine in ("x86_64", "aarch64")
    for glibc in (*(f"manylinux_2_{minor}" for minor in range(5, 42)), "manylinux2014", "linux")
]
TAGS = {
    tag
    for python in PYTHONS
    for tag in (
        *cpython_tags(python, platforms=PLATFORMS),
        *compatible_tags(python, f"cp{python[0]}{python[1]}", PLATFORMS),
    )
}

HEAD = """\
# Made by scripts/lock-python.py from the requirements*.txt; not edited by hand. scripts/setup-python.sh has pip
# verify by it whatever it installs, so that no other file gets in, wherever pip finds it.
#
# These are the wheels for Linux on x86-64 and AArch64, for CPython 3.11 to 3.14. Hashes are those that the
# public index of Python packages lists for its files. torch's builds for the CPU are not there: theirs are those
# that PyTorch's own index lists.
"""


def pins() -> dict[str, str]:
    """Name to version, as the requirements files write them."""
    found: dict[str, str] = {}
    for file in sorted(ROOT.glob("requirements*.txt")):
        for line in file.read_text().splitlines():
            line = line.partition("#")[0].strip()
            if not line or line.startswith("-r "):
                continue
            if not (match := re.fullmatch(r"([A-Za-z0-9._-]+)==([^\s;]+)", line)):
                sys.exit(f"lock: {file.name} has '{line}', which is no NAME==VERSION")
            if found.setdefault(match[1], match[2]) != match[2]:
                sys.exit(f"lock: two releases of {match[1]}")
    return found


def resolved(requirements: list[str], *options: str) -> dict[str, tuple[str, list[str]]]:
    """What installing them brings: name to version and the wheels' hashes."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, result = Path(folder, "wanted.in"), Path(folder, "pylock.toml")
        wanted.write_text("\n".join(requirements))
        command = ["uv", "pip", "compile", "--quiet", "--universal", "--no-header", "--generate-hashes"]
        command += ["--python-version", ".".join(map(str, PYTHONS[0])), "--format", "pylock.toml"]
        subprocess.run([*command, *options, "--output-file", result, wanted], check=True)
        packages = tomllib.loads(result.read_text())["packages"]
    return {
        package["name"]: (package["version"], hashes(package.get("wheels", [])))
        for package in packages
        if "sys_platform == 'win32'" not in package.get("marker", "")
    }


def hashes(wheels: list[dict[str, Any]]) -> list[str]:
    listed = []
    for wheel in wheels:
        source = wheel.get("url") or wheel["path"]
        name = wheel.get("name", source.rpartition("/")[2].replace("%2B", "+"))
        if TAGS & parse_wheel_filename(name)[3]:
            listed.append(wheel["hashes"]["sha256"])
    return sorted(listed)


def entry(name: str, version: str, files: list[str]) -> str:
    if not files:
        sys.exit(f"lock: {name} {version} has no wheel")
    return " \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{file}" for file in files)]) + "\n"


def cpu_build(version: str) -> str:
    if index := os.environ.get("TORCH_INDEX"):
        options = ["--no-deps", "--no-sources", "--index", index, "--index-strategy", "unsafe-best-match"]
        return entry("torch", *resolved([f"torch=={version}+cpu"], *options)["torch"])
    pattern = rf"^torch=={re.escape(version)}\+cpu \\\n(?:    --hash.*\n)+"
    if LOCK.exists() and (match := re.search(pattern, LOCK.read_text(), re.M)):
        print(f"lock: the hashes of torch {version}+cpu stay as they were; TORCH_INDEX= looks them up", file=sys.stderr)
        return match[0]
    sys.exit(f"lock: no hashes of torch {version}+cpu: TORCH_INDEX=URL names an index that has them")


def main() -> None:
    pinned = pins()
    found = resolved([f"{name}=={version}" for name, version in pinned.items()])
    known = {canonicalize_name(name) for name in pinned}
    if missing := [f"{name}=={found[name][0]}" for name in found if name not in known]:
        sys.exit(f"lock: required, and pinned nowhere: {' '.join(sorted(missing))}")
    entries = []
    for name in sorted(pinned, key=str.lower):
        entries.append(entry(name, pinned[name], found[canonicalize_name(name)][1]))
        if name == "torch":
            entries.append(cpu_build(pinned[name]))
    LOCK.write_text(HEAD + "".join(entries))
    print(f"lock: {len(entries)} releases, {sum(text.count('--hash') for text in entries)} files", file=sys.stderr)


if __name__ == "__main__":
    main()
