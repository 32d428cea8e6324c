# SPDX-License-Identifier: MIT
"""The process's libtorch: the torch package's, whenever that is imported, or none at all."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import artfusion as af
import pytest
from artfusion._torch import releases
from conftest import PAINTING, PHOTO, run_python

ENGINE = "libartfusion-engine-torch.so"
(TORCH,) = releases()  # the test's package is built against one

LIBTORCHES = """
def libtorches():
    lines = (line.split() for line in open("/proc/self/maps"))
    return {line[-1] for line in lines if "/libtorch_cpu.so" in line[-1]}
"""
WORK = (
    LIBTORCHES
    + """
import sys, hashlib

def stylise():
    import artfusion as af
    global model
    model = af.load(threads=1)
    picture = model.stylize(*sys.argv[1:3], steps=2, longest=64)
    print(hashlib.sha256(picture.to_bytes()).hexdigest())

def compute():
    import torch
    weight = torch.eye(64, requires_grad=True)
    (torch.ones(8, 64) @ weight).square().sum().backward()
    assert torch.equal(weight.grad, torch.full((64, 64), 16.0))
    assert torch.jit.script(torch.nn.Linear(3, 2))(torch.zeros(1, 3)).shape == (1, 2)
"""
)
# Opens the default model, which must be refused before any libtorch is loaded.
REFUSED = (
    LIBTORCHES
    + """
import sys
import artfusion as af
before = libtorches()
try:
    af.load()
except af.EngineError as error:
    print(error)
else:
    raise SystemExit("it was opened")
assert libtorches() == before, libtorches()
assert "torch" not in sys.modules
"""
)


@pytest.fixture(scope="module")
def torch_folder() -> Path:
    spec = importlib.util.find_spec("torch")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


def test_torch_may_be_imported_before_after_or_never(torch_folder: Path) -> None:
    orders = {
        "before": "compute(); stylise(); compute()",
        "after": "stylise(); compute(); stylise()",
        "never": "stylise(); assert 'torch' not in sys.modules",
    }
    pictures = set()
    for order in orders.values():
        code = f"{WORK}\n{order}\nassert len(libtorches()) == 1, libtorches()\nprint(*libtorches())"
        *hashes, libtorch = run_python(code, PHOTO, PAINTING).stdout.split()
        assert os.path.samefile(libtorch, torch_folder / "lib" / "libtorch_cpu.so")
        pictures |= set(hashes)
    assert len(pictures) == 1


def test_a_python_without_torch_is_told_so() -> None:
    without = (
        "import sys, os\n"
        "sys.path[:] = [p for p in sys.path if not os.path.isdir(os.path.join(p, 'torch'))]\n"
    )
    said = run_python(without + REFUSED).stdout
    assert f"pip install torch=={TORCH}" in said


@pytest.mark.parametrize("version", ["9.8.7", "9.8.7+cu999"])
def test_another_torch_is_refused_before_it_is_loaded(tmp_path: Path, version: str) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('torch was imported')\n")
    (tmp_path / "torch" / "version.py").write_text(f"__version__ = '{version}'\n")
    said = run_python(REFUSED, PYTHONPATH=str(tmp_path)).stdout
    assert version in said
    assert TORCH in said
    assert str(tmp_path) in said


def test_the_engine_is_that_of_the_torch_that_is_there(tmp_path: Path) -> None:
    """Of a package with engines for several: here a second one, for another torch, which says by its
    error that it was it. Releases are put in order as numbers: 10 is after 2."""
    engine = tmp_path / "more" / "engines" / "torch-10.8.7" / ENGINE
    libtorch = tmp_path / "site" / "torch" / "lib" / "libtorch.so"
    for stub in engine, libtorch:
        stub.parent.mkdir(parents=True)
        subprocess.run(["cc", "-shared", "-xc", os.devnull, "-o", stub], check=True)
    package = libtorch.parents[1]
    (package / "__init__.py").write_text("raise SystemExit('torch was imported')\n")
    more = f"import artfusion\nartfusion.__path__.append({str(tmp_path / 'more')!r})\n"
    # The package's own torch is served as before.
    assert run_python(f"{more}artfusion.load()", PYTHONPATH="").stdout == ""
    for version, said in ("10.8.7+cpu", f"{engine} is no artfusion engine"), (
        "10.8.6",
        f"there are engines for torch {TORCH} and 10.8.7, and {package} is torch 10.8.6: "
        "pip install torch==10.8.7",
    ):
        (package / "version.py").write_text(f"__version__ = '{version}'\n")
        assert said in run_python(more + REFUSED, PYTHONPATH=str(tmp_path / "site")).stdout


def test_a_torch_of_no_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('torch was imported')\n")
    assert "unknown version" in run_python(REFUSED, PYTHONPATH=str(tmp_path)).stdout


def test_a_process_with_another_libtorch_is_refused(tmp_path: Path) -> None:
    source, stub = tmp_path / "stub.c", tmp_path / "libtorch_cpu.so"
    source.write_text("int stub;\n")
    subprocess.run(["cc", "-shared", "-fPIC", source, "-o", stub], check=True)
    said = run_python(f"import ctypes; ctypes.CDLL({str(stub)!r})\n{REFUSED}").stdout
    assert str(stub) in said
    assert TORCH in said


def test_an_isolated_engine_may_have_another_libtorch_than_the_process(
    tmp_path: Path, torch_folder: Path
) -> None:
    """The one that lies beside the package, as pip puts it there."""
    source, stub = tmp_path / "stub.c", tmp_path / "libtorch_cpu.so"
    source.write_text("int stub;\n")
    subprocess.run(["cc", "-shared", "-fPIC", source, "-o", stub], check=True)
    site = tmp_path / "site"
    shutil.copytree(Path(af.__file__).parent, site / "artfusion", ignore=lambda *_: ["__pycache__"])
    carried = Path(af.__file__).parents[1] / "artfusion.libs"  # what a wheel brings of the system's libraries
    if carried.exists():
        (site / "artfusion.libs").symlink_to(carried)
    (site / "torch").symlink_to(torch_folder)
    isolated = WORK.replace("threads=1", "threads=1, isolation='process'")
    code = f"""{isolated}
