# SPDX-License-Identifier: MIT
"""Runs."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from . import _abi
from ._arrays import floats, pointer, tensor
from ._async import in_thread
from ._errors import StateError
from ._handle import Handle, Owner, create, take_bytes
from ._image import Image, Picture, as_image
from ._library import check, encoded, file_bytes, int32, library
from ._options import NoiseUse, Options, as_list, c_options, effective
from ._signals import deferred
from ._style import Style

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ._arrays import FloatArray
    from ._model import Model

Contents: TypeAlias = Picture | Sequence[Picture | None] | None
Styles: TypeAlias = Picture | Style | Sequence[Picture | Style | None] | None

ALL = _abi.ALL  # as an index: every picture of the batch

_NOISE_USES: dict[int, NoiseUse] = {
    _abi.NOISE_X_T: "x_t",
    _abi.NOISE_STEP: "step",
    _abi.NOISE_MASK: "mask",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """How far along a run is. The fields are those of the C header's artfusion_progress."""

    step: int
    steps: int
    timestep: int
    passes: int
    batch: int
    seconds_encode: float
    seconds_denoise: float
    seconds_decode: float
    seconds_total: float


@dataclasses.dataclass(frozen=True)
class Step:
    """A step that was done: number `number` of `of`, at `timestep`."""

    number: int
    of: int
    timestep: int
    _sampler: Sampler = dataclasses.field(repr=False)

    def preview(self, index: int = 0) -> Image:
        """What the result would be by now; after the last step it is the result. It can be called
        only until the next step."""
        if self._sampler.progress().step != self.number:
            raise StateError(f"step {self.number} is over: its preview comes before the next step")
        return self._sampler.image(index)


