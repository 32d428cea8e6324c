# SPDX-License-Identifier: MIT
"""More of hostile.py's files: what was found in the engine's own readers of code and pickles, by their
fuzzers (tests/fuzz) and by reading."""

from __future__ import annotations

from pathlib import Path

import hostile  # noqa: F401  hostile.py's main reaches itself by it
from hostile import CODE, Operations, Records, attribute, case, in_encoder, with_pickle, write


@case("FORMAT", "is outside of any class", "reads at address 0, in the engine's reader")
def attribute_of_nothing(records: Records, path: Path) -> None:
    write(path, records | {CODE: b"  a : Tensor\n" + records[CODE]})


@case("FORMAT", "a string does not end",
      "text whose end the engine's reader and torch may see in other places")  # fmt: skip
def broken_line_in_text(records: Records, path: Path) -> None:
    write(path, records | {CODE: b'def f() -> str:\n  return "a\\\n"\n' + records[CODE]})


def _more(records: Records, path: Path, value: Operations) -> None:
    """With a further value in front of the encoder."""

    def change(o: Operations) -> Operations:
        at = o.index(("BINUNICODE", "encoder"))
        return o[:at] + [("BINUNICODE", "more"), *value] + o[at:]

    with_pickle(records, path, change)


_BUILD: Operations = [("GLOBAL", "torch.jit._pickle build_intlist"), ("LONG_BINPUT", 8000)]
_MANY: Operations = [("BININT1", 7), ("LONG_BINPUT", 8001),
                     *[("LONG_BINGET", 8001)] * 100000]  # fmt: skip


@case("FORMAT", "has a list of the wrong kind", "memory, a list's for each time that one is named")
def list_built_again(records: Records, path: Path) -> None:
    again: Operations = [("LONG_BINGET", 8000), ("LONG_BINGET", 8003), ("REDUCE", None)]
    _more(records, path, [("MARK", None), *_BUILD, ("EMPTY_LIST", None), ("LONG_BINPUT", 8002),
          ("MARK", None), *_MANY, ("APPENDS", None), ("TUPLE1", None), ("LONG_BINPUT", 8003),
          ("REDUCE", None), *again * 100000, ("TUPLE", None)])  # fmt: skip


@case("FORMAT", "has a device that is none", "copies a tuple's values for each time that one is named")
def device_of_many(records: Records, path: Path) -> None:
    again: Operations = [("LONG_BINGET", 8002), ("LONG_BINGET", 8003), ("REDUCE", None)]
    _more(records, path, [("MARK", None), ("MARK", None), *_MANY, ("TUPLE", None),
          ("LONG_BINPUT", 8003), ("GLOBAL", "torch device"), ("LONG_BINPUT", 8002),
          *again * 100000, ("TUPLE", None)])  # fmt: skip


@case("FORMAT", "in more than 200000 ways", "the name of its type is as long as 2 to the 60th values")
def tuples_in_tuples(records: Records, path: Path) -> None:
    doubled: Operations = [("LONG_BINPUT", 8000), ("LONG_BINGET", 8000), ("TUPLE2", None)]

    def change(o: Operations) -> Operations:
        at = attribute(o, "training")
        return o[:at] + [("BININT1", 7), *doubled * 60] + o[at + 1 :]

    with_pickle(records, path, change)


_CAST = "takes a value for one of another type"


# The interpreter's stack is empty there.
@case("FORMAT", _CAST, "takes a value that lies before the interpreter's stack")
def cast_of_nothing(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _t = unchecked_cast(Tuple[Tensor], ())\n    _a, = _t\n",
               "torch.add(rgb, torch.sum(_a))")  # fmt: skip


@case("FORMAT", _CAST, "the same, of a value of no type")
def cast_of_anything(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _p = ops.prim.TupleIndex((rgb, ()), 1)\n"
               "    _t = unchecked_cast(Tuple[Tensor], _p)\n    _a, = _t\n",
               "torch.add(rgb, torch.sum(_a))")  # fmt: skip


@case("FORMAT", _CAST, "reads beyond a module's attributes")
def cast_of_a_module(records: Records, path: Path) -> None:
    more = "class Big(Module):\n  __parameters__ = []\n  __buffers__ = []\n" + "".join(
        f"  a{i} : Tensor\n" for i in range(400)
    )
    in_encoder(records, path, "    _o = unchecked_cast(__torch__.Big, self)\n    _a = _o.a399\n",
               "torch.add(rgb, torch.sum(_a))", more=more)  # fmt: skip
