# SPDX-License-Identifier: MIT
"""Pictures."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, Union

from . import _abi, _pillow
from ._convert import is_array, pixels
from ._errors import (
    ArgumentError,
    Error,
    FormatError,
    LimitError,
    PictureWarning,
    UnsupportedError,
    warn,
)
from ._handle import Handle, Owner, create, take_bytes, view
from ._library import check, encoded, file_bytes, int32, library, uint64, value_of

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image
    from numpy.typing import NDArray

Filter: TypeAlias = Literal["bicubic", "box", "bilinear", "lanczos"]
Format: TypeAlias = Literal["png", "jpeg", "webp"]
Reading: TypeAlias = Literal["viewed", "reference"]
WHITE = 255, 255, 255

_FORMATS = {
    "png": _abi.FORMAT_PNG,
    "jpeg": _abi.FORMAT_JPEG,
    "jpg": _abi.FORMAT_JPEG,
    "webp": _abi.FORMAT_WEBP,
}
_READINGS = {"viewed": _abi.READING_VIEWED, "reference": _abi.READING_REFERENCE}
# How the files begin that the library reads; whatever begins otherwise may be Pillow's.
_OWN = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|RIFF....WEBP", re.DOTALL)


class Readable(Protocol):
    """A file open for reading bytes."""

    def read(self, size: int = ..., /) -> bytes: ...


class Writeable(Protocol):
    """A file open for writing bytes."""

    def write(self, data: bytes, /) -> object: ...


class HasArray(Protocol):
    """What NumPy can make an array of."""

    def __array__(self) -> NDArray[Any]: ...


class HasArrayInterface(Protocol):
    """The same by address."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...


File: TypeAlias = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, Readable]