class Sampler(Handle):
    """One run. Iterating over it does the steps that are left.

    >>> for step in model.sampler(photo, painting, steps=2, longest=64):
    ...     print(step.number, "of", step.of, step.preview())
    1 of 2 <artfusion.Image 64x43>
    2 of 2 <artfusion.Image 64x43>

    `len(sampler)` is the number of steps that are left, which gives a progress bar its total:
    `for step in tqdm(sampler)`. `async for` does each step in a thread.

    If a callback raises an exception, the call that it was in raises it, too, and the run can
    continue from the step before. One thread at a time may use a sampler; any may cancel() it.
    """

    _kind = "sampler"

    def __init__(
        self, model: Model, content: Contents, style: Styles, **options: Unpack[Options]
    ) -> None:
        contents = [None if c is None else as_image(c) for c in as_list(content)]
        given = as_list(style)
        c = c_options(model, options, contents, len(given))
        styles = [s if s is None or isinstance(s, Style) else model.style(s) for s in given]

        self._lock = threading.Lock()
        self._raised: BaseException | None = None
        self._on_step = options.get("on_step")
        callbacks = self._set_callbacks(c, options)
        calls_back = bool(options.keys() & {"on_eps", "on_noise"})
        self._signals = deferred if calls_back else contextlib.nullcontext
        super().__init__(create("sampler", "sampler_create", model._c, c, needs=callbacks))
        self._shape = (c.batch, model.info().latent_channels, *reversed(self.latent_size))
        self.width: int = c.width
        self.height: int = c.height
        self.batch: int = c.batch
        self._options = effective(c, options)
        for i, image in enumerate(contents):
            self.set_content(image, ALL if len(contents) == 1 else i)
        for i, code in enumerate(styles):
            self.set_style(code, ALL if len(styles) == 1 else i)

    def _set_callbacks(self, c: _abi.SamplerOptions, options: Options) -> list[Any]:
        """What the C handle calls, and needs for as long as it lives."""
        own = weakref.ref(self)  # a callback that held its sampler would never let it go

        def guarded(failure: int, function: Callable[[Sampler], int]) -> int:
            sampler = own()
            assert sampler is not None  # it is in the call that the callback comes from
            try:
                return function(sampler)
            except BaseException as error:  # must not cross the C frames
                sampler._raised = error
                return failure

        if (on_eps := options.get("on_eps")) is not None:

            def eps(_user_data: Any, _handle: Any, values: Any, _count: int) -> int:
                def change(s: Sampler) -> int:
                    on_eps(s, s._view(values, writeable=True))
                    return 0

                return guarded(1, change)

            c.eps_callback = _abi.eps_callback(eps)

        if (on_noise := options.get("on_noise")) is not None:

            def noise(_user_data: Any, use: int, step: int, values: Any, _count: int) -> int:
                def fill(s: Sampler) -> int:
                    return not on_noise(_NOISE_USES[use], step, s._view(values, writeable=True))

                return guarded(2, fill)

            c.noise_callback = _abi.noise_callback(noise)
        return [c.eps_callback, c.noise_callback]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Owner]:
        """Refuses a callback, and another thread, what would change the sampler in its call."""
        owner = self._c
        if not self._lock.acquire(blocking=False):
            raise StateError("the sampler is in another call")
        try:
            yield owner
        finally:
            self._lock.release()

    def _call(
        self, function: str, *arguments: Any, path: str | os.PathLike[str] | None = None
    ) -> int:
        with self._alone() as owner, self._signals():
            status = getattr(library(), f"artfusion_sampler_{function}")(owner, *arguments)
            raised, self._raised = self._raised, None
        if raised is not None:
            raise raised
        return check(status, path)

    # Before the first step.

    def set_content(self, content: Picture | None, index: int = ALL) -> None:
        """Sets the picture whose shapes are kept; it is resized to the run's size. None is the null
        content."""
        image = None if content is None else as_image(content)
        self._call("set_content", int32("index", index), None if image is None else image._c)

    def set_content_latent(self, latent: ArrayLike, index: int = ALL) -> None:
        """Sets the content by its scaled latent, as Model.encode() returns it."""
        self._set_tensor("set_content_latent", latent, index)

    def set_style(self, style: Style | None, index: int = ALL) -> None:
        """Sets the style; None is the null style."""
        self._call("set_style", int32("index", index), None if style is None else style._c)

    def set_init_latent(self, latent: ArrayLike, index: int = ALL) -> None:
        """Sets the scaled latent that a denoising_strength below 1 starts from and that a mask
        keeps. By default it is the content's own."""
        self._set_tensor("set_init_latent", latent, index)

    def set_mask(self, mask: ArrayLike | None, index: int = ALL) -> None:
        """Sets a mask[height, width] in latent pixels, with values in [0, 1]: 1 keeps the init
        latent, 0 paints. None paints everywhere."""
        if mask is None:
            self._call("set_mask", int32("index", index), None, 0)
        else:
            self._set_tensor("set_mask", mask, index)

    def _set_tensor(self, function: str, values: ArrayLike, index: int) -> None:
        array = floats(values)
        self._call(function, int32("index", index), pointer(array), array.size)

    # The run.

    def next(self) -> Step | None:
        """Does one step; returns None if none was left. After an error the step can be tried
        again."""
        if self._call("next") == _abi.DONE:
            return None
        progress = self.progress()
        step = Step(progress.step, progress.steps, progress.timestep, self)
        if self._on_step is not None:
            self._on_step(step)
        return step

    def __iter__(self) -> Iterator[Step]:
        while (step := self.next()) is not None:
            yield step

    async def __aiter__(self) -> AsyncIterator[Step]:
        while (step := await in_thread(self.next, self._cancel_if_open)) is not None:
            yield step

    def __len__(self) -> int:
        progress = self.progress()
        return progress.steps - progress.step

    def __bool__(self) -> bool:  # not a matter of the steps that are left
        return True

    def run(self) -> None:
        """Does all steps that are left. Python handles signals between them, so that Ctrl-C ends
        the call within a step."""
        while self.next() is not None:
            pass

    async def arun(self) -> None:
        """run() for asyncio: it works in a thread while the event loop continues. If the task is
        cancelled, also by wait_for() or timeout(), the thread's run ends within one network call,
        and can continue later. Callbacks run on that thread."""
        await in_thread(self.run, self._cancel_if_open)

    def cancel(self) -> None:
        """Makes the current call for a step or a picture, or the next one if none is running, raise
        CancelledError within one network call. One cancel ends one call. May be called from any
        thread, and from a signal handler."""
        library().artfusion_sampler_cancel(self._c)

    def _cancel_if_open(self) -> None:
        with contextlib.suppress(StateError):
            self.cancel()

    def image(self, index: int = 0) -> Image:
        """The result after the last step; before it, a preview."""
        out = ctypes.c_void_p()
        self._call("image", int32("index", index), ctypes.byref(out))
        assert out.value is not None
        return Image(Owner(out.value, library().artfusion_image_destroy))

    def images(self) -> list[Image]:
        """The pictures of the whole batch.

        >>> with model.sampler(photo, [painting, None], steps=2, longest=64) as sampler:
        ...     sampler.run()
        ...     sampler.images()
        [<artfusion.Image 64x43>, <artfusion.Image 64x43>]
        """
        return [self.image(i) for i in range(self.batch)]

    # Saving and continuing.

    def save_state(self, path: str | os.PathLike[str]) -> None:
        """Saves where the run is, between two steps, with everything that its next steps depend on.
        The file is written under a temporary name, then renamed: a process that is killed at any
        moment leaves a complete state."""
        with self._alone() as owner:
            check(library().artfusion_sampler_save_state_file(owner, encoded(path)), path)

    def state(self) -> bytes:
        """The bytes that save_state() writes.

        >>> options: Options = {"steps": 3, "width": 64, "height": 64}
        >>> sampler = model.sampler(photo, painting, **options)
        >>> _ = sampler.next()
        >>> other = model.sampler(**options)
        >>> other.load_state(sampler.state())
        >>> other.progress().step
        1
        >>> sampler.run()
        >>> other.run()
        >>> bool((other.x == sampler.x).all())
        True
        """
        with self._alone() as owner:
            return take_bytes("sampler_save_state_memory", owner)

    def load_state(self, source: str | os.PathLike[str] | bytes | bytearray | memoryview) -> None:
        """Restores a saved state, from its path or its bytes. It may be of this process or an
        earlier one, but this run must have the same options and weights. Content, style and mask
        come with it. On the same machine the next steps give the bytes that the saved run's would
        have given."""
        if isinstance(source, str | os.PathLike):
            self._call("load_state_file", encoded(source), path=source)
        else:
            data = file_bytes(source)
            self._call("load_state_memory", data, len(data))

    # What there is to see.

    @property
    def options(self) -> Options:
        """All options of the run, with the preset's and the model's own values: another sampler
        with these options does the same.

        >>> options = model.sampler(preset="bold", steps=3, longest=64).options
        >>> options["steps"], options["width"], options["solver"]
        (3, 64, 'dpmpp_2m')
        """
        return self._options.copy()

    def progress(self) -> Progress:
        """How far the run is."""
        c = _abi.Progress()
        check(library().artfusion_sampler_get_progress(self._c, c, ctypes.sizeof(c)))
        return Progress(**{f.name: getattr(c, f.name) for f in dataclasses.fields(Progress)})

    @property
    def latent_size(self) -> tuple[int, int]:
        """The width and height of latents and masks: those of the picture, rounded up to a multiple
        of the model's size_multiple, in latent pixels."""
        width, height = ctypes.c_int32(), ctypes.c_int32()
        check(library().artfusion_sampler_latent_size(self._c, width, height))
        return width.value, height.value

    @property
    def x(self) -> FloatArray | None:
        """The current scaled latent[batch, channels, height, width]; None before there is one. It
        is a view, whose values the next step changes."""
        return self._tensor("sampler_x")

    @property
    def x0(self) -> FloatArray | None:
        """The x0 that the last step predicted, with the shape of x."""
        return self._tensor("sampler_x0")

    def _tensor(self, function: str) -> FloatArray | None:
        address = getattr(library(), f"artfusion_{function}")(self._c, None)
        return self._view(address) if address else None

    def kept(self) -> list[tuple[FloatArray, FloatArray | None]]:
        """What the option `keep_every` kept, as pairs (x, x0): x_T, which has no x0; the first
        step's; and those of every so many steps, counted back from the last.

        >>> sampler = model.sampler(photo, painting, steps=3, longest=64, keep_every=1)
        >>> sampler.run()
        >>> len(sampler.kept()), sampler.kept()[-1][0].shape
        (4, (1, 32, 8, 8))
        """
        owner, lib = self._c, library()
        entries: list[tuple[FloatArray, FloatArray | None]] = []
        for i in range(lib.artfusion_sampler_kept_count(owner)):
            x, x0 = _abi.floats_p(), _abi.floats_p()
            check(lib.artfusion_sampler_kept(owner, i, x, x0))
            entries.append((self._view(x), self._view(x0) if x0 else None))
        return entries

    def _view(self, address: Any, *, writeable: bool = False) -> FloatArray:
        return tensor(self._c, address, self._shape, writeable=writeable)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            "a run can be neither copied nor pickled: state() gives its bytes, load_state() takes "
            "them to a sampler of the same `options`"
        )

    def __repr__(self) -> str:
        if self.closed:
            return "<artfusion.Sampler closed>"
        progress = self.progress()
        count = f"{self.batch} of " if self.batch > 1 else ""
        size = f"{count}{self.width}x{self.height}"
        return f"<artfusion.Sampler {size}, step {progress.step} of {progress.steps}>"
