# SPDX-License-Identifier: MIT
"""Arrays and tensors of every usual kind as pixels[height, width, 3] of uint8."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ._errors import ArgumentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

_CHANNELS = (1, 3, 4)  # grey, RGB, RGBA


def is_array(value: Any) -> bool:
    """Whether it says of itself that it is an array. NumPy is not imported to see."""
    if isinstance(value, memoryview):
        return value.ndim > 1  # of one dimension it is a file's bytes
    return any(hasattr(value, f"__{name}__") for name in ("array_interface", "array", "dlpack"))


def pixels(value: Any, background: tuple[int, int, int]) -> Pixels:
    """Without copying what is uint8 of shape (height, width, 3) already."""
    array, torch = _as_numpy(value)
    array = _channels_last(array, "the tensor" if torch else "the array", ambiguous=torch)
    levels = _levels(array)
    if levels.shape[2] == 1:
        return levels.repeat(3, axis=2)
    return _over(levels, background) if levels.shape[2] == 4 else levels


def _as_numpy(value: Any) -> tuple[NDArray[Any], bool]:
    """And whether it is torch's, where the channels stand first."""
    import numpy as np

    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        if value.dtype in (torch.bfloat16, torch.float16):
            value = value.float()  # NumPy has no bfloat16
        return value.numpy(), True
    if isinstance(value, np.ndarray):
        return value, False
    for_numpy = hasattr(value, "__array__") or hasattr(value, "__array_interface__")
    if hasattr(value, "__dlpack__") and not for_numpy:
        return np.from_dlpack(value), False
    return np.asarray(value), False


def _channels_last(array: NDArray[Any], what: str, *, ambiguous: bool) -> NDArray[Any]:
    shape = array.shape
    if array.ndim == 2:
        return array[..., None]
    first = array.ndim == 3 and shape[0] in _CHANNELS
    last = array.ndim == 3 and shape[2] in _CHANNELS
    if first and last and ambiguous:
        raise ArgumentError(
            f"{what} is of shape {shape}, whose channels may be the first or the last: give "
            "a NumPy array of shape (height, width, channels)"
        )
    if last:
        return array
    if first:
        return array.transpose(1, 2, 0)
    ways = "; several pictures are a list of them, list(pictures)" if array.ndim == 4 else ""
    raise ArgumentError(
        f"{what} is of shape {shape}: (height, width) or (height, width, channels) is right, or "
        f"(channels, height, width), of 1, 3 or 4 channels{ways}"
    )


def _levels(array: NDArray[Any]) -> Pixels:
    import numpy as np

    kind, size = array.dtype.kind, array.dtype.itemsize
    if array.dtype == np.uint8:
        return array
    if kind == "b":
        return np.where(array, np.uint8(255), np.uint8(0))
    if kind == "u" and size == 2:
        return (array >> 8).astype(np.uint8)
    if kind == "f":
        # Half a level beyond the ends is rounding, which filters and networks leave.
        if array.size and not (-0.5 / 255 <= array.min() and array.max() <= 1 + 0.5 / 255):
            raise ArgumentError(
                f"the values are {array.dtype} from {array.min():.6g} to {array.max():.6g}: floats "
                "are 0 to 1, and levels of 0 to 255 are uint8 (values.round().astype('uint8'))"
            )
        levels: Pixels = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
        return levels
    raise ArgumentError(
        f"the values are {array.dtype}: uint8 is right, or uint16 up to 65535, floats of 0 to 1, or "
        "bool; levels of 0 to 255 become right by values.astype('uint8')"
    )


def _over(rgba: Pixels, background: tuple[int, int, int]) -> Pixels:
    """As the library puts a file's transparent pixels over a background, to the bit."""
    import numpy as np

    alpha = rgba[..., 3:].astype(np.int32)
    product = rgba[..., :3] * alpha + np.array(background, np.int32) * (255 - alpha) + 128
    levels: Pixels = ((product + (product >> 8)) >> 8).astype(np.uint8)
    return levels