class Image(Handle):
    """A picture of 8-bit RGB.

    `numpy.asarray(image)` and `torch.as_tensor(image)` are views of its pixels[height, width, 3],
    without copying. A pickle or a copy of it has its pixels.

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
        source: File,
        *,
        ignore_orientation: bool = False,
        max_pixels: int | None = None,
        max_file_bytes: int | None = None,
        background: tuple[int, int, int] = WHITE,
        salvage: bool = False,
        reading: Reading = "viewed",
        by_pillow: bool = True,
    ) -> Image:
        """Reads a picture from its path, from the bytes of a file, or from a file open for reading,
        from its current position on.

        The library reads PNG, JPEG and WebP. Pillow reads other formats if it is installed; set
        `by_pillow` to False for untrusted files.

        The picture is read as a person sees it: turned as its EXIF or XMP says, with its colour
        profile converted to sRGB and transparent pixels put over the `background`.
        `reading="reference"` ignores profiles and transparency, as the published code does. With
        `salvage` a damaged file is read as far as it goes. What reading has to ignore is a
        PictureWarning. The limits are those of artfusion_load_options.
        """
        options = _abi.LoadOptions()
        check(library().artfusion_load_options_init(options, ctypes.sizeof(options)))
        options.ignore_orientation = ignore_orientation
        options.background[:] = [*_color("background", background), 1]
        options.salvage = salvage
        if reading not in _READINGS:
            raise ArgumentError(f"reading is {reading!r}: {' or '.join(_READINGS)} is right")
        options.reading = _READINGS[reading]
        if max_pixels is not None:
            options.max_pixels = uint64("max_pixels", max_pixels)
        if max_file_bytes is not None:
            options.max_file_bytes = uint64("max_file_bytes", max_file_bytes)
        path = source if isinstance(source, str | os.PathLike) else None
        data = b"" if path is not None else _contents(source, options.max_file_bytes)
        try:
            if path is not None:
                owner = create("image", "image_load_file", encoded(path), options, path=path)
            else:
                owner = create("image", "image_load_memory", data, len(data), options)
        except (FormatError, UnsupportedError) as error:
            if not by_pillow:
                raise
            with _by_pillow(error, path or data, options.max_pixels) as picture:
                return cls.from_pil(
                    picture,
                    ignore_orientation=ignore_orientation,
                    background=background,
                    reading=reading,
                )
        if warning := library().artfusion_image_warning(owner).decode(errors="replace"):
            name = f"{os.fspath(path)}: " if path is not None else ""
            warn(f"{name}{warning}", PictureWarning)
        return cls(owner)

    @classmethod
    def from_array(cls, array: Any, *, background: tuple[int, int, int] = WHITE) -> Image:
        """Makes a picture of a NumPy array, a torch tensor, or anything that can become an array.

        The shape is (height, width) for grey, or (height, width, channels) or
        (channels, height, width) with 1, 3 or 4 channels; four are RGBA, put over the `background`.
        The values are uint8, uint16 up to 65535, floats from 0 to 1, or bool.

        A uint8 array of (height, width, 3) is not copied if the pixels of a row follow each other:
        the picture then uses the array's memory and keeps it alive. Others are copied.

        >>> Image.from_array(numpy.linspace(0, 1, 12).reshape(3, 4))
        <artfusion.Image 4x3>
        """
        import numpy as np

        rgb = pixels(array, _color("background", background))
        height, width, _ = rgb.shape
        if rgb.strides[1:] != (3, 1) or rgb.strides[0] < 3 * width:
            rgb = np.ascontiguousarray(rgb)
        address = rgb.ctypes.data_as(_abi.bytes_p)
        stride = max(rgb.strides[0], 3 * width)
        owner = create("image", "image_wrap", address, width, height, stride, needs=rgb)
        return cls(owner, writeable=rgb.flags.writeable)

    @classmethod
    def from_pil(
        cls,
        picture: PIL.Image.Image,
        *,
        ignore_orientation: bool = False,
        background: tuple[int, int, int] = WHITE,
        reading: Reading = "viewed",
    ) -> Image:
        """Copies a Pillow image of any mode. The result is what its file, opened by path, would
        give: turned by its EXIF orientation, with its colour profile converted, transparent pixels
        put over the `background`, and right in 16 bits (modes I and I;16, 0 to 65535). Mode F is 0
        to 1. `reading="reference"` is Pillow's convert("RGB")."""
        if not _pillow.is_picture(picture):
            raise TypeError(f"{type(picture).__name__} is no picture of Pillow's")
        if not ignore_orientation:
            picture = _pillow.upright(picture)
        if reading == "reference":
            picture = picture.convert("RGB")
        elif not _pillow.is_plain(picture):
            return cls.load(_pillow.png(picture), background=background, max_pixels=2**64 - 1)
        data = picture.tobytes()
        width, height = picture.size
        address = ctypes.cast(ctypes.c_char_p(data), _abi.bytes_p)
        owner = create("image", "image_wrap", address, width, height, 3 * width, needs=data)
        return cls(owner, writeable=False)

    @property
    def width(self) -> int:
        """In pixels."""
        return int(library().artfusion_image_width(self._c))

    @property
    def height(self) -> int:
        """In pixels."""
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

    def __dlpack__(self, **wishes: Any) -> Any:
        import numpy as np

        # DLPack has had no word for what can't be written to.
        array = np.asarray(self)
        return (array if self._writeable else array.copy()).__dlpack__(**wishes)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0  # the CPU

    def __buffer__(self, _flags: int) -> memoryview:
        """memoryview(image), from Python 3.12 on."""
        memory, stride = self._memory()
        if stride != 3 * self.width:
            raise BufferError("the rows of this picture are apart: numpy.asarray() has them")
        values = memoryview(memory).cast("B", (self.height, self.width, 3))
        return values if self._writeable else values.toreadonly()

    def __reduce__(self) -> tuple[Any, ...]:
        memory, stride = self._memory()
        data, row = bytes(memory), 3 * self.width
        rows = (data[y * stride : y * stride + row] for y in range(self.height))
        return _again, (self.width, self.height, b"".join(rows))

    def to_pil(self) -> PIL.Image.Image:
        """A copy as Pillow's picture."""
        import PIL.Image

        memory, stride = self._memory()
        return PIL.Image.frombytes("RGB", self.size, bytes(memory), "raw", "RGB", stride)

    def save(
        self,
        target: str | os.PathLike[str] | Writeable,
        *,
        format: Format | str | None = None,
        quality: int | None = None,
        compression: int | None = None,
        lossless: bool = False,
    ) -> None:
        """Writes PNG, JPEG or WebP. The path's suffix says which, unless `format` does. `quality`,
        1 to 100, is for JPEG and WebP, `lossless` for WebP, and `compression`, 0 to 9, for PNG. The
        file is written under a temporary name, then renamed. The target may also be a file open for
        writing, such as a BytesIO, which is left open."""
        if isinstance(target, str | os.PathLike):
            options = _save_options(format, quality, compression, lossless)
            status = library().artfusion_image_save_file(self._c, encoded(target), options)
            check(status, target)
            return
        if not hasattr(target, "write"):
            raise TypeError(f"{type(target).__name__} is neither a path nor a file to write to")
        if format is None:
            name = getattr(target, "name", "")  # as Pillow does
            format = os.path.splitext(name)[1][1:] if isinstance(name, str) else ""
            if not format:
                raise ArgumentError("a file without a name needs a format: 'png', 'jpeg' or 'webp'")
        data = self.to_bytes(
            format, quality=quality, compression=compression, lossless=lossless
        )
        target.write(data)

    def to_bytes(
        self,
        format: Format | str = "png",
        *,
        quality: int | None = None,
        compression: int | None = None,
        lossless: bool = False,
    ) -> bytes:
        """The bytes of the file that save() would write.

        >>> Image.new(8, 8).to_bytes()[:4]
        b'\\x89PNG'
        """
        options = _save_options(format, quality, compression, lossless)
        return take_bytes("image_save_memory", self._c, options)

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        return self.to_bytes()

    def resize(self, width: int, height: int, filter: Filter = "bicubic") -> Image:
        """Resizes to width x height, equal to Pillow's Image.resize to the last bit."""
        return self._resized("image_resize", width, height, filter)

    def fit(self, width: int, height: int, filter: Filter = "bicubic") -> Image:
        """Resizes to the largest size within width x height that keeps the proportions."""
        return self._resized("image_resize_fit", width, height, filter)

    def cover(self, width: int, height: int, filter: Filter = "bicubic") -> Image:
        """Resizes to exactly width x height, and cuts off what does not fit around the centre."""
        return self._resized("image_resize_cover", width, height, filter)

    def _resized(self, function: str, width: int, height: int, filter: str) -> Image:
        number = value_of(_abi.ENUM_FILTER, filter)
        size = int32("width", width), int32("height", height)
        return Image(create("image", function, self._c, *size, number))

    def __repr__(self) -> str:
        if self.closed:
            return "<artfusion.Image closed>"
        return f"<artfusion.Image {self.width}x{self.height}>"


