# SPDX-License-Identifier: MIT
"""Style transfer by latent diffusion: a photo in a painting's style.

>>> import artfusion as af
>>> model = af.load()
>>> picture = model.stylize(
...     "examples/images/coffee.jpg", "examples/images/van-gogh.jpg", steps=2, longest=64
... )
>>> picture.size
(64, 43)

A picture may be a path, the bytes of a file, an open file, a Pillow image, an array or a tensor.
The result is an `Image`, which `save()` writes, `to_pil()` copies and `numpy.asarray()` views.

`Model.sampler()` is a run step by step, with previews; `Options` lists what can be chosen.
`Model.astylize()` is for asyncio. `Style.save()` and `Sampler.save_state()` keep a style and a run
for later. Contexts, models, styles, pictures and samplers free their memory when nothing refers to
them any more, at the end of a `with`, or by `close()`. Calls into the library let other threads
run. Errors are subclasses of `Error`.

Importing this loads neither the library nor torch, NumPy or Pillow; each is loaded when first used.
The networks run on the libtorch of the `torch` package. The package does not import torch; you may,
before or after.
"""

from . import _abi
from ._context import Context, Device, Isolation, Precision
from ._errors import (
    ArgumentError,
    CancelledError,
    ChecksumError,
    EngineError,
    Error,
    FileError,
    FormatError,
    LimitError,
    MismatchError,
    NumericError,
    OutOfMemoryError,
    PictureWarning,
    StateError,
    UnsupportedError,
)
from ._image import Filter, Format, Image, Picture, Reading
from ._info import ModelInfo
from ._library import default_model_path
from ._math import (
    Rng,
    RngKind,
    Schedule,
    Spacing,
    ddim_coefficients,
    schedule_betas,
    timesteps,
)
from ._model import LatentKind, Model, load
from ._options import NoiseKind, NoiseUse, Options, Solver
from ._sampler import ALL, Progress, Sampler, Step
from ._style import Style, blend

__version__ = f"{_abi.VERSION_MAJOR}.{_abi.VERSION_MINOR}.{_abi.VERSION_PATCH}"

__all__ = [
    "ALL",
    "ArgumentError",
    "CancelledError",
    "ChecksumError",
    "Context",
    "Device",
    "EngineError",
    "Error",
    "FileError",
    "Filter",
    "Format",
    "FormatError",
    "Image",
    "Isolation",
    "LatentKind",
    "LimitError",
    "MismatchError",
    "Model",
    "ModelInfo",
    "NoiseKind",
    "NoiseUse",
    "NumericError",
    "Options",
    "OutOfMemoryError",
    "Picture",
    "PictureWarning",
    "Precision",
    "Progress",
    "Reading",
    "Rng",
    "RngKind",
    "Sampler",
    "Schedule",
    "Solver",
    "Spacing",
    "StateError",
    "Step",
    "Style",
    "UnsupportedError",
    "blend",
    "ddim_coefficients",
    "default_model_path",
    "load",
    "schedule_betas",
    "timesteps",
]
