# SPDX-License-Identifier: MIT
"""Runs that an event loop awaits, and ends."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import artfusion as af
import numpy as np
import pytest
from conftest import Pixels

LONG: dict[str, Any] = {"width": 64, "height": 64, "steps": 1000}


def test_awaited_pictures_are_the_same(model: af.Model, photo: Pixels, style: af.Style) -> None:
    options: af.Options = {"steps": 2, "longest": 64}

    async def all_of_them() -> list[list[af.Image]]:
        one = model.astylize(photo, style, **options)
        several = model.astylize([photo, photo[:32]], style, **options)
        with model.sampler(photo, style, **options) as run:
            await run.arun()
            with model.sampler(photo, style, **options) as steps:
                numbers = [step.number async for step in steps]
                assert numbers == [1, 2]
                return [[await one], await several, [run.image()], [steps.image()]]

    alone, several, *others = asyncio.run(all_of_them())
    expected = model.stylize(photo, style, **options).to_bytes()
    assert {p.to_bytes() for (p,) in (alone, *others)} == {expected}
    assert several[0].to_bytes() == expected
    assert several[1].size == (64, 32)


def test_errors_come_out(model: af.Model, photo: Pixels, style: af.Style) -> None:
    with pytest.raises(FileNotFoundError, match="none.jpg"):
        asyncio.run(model.astylize("none.jpg", style))

    def on_step(step: af.Step) -> None:
        raise LookupError("from the thread")

    with pytest.raises(LookupError, match="from the thread"):
        asyncio.run(model.astylize(photo, style, on_step=on_step, **LONG))


class Watch:
    """Counts the steps of a run, and tells a loop of the first."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.first = asyncio.Event()
        self.steps = 0
        self.threads: set[int] = set()

    def __call__(self, _step: af.Step) -> None:
        self.steps += 1
        self.threads.add(threading.get_ident())
        self.loop.call_soon_threadsafe(self.first.set)


@pytest.mark.parametrize("way", ["astylize", "arun", "async for"])
def test_a_cancelled_task_ends_the_threads_run(
    model: af.Model, photo: Pixels, style: af.Style, way: str
) -> None:
    """In the midst of a step: what a run of 1000 steps has done by then is a few."""

    async def cancel() -> int:
        watch = Watch()
        sampler = model.sampler(photo, style, on_step=watch, **LONG)

        async def loop() -> None:
            async for _ in sampler:
                pass

        work = {
            "astylize": lambda: model.astylize(photo, style, on_step=watch, **LONG),
            "arun": sampler.arun,
            "async for": loop,
        }[way]
        task = asyncio.ensure_future(work())
        await watch.first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        done = watch.steps
        await asyncio.sleep(0.1)
        assert watch.steps == done  # the thread has let go
        assert threading.get_ident() not in watch.threads
        return done

    assert 1 <= asyncio.run(cancel()) < 900


def test_a_timeout_ends_it_and_it_goes_on(
    model: af.Model, photo: Pixels, style: af.Style
) -> None:
    async def work() -> tuple[int, int]:
        watch = Watch()
        with model.sampler(photo, style, on_step=watch, **LONG) as sampler:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3600) as timeout:
                    run = asyncio.ensure_future(sampler.arun())
                    await watch.first.wait()
                    timeout.reschedule(asyncio.get_running_loop().time())
                    await run
            before = sampler.progress().step
            step = await asyncio.to_thread(sampler.next)
            assert step is not None
            return before, step.number

    before, after = asyncio.run(work())
    assert 1 <= before < 900
    assert after == before + 1


def test_what_waits_for_a_thread_is_not_begun(
    model: af.Model, photo: Pixels, style: af.Style
) -> None:
    async def work() -> int:
        loop, release = asyncio.get_running_loop(), threading.Event()
        loop.set_default_executor(ThreadPoolExecutor(1))
        busy = loop.run_in_executor(None, release.wait)
        steps = 0

        def on_step(_step: af.Step) -> None:
            nonlocal steps
            steps += 1

        task = asyncio.ensure_future(model.astylize(photo, style, on_step=on_step, **LONG))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task  # while the thread is still busy
        release.set()
        await busy
        await asyncio.to_thread(lambda: None)
        return steps

    assert asyncio.run(work()) == 0


def test_the_loop_goes_on_meanwhile(model: af.Model) -> None:
    picture = np.zeros((768, 768, 3), np.uint8)

    async def work() -> int:
        turns = 0
        task = asyncio.ensure_future(model.astylize(picture, picture, steps=1, longest=256))
        while not task.done():
            turns += 1
            await asyncio.sleep(0.001)
        await task
        return turns

    assert asyncio.run(work()) > 3
