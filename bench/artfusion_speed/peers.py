# SPDX-License-Identifier: MIT
"""One contestant in a process of its own: python -m artfusion_speed.peers NAME MODEL THREADS cpu|cuda

Reads lines `WORK BATCH SIZE`, does that work once, and answers with the seconds it took, or with what the
work measured itself; the first time, after it has prepared and warmed up. An engine that cannot do it
answers `- REASON`. Each has a process of its own, because the runtimes bring threads, allocators and OpenMPs
that disturb each other in one.
"""

from __future__ import annotations

import copy
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .networks import CHANNELS, DOWN, STYLE_WIDTH, load_networks
from .wholes import Painter, by_torch

Work = Callable[[], object]
WARM_UPS = 2


def _arrays(work: str, batch: int, size: int) -> list[np.ndarray]:
    """What the work starts from, the same for all: a step's x, content, timestep, styles."""
    draw = np.random.Generator(np.random.PCG64(1))

    def normal(*shape: int) -> np.ndarray:
        return draw.standard_normal(shape, dtype=np.float32)

    latent = (batch, CHANNELS, size // DOWN, size // DOWN)
    if work == "step":
        timestep = np.full(1, 500.0, np.float32)
        return [normal(*latent), normal(*latent), timestep, normal(batch, STYLE_WIDTH)]
    if work == "decode":
        return [normal(*latent)]
    return [np.tanh(normal(batch, 3, size, size))]


class Torch:
    """PyTorch as it comes, or compiled, at run time or beforehand (AOTInductor); a step computes all of
    the UNet, as published."""

    def __init__(self, model: Path, threads: int, device: str, *, kind: str, dtype: str) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self._torch, self._kind, self._device = torch, kind, torch.device(device)
        self._dtype = getattr(torch, dtype)
        self._networks = {
            name: copy.deepcopy(network).to(self._device, self._dtype, memory_format=torch.channels_last)
            for name, network in load_networks(model)._asdict().items()
        }
        if kind != "torch":
            import torch._inductor.config

            torch._inductor.config.freezing = True

    def work(self, work: str, batch: int, size: int) -> Work:
        torch = self._torch
        if work == "pictures":
            networks = {name: self._faster(net) for name, net in self._networks.items() if name != "unet"}
            networks["unet"] = self._networks["unet"]
            step = self._faster(_step(networks["unet"]))
            return by_torch(networks, step, self._device, self._dtype, batch, size)
        network = _step(self._networks["unet"]) if work == "step" else self._networks[_NET[work]]
        inputs = [
            torch.from_numpy(a).to(self._device, self._dtype) for a in _arrays(work, batch, size)
        ]
        if work == "step":
            inputs[2] = inputs[2].float()  # 500 has more digits than bfloat16
        fast = self._ahead(network, inputs) if self._kind == "AOTInductor" else self._faster(network)
        return _waiting(lambda: fast(*inputs), self._device)

    def _faster(self, network: Any) -> Any:
        if self._kind == "torch.compile":
            return self._torch.compile(network, dynamic=False)
        return network

    def _ahead(self, network: Any, inputs: list[Any]) -> Any:
        import tempfile

        exported = self._torch.export.export(network, tuple(inputs))
        with tempfile.TemporaryDirectory() as folder:
            package = self._torch._inductor.aoti_compile_and_package(
                exported, package_path=os.path.join(folder, "step.pt2")
            )
            return self._torch._inductor.aoti_load_package(package)


_NET = {"encode": "encoder", "decode": "decoder", "style": "style"}


def _waiting(work: Work, device: Any) -> Work:
    """`work` with the wait for a GPU, which goes on when its call is over."""
    if device.type == "cpu":
        return work
    import torch

    def wait() -> object:
        result = work()
        torch.cuda.synchronize()
        return result

    return wait


def _step(unet: Any) -> Any:
    import torch

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unet = unet

        def forward(self, x: Any, content: Any, timestep: Any, styles: Any) -> Any:
            return self.unet.denoise(x, content, self.unet.condition(timestep, styles))

    return Step().eval()


class OnnxRuntime:
    def __init__(self, model: Path, threads: int) -> None:
        self._networks, self._threads = load_networks(model), threads

    def work(self, work: str, batch: int, size: int) -> Work:
        import tempfile

        import onnxruntime
        import torch

        if work != "step":
            raise NotImplementedError(work)
        arrays = _arrays(work, batch, size)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "step.onnx")
            inputs = tuple(map(torch.from_numpy, arrays))
            torch.onnx.export(_step(self._networks.unet), inputs, path, dynamo=True)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self._threads
            session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        feed = dict(zip((i.name for i in session.get_inputs()), arrays, strict=True))
        return lambda: session.run(None, feed)


class OpenVino:
    def __init__(self, model: Path, threads: int, *, dtype: str) -> None:
        self._networks = load_networks(model)
        self._config = {
            "INFERENCE_PRECISION_HINT": dtype,
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
        }

    def work(self, work: str, batch: int, size: int) -> Work:
        import openvino
        import torch

        if work != "step":
            raise NotImplementedError(work)
        arrays = _arrays(work, batch, size)
        example = tuple(map(torch.from_numpy, arrays))
        network = openvino.convert_model(_step(self._networks.unet), example_input=example)
        network.reshape({i: list(array.shape) for i, array in enumerate(arrays)})
        request = openvino.Core().compile_model(network, "CPU", self._config).create_infer_request()
        return lambda: request.infer(arrays)


