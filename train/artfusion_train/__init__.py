# SPDX-License-Identifier: MIT
"""Trains a small ArtFusion model on a folder of pictures, from pictures to bundle."""
