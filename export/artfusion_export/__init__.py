# SPDX-License-Identifier: MIT
"""Makes a model file of libartfusion from a published ArtFusion checkpoint (arXiv 2306.09330)."""

__version__ = "0.1.0"
