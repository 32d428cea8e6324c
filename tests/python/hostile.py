# SPDX-License-Identifier: MIT
"""Model files that were made to do harm, each in one way, and otherwise right: their digests hold.

hostile.py DIRECTORY      writes them, and those of hostile_archives.py, hostile_operators.py and
                          hostile_readers.py
hostile.py --open FILES   opens each, and runs what opens; a line of JSON a file
hostile.py --thread FILE  opens and runs one in a thread with a stack of 1 MiB
"""

from __future__ import annotations

import json
import pickletools
import resource
import signal
import struct
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import artfusion_c as af
import numpy as np

ROOT, CODE, ENCODER = "hostile", "code/__torch__.py", "    pooled = torch.avg_pool2d(rgb, [8, 8])\n"
MANIFEST: dict[str, Any] = {
    "format": "artfusion-model",
    "format_version": 2,
    **{key: key for key in ("name", "description", "licence", "origin")},
    "latent": {"channels": 4, "downsample": 8, "shift": [0.0] * 4, "scale": [1.0] * 4},
    "size": {"multiple": 8, "native_width": 16, "native_height": 16},
    "style": {"width": 6, "min_size": 8},
    "content": {"normalise": False},
    "schedule": {
        "kind": "linear", "timesteps": 1000, "linear_start": 0.0015, "linear_end": 0.0195
    },
    "prediction": "eps",
    "defaults": {
        "solver": "ddim", "spacing": "uniform", "steps": 2, "eta": 0.0, "content_scale": 1.0,
        "style_scale": 1.0,
    },
}  # fmt: skip

Records = dict[str, bytes]
Operations = list[tuple[str, Any]]


class Case(NamedTuple):
    make: Callable[[Records, Path], None]
    status: str
    words: str  # of the sentence that refuses it
    harm: str  # what it does where nothing refuses it


CASES: dict[str, Case] = {}


def case(status: str, words: str, harm: str) -> Callable[[Any], Any]:
    def add(make: Any) -> Any:
        CASES[make.__name__] = Case(make, status, words, harm)
        return make

    return add


# ---- files -------------------------------------------------------------------------------


def good_records(path: Path) -> Records:
    """Of a TorchScript file, without their folder."""
    with zipfile.ZipFile(path) as archive:
        return {i.filename.split("/", 1)[1]: archive.read(i) for i in archive.infolist()}


def write(
    path: Path,
    records: Records,
    packed: bool = False,
    foreign: Records | None = None,
    manifest: dict[str, Any] = MANIFEST,
) -> None:
    """A model file whose digest is right. `foreign` are records by their whole names."""
    from artfusion_export.bundle import append_manifest

    named = {f"{ROOT}/{name}": data for name, data in records.items()} | (foreign or {})
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in named.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            archive.writestr(info, data)
    append_manifest(path, manifest)


@case("LIMIT", "limit 1048576", "time and memory of torch's parser")
def code_too_long(records: Records, path: Path) -> None:
    write(path, records | {"code/__torch__/long.py": b"\n" * (2 << 20)})


# ---- code -----------------------------------------------------------------------------------


def with_code(records: Records, path: Path, *changes: tuple[str, str], more: str = "") -> None:
    text = records[CODE].decode()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    write(path, records | {CODE: (text + more).encode()})


def in_encoder(
    records: Records, path: Path, lines: str, value: str = "rgb", more: str = ""
) -> None:
    """`lines` before the rest of encoder.forward, which goes on with `value`."""
    with_code(records, path, (ENCODER, lines + ENCODER.replace("rgb", value)), more=more)


def marker(path: Path) -> str:
    """What a case may try to write."""
    return f'"{path}.written"'


@case("FORMAT", "torch.from_file is none of the operators", "reads any file of its user")
def from_file(records: Records, path: Path) -> None:
    in_encoder(records, path, '    _s = torch.from_file("/etc/passwd", False, 16)\n',
               "torch.add(rgb, torch.sum(_s))")


