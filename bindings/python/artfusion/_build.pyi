# SPDX-License-Identifier: MIT
TORCH: str  # the release of torch that the engine was built with, "2.13.0"
