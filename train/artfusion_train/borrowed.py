# SPDX-License-Identifier: MIT
"""What training shares with the rest of the repository, each defined in one place only: how a model
file is written (export/), and how quality is measured (bench/)."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(_ROOT / "export"), str(_ROOT / "bench")]

import artfusion_quality as quality  # noqa: E402
from artfusion_export.bundle import write_bundle  # noqa: E402
from artfusion_quality import metrics  # noqa: E402

__all__ = ["metrics", "quality", "write_bundle"]
