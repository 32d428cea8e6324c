# SPDX-License-Identifier: MIT
"""Pictures."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Union

from . import _abi
from ._errors import ArgumentError
from ._handle import Handle, Owner, create, take_bytes, view
from ._library import check, encoded, file_bytes, int32, library, value_of

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image
    from numpy.typing import NDArray

Filter: TypeAlias = Literal["bicubic", "box", "bilinear", "lanczos"]

_FORMATS = {"png": _abi.FORMAT_PNG, "jpeg": _abi.FORMAT_JPEG}


class Image(Handle):
    """A picture of 8-bit RGB.

    `numpy.asarray(image)` is a view of its pixels[height, width, 3], without copying.

    >>> image = Image.load("examples/images/monet.jpg").fit(64, 64)
    >>> image.size
    (64, 64)
    >>> numpy.asarray(image).shape
    (64, 64, 3)
    >>> image.to_pil()  # doctest: +ELLIPSIS
    <PIL.Image.Image image mode=RGB size=64x64 at 0x...>
    """

    _kind = "image"

    def __init__(self, owner: Owner, *, writeable: bool = True) -> None:
        super().__init__(owner)
        self._writeable = writeable

    @classmethod
    def new(cls, width: int, height: int) -> Image:
        """A black picture."""
        size = int32("width", width), int32("height", height)
        return cls(create("image", "image_create", *size))

    @classmethod
    def load(
        cls,
        source: str | os.PathLike[str] | bytes | bytearray | memoryview,
        *,
        ignore_orientation: bool = False,
        max_pixels: int | None = None,
        max_file_bytes: int | None = None,
        background: tuple[int, int, int] | None = None,
    ) -> Image:
        """A PNG or JPEG file, by its path or as its bytes.

        A JPEG's EXIF orientation is applied, and transparency is dropped unless there is a
        `background` for it. The limits are those of artfusion_load_options.
        """
        options = _abi.LoadOptions()
        check(library().artfusion_load_options_init(options, ctypes.sizeof(options)))
        options.ignore_orientation = ignore_orientation
        if max_pixels is not None:
            options.max_pixels = max_pixels
        if max_file_bytes is not None:
            options.max_file_bytes = max_file_bytes
        if background is not None:
            options.background[:] = [*background, 1]
        if isinstance(source, str | os.PathLike):
            return cls(create("image", "image_load_file", encoded(source), options))
        data = file_bytes(source)
        return cls(create("image", "image_load_memory", data, len(data), options))

    @classmethod
    def from_array(cls, array: NDArray[np.uint8]) -> Image:
        """A picture over the array's own memory, which it keeps alive: pixels[height, width, 3] of
        uint8. Copied only where the pixels of a row are not one after another."""
        import numpy as np

        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
            raise ArgumentError(
                f"the array is {array.dtype} of shape {array.shape}: a picture is uint8 of shape "
                "(height, width, 3)"
            )
        height, width, _ = array.shape
        if array.strides[1:] != (3, 1) or array.strides[0] < 3 * width:
            array = np.ascontiguousarray(array)
        pixels = array.ctypes.data_as(_abi.bytes_p)
        stride = max(array.strides[0], 3 * width)
        owner = create("image", "image_wrap", pixels, width, height, stride, needs=array)
        return cls(owner, writeable=array.flags.writeable)

    @classmethod
    def from_pil(cls, picture: PIL.Image.Image) -> Image:
        """Pillow's picture as RGB. Its EXIF orientation is Pillow's affair
        (PIL.ImageOps.exif_transpose)."""
        data = picture.convert("RGB").tobytes()
        width, height = picture.size
        pixels = ctypes.cast(ctypes.c_char_p(data), _abi.bytes_p)
        owner = create("image", "image_wrap", pixels, width, height, 3 * width, needs=data)
        return cls(owner, writeable=False)

    @property
    def width(self) -> int:
        return int(library().artfusion_image_width(self._c))

    @property
    def height(self) -> int:
        return int(library().artfusion_image_height(self._c))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        return self.width, self.height

    def _memory(self) -> tuple[Any, int]:
        """All of its bytes, and how many a row is from the next."""
        owner, lib = self._c, library()
        stride: int = lib.artfusion_image_stride(owner)
        # A wrapped picture's last row may end with its pixels.
        count = stride * (self.height - 1) + 3 * self.width
        return view(owner, lib.artfusion_image_pixels(owner), ctypes.c_uint8, count), stride

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        import numpy as np

        memory, stride = self._memory()
        shape = (self.height, self.width, 3)
        array: NDArray[Any] = np.ndarray(shape, np.uint8, memory, strides=(stride, 3, 1))
        array.flags.writeable = self._writeable
        if dtype is not None and np.dtype(dtype) != array.dtype:
            if copy is False:
                raise ValueError(f"a picture is uint8, and as {np.dtype(dtype)} it is a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def to_pil(self) -> PIL.Image.Image:
        """A copy as Pillow's picture."""
        import PIL.Image

        memory, stride = self._memory()
        return PIL.Image.frombytes("RGB", self.size, bytes(memory), "raw", "RGB", stride)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        format: Literal["png", "jpeg"] | None = None,
        quality: int | None = None,
        compression: int | None = None,
    ) -> None:
        """Writes PNG or JPEG, by the path's suffix unless `format` says which. `quality` is
        JPEG's, 1..100, and `compression` PNG's, 0..9. The file is written beside its place, then
        renamed."""
        options = _save_options(format, quality, compression)
        check(library().artfusion_image_save_file(self._c, encoded(path), options))

    def to_bytes(
        self,
        format: Literal["png", "jpeg"] = "png",
        *,
        quality: int | None = None,
        compression: int | None = None,
    ) -> bytes:
        """The bytes of a file.

        >>> Image.new(8, 8).to_bytes()[:4]
        b'\\x89PNG'
        """
        options = _save_options(format, quality, compression)
        return take_bytes("image_save_memory", self._c, options)

    def _repr_png_(self) -> bytes:
        """What notebooks show."""
        return self.to_bytes()

    def resize(self, width: int, height: int, filter: Filter = "bicubic") -> Image:
        """Straight to width x height, to the last bit as Pillow's Image.resize."""
        return self._resized("image_resize", width, height, filter)

    def fit(self, width: int, height: int, filter: Filter = "bicubic") -> Image:
        """The largest of its proportions inside width x height."""
        return self._resized("image_resize_fit", width, height, filter)

    def cover(self, width: int, height: int, filter: Filter = "bicubic") -> Image:
        """Exactly width x height: its centre, as large as fits."""
        return self._resized("image_resize_cover", width, height, filter)

    def _resized(self, function: str, width: int, height: int, filter: str) -> Image:
        number = value_of(_abi.ENUM_FILTER, filter)
        size = int32("width", width), int32("height", height)
        return Image(create("image", function, self._c, *size, number))

    def __repr__(self) -> str:
        if self.closed:
            return "<artfusion.Image closed>"
        return f"<artfusion.Image {self.width}x{self.height}>"


