# SPDX-License-Identifier: MIT
"""From a published ArtFusion checkpoint (arXiv 2306.09330) to a model file of libartfusion."""

__version__ = "0.1.0"
