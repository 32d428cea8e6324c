# SPDX-License-Identifier: MIT
"""NumPy's arrays to and from C. NumPy is imported with the first of them."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, TypeAlias

from . import _abi
from ._handle import Owner, view

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    FloatArray: TypeAlias = NDArray[np.float32]


def floats(values: ArrayLike) -> FloatArray:
    """As dense float32, without copying what is."""
    import numpy as np

    return np.ascontiguousarray(values, np.float32)


def pointer(array: FloatArray | None) -> Any:
    """`float *`, which keeps the array alive; NULL for None."""
    return None if array is None else array.ctypes.data_as(_abi.floats_p)


def tensor(owner: Owner, address: Any, shape: tuple[int, ...], *, writeable: bool) -> FloatArray:
    """A view of floats that belong to a handle, which it keeps alive."""
    import math

    import numpy as np

    memory = view(owner, address, ctypes.c_float, math.prod(shape))
    array: FloatArray = np.ndarray(shape, np.float32, memory)
    array.flags.writeable = writeable
    return array
