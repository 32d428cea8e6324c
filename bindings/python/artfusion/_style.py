# SPDX-License-Identifier: MIT
"""Styles."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ._arrays import tensor
from ._handle import Handle, create
from ._library import library

if TYPE_CHECKING:
    from ._arrays import FloatArray


class Style(Handle):
    """A style code, which needs no picture any more: made by Model.style() and blend()."""

    _kind = "style"

    @property
    def values(self) -> FloatArray:
        """Its values, a view that can't be written to.

        >>> model.style(painting).values.shape
        (448,)
        """
        owner, count = self._c, ctypes.c_size_t()
        address = library().artfusion_style_values(owner, count)
        return tensor(owner, address, (count.value,), writeable=False)


def blend(parts: Iterable[tuple[Style, float]]) -> Style:
    """The sum of styles of one model, each by its weight. Weights need not add up to 1.

    >>> style = model.style(painting)
    >>> half = blend([(style, 0.5), (model.null_style(), 0.5)])
    >>> bool(numpy.allclose(half.values, (style.values + model.null_style().values) / 2))
    True
    """
    styles, weights = [], []
    for style, weight in parts:
        styles.append(style._c)
        weights.append(weight)
    count = len(styles)
    handles = (ctypes.c_void_p * count)(*(owner._as_parameter_ for owner in styles))
    factors = (ctypes.c_double * count)(*weights)
    return Style(create("style", "style_blend", handles, factors, count))
