# SPDX-License-Identifier: MIT
"""Each whole number that an operator of the list takes, far too large: none gets as far as libtorch,
whose sums of them wrap."""

from __future__ import annotations

import hostile
import pytest
import torch
from test_hostile import Answers, listed_operators, open_all

NUMBER = 1 << 62
OPTIONS = ("dtype", "layout", "memory_format")  # numbers of kinds: hostile_operators.py
VALUES = {
    "Tensor": "rgb",
    "Optional[Tensor]": "None",
    "List[Tensor]": "[rgb, rgb]",
    "List[Optional[Tensor]]": "[None]",
    "int": "1",
    "Optional[int]": "1",
    "List[int]": "[1, 1]",
    "Optional[List[int]]": "[1, 1]",
    "float": "1.",
    "Optional[float]": "None",
    "List[float]": "[1.]",
    "Optional[List[float]]": "None",
    "bool": "False",
    "Optional[bool]": "None",
    "List[bool]": "[False]",
    "number": "1",
    "Optional[number]": "None",
    "str": '"mean"',
    "Optional[str]": "None",
    "Device": "None",
    "Optional[Device]": "None",
}


def calls() -> dict[str, str]:
    """A call for each such argument of each of an operator's forms."""
    made = {}
    for name in listed_operators():
        for form in torch._C._jit_get_schemas_for_operator(f"aten::{name}"):
            types = [str(argument.type) for argument in form.arguments]
            results = [str(result.type) for result in form.returns]
            if any(kind not in VALUES for kind in types) or not any(
                "Tensor" in kind for kind in types + results
            ):
                continue
            if any(a.kwarg_only and a.alias_info for a in form.arguments):  # out= and its like
                continue
            for place, kind in enumerate(types):
                argument = form.arguments[place]
                if "int" not in kind or argument.name in OPTIONS:
                    continue
                values = [VALUES[kind] for kind in types]
                values[place] = values[place].replace("1", str(NUMBER), 1)
                given = [
                    f"{argument.name}={value}" if argument.kwarg_only else value
                    for argument, value in zip(form.arguments, values, strict=True)
                    if not (argument.kwarg_only and value == "None")
                ]
                made[f"{name}.{form.overload_name}.{argument.name}"] = (
                    f"torch.{name}({', '.join(given)})"
                )
    return made


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    folder = tmp_path_factory.mktemp("numbers")
    records = hostile.fixture_records(folder)
    paths = []
    for number, call in enumerate(calls().values()):
        paths.append(folder / f"{number}.artfusion")
        lines = f"    _x = {call}\n    _k = [_x]\n"  # which uses what any of them gives
        hostile.in_encoder(records, paths[-1], lines, "torch.mul(rgb, torch.len(_k))")
    return open_all(paths)


def test_every_whole_number_is_bounded(answers: Answers) -> None:
    through = {}
    for number, (name, call) in enumerate(calls().items()):
        status, message = answers[str(number)]
        if status != "FORMAT" or not ("asks for" in message or "takes from a tensor" in message):
            through[name] = call, status, message
    assert through == {}
    assert len(answers) > 150