class Library:
    """This library; a step is a sampler's, guidance and solver included."""

    def __init__(
        self, model: Path, threads: int, device: str, *, precision: str, isolation: str
    ) -> None:
        import artfusion

        context = artfusion.Context(
            threads=threads, device=device, precision=precision, isolation=isolation
        )
        self._model = artfusion.Model.open(model, context=context)
        self._open = lambda: artfusion.Model.open(model, context=context).close()
        self._painter = Painter(self._model)

    def work(self, work: str, batch: int, size: int) -> Work:
        paint = self._painter.paint
        works: dict[str, Work] = {
            "pictures": lambda: paint(batch, size),
            "again": lambda: paint(batch, size, new=False),
            "run": lambda: paint(1, size, new=False, steps=batch),
            "outside": lambda: self._painter.outside(size),
            "open": self._open,
        }
        if work in works:
            return works[work]
        arrays = _arrays(work, batch, size)
        if work == "decode":
            return lambda: self._model.decode(arrays[0])
        if work in ("encode", "style"):
            return self._look(work, ((arrays[0][0] * 0.5 + 0.5) * 255).astype(np.uint8))
        return self._steps(batch, size, arrays[3])

    def _look(self, work: str, planar: np.ndarray) -> Work:
        picture = planar.transpose(1, 2, 0).copy()
        call = self._model.encode if work == "encode" else self._model.style

        def look() -> object:
            picture[0, 0] += 1  # another one, since the model remembers
            return call(picture)

        return look

    def _steps(self, batch: int, size: int, styles: np.ndarray) -> Work:
        guided = batch % 3 == 0
        pictures = batch // 3 if guided else batch
        sampler = self._model.sampler(
            batch=pictures, width=size, height=size, steps=200, solver="dpmpp_2m",
            content_scale=0.5 if guided else 1.0, style_scale=2.0 if guided else 1.0,
        )  # fmt: skip
        info = self._model.info()  # which may be another model than the peers'
        side = size // info.downsample
        draw = np.random.Generator(np.random.PCG64(2))
        latent = draw.standard_normal((info.latent_channels, side, side), dtype=np.float32)
        sampler.set_content_latent(latent)
        sampler.set_style(self._model.style_from_values(styles[0][: info.style_width]))
        step: Work = sampler.next
        return step


class Peak:
    """The fastest a 3x3 convolution of the UNet's widths and a matrix product get: the roofline."""

    def __init__(self, threads: int, device: str, *, dtype: str) -> None:
        import torch

        torch.set_num_threads(threads)
        self._torch, self._device, self._dtype = torch, torch.device(device), getattr(torch, dtype)

    def work(self, work: str, batch: int, size: int) -> Work:
        torch, side, width = self._torch, size // DOWN, 384
        one = [1, 1]

        def random(*shape: int) -> Any:
            return torch.randn(shape).to(self._device, self._dtype)

        if work == "gemm":
            a, b = random(4096, 1152), random(1152, 2048)
            return _waiting(lambda: a @ b, self._device)
        weight, x = random(width, width, 3, 3), random(batch, width, side, side)
        x = x.to(memory_format=torch.channels_last)
        if self._device.type != "cpu":
            weight = weight.to(memory_format=torch.channels_last)
            return _waiting(lambda: torch.conv2d(x, weight, padding=1), self._device)
        packed = torch._C._nn.mkldnn_reorder_conv2d_weight(
            weight.to_mkldnn(), one, one, one, 1, list(x.shape)
        )
        bias = torch.zeros(width).to(self._dtype)
        return lambda: torch.ops.mkldnn._convolution_pointwise(
            x, packed, bias, one, one, one, 1, "none", [], ""
        )


def make(name: str, model: Path, threads: int, device: str) -> Any:
    kind, dtype = name.rsplit(" ", 1)
    if kind in ("artfusion", "isolated"):
        isolation = "process" if kind == "isolated" else "none"
        return Library(model, threads, device, precision=dtype, isolation=isolation)
    if kind == "onnxruntime":
        return OnnxRuntime(model, threads)
    if kind == "openvino":
        return OpenVino(model, threads, dtype="bf16" if dtype == "bfloat16" else "f32")
    if kind == "peak":
        return Peak(threads, device, dtype=dtype)
    return Torch(model, threads, device, kind=kind, dtype=dtype)


def main() -> None:
    name, model, threads, device = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print goes elsewhere
    contestant = make(name, model, threads, device)
    ready: dict[str, Work] = {}
    print("ready", file=answers)
    for line in sys.stdin:
        key = line.strip()
        if key == "memory":
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, file=answers)
            continue
        if key == "resident":
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            print(pages * resource.getpagesize(), file=answers)
            continue
        try:
            if key not in ready:
                work, batch, size = key.split()
                ready.clear()  # one at a time, for the memory's sake
                ready[key] = contestant.work(work, int(batch), int(size))
                for _ in range(1 if work == "pictures" else WARM_UPS):
                    ready[key]()
            begin = time.perf_counter()
            measured = ready[key]()
            seconds = time.perf_counter() - begin
            print(measured if isinstance(measured, float) else seconds, file=answers)
        except Exception as error:
            print("-", type(error).__name__, str(error).split("\n")[0], file=answers)


if __name__ == "__main__":
    main()
