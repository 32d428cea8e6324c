# SPDX-License-Identifier: MIT
"""Models, and their stages one by one."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias, TypeVar, Unpack, overload

from . import _abi
from ._arrays import floats, pointer
from ._async import in_thread
from ._context import Context, Device, Isolation, Precision
from ._errors import ArgumentError, CancelledError
from ._handle import Owner, Shared, create
from ._image import Image, Picture, as_image
from ._info import ModelInfo, model_info
from ._library import check, encoded, file_bytes, int32, library
from ._options import Options, as_list, c_options
from ._origin import Origin, open_file
from ._sampler import Contents, Sampler, Styles
from ._signals import deferred
from ._style import Style
from ._torch import load_for

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ._arrays import FloatArray

_Picture = TypeVar("_Picture", bound=Picture)
_Manner = TypeVar("_Manner", bound=Picture | Style)
LatentKind: TypeAlias = Literal["mode", "scaled", "content"]

_LATENTS = {
    "mode": _abi.LATENT_MODE,
    "scaled": _abi.LATENT_SCALED,
    "content": _abi.LATENT_CONTENT,
}


class Model(Shared):
    """An open model. Any number of threads may use it at once. A model file is a program: open only
    those whose origin you trust.

    A pickle of it has the path of its file and the options of its context; a process that unpickles
    it opens the file once.
    """

    _kind = "model"

    def __init__(self, owner: Owner, origin: Origin | None) -> None:
        super().__init__(owner)
        self._origin = origin  # None: not opened by a path

    @classmethod
    def open(
        cls,
        source: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO,
        context: Context | None = None,
    ) -> Model:
        """Opens a model from a path, from the bytes of a model file, or from a file open for
        reading that can seek. The file is read only during the call.

        >>> import io, pathlib
        >>> data = pathlib.Path("models/mini.artfusion").read_bytes()
        >>> Model.open(io.BytesIO(data)).info().name
        'mini'
        """
        if context is None:
            context = Context()
        if isinstance(source, str | os.PathLike):
            return cls._open_file(source, context)
        owner = context._c
        load_for(context._engine, isolated=context._isolated)
        with deferred():  # the log is called back, and so may the reader be
            if isinstance(source, bytes | bytearray | memoryview):
                data = bytes(source)
                return cls(create("model", "model_open_memory", owner, data, len(data)), None)
            return cls(_open_reader(owner, source), None)

    @classmethod
    def _open_file(cls, path: str | os.PathLike[str] | None, context: Context) -> Model:
        owner = open_file(path, context)
        return cls(owner, Origin.of(owner, path, context))

    def info(self) -> ModelInfo:
        """What the model is.

        >>> info = model.info()
        >>> info.name, info.size_multiple, info.prediction, len(info.alphas_cumprod)
        ('mini', 32, 'v', 1000)
        """
        return model_info(self._c)

    @property
    def presets(self) -> tuple[str, ...]:
        """The names that the option `preset` takes: ways to sample, named by the model's maker.

        >>> model.presets
        ('subtle', 'balanced', 'bold')
        """
        owner, lib = self._c, library()
        count = lib.artfusion_model_preset_count(owner)
        names = (lib.artfusion_model_preset_name(owner, i) for i in range(count))
        return tuple(name.decode() for name in names)

    def fit_size(self, width: int, height: int, longest: int = 0) -> tuple[int, int]:
        """The size with these proportions and a longer side of `longest` pixels; 0 is the model's
        native one.

        >>> model.fit_size(1600, 900)
        (256, 144)
        """
        fitted = ctypes.c_int32(), ctypes.c_int32()
        size = int32("width", width), int32("height", height), int32("longest", longest)
        check(library().artfusion_model_fit_size(self._c, *size, *fitted))
        return fitted[0].value, fitted[1].value

    def style(self, picture: Picture, *, exact: bool = False) -> Style:
        """The style of a picture of any size, which is read at the model's native size. With
        `exact` the picture is read as it is, for parity with the published code.

        >>> small = Image.load(photo).fit(256, 256)
        >>> bool((model.style(photo).values == model.style(small, exact=True).values).all())
        True
        """
        image = as_image(picture)
        function = "style_from_image_exact" if exact else "style_from_image"
        return Style(create("style", function, self._c, image._c), self._origin)

    def style_from_values(self, values: ArrayLike) -> Style:
        """A style from its code, as Style.values returns it."""
        code = floats(values)
        values = pointer(code), code.size
        return Style(create("style", "style_from_values", self._c, *values), self._origin)

    def null_style(self) -> Style:
        """The style that stands for any."""
        return Style(create("style", "style_null", self._c), self._origin)

    def load_style(
        self, source: str | os.PathLike[str] | bytes | bytearray | memoryview
    ) -> Style:
        """Loads what Style.save() wrote or Style.to_bytes() returned, from its path or its bytes. A
        style of other weights is a MismatchError."""
        if isinstance(source, str | os.PathLike):
            name = encoded(source)
            owner = create("style", "style_load_file", self._c, name, path=source)
        else:
            data = file_bytes(source)
            owner = create("style", "style_load_memory", self._c, data, len(data))
        return Style(owner, self._origin)

    def memory_needed(self, **options: Unpack[Options]) -> int:
        """The most bytes that a run with these options adds to the process (if the model is
        isolated, to both processes together): sampler, networks and a picture of the result. The
        first call measures the networks, which takes as long as a few steps at twice the native
        size.

        >>> one, four = (model.memory_needed(width=64, height=64, batch=n) for n in (1, 4))
        >>> 0 < one < four
        True
        """
        needed = ctypes.c_uint64()
        c = c_options(self, options)
        check(library().artfusion_sampler_memory_needed(self._c, c, needed))
        return needed.value

    @overload
    def stylize(
        self, content: Picture, style: Picture | Style, **options: Unpack[Options]
    ) -> Image: ...

    @overload
    def stylize(
        self,
        content: list[_Picture] | tuple[_Picture, ...],
        style: Picture | Style | list[_Manner] | tuple[_Manner, ...],
        **options: Unpack[Options],
    ) -> list[Image]: ...

    @overload
    def stylize(
        self,
        content: Picture,
        style: list[_Manner] | tuple[_Manner, ...],
        **options: Unpack[Options],
    ) -> list[Image]: ...

    def stylize(self, content: Any, style: Any, **options: Unpack[Options]) -> Image | list[Image]:
        """Repaints the content in the style, at the content's proportions. `options` are
        those of `Options`, such as steps=20, preset="bold", longest=512 or seed=7.

        >>> model.stylize(photo, painting, steps=2, longest=64)
        <artfusion.Image 64x43>

        A list of contents or of styles gives a list of pictures. Two lists must have the same
        length, unless one of them has a single element, which is then for all. The pictures are
        made one after another, each as by a call of its own.

        >>> model.stylize(photo, [painting, model.null_style()], steps=1, longest=32)
        [<artfusion.Image 32x21>, <artfusion.Image 32x21>]
        """
        return self._stylize(content, style, options, lambda sampler: None)

    @overload
    async def astylize(
        self, content: Picture, style: Picture | Style, **options: Unpack[Options]
    ) -> Image: ...

    @overload
    async def astylize(
        self,
        content: list[_Picture] | tuple[_Picture, ...],
        style: Picture | Style | list[_Manner] | tuple[_Manner, ...],
        **options: Unpack[Options],
    ) -> list[Image]: ...

    @overload
    async def astylize(
        self,
        content: Picture,
        style: list[_Manner] | tuple[_Manner, ...],
        **options: Unpack[Options],
    ) -> list[Image]: ...

    async def astylize(
        self, content: Any, style: Any, **options: Unpack[Options]
    ) -> Image | list[Image]:
        """stylize() for asyncio: it works in a thread while the event loop continues. If the task
        is cancelled, also by wait_for() or timeout(), the thread's run ends within one network
        call. Callbacks run on that thread.

        >>> import asyncio
        >>> asyncio.run(model.astylize(photo, painting, steps=1, longest=64))
        <artfusion.Image 64x43>
        """
        given_up = threading.Event()
        begun: list[Sampler] = []

        def begin(sampler: Sampler) -> None:
            begun.append(sampler)
            if given_up.is_set():
                raise CancelledError("the task was cancelled")

        def cancel() -> None:
            given_up.set()
            for sampler in begun:
                sampler._cancel_if_open()

        return await in_thread(lambda: self._stylize(content, style, options, begin), cancel)

    def _stylize(
        self, content: Any, style: Any, options: Options, begin: Callable[[Sampler], None]
    ) -> Image | list[Image]:
        contents, styles = as_list(content), as_list(style)
        if any(c is None for c in contents):
            raise TypeError(
                "content is None: a picture is right; sampler(None, style) paints without one"
            )
        if any(s is None for s in styles):
            raise TypeError(
                "style is None: a picture or a style is right; null_style() stands for any"
            )
        if options.get("batch", 1) != 1:
            raise ArgumentError(
                f"batch is {options['batch']}, and stylize makes one picture of each content: "
                "sampler() makes batches"
            )
        count = _pairs(len(contents), len(styles))
        codes = [s if isinstance(s, Style) else self.style(s) for s in styles]
        pictures: list[Image] = []
        for i in range(count):
            if i < len(contents):  # one by one: there may be thousands
                photo = as_image(contents[i])
            with self.sampler(photo, codes[i % len(codes)], **options) as sampler:
                begin(sampler)
                sampler.run()
                pictures.append(sampler.image())
        single = not isinstance(content, list | tuple) and not isinstance(style, list | tuple)
        return pictures[0] if single else pictures

    def sampler(
        self, content: Contents = None, style: Styles = None, **options: Unpack[Options]
    ) -> Sampler:
        """Makes a run, to be done step by step. A list of contents or of styles makes a batch of as
        many pictures, all of one size. None is the null content or style, which stands for any.
        `options` are those of `Options`.

        The size is `width` and `height`. Without them it fits the contents' proportions, which
        must then agree.
        """
        return Sampler(self, content, style, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        _ = self._c  # refuses what is closed
        if self._origin is None:
            raise TypeError("a model can be pickled if it was opened by a path")
        return _again, (self._origin,)

    def __repr__(self) -> str:
        if self.closed:
            return "<artfusion.Model closed>"
        info = self.info()
        return f"<artfusion.Model {info.name} on {info.device}, {info.arithmetic}>"

    def encode(self, picture: Picture, kind: LatentKind = "scaled") -> FloatArray:
        """The latent[channels, height, width] of a picture: the encoder's "mode"; "scaled", which
        is what is diffused; or "content", the content condition.

        >>> image = Image.load(photo).resize(64, 64)
        >>> model.encode(image).shape
        (32, 8, 8)
        """
        import numpy as np

        if kind not in _LATENTS:
            raise ArgumentError(f"kind is {kind!r}: {', '.join(_LATENTS)}")
        image, info = as_image(picture), self.info()
        down = info.downsample
        shape = info.latent_channels, image.height // down, image.width // down
        latent = np.empty(shape, np.float32)
        check(
            library().artfusion_model_encode(
                self._c, image._c, _LATENTS[kind], pointer(latent), latent.size
            )
        )
        return latent

    def decode(self, latent: ArrayLike) -> FloatArray:
        """The rgb[batch, 3, height, width], nominally -1 to 1, of a scaled
        latent[batch, channels, height, width].

        >>> model.decode(model.encode(Image.load(photo).resize(64, 64))[None]).shape
        (1, 3, 64, 64)
        """
        import numpy as np

        info, scaled = self.info(), floats(latent)
        batch, height, width = _sizes("latent", scaled, info.latent_channels)
        shape = batch, 3, height * info.downsample, width * info.downsample
        rgb = np.empty(shape, np.float32)
        check(
            library().artfusion_model_decode(
                self._c, pointer(scaled), batch, width, height, pointer(rgb), rgb.size
            )
        )
        return rgb

    def denoise(
        self,
        x: ArrayLike,
        timesteps: ArrayLike,
        content: ArrayLike | None = None,
        styles: ArrayLike | None = None,
    ) -> FloatArray:
        """One pass of the UNet without guidance: its prediction for x[batch, channels, height,
        width] at timesteps[batch]. `content` has the shape of x, and `styles` is
        [batch, style_width]; None is the null content or style.

        >>> x = numpy.zeros((2, 32, 8, 8))
        >>> model.denoise(x, [999, 500]).shape
        (2, 32, 8, 8)
        """
        import numpy as np

        info, noised = self.info(), floats(x)
        batch, height, width = _sizes("x", noised, info.latent_channels)
        times = np.ascontiguousarray(timesteps, np.int32)
        condition = None if content is None else floats(content)
        codes = None if styles is None else floats(styles)
        _require_shape("timesteps", times, (batch,))
        _require_shape("content", condition, noised.shape)
        _require_shape("styles", codes, (batch, info.style_width))
        prediction = np.empty_like(noised)
        check(
            library().artfusion_model_denoise(
                self._c,
                pointer(noised),
                times.ctypes.data_as(_abi.ints_p),
                pointer(condition),
                pointer(codes),
                batch,
                width,
                height,
                pointer(prediction),
            )
        )
        return prediction


def load(
    path: str | os.PathLike[str] | None = None,
    *,
    device: Device = "auto",
    threads: int = 0,
    precision: Precision = "auto",
    engine: str | os.PathLike[str] | None = None,
    memory_limit: int = 0,
    isolation: Isolation = "none",
    isolation_timeout: float | None = None,
    trusted: Iterable[str] = (),
) -> Model:
    """Opens a model file, or the default model. Context explains the other parameters."""
    with Context(
        device=device,
        threads=threads,
        precision=precision,
        engine=engine,
        memory_limit=memory_limit,
        isolation=isolation,
        isolation_timeout=isolation_timeout,
        trusted=trusted,
    ) as context:
        return Model._open_file(path, context)


def _again(origin: Origin) -> Model:
    return Model(origin.owner(), origin)


def _pairs(contents: int, styles: int) -> int:
    """How many pictures lists of so many make."""
    if not contents or not styles or (contents != styles and 1 not in (contents, styles)):
        raise ArgumentError(
            f"{contents} contents and {styles} styles: one for all, or one for each picture"
        )
    return max(contents, styles)


def _open_reader(context: Owner, file: BinaryIO) -> Owner:
    raised: list[BaseException] = []

    def read(_user_data: int | None, offset: int, buffer: int, size: int) -> int:
        try:
            file.seek(offset)
            done = 0
            while done < size:
                data = file.read(size - done)
                if not 0 < len(data) <= size - done:
                    return 1
                ctypes.memmove(buffer + done, data, len(data))
                done += len(data)
            return 0
        except BaseException as error:  # must not cross the C frames
            raised.append(error)
            return 1

    size = file.seek(0, os.SEEK_END)
    try:
        callback = _abi.read_callback(read)
        return create("model", "model_open_reader", context, callback, None, size)
    except Exception:
        if raised:
            raise raised[0] from None
        raise


def _sizes(name: str, array: FloatArray, channels: int) -> tuple[int, int, int]:
    """(batch, height, width)"""
    if array.ndim != 4 or array.shape[1] != channels:
        raise ArgumentError(
            f"{name} is of shape {array.shape}: (batch, {channels}, height, width) is right"
        )
    batch, _, height, width = array.shape
    return batch, height, width


def _require_shape(name: str, array: Any, shape: tuple[int, ...]) -> None:
    if array is not None and array.shape != shape:
        raise ArgumentError(f"{name} is of shape {array.shape}: {shape} is right")
