#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures speed, beside what a user would use instead; `speed.py --help` lists the options."""

import sys

from artfusion_speed.cli import main

sys.exit(main())