Picture: TypeAlias = Union[
    Image, "PIL.Image.Image", "NDArray[np.uint8]", str, "os.PathLike[str]", bytes
]


def as_image(picture: Picture) -> Image:
    """Whatever stands for a picture. Neither NumPy nor Pillow is imported to see whether it is
    theirs."""
    if isinstance(picture, Image):
        return picture
    if isinstance(picture, str | os.PathLike | bytes | bytearray | memoryview):
        return Image.load(picture)
    pil = sys.modules.get("PIL.Image")
    if pil is not None and isinstance(picture, pil.Image):
        return Image.from_pil(picture)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(picture, numpy.ndarray):
        return Image.from_array(picture)
    raise TypeError(
        f"{type(picture).__name__} is no picture: a path, the bytes of a file, an artfusion.Image, "
        "a Pillow picture or a NumPy array is"
    )


def _save_options(
    format: str | None, quality: int | None, compression: int | None
) -> _abi.SaveOptions:
    options = _abi.SaveOptions()
    check(library().artfusion_save_options_init(options, ctypes.sizeof(options)))
    if format is not None:
        if format not in _FORMATS:
            raise ArgumentError(f"format is {format!r}: {' or '.join(_FORMATS)}")
        options.format = _FORMATS[format]
    if quality is not None:
        options.jpeg_quality = quality
    if compression is not None:
        options.png_compression = compression
    return options
