# SPDX-License-Identifier: MIT
"""Signals during calls that call back."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Has Python's signal handlers run after the call.

    One that raises, as that of Ctrl-C does, would otherwise do so at the entry of a callback,
    before any `try`: ctypes drops the exception there, and C gets no answer.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone runs handlers
        yield
        return
    came: list[int] = []
    handlers: dict[int, Any] = {
        number: handler
        for number in signal.valid_signals()
        if callable(handler := signal.getsignal(number))
    }
    try:
        for number in handlers:
            signal.signal(number, lambda number, _frame: came.append(number))
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in came:
            handlers[number](number, None)
