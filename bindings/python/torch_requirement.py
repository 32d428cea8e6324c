# SPDX-License-Identifier: MIT
"""What the wheel requires of torch, for scikit-build-core: the releases that it has an engine for.
Those are the one that it is built with and those in the folder ARTFUSION_ENGINES, as cmake/Wheel.cmake
packs them."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping
from pathlib import Path


def dynamic_metadata(field: str, settings: Mapping[str, object]) -> list[str]:
    if field != "dependencies" or settings:
        raise RuntimeError(f"{field} {dict(settings)}: only dependencies, and without settings")
    releases = {importlib.metadata.version("torch").partition("+")[0]}
    if "ARTFUSION_ENGINES" in os.environ:
        folders = Path(os.environ["ARTFUSION_ENGINES"]).glob("torch-*")
        releases |= {folder.name.removeprefix("torch-") for folder in folders}
    ordered = sorted(releases, key=lambda release: [int(part) for part in release.split(".")])
    if len(ordered) == 1:
        return [f"torch=={ordered[0]}"]
    return [f"torch>={ordered[0]},<={ordered[-1]}"]
