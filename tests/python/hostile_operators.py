# SPDX-License-Identifier: MIT
"""More of hostile.py's files: what their code hands to operators that a model file may use."""

from __future__ import annotations

import re
from pathlib import Path

import hostile  # noqa: F401  hostile.py's main reaches itself by it
from hostile import (
    CODE,
    ENCODER,
    Operations,
    Records,
    assemble,
    attribute,
    case,
    in_encoder,
    with_code,
    with_pickle,
    write,
)

_ENCODER_HEAD = "class Encoder(Module):\n  __parameters__ = []\n  __buffers__ = []\n"
_LEAST = "torch.sub(-9223372036854775807, 1)"
_DIVIDES = "divides by neither a positive number nor what a run decides"


def _in_unet(records: Records, path: Path, lines: str) -> None:
    """`lines` in unet.denoise, whose result `_c` goes into that of a convolution."""
    code = records[CODE].decode()
    before, result = re.search(r"    hidden = torch\.permute\((_\d+), .*\n", code).group(0, 1)  # type: ignore[union-attr]
    after = before.replace(result, f"torch.mul({result}, torch.sum(_c))")
    with_code(records, path, (before, "    _w = self.conv_in\n" + lines + after))


# ---- convolutions ---------------------------------------------------------------------------


@case("ENGINE", "non-positive stride", "divides by 0, in the engine's own convolution")
def stride_zero(records: Records, path: Path) -> None:
    _in_unet(
        records, path, "    _c = torch.conv2d(x, _w.weight, None, [0, 0], [1, 1], [1, 1], 1)\n"
    )


@case("ENGINE", "negative padding", "writes before and behind a buffer of the engine's convolution")
def padding_negative(records: Records, path: Path) -> None:
    _in_unet(records, path, "    _c = torch.conv2d(torch.repeat(x, [1, 1, 64, 64]), _w.weight, None, "
             "[2, 2], [-8, -8], [1, 1], 1)\n")  # fmt: skip


@case("ENGINE", "aten::conv_transpose2d has a stride of 65536 and a kernel of 3, limit",
      "writes to address 0, in code that oneDNN makes")  # fmt: skip