import ctypes
ctypes.CDLL({str(stub)!r})
stylise()
assert libtorches() == {{{str(stub)!r}}}, libtorches()
"""
    picture = run_python(code, PHOTO, PAINTING, PYTHONPATH=str(site)).stdout
    assert picture == run_python(f"{WORK}\nstylise()", PHOTO, PAINTING).stdout


def test_an_engine_that_was_named_is_its_owners_affair(tmp_path: Path) -> None:
    """The check is of the package's own engine: another may be for another torch."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('torch was imported')\n")
    engine = Path(os.environ["ARTFUSION_BUILD"], "lib", ENGINE)
    code = "import artfusion, sys; print(artfusion.load(engine=sys.argv[1] or None).info().name)"
    fake = str(tmp_path)
    assert run_python(code, engine, PYTHONPATH=fake).stdout == "mini\n"
    said = run_python(code, "", PYTHONPATH=fake, ARTFUSION_ENGINE=str(engine)).stdout
    assert said == "mini\n"


def test_the_engine_finds_a_torch_beside_the_package(tmp_path: Path, torch_folder: Path) -> None:
    """Without Python's help, as the loader sees it."""
    place = Path("artfusion", "engines", f"torch-{TORCH}")
    (tmp_path / place).mkdir(parents=True)
    engine = shutil.copy(Path(af.__file__).parents[1] / place / ENGINE, tmp_path / place)
    (tmp_path / "torch").symlink_to(torch_folder)
    code = f"{LIBTORCHES}\nimport ctypes, sys; ctypes.CDLL(sys.argv[1]); print(*libtorches())"
    (libtorch,) = run_python(code, engine).stdout.split()
    assert os.path.samefile(libtorch, torch_folder / "lib" / "libtorch_cpu.so")
