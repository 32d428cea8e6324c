# SPDX-License-Identifier: MIT
"""Other threads run while the library works; any of them, and Ctrl-C, may end a run."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import artfusion as af
import numpy as np
import pytest
from conftest import PAINTING, PHOTO, Pixels, run_python


def test_python_goes_on_during_a_call(model: af.Model) -> None:
    """A thread that held the interpreter's lock in C would let nobody count: it is not taken from
    anyone here."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    try:
        counted, done = 0, threading.Event()
        picture = np.zeros((768, 768, 3), np.uint8)

        def work() -> int:
            before = counted
            model.encode(picture)
            after = counted
            done.set()
            return after - before

        with ThreadPoolExecutor() as pool:
            during = pool.submit(work)
            while not done.is_set():
                counted += 1
                time.sleep(0.0001)  # gives the lock away
        assert during.result() > 10
    finally:
        sys.setswitchinterval(interval)


def test_another_thread_cancels(model: af.Model, photo: Pixels, style: af.Style) -> None:
    started = threading.Event()
    with model.sampler(
        photo, style, width=64, height=64, steps=1000, on_step=lambda _: started.set()
    ) as sampler:
        with ThreadPoolExecutor() as pool:
            run = pool.submit(sampler.run)
            assert started.wait(60)
            sampler.cancel()
            with pytest.raises(af.CancelledError):
                run.result()
        assert 1 <= sampler.progress().step < 1000
        assert sampler.next() is not None


def test_threads_share_a_model(model: af.Model, photo: Pixels, style: af.Style) -> None:
    def paint(seed: int) -> bytes:
        picture = model.stylize(photo, style, width=64, height=64, steps=2, seed=seed)
        return np.asarray(picture).tobytes()

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(paint, [1, 2, 1, 2]))
    assert together == [paint(seed) for seed in (1, 2, 1, 2)]


def test_a_sampler_is_one_threads(model: af.Model, photo: Pixels, style: af.Style) -> None:
    def from_another_thread(sampler: af.Sampler, _: object) -> None:
        with ThreadPoolExecutor() as pool:
            pool.submit(sampler.next).result()

    with model.sampler(
        photo, style, width=64, height=64, steps=2, on_eps=from_another_thread
    ) as sampler:
        with pytest.raises(af.StateError, match="in another call"):
            sampler.run()


def test_closing_in_the_midst_of_a_call(photo: Pixels) -> None:
    """What is in use is destroyed when the call is over."""
    for _ in range(5):
        model = af.load()
        began = threading.Event()

        def work(model: af.Model, began: threading.Event) -> object:
            style = model.null_style()
            sampler = model.sampler(photo, style, width=64, height=64, steps=3)
            began.set()
            sampler.run()
            return sampler.image()

        with ThreadPoolExecutor() as pool:
            run = pool.submit(work, model, began)
            assert began.wait(60)
            model.close()
            assert isinstance(run.result(), af.Image)


# Is interrupted ten times, each at another moment of a step, and goes on.
INTERRUPTED = """
import os, signal, sys, threading, time
import artfusion as af

def drop(unraisable):
    print("dropped", unraisable.exc_type, flush=True)
    os._exit(1)

def interrupt():
    for i in range(10):
        time.sleep(0.02 + 0.001 * i)
        os.kill(os.getpid(), signal.SIGINT)
        came.acquire()

sys.unraisablehook = drop
callbacks = {
    "plain": {},
    "called back": {"on_eps": lambda *_: None, "on_noise": lambda *_: False},
}[sys.argv[1]]
sampler = af.load().sampler(*sys.argv[2:], steps=1000, longest=64, solver="ddpm", **callbacks)
came, times = threading.Semaphore(0), 0
threading.Thread(target=interrupt).start()
while times < 10:
    try:
        sampler.run()
        break
    except KeyboardInterrupt:
        times += 1
        came.release()
before = sampler.progress().step
print(times, before < 1000, sampler.next().number - before)
"""


@pytest.mark.parametrize("callbacks", ["plain", "called back"])
def test_ctrl_c_ends_a_run_within_a_step(callbacks: str) -> None:
    assert run_python(INTERRUPTED, callbacks, PHOTO, PAINTING).stdout == "10 True 1\n"
