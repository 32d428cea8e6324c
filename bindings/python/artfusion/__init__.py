# SPDX-License-Identifier: MIT
"""Style transfer by latent diffusion: a photo in a painting's manner.

>>> import artfusion as af
>>> model = af.load()
>>> picture = model.stylize(
...     "examples/images/coffee.jpg", "examples/images/van-gogh.jpg", steps=2, longest=64
... )
>>> picture.size
(64, 32)

A picture is given as a path, as the bytes of a PNG or JPEG file, as Pillow's or as a NumPy array;
the result is an `Image`, which `save()` writes, `to_pil()` copies and `numpy.asarray()` views.

`Model.sampler()` is a run step by step, with previews; `Options` lists what can be chosen.
`Style.save()` and `Sampler.save_state()` keep a style and a run for another time. Calls into the
library let other threads run. Errors are subclasses of `Error`.

Importing this loads neither the library nor torch, NumPy or Pillow: each comes with its first use.
The networks run on the libtorch of the `torch` package, which is not imported but may be, before or
after.
"""

from . import _abi
from ._context import Context
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
    StateError,
    UnsupportedError,
)
from ._image import Image, Picture
from ._math import Rng, ddim_coefficients, schedule_betas, timesteps
from ._model import Model, ModelInfo, load
from ._sampler import ALL, Options, Progress, Sampler, Step
from ._style import Style, blend

__version__ = f"{_abi.VERSION_MAJOR}.{_abi.VERSION_MINOR}.{_abi.VERSION_PATCH}"

__all__ = [
    "ALL",
    "ArgumentError",
    "CancelledError",
    "ChecksumError",
    "Context",
    "EngineError",
    "Error",
    "FileError",
    "FormatError",
    "Image",
    "LimitError",
    "MismatchError",
    "Model",
    "ModelInfo",
    "NumericError",
    "Options",
    "OutOfMemoryError",
    "Picture",
    "Progress",
    "Rng",
    "Sampler",
    "StateError",
    "Step",
    "Style",
    "UnsupportedError",
    "blend",
    "ddim_coefficients",
    "load",
    "schedule_betas",
    "timesteps",
]
