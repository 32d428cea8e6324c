#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lets people choose between results without knowing whose they are; `blind.py --help`."""

import sys

from artfusion_quality.blind import main

sys.exit(main())
