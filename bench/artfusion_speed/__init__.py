# SPDX-License-Identifier: MIT
"""Speed of the library and of its peers, interleaved in one run."""