@case("FORMAT", "torch.save is none of the operators", "writes any file of its user")
def save(records: Records, path: Path) -> None:
    in_encoder(records, path, f"    torch.save(rgb, {marker(path)})\n")


# As a method of another value than a module, the name is the operator's.
@case("FORMAT", "has the name of torch's operator resize_", "memory, as much as it likes")
def resize_as_method(records: Records, path: Path) -> None:
    decoy = "  def resize_(self: __torch__.Encoder,\n    n: int) -> int:\n    return n\n"
    lines = "    _q = torch.clone(rgb)\n    _r = (_q).resize_([68719476736])\n"
    used = ENCODER.replace("rgb", "torch.add(rgb, torch.sum(_r))")
    with_code(records, path, (ENCODER, lines + used), ("class Decoder(", decoy + "class Decoder("))


@case("FORMAT", "print is called, which is none of the operators", "writes to the host's output")
def prints(records: Records, path: Path) -> None:
    in_encoder(records, path, "    print(rgb)\n")


@case("FORMAT", "__getstate__ is defined, which torch would run", "runs while the file is opened")
def setstate(records: Records, path: Path) -> None:
    method = ("  def __getstate__(self: __torch__.Encoder) -> bool:\n    return True\n"
              "  def __setstate__(self: __torch__.Encoder,\n    state: bool) -> NoneType:\n"
              f"    torch.save(1, {marker(path)})\n    return None\n")  # fmt: skip
    with_code(records, path, ("class Decoder(", method + "class Decoder("))


@case("FORMAT", "is in a constant, which torch would run", "runs while the file is opened")
def default_argument(records: Records, path: Path) -> None:
    with_code(records, path, ("class Decoder(", "  def more(self: __torch__.Encoder,\n"
              f"    n: Tensor=torch.from_file(\"/etc/passwd\", False, 16)) -> Tensor:\n"
              "    return n\nclass Decoder("))  # fmt: skip


@case("FORMAT", "is in a constant, which torch would run", "runs while the file is opened")
def class_constant(records: Records, path: Path) -> None:
    with_code(records, path, ("  conv_in :", "  n : Final[int] = torch.len(torch.list(\"abc\"))\n"
              "  conv_in :"))  # fmt: skip


@case("FORMAT", "a class of native code", "native code of a library that is loaded")
def native_class(records: Records, path: Path) -> None:
    with_code(records, path, ("  conv_in :", "  packed : __torch__.torch.classes.quantized."
              "Conv2dPackedParamsBase\n  conv_in :"))  # fmt: skip


@case("FORMAT", '"while" is nothing', "never ends")
def endless(records: Records, path: Path) -> None:
    in_encoder(records, path, "    n = 0\n    while True:\n      n = torch.add(n, 1)\n",
               "torch.mul(rgb, n)")  # fmt: skip


@case("FORMAT", "limit 64", "as many rounds as it likes")
def many_rounds(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _n = annotate(List[int], [])\n    for _i in range(1000000000):\n"
               "      _m = torch.append(_n, _i)\n", "torch.mul(rgb, torch.len(_n))")  # fmt: skip