Picture: TypeAlias = Union[Image, "PIL.Image.Image", File, HasArray, HasArrayInterface]


def as_image(picture: Picture) -> Image:
    """The Image of anything that stands for a picture."""
    if isinstance(picture, Image):
        return picture
    if _pillow.is_picture(picture):
        return Image.from_pil(picture)  # type: ignore[arg-type]
    if is_array(picture):
        return Image.from_array(picture)
    if isinstance(picture, str | os.PathLike | bytes | bytearray | memoryview) or hasattr(
        picture, "read"
    ):
        return Image.load(picture)  # type: ignore[arg-type]
    raise TypeError(
        f"{type(picture).__name__} is no picture: a path, the bytes of a file, an open file, an "
        "artfusion.Image, a Pillow picture, an array or a tensor is"
    )


def _again(width: int, height: int, data: bytes) -> Image:
    """A picture from its pickle."""
    image = Image.new(width, height)
    memory, stride = image._memory()
    assert stride == 3 * width
    ctypes.memmove(memory, data, len(data))
    return image


def _contents(source: Any, limit: int) -> bytes:
    """The bytes of a file in memory, or of one that is open, from where it stands to its end."""
    if isinstance(source, bytes | bytearray | memoryview):
        return file_bytes(source)
    if not hasattr(source, "read"):
        raise TypeError(f"{type(source).__name__} is neither a path nor bytes nor an open file")
    data = source.read(min(limit, 2**62) + 1)
    if not isinstance(data, bytes | bytearray):
        raise TypeError(
            f"{type(source).__name__}.read() gives {type(data).__name__}: a file opened to read "
            "bytes is right"
        )
    if len(data) > limit:
        raise LimitError(f"the file is of more than max_file_bytes, {limit}")
    return bytes(data)


def _by_pillow(
    error: Error, source: str | os.PathLike[str] | bytes, max_pixels: int
) -> PIL.Image.Image:
    """What the library does not know; damage to what it knows stays an error."""
    if isinstance(source, bytes):
        head = source[:16]
    else:
        with open(source, "rb") as file:
            head = file.read(16)
    if isinstance(error, FormatError) and _OWN.match(head):
        raise error
    picture = _pillow.opened(source, max_pixels)
    if picture is None:
        raise error
    return picture


def _color(name: str, color: Sequence[int]) -> tuple[int, int, int]:
    if len(color) != 3 or not all(isinstance(c, int) and 0 <= c <= 255 for c in color):
        raise ArgumentError(f"{name} is {color!r}: (red, green, blue) of 0 to 255 is right")
    red, green, blue = color
    return red, green, blue


def _save_options(
    format: str | None, quality: int | None, compression: int | None, lossless: bool
) -> _abi.SaveOptions:
    options = _abi.SaveOptions()
    check(library().artfusion_save_options_init(options, ctypes.sizeof(options)))
    if format is not None:
        number = _FORMATS.get(str(format).lower())
        if number is None:
            raise ArgumentError(f"format is {format!r}: {', '.join(_FORMATS)} are right")
        options.format = number
    if quality is not None:
        options.jpeg_quality = options.webp_quality = int32("quality", quality)
    if compression is not None:
        options.png_compression = int32("compression", compression)
    options.webp_lossless = lossless
    return options
