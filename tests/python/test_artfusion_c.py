# SPDX-License-Identifier: MIT
"""The ctypes declarations against the header itself: a wrong one would make every test lie."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path
from typing import Any

import artfusion_c as af
import numpy as np
import pytest
from conftest import TREE

HEADER = TREE / "include" / "artfusion.h"
STRUCTS = {
    "artfusion_context_options": af.ContextOptions,
    "artfusion_load_options": af.LoadOptions,
    "artfusion_save_options": af.SaveOptions,
    "artfusion_model_info": af.ModelInfo,
    "artfusion_sampler_options": af.SamplerOptions,
    "artfusion_progress": af.Progress,
}


@pytest.fixture(scope="module")
def header() -> str:
    return re.sub(r"/\*.*?\*/", "", HEADER.read_text(encoding="utf-8"), flags=re.S)


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, list[str]]]:
    """What abi/abi.sh holds the header to: kind -> name -> the rest of the line."""
    kinds: dict[str, dict[str, list[str]]] = {}
    for line in (TREE / "abi" / "table.tsv").read_text(encoding="utf-8").splitlines():
        kind, name, *rest = line.split("\t")
        kinds.setdefault(kind, {})[name] = rest
    return kinds


def test_every_struct_has_the_layout_of_c(table: dict[str, dict[str, list[str]]]) -> None:
    sizes = {name: [str(ctypes.sizeof(struct))] for name, struct in STRUCTS.items()}
    assert sizes == table["size"]
    fields = {}
    for name, struct in STRUCTS.items():
        for field, *_ in struct._fields_:
            member = getattr(struct, field)
            fields[f"{name}.{field}"] = [str(member.offset), str(member.size)]
    assert fields == table["field"]


def test_every_constant_has_the_value_of_c(table: dict[str, dict[str, list[str]]]) -> None:
    for name, (value,) in table["constant"].items():
        assert getattr(af, name.removeprefix("ARTFUSION_")) == int(value), name


C_TYPES = {
    "artfusion_status": ctypes.c_int32,
    "int32_t": ctypes.c_int32,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "double": ctypes.c_double,
    "void": None,
    "const char *": ctypes.c_char_p,
    "void *": ctypes.c_void_p,
    "const void *": ctypes.c_void_p,
    "artfusion_read_callback": af.read_callback,
}


def _ctype(text: str, header: str) -> Any:
    """The ctypes type of a C type as the header writes it."""
    text = " ".join(text.replace("*", " * ").split())
    plain = re.sub(r"\bconst ", "", text)
    if text in C_TYPES:
        return C_TYPES[text]
    if plain in STRUCTS or plain.removesuffix(" *") in STRUCTS:
        return ctypes.POINTER(STRUCTS[plain.removesuffix(" *")])
    if re.fullmatch(r"artfusion_\w+", plain):
        assert re.search(rf"typedef int32_t {plain};", header), plain
        return ctypes.c_int32
    if re.fullmatch(r"artfusion_\w+ \*", plain):
        return ctypes.c_void_p
    if re.fullmatch(r"artfusion_\w+ \*( const)? ?\*", plain):
        return ctypes.POINTER(ctypes.c_void_p)
    base, stars = plain.split(" ", 1)
    pointed: Any = {
        "char": ctypes.c_char,
        "float": ctypes.c_float,
        "double": ctypes.c_double,
        "int32_t": ctypes.c_int32,
        "uint8_t": ctypes.c_uint8,
        "size_t": ctypes.c_size_t,
        "uint64_t": ctypes.c_uint64,
    }[base]
    for _ in range(stars.count("*")):
        pointed = ctypes.POINTER(pointed)
    return pointed


def test_every_function_is_declared_as_in_c(
    header: str, table: dict[str, dict[str, list[str]]]
) -> None:
    found = {}
    for (declaration,) in table["function"].values():
        parts = re.fullmatch(r"([\w ]+?\*?)\s*artfusion_(\w+)\(([^)]*)\)", declaration)
        assert parts, declaration
        types = [
            _ctype(re.sub(r"\w+\s*$", "", argument), header)
            for argument in parts[3].split(",")
            if argument.strip() != "void"
        ]
        found[parts[2]] = (_ctype(parts[1], header), types)
    assert found == af.FUNCTIONS


def test_the_library_is_of_the_headers_release(header: str) -> None:
    parts = [int(n) for n in re.findall(r"#define ARTFUSION_VERSION_\w+ (\d+)", header)]
    major, minor, patch = parts
    lib = af.library()
    assert af.VERSION == lib.artfusion_version() == major * 1_000_000 + minor * 1_000 + patch
    assert lib.artfusion_version_string().decode() == f"{major}.{minor}.{patch}"


def test_errors_become_exceptions_and_pixels_are_copied() -> None:
    with pytest.raises(af.ArtfusionError, match="ARTFUSION_ERROR_ARGUMENT: .*0") as raised:
        af.Image.from_array(np.zeros((0, 3, 3), np.uint8))
    assert raised.value.status == af.ERROR_ARGUMENT
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    with af.Image.from_array(pixels) as image:
        copy = image.array()
    assert np.array_equal(copy, pixels)


def test_presets_of_the_default_model() -> None:
    """The rule of the published models, of docs/model-format.md."""
    path = os.environ["ARTFUSION_MODEL"]
    with af.Context(threads=1) as context, af.Model(context, path) as model:
        assert {"subtle", "balanced", "bold"} <= set(model.presets())
        with af.Sampler(model) as plain, af.Sampler(model, preset="balanced") as balanced:
            assert bytes(balanced.options) == bytes(plain.options)


def test_an_exception_in_a_callback_comes_out_of_its_call(tiny_model: Path) -> None:
    def fail(*_: object) -> int:
        raise LookupError("from the callback")

    with af.Context(threads=1) as context, af.Model(context, tiny_model) as model:
        options: dict[str, Any] = {"width": 32, "height": 32, "steps": 2, "solver": af.SOLVER_DDIM}
        for callback in ("noise", "step", "eps"):
            with af.Sampler(model, **options | {callback: fail}) as sampler:
                with pytest.raises(LookupError, match="from the callback"):
                    sampler.run()
                assert sampler.progress().step <= 1
