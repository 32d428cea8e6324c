# SPDX-License-Identifier: MIT
"""The machine that the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "avx512_fp16")
_PACKAGES = ("torch", "onnxruntime", "openvino")


def _cpuinfo(key: str) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def describe(threads: int, device: str) -> dict[str, str]:
    flags = _cpuinfo("flags").split()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    found = {
        "CPU": f"{_cpuinfo('model name')}, family {_cpuinfo('cpu family')} "
        f"model {_cpuinfo('model')}",
        "instructions": ", ".join(f for f in _FEATURES if f in flags),
        "cores": f"{os.cpu_count()}, {threads} threads used",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()}, Python {platform.python_version()}",
    }
    if device == "cuda":
        import torch

        found["GPU"] = torch.cuda.get_device_name()
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