@case("FORMAT", "called recursively", "recursion, which torch refuses itself")
def recursion(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _r = (self).forward(rgb, )\n", "_r")


@case("FORMAT", "refers to itself by way of others", "recursion, which torch refuses itself")
def recursion_of_two(records: Records, path: Path) -> None:
    both = [f"def {a}(x: Tensor) -> Tensor:\n  return __torch__.{b}(x, )\n"
            for a, b in ("fg", "gf")]  # fmt: skip
    in_encoder(records, path, "    _r = __torch__.f(rgb, )\n", "_r", more="".join(both))


@case("FORMAT", "ops.evil.run is none of the operators", "native code of a library that is loaded")
def foreign_operator(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _r = ops.evil.run(rgb)\n", "_r")


@case("FORMAT", "asks for more than 2147483648 values", "memory, as much as it likes")
def large_constant(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _z = torch.zeros([2147483649])\n",
               "torch.add(rgb, torch.sum(_z))")  # fmt: skip


@case("ENGINE", "aten::zeros asks for more than 2147483648", "memory, as much as it likes")
def large_at_run(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _n = torch.mul(torch.size(rgb, 0), 2147483649)\n",
               "torch.add(rgb, torch.sum(torch.zeros([_n])))")  # fmt: skip


@case("FORMAT", "fork is called", "threads that nobody waits for")
def fork(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _f = fork(__torch__.torch.nn.functional.silu, rgb, False)\n",
               "torch.wait(_f)")  # fmt: skip


@case("FORMAT", "brackets are nested deeper than 64", "overflows the stack of torch's parser")
def nested_brackets(records: Records, path: Path) -> None:
    in_encoder(records, path, f"    _b = {'(' * 200000}rgb{')' * 200000}\n")


@case("FORMAT", "an expression is nested deeper than 64", "overflows the stack of torch's compiler")
def long_chain(records: Records, path: Path) -> None:
    in_encoder(records, path, f"    _b = rgb{'.T' * 200000}\n")


@case("FORMAT", "'~' is nothing a network's code has", "overflows the stack of torch's parser")
def many_signs(records: Records, path: Path) -> None:
    in_encoder(records, path, f"    _b = {'~' * 400000}1\n")


@case("FORMAT", "blocks are by two each, and at most 40 deep", "overflows a small stack")
def nested_blocks(records: Records, path: Path) -> None:
    lines = "".join(f"{'  ' * (i + 2)}if True:\n" for i in range(900))
    in_encoder(records, path, lines + "  " * 902 + "pass\n")


@case("LIMIT", "refer to one another", "overflows the stack of torch's compiler")
def chain_of_functions(records: Records, path: Path) -> None:
    chain = [f"def f{i}(x: Tensor) -> Tensor:\n  return __torch__.f{i + 1}(x, )\n"
             for i in range(10000)]  # fmt: skip
    chain.append("def f10000(x: Tensor) -> Tensor:\n  return x\n")
    in_encoder(records, path, "    _r = __torch__.f0(rgb, )\n", "_r", more="".join(chain))


@case("FORMAT", "takes more than 16777216 steps", "2 to the 40th calls, inlined one by one")
def calls_doubled(records: Records, path: Path) -> None:
    chain = [f"def f{i}(x: Tensor) -> Tensor:\n  y = __torch__.f{i + 1}(x, )\n"
             f"  return __torch__.f{i + 1}(y, )\n" for i in range(40)]  # fmt: skip
    chain.append("def f40(x: Tensor) -> Tensor:\n  return torch.neg(x)\n")
    in_encoder(records, path, "    _r = __torch__.f0(rgb, )\n", "_r", more="".join(chain))


@case("FORMAT", "torch.add takes a string", "memory, as much as it likes, while it is compiled")
def text_doubled(records: Records, path: Path) -> None:
    lines = "".join(f"    _t{i + 1} = torch.add(_t{i}, _t{i})\n" for i in range(31))
    in_encoder(records, path, f'    _t0 = "{"x" * 64}"\n' + lines,
               "torch.mul(rgb, torch.len(_t31))")


@case("FORMAT", "makes lists of lists", "memory, as much as it likes")
def list_doubled(records: Records, path: Path) -> None:
    lines = "".join(f"    _l{i + 1} = torch.add(_l{i}, _l{i})\n" for i in range(33))
    in_encoder(records, path, "    _l0 = [torch.size(rgb, 0), 1]\n" + lines,
               "torch.mul(rgb, torch.len(_l33))")


@case("FORMAT", "written into another tensor: out=", "resizes weights that other threads read")
def given_output(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _o = torch.add(rgb, rgb, out=rgb)\n")


@case("FORMAT", 'class Face is a "Interface"', "calls that a run decides")
def interface(records: Records, path: Path) -> None:
    in_encoder(records, path, "", more="class Face(Interface):\n  def f(self: __torch__.Face,\n"
               "    x: Tensor) -> Tensor:\n    pass\n")  # fmt: skip


# ---- pickles --------------------------------------------------------------------------------

_PACKED = {"BINPUT": "B", "BINGET": "B", "BININT1": "B", "BININT2": "<H", "BININT": "<i",
           "LONG_BINPUT": "<I", "LONG_BINGET": "<I", "BINFLOAT": ">d"}  # fmt: skip
_CODES = {o.name: o.code.encode("latin1") for o in pickletools.opcodes}


def disassemble(pickle: bytes) -> Operations:
    return [(code.name, argument) for code, argument, _ in pickletools.genops(pickle)]


def assemble(operations: Operations) -> bytes:
    out = bytearray()
    for name, argument in operations:
        out += _CODES[name]
        if name == "PROTO":
            out += b"\2"
        elif name == "GLOBAL":
            out += argument.replace(" ", "\n").encode() + b"\n"
        elif name == "BINUNICODE":
            out += struct.pack("<I", len(argument.encode())) + argument.encode()
        elif name == "LONG1":
            out += b"\x08" + struct.pack("<q", argument)
        elif name in _PACKED:
            out += struct.pack(_PACKED[name], argument)
    return bytes(out)


def with_pickle(records: Records, path: Path, change: Callable[[Operations], Operations]) -> None:
    write(path, records | {"data.pkl": assemble(change(disassemble(records["data.pkl"])))})


def attribute(operations: Operations, name: str) -> int:
    """Where an attribute's value begins: behind its name, and where that is remembered."""
    at = operations.index(("BINUNICODE", name)) + 1
    return at + 1 if operations[at][0] == "BINPUT" else at


@case("FORMAT", "names posix.system, which is nothing a network is made of", "torch refuses it too")
def foreign_global(records: Records, path: Path) -> None:
    def change(o: Operations) -> Operations:
        at = attribute(o, "training")
        return o[:at] + [("GLOBAL", "posix system"), ("BINUNICODE", "true"), ("TUPLE1", None),
                         ("REDUCE", None)] + o[at + 1 :]  # fmt: skip

    with_pickle(records, path, change)


@case("FORMAT", "a class of native code", "native code of a library that is loaded")
def native_object(records: Records, path: Path) -> None:
    def change(o: Operations) -> Operations:
        at = attribute(o, "training")
        name = "__torch__.torch.classes.quantized Conv2dPackedParamsBase"
        return o[:at] + [("GLOBAL", name), ("EMPTY_TUPLE", None), ("NEWOBJ", None),
                         ("EMPTY_TUPLE", None), ("BUILD", None)] + o[at + 1 :]  # fmt: skip

    with_pickle(records, path, change)


def _null_style(o: Operations, sizes: list[int], strides: list[int], offset: int) -> Operations:
    """With other sizes: (storage, offset, (sizes), (strides), ...)."""
    at = o.index(("BINPERSID", None), attribute(o, "null_style"))
    end = o.index(("NEWFALSE", None), at)
    shape: Operations = [("LONG1", offset)]
    for numbers in sizes, strides:
        shape += [("MARK", None), *(("LONG1", n) for n in numbers), ("TUPLE", None)]
    return o[: at + 2] + shape + o[end:]


@case("FORMAT", "reaches beyond its 6 values", "torch refuses it too")
def tensor_beyond(records: Records, path: Path) -> None:
    with_pickle(records, path, lambda o: _null_style(o, [6], [1], 1 << 30))


@case("FORMAT", "reaches beyond its 6 values", "memory, where it is copied")
def tensor_repeated(records: Records, path: Path) -> None:
    with_pickle(records, path, lambda o: _null_style(o, [1 << 40], [0], 0))


@case("FORMAT", "says that record 0 has 70 values of 4 bytes", "reads the process's memory")
def storage_beyond(records: Records, path: Path) -> None:
    def change(o: Operations) -> Operations:
        at = o.index(("BINPERSID", None)) - 2
        assert o[at] == ("BININT1", 6)
        return o[:at] + [("BININT1", 70)] + o[at + 1 :]

    with_pickle(records, path, change)


@case("FORMAT", "contains itself", "torch refuses it too")
def module_in_itself(records: Records, path: Path) -> None:
    def change(o: Operations) -> Operations:
        made = o.index(("NEWOBJ", None)) + 1
        o = o[:made] + [("LONG_BINPUT", 9000)] + o[made:]
        at = attribute(o, "encoder")
        return o[:at] + [("LONG_BINGET", 9000)] + o[o.index(("BUILD", None), at) + 1 :]

    text = records[CODE].decode()
    text = text.replace("encoder : __torch__.Encoder", "encoder : __torch__.Bundle")
    records = records | {CODE: text.encode()}
    with_pickle(records, path, change)


@case("FORMAT", "in more than 200000 ways", "visits 2 to the 40th modules, one by one")
def modules_doubled(records: Records, path: Path) -> None:
    classes = "".join(f"class L{i}(Module):\n  __parameters__ = []\n  __buffers__ = []\n"
                      f"  a : __torch__.L{i + 1}\n  b : __torch__.L{i + 1}\n" for i in range(28))
    classes += "class L28(Module):\n  __parameters__ = []\n  __buffers__ = []\n"

    def build(i: int) -> Operations:
        o: Operations = [("GLOBAL", f"__torch__ L{i}"), ("EMPTY_TUPLE", None), ("NEWOBJ", None),
                         ("EMPTY_DICT", None), ("MARK", None)]  # fmt: skip
        if i < 28:
            o += [("BINUNICODE", "a"), *build(i + 1), ("LONG_BINPUT", 1000 + i),
                  ("BINUNICODE", "b"), ("LONG_BINGET", 1000 + i)]  # fmt: skip
        return [*o, ("SETITEMS", None), ("BUILD", None)]

    def change(o: Operations) -> Operations:
        at = o.index(("BINUNICODE", "encoder"))
        return o[:at] + [("BINUNICODE", "more"), *build(0)] + o[at:]

    text = records[CODE].decode().replace("  encoder :", "  more : __torch__.L0\n  encoder :")
    with_pickle(records | {CODE: (text + classes).encode()}, path, change)


@case("FORMAT", "nests values deeper than 64", "overflows the stack where it is freed")
def lists_in_lists(records: Records, path: Path) -> None:
    def change(o: Operations) -> Operations:
        deep: Operations = [("EMPTY_LIST", None), ("MARK", None)] * 450000
        deep += [("NONE", None)] + [("APPENDS", None)] * 450000
        at = o.index(("BINUNICODE", "encoder"))
        return o[:at] + [("BINUNICODE", "more"), *deep] + o[at:]

    with_pickle(records, path, change)


@case("FORMAT", "unet.factor is int, and its code was made for Tensor",
      "torch finds out when it runs")  # fmt: skip
def wrong_type(records: Records, path: Path) -> None:
    def change(o: Operations) -> Operations:
        at = attribute(o, "factor")
        hooks = o.index(("REDUCE", None), at)
        end = o.index(("REDUCE", None), hooks + 1)
        return o[:at] + [("LONG1", 0x4141414141414141)] + o[end + 1 :]

    with_pickle({n: d for n, d in records.items() if n != "data/1"}, path, change)


@case("FORMAT", "encoder is of another class than its code", "methods of another class run")
def wrong_class(records: Records, path: Path) -> None:
    def change(o: Operations) -> Operations:
        at = attribute(o, "encoder")
        assert o[at] == ("GLOBAL", "__torch__ Encoder")
        return o[:at] + [("GLOBAL", "__torch__ Decoder")] + o[at + 1 :]

    with_pickle(records, path, change)


# ---- networks -------------------------------------------------------------------------------


@case("FORMAT", "encoder.forward gave float [1, 3, 2, 2]; float [1, 4, 2, 2] was expected",
      "writes beyond the caller's buffer")  # fmt: skip
def wrong_shape(records: Records, path: Path) -> None:
    with_code(records, path, ("    return torch.stack(_0, 1)\n", "    return pooled\n"))


@case("FORMAT", "encoder.forward gave double", "misread numbers")
def wrong_numbers(records: Records, path: Path) -> None:
    with_code(records, path, ("    return torch.stack(_0, 1)\n",
              "    return torch.to(torch.stack(_0, 1), 7)\n"))  # fmt: skip


@case("MEMORY", "you tried to allocate 1152921504606846976", "memory, which the system refuses")
def outer_product(records: Records, path: Path) -> None:
    in_encoder(records, path, "    _r = torch.expand(torch.slice(torch.flatten(rgb), 0, 0, 1), "
               "[536870912])\n    _m = torch.mul(torch.unsqueeze(_r, 0), torch.unsqueeze(_r, 1))\n",
               "torch.add(rgb, torch.sum(_m))")  # fmt: skip


def in_one_place(records: Records) -> Records:
    """The classes of the fixture's module as __torch__.NAME."""
    made = {}
    for name, data in records.items():
        data = data.replace(b"__torch__.make_engine_fixture.", b"__torch__.")
        data = data.replace(b"__torch__.make_engine_fixture\n", b"__torch__\n")
        made[name.replace("__torch__/make_engine_fixture.py", "__torch__.py")] = data
    return made


def fixture_records(directory: Path) -> Records:
    """Of the good file that all are made from."""
    import make_engine_fixture
    import torch

    directory.mkdir(parents=True, exist_ok=True)
    plain = directory / "plain.pt"
    torch.jit.save(torch.jit.script(make_engine_fixture.Bundle().eval()), str(plain))
    records = in_one_place(good_records(plain))
    plain.unlink()
    return records


def write_all(directory: Path) -> None:
    records = fixture_records(directory)
    write(directory / "good.artfusion", records)
    for name, made in CASES.items():
        made.make(records, directory / f"{name}.artfusion")


# ---- opening --------------------------------------------------------------------------------


def run(path: str) -> None:
    picture = np.full((16, 16, 3), 128, np.uint8)
    with af.Context(threads=1) as context, af.Model(context, path) as model:
        with af.Image.from_array(picture) as image, af.Sampler(model) as sampler:
            sampler.set_content(image)
            with model.style(image) as style:
                sampler.set_style(style)
            sampler.run()
            sampler.image().close()


def open_all(paths: list[str]) -> None:
    for path in paths:
        print(json.dumps({"begins": path}), flush=True)
        signal.alarm(60)  # ends what hangs
        try:
            run(path)
            answer = {"status": "OK", "message": ""}
        except af.ArtfusionError as error:
            name, message = str(error).split(": ", 1)
            answer = {"status": name.removeprefix("ARTFUSION_ERROR_"), "message": message}
        signal.alarm(0)
        print(json.dumps({"path": path} | answer), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "--open":
        # Not the whole machine, if one of them gets through.
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        open_all(sys.argv[2:])
    elif len(sys.argv) == 3 and sys.argv[1] == "--thread":
        threading.stack_size(1 << 20)
        thread = threading.Thread(target=lambda: (run(sys.argv[2]), print("OK")))
        thread.start()
        thread.join()
    elif len(sys.argv) == 2:
        import hostile_archives
        import hostile_operators  # noqa: F401
        import hostile_readers  # noqa: F401

        hostile_archives.hostile.write_all(Path(sys.argv[1]))
    else:
        sys.exit(__doc__)
