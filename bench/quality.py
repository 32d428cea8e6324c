#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the quality of style transfer; `quality.py --help` lists the options."""

import os
import sys

# Before torch is imported: OpenMP threads that spin while they wait slow a busy machine tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from artfusion_quality.cli import main  # noqa: E402

sys.exit(main())
