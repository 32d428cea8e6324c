# SPDX-License-Identifier: MIT
"""Networks in a process of their own, whose end ends one call."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import threading
import zipfile
from pathlib import Path

import artfusion as af
import numpy as np
import pytest
from conftest import MODEL, PAINTING, PHOTO, Pixels, run_python

OPTIONS: af.Options = {"steps": 6, "width": 64, "height": 64, "eta": 0.5, "seed": 3}


def engines() -> list[int]:
    """Processes of engines that this process has started."""
    found = []
    for thread in Path("/proc/self/task").iterdir():
        for child in (thread / "children").read_text().split():
            if b"artfusion-engine-host" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def kill() -> None:
    (engine,) = engines()
    os.kill(engine, signal.SIGKILL)


def painted(model: af.Model, photo: Pixels) -> Pixels:
    return np.array(model.stylize(photo, PAINTING, **OPTIONS))


def test_a_run_whose_engine_is_killed_makes_the_same_bytes(photo: Pixels) -> None:
    with af.load(threads=2) as model:
        assert model.info().isolation == "none"
        undisturbed = painted(model, photo)
    before = engines()
    assert before == []
    with af.load(threads=2, isolation="process", isolation_timeout=120.0) as model:
        assert model.info().isolation == "process"
        assert np.array_equal(painted(model, photo), undisturbed)

        sampler = model.sampler(photo, PAINTING, **OPTIONS)
        for step in (2, 4):
            while sampler.progress().step < step:
                sampler.next()
            kill()
            with pytest.raises(af.EngineError, match="the engine's process was ended by SIGKILL"):
                sampler.next()
            assert sampler.progress().step == step
        sampler.run()
        assert np.array_equal(np.array(sampler.image()), undisturbed)

        # At any moment of a call.
        begun = threading.Event()
        long: af.Options = {**OPTIONS, "steps": 400, "on_step": lambda step: begun.set()}
        sampler = model.sampler(photo, PAINTING, **long)

        def kill_it() -> None:
            begun.wait()
            kill()

        killer = threading.Thread(target=kill_it)
        killer.start()
        with pytest.raises(af.EngineError, match="SIGKILL"):
            sampler.run()
        killer.join()
        assert 0 < sampler.progress().step < 400
        assert sampler.next() is not None
        sampler.close()
    assert engines() == []


def test_a_call_may_take_so_long_and_no_longer() -> None:
    with pytest.raises(af.EngineError, match=r"did not answer within 0\.001 s"):
        af.load(isolation="process", isolation_timeout=0.0001)  # no limit of 0
    assert engines() == []


def test_auto_trusts_what_came_with_the_package_and_what_is_named(tmp_path: Path) -> None:
    other = tmp_path / "other.artfusion"
    with zipfile.ZipFile(MODEL) as old, zipfile.ZipFile(other, "w") as new:
        for entry in old.infolist():  # the same model, whose archive is another file
            new.writestr(entry.filename, old.read(entry))
    digest = hashlib.sha256(other.read_bytes()).hexdigest()
    became = {
        path: [
            af.load(path, isolation="auto", trusted=trusted).info().isolation
            for trusted in ((), [digest, "0" * 64])
        ]
        for path in (MODEL, other)
    }
    assert became == {MODEL: ["none", "none"], other: ["process", "none"]}


def test_what_cannot_be_is_refused() -> None:
    for isolation in ("thread", "PROCESS"):
        with pytest.raises(af.ArgumentError, match=isolation):
            af.Context(isolation=isolation)  # type: ignore[arg-type]
    for timeout in (0, -1, 1e9, float("nan"), float("inf")):
        with pytest.raises(af.ArgumentError, match="isolation_timeout"):
            af.Context(isolation="process", isolation_timeout=timeout)
    with pytest.raises(af.ArgumentError, match="64 hexadecimal digits"):
        af.Context(isolation="auto", trusted=["mini"])
    with pytest.raises(TypeError, match="trusted is a string"):
        af.Context(isolation="auto", trusted="0" * 64)


def test_a_pickled_model_stays_isolated(photo: Pixels) -> None:
    with af.load(isolation="process") as model:
        data = pickle.dumps(model)
        expected = painted(model, photo)
    assert engines() == []
    with pickle.loads(data) as again:
        assert again.info().isolation == "process"
        assert np.array_equal(painted(again, photo), expected)
    assert engines() == []


FORKED = """
import os, sys
import artfusion as af

photo, painting = sys.argv[1:]
model = af.load(threads=1)
options = {"steps": 2, "width": 64, "height": 64}
expected = model.stylize(photo, painting, **options).to_bytes()
child = os.fork()
if child == 0:
    try:
        model.stylize(photo, painting, **options)
    except af.EngineError as error:
        assert "forked" in str(error)
    else:
        os._exit(1)
    own = af.load(threads=1, isolation="process")
    same = own.stylize(photo, painting, **options).to_bytes() == expected
    own.close()
    os._exit(0 if same else 2)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert model.stylize(photo, painting, **options).to_bytes() == expected
"""


def test_a_forked_child_opens_isolated_models() -> None:
    run_python(FORKED, PHOTO, PAINTING)
