# SPDX-License-Identifier: MIT
"""Calls of a thread that an event loop awaits, and can end."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")


async def in_thread(function: Callable[[], _Result], cancel: Callable[[], None]) -> _Result:
    """As asyncio.to_thread(), except that a cancelled task calls `cancel`, which is to end the
    function soon, and is over when the thread has let go."""
    import asyncio  # which takes long, and is there if anybody awaits

    lock = threading.Lock()
    begun = given_up = False

    def work() -> _Result:
        nonlocal begun
        with lock:
            if given_up:
                raise asyncio.CancelledError
            begun = True
        return function()

    context = contextvars.copy_context()
    future = asyncio.get_running_loop().run_in_executor(None, context.run, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        with lock:
            given_up = True
        if begun and not future.done():
            cancel()
            await asyncio.wait([future])
        future.cancel()  # if it still waits for a thread
        if future.done() and not future.cancelled():
            future.exception()  # has been seen: the task ends by its own
        raise
