# SPDX-License-Identifier: MIT
"""Styles."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ._arrays import tensor
from ._handle import Owner, Shared, create, take_bytes
from ._library import check, encoded, library
from ._origin import Origin

if TYPE_CHECKING:
    from ._arrays import FloatArray


class Style(Shared):
    """A style code. Model.style() and blend() make it; it needs no picture any more.

    save() writes a small file for Model.load_style(). A pickle of it names its model's file; a
    process that unpickles it opens that file unless it has done so.
    """

    _kind = "style"

    def __init__(self, owner: Owner, origin: Origin | None) -> None:
        super().__init__(owner)
        self._origin = origin  # None: the model was not opened by a path

    @property
    def values(self) -> FloatArray:
        """The code's values, as a view that cannot be written to.

        >>> model.style(painting).values.shape
        (448,)
        """
        owner, count = self._c, ctypes.c_size_t()
        address = library().artfusion_style_values(owner, count)
        return tensor(owner, address, (count.value,), writeable=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the code for Model.load_style(). The file is written under a temporary name, then
        renamed."""
        check(library().artfusion_style_save_file(self._c, encoded(path)), path)

    def to_bytes(self) -> bytes:
        """The bytes that save() writes, the same on every machine.

        >>> style = model.style(painting)
        >>> model.load_style(style.to_bytes()).values.tobytes() == style.values.tobytes()
        True
        """
        return take_bytes("style_save_memory", self._c)

    def __reduce__(self) -> tuple[Any, ...]:
        data = self.to_bytes()
        if self._origin is None:
            raise TypeError(
                "a style can be pickled if its model was opened by a path; "
                "to_bytes() and Model.load_style() do without"
            )
        return _again, (self._origin, data)

    def __repr__(self) -> str:
        if self.closed:
            return "<artfusion.Style closed>"
        count = ctypes.c_size_t()
        library().artfusion_style_values(self._c, count)
        return f"<artfusion.Style of {count.value} values>"


def _again(origin: Origin, data: bytes) -> Style:
    return Style(create("style", "style_load_memory", origin.owner(), data, len(data)), origin)


def blend(parts: Iterable[tuple[Style, float]]) -> Style:
    """The sum of styles of one model, each multiplied by its weight. Weights need not add up to 1.

    >>> style = model.style(painting)
    >>> half = blend([(style, 0.5), (model.null_style(), 0.5)])
    >>> bool(numpy.allclose(half.values, (style.values + model.null_style().values) / 2))
    True
    """
    styles, weights, origin = [], [], None
    for style, weight in parts:
        origin = style._origin
        styles.append(style._c)
        weights.append(weight)
    count = len(styles)
    handles = (ctypes.c_void_p * count)(*(owner._as_parameter_ for owner in styles))
    factors = (ctypes.c_double * count)(*weights)
    return Style(create("style", "style_blend", handles, factors, count), origin)