def transposed_far(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _o = torch.ones([4, 4, 3, 3])\n    _c = torch.conv_transpose2d(_o, _o, "
               "None, [1, 65536], [1, 1], [0, 5], 1, [1, 1])\n", "torch.mul(rgb, torch.sum(_c))")  # fmt: skip


@case(
    "FORMAT", "aten::pad asks for 9223372036854775807 as pad", "the sum of borders wraps"
)
def borders_wrap(records: Records, path: Path) -> None:
    _in_unet(records, path, "    _p = torch.pad(x, [9223372036854775807, 9223372036854775807, 1, 1])\n"
             "    _c = torch.conv2d(_p, _w.weight, None, [1, 1], [0, 0], [1, 1], 1)\n")  # fmt: skip


# ---- whole numbers --------------------------------------------------------------------------


@case("FORMAT", _DIVIDES, "ends the process while it is compiled: the least number by -1")
def divided_by_minus_one(records: Records, path: Path) -> None:
    in_encoder(records, path, f"    _m = {_LEAST}\n    _d = torch.floordiv(_m, -1)\n",
               "torch.mul(rgb, _d)")  # fmt: skip


@case("FORMAT", _DIVIDES, "ends the process while it is compiled")
def remainder_of_zero(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _d = torch.remainder(5, 0)\n", "torch.mul(rgb, _d)")


@case("FORMAT", _DIVIDES, "the same, by a variable")
def remainder_of_a_name(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _n = torch.sub(1, 1)\n    _d = torch.remainder(5, _n)\n",
               "torch.mul(rgb, _d)")  # fmt: skip


@case("FORMAT", _DIVIDES, "the same, by a parameter that is given a value in a branch")
def remainder_of_a_branch(records: Records, path: Path) -> None:
    more = ("def f(n: int) -> int:\n  if True:\n    n = 0\n  else:\n    n = n\n"
            "  return torch.remainder(5, n)\n")  # fmt: skip
    in_encoder(records, path, "    _d = __torch__.f(torch.size(rgb, 0), )\n",
               "torch.mul(rgb, _d)", more=more)  # fmt: skip


@case("FORMAT", _DIVIDES, "the same, by a part of a sum that is a constant")
def remainder_within(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _n = torch.add(torch.size(rgb, 0), torch.remainder(5, 0))\n",
               "torch.mul(rgb, _n)")  # fmt: skip


@case("FORMAT", _DIVIDES, "torch refuses it too")
def remainder_of_a_constant(records: Records, path: Path) -> None:
    with_code(records, path, (_ENCODER_HEAD, _ENCODER_HEAD + "  n : Final[int] = 0\n"),
              (ENCODER, "    _n = self.n\n    _d = torch.remainder(5, _n)\n"
               + ENCODER.replace("rgb", "torch.mul(rgb, _d)")))  # fmt: skip


@case("ENGINE", "aten::remainder divides whole numbers by less than 1", "ends the process")
def remainder_at_run(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _n = torch.sub(torch.size(rgb, 0), torch.size(rgb, 0))\n"
               "    _d = torch.remainder(5, _n)\n", "torch.mul(rgb, _d)")  # fmt: skip


@case("ENGINE", "aten::floordiv divides whole numbers by less than 1", "torch refuses it too")
def argument_of_zero(records: Records, path: Path) -> None:
    more = "def f(n: int) -> int:\n  return torch.floordiv(5, n)\n"
    in_encoder(records, path, "    _d = __torch__.f(0, )\n", "torch.mul(rgb, _d)", more=more)


def _tensor_division(records: Records, path: Path, call: str) -> None:
    in_encoder(records, path, f"    _a = torch.full([1], {_LEAST}, dtype=4)\n"
               "    _b = torch.full([1], -1, dtype=4)\n"
               f"    _d = {call}\n", "torch.mul(rgb, torch.sum(_d))")  # fmt: skip


@case("ENGINE", "aten::div divides whole numbers by less than 1", "ends the process")
def tensor_divided(records: Records, path: Path) -> None:
    _tensor_division(records, path, 'torch.div(_a, _b, rounding_mode="trunc")')


@case("ENGINE", "aten::floor_divide divides whole numbers by less than 1", "div by the same number ends the process")
def tensor_floor_divided(records: Records, path: Path) -> None:
    _tensor_division(records, path, "torch.floor_divide(_a, _b)")


@case("ENGINE", "aten::fmod divides whole numbers by less than 1", "div by the same number ends the process")
def tensor_fmod(records: Records, path: Path) -> None:
    _tensor_division(records, path, "torch.fmod(_a, -1)")


@case(
    "FORMAT", "takes from a tensor how often it repeats", "writes beyond its result: the sum wraps"
)
def repeats_of_a_tensor(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _n = torch.full([4], 4611686018427387904, dtype=4)\n"
               "    _r = torch.repeat_interleave(torch.slice(torch.flatten(rgb), 0, 0, 4), _n)\n",
               "torch.add(rgb, torch.sum(_r))")  # fmt: skip


@case("ENGINE", "aten::replication_pad2d asks for more than 2147483648", "torch refuses it too")
def large_border_at_run(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _n = torch.mul(torch.size(rgb, 0), 9223372036854775807)\n"
               "    _r = torch.replication_pad2d(rgb, [_n, 0, 0, 0])\n",
               "torch.add(rgb, torch.sum(_r))")  # fmt: skip


# ---- tensors of other kinds -----------------------------------------------------------------


@case("FORMAT", "aten::to names a device", "reads and writes at address 0, in the engine's kernels")
def meta_input(records: Records, path: Path) -> None:
    with_code(records, path, ("    conv_in = self.conv_in\n",
              '    conv_in = self.conv_in\n    _m = torch.to(x, "meta")\n'),
              ("(conv_in).forward(x, )", "(conv_in).forward(_m, )"))  # fmt: skip


@case("FORMAT", "aten::zeros_like names a device", "torch refuses it here; the kernels are as above")
def meta_zeros(records: Records, path: Path) -> None:
    in_encoder(records, path, '    _m = torch.zeros_like(rgb, device="meta")\n',
               "torch.add(rgb, torch.sum(_m))")  # fmt: skip


@case("FORMAT", "has a storage on the device meta", "torch refuses it too")
def meta_weights(records: Records, path: Path) -> None:
    with_pickle(records, path, lambda o: [
        ("BINUNICODE", "meta") if x == ("BINUNICODE", "cpu") else x for x in o])  # fmt: skip


@case("FORMAT", "aten::zeros names a layout", "tensors that are not where their strides say")
def sparse_zeros(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _m = torch.zeros([4, 4], dtype=6, layout=1)\n",
               "torch.add(rgb, torch.sum(_m))")  # fmt: skip


@case("FORMAT", "aten::zeros asks for pinned memory", "memory that cannot be swapped out")
def pinned_zeros(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _m = torch.zeros([4], dtype=6, pin_memory=True)\n",
               "torch.add(rgb, torch.sum(_m))")  # fmt: skip


@case("FORMAT", "names a memory format that there is not", "torch refuses it too")
def memory_format_of_none(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _m = torch.contiguous(rgb, memory_format=77)\n", "_m")


@case("FORMAT", "aten::zeros names a type of numbers", "torch refuses it too")
def numbers_of_no_type(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _m = torch.zeros([4], dtype=100)\n",
               "torch.add(rgb, torch.sum(_m))")  # fmt: skip


@case("FORMAT", "aten::zeros names a type of numbers", "torch refuses it too")
def numbers_quantised(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _m = torch.to(torch.zeros([4], dtype=12), 6)\n",
               "torch.add(rgb, torch.sum(_m))")  # fmt: skip


@case("FORMAT", "torch.empty is none of the operators", "paints what the process has freed")
def freed_memory(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _m = torch.empty([4], dtype=6)\n",
               "torch.add(rgb, torch.sum(_m))")  # fmt: skip


# ---- lists ----------------------------------------------------------------------------------


@case(
    "FORMAT", "writes to a list that it has not made", "grows in every call, in all threads at once"
)
def shared_list(records: Records, path: Path) -> None:
    text = records[CODE].decode().replace(_ENCODER_HEAD, _ENCODER_HEAD + "  items : List[int]\n")
    lines = "    _s = self.items\n    _a = torch.append(_s, 1)\n"
    text = text.replace(ENCODER, lines + ENCODER.replace("rgb", "torch.mul(rgb, torch.len(_s))"))

    def change(o: Operations) -> Operations:
        at = o.index(("MARK", None), attribute(o, "encoder")) + 1
        return o[:at] + [("BINUNICODE", "items"), *_integers(1)] + o[at:]

    with_pickle(records | {CODE: text.encode()}, path, change)


@case("FORMAT", "has a constant that is neither a tensor nor a number", "the same, by a constant")
def shared_constant(records: Records, path: Path) -> None:
    text = records[CODE].decode().replace(ENCODER, "    _s = CONSTANTS.c0\n"
           "    _a = torch.append(_s, 1)\n" + ENCODER)  # fmt: skip
    write(path, records | {CODE: text.encode(), "constants.pkl": _constants(_integers(1))})


@case("FORMAT", "aten::add_ multiplies a list in place", "memory, as much as it likes")
def list_doubled_in_place(records: Records, path: Path) -> None:
    lines = "    _l = [1]\n    _m = [1, 1]\n" + "".join(
        f"    _a{i} = torch.add_(_l, _m)\n    _b{i} = torch.add_(_m, _l)\n" for i in range(26)
    )
    in_encoder(records, path, lines, "torch.mul(rgb, torch.len(_m))")


@case("FORMAT", "aten::mul_ multiplies a list in place", "the same, in one step")
def list_multiplied_in_place(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _l = [1]\n    _a = torch.mul_(_l, 30000000000)\n",
               "torch.mul(rgb, torch.len(_l))")  # fmt: skip


# ---- text -----------------------------------------------------------------------------------


def _constants(*values: Operations) -> bytes:
    """A constants.pkl."""
    return assemble([("PROTO", 2), ("MARK", None), *(o for value in values for o in value),
                     ("TUPLE", None), ("STOP", None)])  # fmt: skip


def _integers(*numbers: int) -> Operations:
    return [("GLOBAL", "torch.jit._pickle build_intlist"), ("EMPTY_LIST", None), ("MARK", None),
            *(("LONG1", n) for n in numbers), ("APPENDS", None), ("TUPLE1", None),
            ("REDUCE", None)]  # fmt: skip


def _doubled(first: str) -> str:
    return f"    _t0 = {first}\n" + "".join(
        f"    _t{i + 1} = torch.add(_t{i}, _t{i})\n" for i in range(31)
    )


_MEMORY = "memory, as much as it likes, while it is compiled"


@case("FORMAT", "has a constant that is neither a tensor nor a number", _MEMORY)
def text_of_constants(records: Records, path: Path) -> None:
    text = (
        records[CODE]
        .decode()
        .replace(
            ENCODER,
            _doubled("CONSTANTS.c0") + ENCODER.replace("rgb", "torch.mul(rgb, torch.len(_t31))"),
        )
    )
    write(
        path,
        records | {CODE: text.encode(), "constants.pkl": _constants([("BINUNICODE", "x" * 64)])},
    )


@case("FORMAT", "torch.slice takes a string", _MEMORY)
def text_of_a_part(records: Records, path: Path) -> None:
    in_encoder(records, path, _doubled(f'torch.slice("{"x" * 64}", 0, 64)'),
               "torch.mul(rgb, torch.len(_t31))")  # fmt: skip


@case("FORMAT", "torch.__getitem__ takes a string", _MEMORY)
def text_of_a_letter(records: Records, path: Path) -> None:
    in_encoder(records, path, _doubled(f'torch.__getitem__("{"x" * 64}", 0)'),
               "torch.mul(rgb, torch.len(_t31))")  # fmt: skip


@case("FORMAT", "a NamedTuple has text", _MEMORY)
def text_of_a_tuple(records: Records, path: Path) -> None:
    lines = f'    _n = __torch__.Pair("{"x" * 64}", 1)\n' + _doubled("_n.t")
    in_encoder(records, path, lines, "torch.mul(rgb, torch.len(_t31))",
               more="class Pair(NamedTuple):\n  t : str\n  n : int\n")  # fmt: skip


@case("FORMAT", "the text note of a module is read", "torch refuses it too")
def text_by_name(records: Records, path: Path) -> None:
    with_code(records, path,
              (_ENCODER_HEAD, _ENCODER_HEAD + f'  note : Final[str] = "{"x" * 64}"\n'),
              (ENCODER, _doubled('getattr(self, "note")')
               + ENCODER.replace("rgb", "torch.mul(rgb, torch.len(_t31))")))  # fmt: skip


@case("FORMAT", "a method has the name of torch's operator zfill", "the same, in one step")
def text_filled(records: Records, path: Path) -> None:
    decoy = "  def zfill(self: __torch__.Encoder,\n    n: int) -> int:\n    return n\n"
    lines = "    _t = (CONSTANTS.c0).zfill(30000000000)\n"
    records = records | {"constants.pkl": _constants([("BINUNICODE", "x")])}
    with_code(records, path, (ENCODER, lines + ENCODER.replace("rgb", "torch.mul(rgb, torch.len(_t))")),
              ("class Decoder(", decoy + "class Decoder("))  # fmt: skip


@case("FORMAT", "remembers a value at place 200000000", "memory, 16 bytes for each place")
def far_memo(records: Records, path: Path) -> None:
    def change(o: Operations) -> Operations:
        at = o.index(("BINUNICODE", "training")) + 1
        return o[:at] + [("LONG_BINPUT", 200000000)] + o[at:]

    with_pickle(records, path, change)


# ---- tuples, and what is long ---------------------------------------------------------------

_TUPLES = "tuples may hold more than 4096 values"


@case("LIMIT", _TUPLES, "visits 2 to the 28th types while it is compiled")
def tuples_doubled(records: Records, path: Path) -> None:
    lines = "    _t0 = (rgb, rgb)\n" + "".join(
        f"    _t{i + 1} = (_t{i}, _t{i})\n" for i in range(28)
    )
    in_encoder(records, path, lines, "torch.mul(rgb, torch.len([_t28]))")


@case("LIMIT", _TUPLES, "the same, by way of lists")
def tuples_in_lists(records: Records, path: Path) -> None:
    lines = "    _t0 = (rgb, rgb)\n" + "".join(
        f"    _l{i} = [_t{i}]\n    _t{i + 1} = (_l{i}[0], torch.__getitem__(_l{i}, 0))\n"
        for i in range(28)
    )
    in_encoder(records, path, lines, "torch.mul(rgb, torch.len([_t28]))")


@case("LIMIT", _TUPLES, "the same, by named tuples")
def named_tuples_doubled(records: Records, path: Path) -> None:
    more = "class T0(NamedTuple):\n  a : Tensor\n  b : Tensor\n" + "".join(
        f"class T{i + 1}(NamedTuple):\n  a : __torch__.T{i}\n  b : __torch__.T{i}\n"
        for i in range(28)
    )
    more += "def f(t: __torch__.T28) -> Tensor:\n  return (t.a).a.a\n"
    in_encoder(records, path, "    _k = annotate(List[__torch__.T28], [])\n",
               "torch.mul(rgb, torch.len(_k))", more=more)  # fmt: skip


# What a function may repeat, and how often: within 40 of the limit of its chain of uses.
LONGEST = {
    "tensors": ("    _a = torch.neg(_a)\n", 2030),
    "views": ("    _a = torch.slice(_a, 0)\n", 2030),
    "lists": ("    _l = [_a, rgb]\n    _a = torch.slice(torch.cat(_l), 0, 0, 1)\n", 675),
    "branches": ("    if torch.gt(_n, 0):\n      _b = torch.neg(_a)\n    else:\n"
                 "      _b = torch.abs(_a)\n    _a = _b\n", 1012),
}  # fmt: skip


def repeat(records: Records, path: Path, step: str, count: int) -> None:
    in_encoder(records, path, "    _a = rgb\n    _n = torch.size(rgb, 0)\n" + step * count, "_a")


@case(
    "LIMIT",
    "steps that each use the one before, limit 2048",
    "overflows the stack at its first run",
)
def long_function(records: Records, path: Path) -> None:
    repeat(records, path, LONGEST["tensors"][0], 40000)


@case("FORMAT", "encoder.forward uses aten::numpy_T, which is none",
      "what the reader of the code takes for an attribute")  # fmt: skip
def operator_as_attribute(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _r = rgb.T\n", "torch.add(rgb, torch.sum(_r))")
