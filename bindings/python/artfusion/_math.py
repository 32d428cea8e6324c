# SPDX-License-Identifier: MIT
"""Schedules, timesteps and random numbers, without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from . import _abi
from ._arrays import pointer
from ._errors import ArgumentError
from ._handle import Handle, create
from ._library import check, int32, library, uint64, value_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from ._arrays import FloatArray

Schedule: TypeAlias = Literal["linear", "cosine", "sqrt_linear", "sqrt"]
Spacing: TypeAlias = Literal["uniform", "quad", "trailing", "linspace"]
RngKind: TypeAlias = Literal["counter", "torch_cpu"]


class Rng(Handle):
    """A random number generator: "counter" is Philox 4x32-10, and "torch_cpu" gives the numbers of
    torch.manual_seed(seed) on the CPU, to the last bit.

    >>> Rng("torch_cpu", 1).uniform(2)
    array([0.7576316 , 0.27931088], dtype=float32)
    """

    _kind = "rng"

    def __init__(self, kind: RngKind = "counter", seed: int = 0) -> None:
        number = value_of(_abi.ENUM_RNG, kind)
        super().__init__(create("rng", "rng_create", number, uint64("seed", seed)))

    def normal(self, count: int) -> FloatArray:
        """The next `count` numbers, with mean 0 and variance 1."""
        return self._next("rng_normal", count)

    def uniform(self, count: int) -> FloatArray:
        """The next `count` numbers, in [0, 1)."""
        return self._next("rng_uniform", count)

    def _next(self, function: str, count: int) -> FloatArray:
        import numpy as np

        values = np.empty(count, np.float32)
        check(getattr(library(), f"artfusion_{function}")(self._c, pointer(values), count))
        return values


def schedule_betas(
    schedule: Schedule, start: float, end: float, timesteps: int
) -> NDArray[np.float64]:
    """The betas of a noise schedule. `start` and `end` are the first and the last one, or for
    "sqrt" their squares. The cosine schedule ignores them.

    >>> schedule_betas("sqrt_linear", 0.1, 0.3, 3)
    array([0.1, 0.2, 0.3])
    """
    import numpy as np

    number = value_of(_abi.ENUM_SCHEDULE, schedule)
    betas = np.empty(max(timesteps, 0), np.float64)
    count = int32("timesteps", timesteps)
    check(library().artfusion_schedule_betas(number, start, end, count, _doubles(betas)))
    return betas


def timesteps(spacing: Spacing, steps: int, train_timesteps: int) -> NDArray[np.int32]:
    """The timesteps that a run of `steps` steps visits, first to last.

    >>> timesteps("trailing", 4, 1000)
    array([999, 749, 499, 249], dtype=int32)
    """
    import numpy as np

    number = value_of(_abi.ENUM_SPACING, spacing)
    visited = np.empty(max(steps, 0), np.int32)
    counts = int32("steps", steps), int32("train_timesteps", train_timesteps)
    check(library().artfusion_timesteps(number, *counts, _ints(visited)))
    return visited


def ddim_coefficients(
    alphas_cumprod: ArrayLike, spacing: Spacing, timesteps: ArrayLike, eta: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """DDIM's (alphas, alphas_prev, sigmas) at these timesteps, first to last: alphas_cumprod
    before and after each step, and the step's noise.

    >>> ddim_coefficients([0.9, 0.5, 0.1], "trailing", [2, 1, 0], 0.0)[1]
    array([0.5, 0.9, 1. ])
    """
    import numpy as np

    cumulated = np.ascontiguousarray(alphas_cumprod, np.float64)
    visited = np.ascontiguousarray(timesteps, np.int32)
    if cumulated.ndim != 1 or visited.ndim != 1:
        raise ArgumentError("alphas_cumprod and timesteps are of one dimension")
    alphas, alphas_prev, sigmas = (np.empty(visited.size, np.float64) for _ in range(3))
    check(
        library().artfusion_ddim_coefficients(
            _doubles(cumulated),
            cumulated.size,
            value_of(_abi.ENUM_SPACING, spacing),
            _ints(visited),
            visited.size,
            eta,
            _doubles(alphas),
            _doubles(alphas_prev),
            _doubles(sigmas),
        )
    )
    return alphas, alphas_prev, sigmas


def _doubles(array: NDArray[np.float64]) -> Any:
    return array.ctypes.data_as(_abi.doubles_p)


def _ints(array: NDArray[np.int32]) -> Any:
    return array.ctypes.data_as(_abi.ints_p)
