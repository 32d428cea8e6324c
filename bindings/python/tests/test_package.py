# SPDX-License-Identifier: MIT
"""What was installed, its releases, and its exceptions."""

from __future__ import annotations

import errno
import importlib.metadata
import os
import pickle
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import artfusion as af
import pytest
from artfusion import _abi, _errors
from artfusion._library import library
from artfusion._torch import releases
from conftest import PHOTO, TREE, run, run_python


def test_the_installed_package_is_tested() -> None:
    assert not Path(af.__file__).is_relative_to(TREE / "bindings")


def test_importing_loads_nothing_else() -> None:
    run_python(
        "import artfusion, sys\n"
        "loaded = {'asyncio', 'numpy', 'PIL', 'torch'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "assert 'libartfusion' not in open('/proc/self/maps').read()\n"
    )


def test_files_need_neither_numpy_nor_pillow(tmp_path: Path) -> None:
    run_python(
        "import artfusion, sys\n"
        "style, out = sys.argv[1:]\n"
        "artfusion.load().stylize(style, style, steps=1, longest=32).save(out)\n"
        "loaded = {'numpy', 'PIL', 'torch'} & set(sys.modules)\n"
        "assert not loaded, loaded\n",
        PHOTO,
        tmp_path / "out.png",
    )
    assert af.Image.load(tmp_path / "out.png").width == 32


def test_releases_agree() -> None:
    assert library().artfusion_version_string().decode() == af.__version__
    assert importlib.metadata.version("artfusion") == af.__version__


def test_the_wheel_requires_the_torch_that_it_has_an_engine_for() -> None:
    always = [text for text in importlib.metadata.requires("artfusion") or [] if "extra" not in text]
    assert always == [f"torch=={release}" for release in releases()]


def test_requirements_for_several_engines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the build asks for them, with the folder that scripts/build-engines.sh makes."""
    path = TREE / "bindings" / "python" / "torch_requirement.py"
    requirement = runpy.run_path(str(path))["dynamic_metadata"]
    monkeypatch.delenv("ARTFUSION_ENGINES", raising=False)
    (one,) = releases()
    assert requirement("dependencies", {}) == [f"torch=={one}"]
    for release in "2.9.1", "2.10.0":
        (tmp_path / f"torch-{release}").mkdir()
    monkeypatch.setenv("ARTFUSION_ENGINES", str(tmp_path))
    assert requirement("dependencies", {}) == [f"torch>=2.9.1,<={one}"]
    with pytest.raises(RuntimeError, match="version"):
        requirement("version", {})


def test_without_a_library_of_its_own_it_takes_the_systems(tmp_path: Path) -> None:
    """As a distribution packages it: Python files alone, and a library that the loader finds."""
    site, broken = tmp_path / "site", tmp_path / "broken"
    ignored = shutil.ignore_patterns("*.so*", "bin", "engines", "__pycache__")
    shutil.copytree(Path(af.__file__).parent, site / "artfusion", ignore=ignored)
    code = """
import artfusion as af
print(af.__file__)
af.Rng(seed=7).normal(4)
print(*{line.split()[-1] for line in open("/proc/self/maps") if "libartfusion.so" in line})
"""
    libraries = Path(os.environ["ARTFUSION_BUILD"], "lib")
    done = run_python(code, PYTHONPATH=str(site), LD_LIBRARY_PATH=str(libraries))
    package, library = done.stdout.splitlines()
    assert Path(package).is_relative_to(site)
    assert Path(library).is_relative_to(libraries.resolve())
    said = run([sys.executable, "-m", "artfusion", "--version"], status=1, PYTHONPATH=str(site)).stderr
    assert said.startswith("artfusion: this package holds no command")

    broken.mkdir()
    (broken / "libartfusion.so.1").touch()  # else it might find one that was installed
    said = run_python(code, status=1, PYTHONPATH=str(site), LD_LIBRARY_PATH=str(broken)).stderr
    assert "the package holds no libartfusion.so, and the system's cannot be loaded" in said
    assert str(broken) in said


def test_a_library_of_another_release_is_refused() -> None:
    run_python(
        "import artfusion as af\n"
        "from artfusion import _abi\n"
        "_abi.VERSION = 7_008_009\n"
        "try:\n"
        "    af.Image.new(1, 1)\n"
        "except af.UnsupportedError as error:\n"
        "    assert '7.8.9' in str(error) and af.__version__ in str(error), error\n"
        "else:\n"
        "    raise SystemExit('it was taken')\n"
    )


def test_every_status_has_its_exception() -> None:
    statuses = {v for name, v in vars(_abi).items() if name.startswith("ERROR_")}
    assert len(statuses) == 12
    for status in statuses:
        error = af.Error.of(status, "why")
        assert type(error) is not af.Error
        assert type(error).__name__ in af.__all__
        assert error.name == library().artfusion_status_name(status).decode()
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), copy.status, str(copy)) == (type(error), status, "why")


def test_an_unknown_status_is_a_plain_error() -> None:
    error = pickle.loads(pickle.dumps(af.Error.of(-99, "why")))
    assert (type(error), error.status, error.name) == (af.Error, -99, "unknown status")


def test_errors_are_those_that_python_programs_expect(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none.png") as raised:
        af.Image.load(tmp_path / "none.png")
    assert isinstance(raised.value, af.FileError)
    assert raised.value.status == _abi.ERROR_IO
    with pytest.raises(af.FormatError):
        af.Image.load(b"no picture")
    with pytest.raises(ValueError, match="0"):
        af.Image.new(0, 1)


def test_file_errors_are_pythons_own(model: af.Model, tmp_path: Path) -> None:
    none, lower = tmp_path / "none", tmp_path / "lower" / "a.png"
    (tmp_path / "lower").write_text("a file")
    image, style = af.Image.new(2, 2), model.null_style()
    sampler = model.sampler(steps=1, longest=32)
    cases: list[tuple[Callable[[], object], type[OSError], int, Path]] = [
        (lambda: af.Image.load(none), FileNotFoundError, errno.ENOENT, none),
        (lambda: af.load(none), FileNotFoundError, errno.ENOENT, none),
        (lambda: model.load_style(none), FileNotFoundError, errno.ENOENT, none),
        (lambda: sampler.load_state(none), FileNotFoundError, errno.ENOENT, none),
        (lambda: image.save(none / "a.png"), FileNotFoundError, errno.ENOENT, none / "a.png"),
        (lambda: style.save(none / "a"), FileNotFoundError, errno.ENOENT, none / "a"),
        (lambda: sampler.save_state(none / "a"), FileNotFoundError, errno.ENOENT, none / "a"),
        (lambda: af.Image.load(lower), NotADirectoryError, errno.ENOTDIR, lower),
        (lambda: af.Image.load(tmp_path), IsADirectoryError, errno.EISDIR, tmp_path),
    ]
    for call, kind, number, path in cases:
        with pytest.raises(kind) as raised:
            call()
        error = raised.value
        assert isinstance(error, af.FileError)
        assert (error.errno, error.filename) == (number, path)
        assert error.strerror == os.strerror(number)
        assert str(path) in str(error)
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert (str(again), again.errno, again.filename) == (str(error), number, path)


def test_a_file_error_without_an_errno_is_a_plain_one() -> None:
    error = _errors.Error.of(_abi.ERROR_IO, "the reader failed")
    assert type(error) is af.FileError
    assert (error.errno, error.strerror, error.filename) == (None, None, None)
    assert str(error) == "the reader failed"
