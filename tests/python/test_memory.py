# SPDX-License-Identifier: MIT
"""What a run is said to need of memory, and what it then takes: measured in a process of its own, by
the resident memory's peak above what was there before the run."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from command import MODEL, environment

# The limit is far above: it is set for what it does to the process's allocator, without which
# memory that was freed counts as used.
WORKER = """
import ctypes, json, sys
import numpy as np
import artfusion

def status(field):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field + ":"))

model, precision, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
model = artfusion.load(model, precision=precision, memory_limit=1 << 40)
needed = model.memory_needed(**options)
picture = artfusion.Image.from_array(np.zeros((options["height"], options["width"], 3), np.uint8))
style = model.style(artfusion.Image.from_array(np.zeros((64, 64, 3), np.uint8)))
used = []
for _ in range(2):
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = status("VmRSS")
    sampler = model.sampler(picture, style, **options)
    sampler.run()
    image = sampler.image()
    used.append(status("VmHWM") - before)
    sampler.close()
print(json.dumps({"needed": needed, "used": max(used)}))
"""


def measure(precision: str, **options: object) -> tuple[int, int]:
    options = {"steps": 2, "content_scale": 0.5, "style_scale": 2.0, **options}
    done = subprocess.run([sys.executable, "-c", WORKER, MODEL, precision, json.dumps(options)],
                          capture_output=True, text=True, env=environment(), timeout=600)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found["needed"], found["used"]


# A MiB of the estimate is for what no tensor is: of a small run that is more than 15 %.
@pytest.mark.parametrize("options", [
    {"width": 768, "height": 768},
    {"width": 256, "height": 256, "batch": 12},
], ids=["one-of-768x768", "twelve-of-256x256"])
@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_need_is_a_little_more_than_what_is_used(precision: str, options: dict[str, int]) -> None:
    needed, used = measure(precision, **options)
    assert used <= needed <= 1.15 * used, f"needed {needed}, used {used}: {needed / used:.3f}"
