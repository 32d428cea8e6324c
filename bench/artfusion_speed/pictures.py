# SPDX-License-Identifier: MIT
"""A whole picture, from files to file: by the command, and in Python, as the published notebook does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .networks import DOWN, TREE, load_networks

CONTENT, STYLE = (TREE / "examples/images" / name for name in ("pagoda.jpg", "van-gogh.jpg"))
SIZE, REFERENCE_STEPS = 256, 250


def by_command(model: Path, threads: int, device: str, *options: str) -> dict[str, Any]:
    """Wall seconds of the process, its stages' seconds, and its peak memory in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            str(TREE / "build/release/bin/artfusion"), "stylize", "--json", "--quiet",
            "--model", str(model), "--threads", str(threads), "--device", device, "--size", f"{SIZE}x{SIZE}",
            "--content", str(CONTENT), "--style", str(STYLE), "--out", f"{folder}/out.png",
            *options,
        ]  # fmt: skip
        begin = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            text = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - begin
        if process.returncode:
            raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return {"wall": wall, "stages": json.loads(text)["seconds"], "memory": usage.ru_maxrss * 1024}


def by_reference(
    model: Path, threads: int, device: str, steps: int = REFERENCE_STEPS, dtype: str = "float32"
) -> float:
    """Wall seconds of this module run as a program: PyTorch, eager."""
    begin = time.perf_counter()
    command = [
        sys.executable, "-m", "artfusion_speed.pictures", str(model), str(threads), device,
        str(steps), dtype,
    ]  # fmt: skip
    subprocess.run(command, cwd=Path(__file__).resolve().parents[1], check=True)
    return time.perf_counter() - begin


def _reference(model: Path, threads: int, device: str, steps: int, type_name: str) -> None:
    import numpy as np
    import torch
    from PIL import Image

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    dtype = getattr(torch, type_name)
    networks = load_networks(model)
    for network in networks:
        network.to(device, dtype)

    def read(path: Path) -> torch.Tensor:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        return torch.from_numpy(pixels / np.float32(127.5) - 1.0).permute(2, 0, 1)[None].to(device, dtype)

    side = SIZE // DOWN
    latent = networks.encoder(read(CONTENT))
    content = (latent - latent.mean((2, 3), True)) / latent.flatten(2).std(2)[..., None, None]
    style = networks.style(read(STYLE))
    contents = torch.cat((content, torch.zeros_like(content), content))
    styles = torch.cat((style, style, networks.unet.null_style[None]))
    betas = torch.linspace(0.0015**0.5, 0.0195**0.5, 1000, dtype=torch.float64) ** 2
    alphas = torch.cumprod(1.0 - betas, 0).tolist()
    x = torch.rand(1, latent.shape[1], side, side, device=device)
    for step in reversed(range(steps)):
        t = step * (1000 // steps) + 1
        timestep = torch.tensor([float(t)], device=device)
        rows = networks.unet.condition(timestep, styles)
        passes = networks.unet.denoise(x.to(dtype).repeat(3, 1, 1, 1), contents, rows)
        e, e1, e2 = passes.float().chunk(3)
        eps = e1 + 0.5 * (e - e1) + e2 + 2.0 * (e - e2) - e
        a, a_prev = alphas[t], alphas[max(t - 1000 // steps, 0)]
        sigma = ((1 - a_prev) / (1 - a) * (1 - a / a_prev)) ** 0.5
        x0 = (x - (1 - a) ** 0.5 * eps) / a**0.5
        x = a_prev**0.5 * x0 + (1 - a_prev - sigma**2) ** 0.5 * eps + sigma * torch.randn_like(x)
    rgb = networks.decoder(x.to(dtype))[0].float().clamp(-1, 1).permute(1, 2, 0)
    pixels = ((rgb + 1) * 127.5).to(torch.uint8).cpu().numpy()
    with tempfile.TemporaryFile() as file:
        Image.fromarray(pixels).save(file, "PNG")


if __name__ == "__main__":
    _reference(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5])
