# SPDX-License-Identifier: MIT
"""The seeds of what the engine reads before libtorch does, for make_corpus.py: code and pickles, of the
default model and of kinds that have been tried to do harm with."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
MODEL = Path(__file__).parents[2] / "models" / "mini.artfusion"
HEAD = "class Part(Module):\n  __parameters__ = [\"w\", ]\n  __buffers__ = []\n  w : Tensor\n" \
       "  training : bool\n  n : Final[int] = 3\n  note : Final[str] = \"text\"\n"
METHOD = "  def forward(self: __torch__.Part,\n    x: Tensor,\n    k: int=2) -> Tensor:\n"
STATEMENTS = {
    "call": "_0 = torch.add(x, self.w, alpha=1)",
    "divides": "_n = torch.floordiv(torch.size(x, 0), 2)",
    "divides-by-size": "_n = torch.remainder(5, torch.add(torch.size(x, 1), 1))",
    "divides-by-index": "_n = torch.floordiv(4, (torch.size(x))[0])",
    "divides-by-constant": "_n = torch.sub(1, 1)\n    _d = torch.remainder(5, _n)",
    "divides-within": "_n = torch.add(torch.size(x, 0), torch.remainder(5, 0))",
    "loop": "for i in range(4):\n      y = torch.neg(x)\n      if torch.gt(i, 2):\n        pass\n"
            "      else:\n        y = torch.abs(y)",
    "while": "n = 0\n    while True:\n      n = torch.add(n, 1)",
    "method": "_0 = (self).forward(x, 3, )", "other-method": "_0 = (self).other(x, )",
    "alias": "f = __torch__.f\n    _0 = f(x, )", "own-function": "_0 = __torch__.f(x, )",
    "unknown-function": "_0 = __torch__.g(x, )", "unlisted": "torch.save(x, \"/tmp/x\")",
    "ops": "ops.prim.RaiseException(torch.format(\"{}: {}\", \"a\", x), \"builtins.ValueError\")",
    "ops-unlisted": "_0 = ops.aten.save(x, \"y\")", "print": "print(x)",
    "text": "t = \"text\"\n    u = torch.add(t, t)", "text-index": "t = \"text\"[0]",
    "text-of-module": "t = self.note\n    u = getattr(self, \"note\")",
    "text-name": "t = getattr(self, \"no\\\\x74e\")", "constant": "_0 = torch.mul(x, CONSTANTS.c0)",
    "format": "m = torch.format(\"{}\", x)\n    ops.prim.RaiseException(m)",
    "format-else": "m = torch.format(\"{}\", x)\n    y = torch.len(m)",
    "tuple": "_0 = (x, x)\n    _1 = (_0, _0)\n    a, b, = _1\n    c = annotate(List[Tensor], [])",
    "tuple-call": "_0 = ops.prim.TupleConstruct(x, x)\n    _1 = unchecked_cast(Tensor, (x, x)[0])",
    "named": "_p = __torch__.Pair(x, 1)\n    y = _p.a", "typed": "y : Optional[Tensor] = None",
    "numbers": "_0 = [1, -2, 1e-5, -inf, nan, True, None]", "slices": "_0 = torch.slice(x, 0, 1)[0]",
    "out": "_0 = torch.add(x, x, out=x)", "deep": f"_0 = {'(' * 60}x{')' * 60}",
    "deeper": f"_0 = {'(' * 65}x{')' * 65}", "chain": f"_0 = x{'.T' * 66}",
    "call-of-call": "_0 = torch.neg(x)(x)", "dots": "_0 = x..y", "minus": "_0 = x - 1",
    "assigned-alias": "range = __torch__.f", "if-nothing": "if:\n      pass",
    "backslash": "t = \"a\\\n\"", "quotes": "t = \"\"\"\"",
    "doubled": "".join(f"_t{i + 1} = (_t{i}, _t{i})\n    " for i in range(14)) + "pass",
}
DEFINITIONS = {
    "pair": "class Pair(NamedTuple):\n  a : Tensor\n  b : int\n",
    "pair-text": "class Pair(NamedTuple):\n  a : str\n", "interface": "class F(Interface):\n  pass\n",
    "pairs": "".join(f"class P{i}(NamedTuple):\n  a : __torch__.P{i + 1}\n  b : __torch__.P{i + 1}\n"
                     for i in range(13)) + "class P13(NamedTuple):\n  a : Tensor\n",
    "setstate": "class A(Module):\n  def __setstate__(self: __torch__.A,\n    s: int) -> NoneType:\n"
                "    return None\n",
    "operator": "class A(Module):\n  def view(self: __torch__.A,\n    s: int) -> int:\n    return s\n",
    "len": "class A(Module):\n  def __len__(self: __torch__.A) -> int:\n    return 3\n",
    "default": "def f(x: Tensor,\n    y: Tensor=torch.zeros([3])) -> Tensor:\n  return x\n",
    "literals": "def f(x: List[int]=[1, -2],\n    y: Tuple[float, str]=(-inf, \"a\")) -> Tensor:\n"
                "  return \"a\"\n",
    "native": "class A(Module):\n  p : __torch__.torch.classes.quantized.Conv2dPackedParamsBase\n",
    "annotations": "class A(Module):\n  __annotations__[\"0\"] = __torch__.A\n  pass\n",
    "value": "class A(Module):\n  a : int = 3\n", "foreign": "x = 3\n", "twice": "def f(x: int):\n"
             "  return x\ndef f(x: int):\n  return x\n",
    "recursion": "def f(x: int) -> int:\n  return __torch__.g(x, )\ndef g(x: int) -> int:\n"
                 "  return __torch__.f(x, )\n",
    "itself": "def f(x: int) -> int:\n  return __torch__.f(x, )\n",
    "functions": "".join(f"def f{i}(x: int) -> int:\n  return __torch__.f{i + 1}(x, )\n"
                         for i in range(70)) + "def f70(x: int) -> int:\n  return x\n",
    "indented": "def f(x: int) -> int:\n" + "".join(f"{'  ' * i}if x:\n" for i in range(1, 45)),
    "odd": "def f(x: int) -> int:\n   return x\n", "stray": "    return 3\n",
    "attribute-of-nothing": "  a : Tensor\n",
    "no-head": "def f(x: int\n", "no-type": "def f(x: ) -> int:\n  return x\n",
}  # fmt: skip
FUNCTION = "def f(x: Tensor) -> Tensor:\n  return torch.neg(x)\n" \
           "class Pair(NamedTuple):\n  a : Tensor\n  b : int\n"



def put(target: str, name: str, data: bytes) -> None:
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(data)


def model_code() -> dict[str, str]:
    """The default model's own, of its smallest records that refer to no others."""
    with zipfile.ZipFile(MODEL) as archive:
        found = {name.split("/code/", 1)[1]: archive.read(name).decode()
                 for name in archive.namelist() if name.endswith(".py")}  # fmt: skip
    chosen = ("torch/nn/modules/linear", "torch/nn/modules/activation", "torch/nn/functional")
    return {name: found[f"__torch__/{name}.py"] for name in chosen if f"__torch__/{name}.py" in found}


def code() -> None:
    for name, text in model_code().items():
        put("code", name.rsplit("/", 1)[1], f"#{name}\n{text}".encode())
        put("lexer", name.rsplit("/", 1)[1], text.encode())
    for name, lines in STATEMENTS.items():
        text = f"{HEAD}{METHOD}    {lines}\n    return x\n{FUNCTION}"
        put("code", f"statement-{name}", text.encode())
        put("lexer", name, f"    {lines}\n".encode())
    for name, text in DEFINITIONS.items():
        put("code", f"definition-{name}", text.encode())
    put("code", "two-records", b"#a\ndef f(x: int) -> int:\n  return x\n#b/c\n"
        b"def g(x: int) -> int:\n  return __torch__.a.f(x, )\n")  # fmt: skip
    for name, data in {"zero": b"a\0b", "tab": b"\ta\n", "open": b"f((a,\n b)\n", "closed": b"a)\n",
                       "number": b"1.5e-7, 1E+3, 12..3, 0x1f\n", "long-number": b"1" * 41,
                       "utf-8": "a = \"\u00e9\"".encode(), "no-end": b"a = \"b", "arrow": b"->-> -1",
                       "long-string": b'"' + b"x" * 4100 + b'"', "blank": b"  \n\n   ",
                       }.items():  # fmt: skip
        put("lexer", name, data)


def packed(*parts: object) -> bytes:
    """Of a pickle: bytes as they are, text and whole numbers as values."""
    made = b""
    for part in parts:
        if isinstance(part, str):
            made += b"X" + struct.pack("<I", len(part)) + part.encode()
        elif isinstance(part, int):
            made += b"K" + bytes([part]) if 0 <= part < 256 else b"\x8a\x08" + struct.pack("<q", part)
        else:
            made += part  # type: ignore[operator]
    return made


def named(name: str) -> bytes:
    return b"c" + name.replace(" ", "\n").encode() + b"\n"


def tensor(kind: str = "Float", key: str = "3", elements: int = 6, offset: int = 0,
           sizes: tuple[int, ...] = (2, 3), strides: tuple[int, ...] = (3, 1),
           device: str = "cpu") -> bytes:  # fmt: skip
    return packed(named("torch._utils _rebuild_tensor_v2"), b"(", b"(", "storage",
                  named(f"torch {kind}Storage"), key, device, elements, b"tQ", offset, b"(", *sizes,
                  b"t(", *strides, b"t\x89", named("collections OrderedDict"), b")R", b"tR")  # fmt: skip


def module(*attributes: object, name: str = "Part") -> bytes:
    return packed(named(f"__torch__ {name}"), b")\x81}(", *attributes, b"ub")


def pickles() -> None:
    def whole(name: str, *attributes: object) -> None:
        put("pickle", name, b"\0\x80\2" + module(*attributes) + b".")

    def constants(name: str, *values: object) -> None:
        put("pickle", f"constants-{name}", b"\1\x80\2(" + packed(*values) + b"t.")

    def integers(*numbers: object) -> bytes:
        return packed(named("torch.jit._pickle build_intlist"), b"](", *numbers, b"e\x85R")

    whole("plain", "training", b"\x89", "w", tensor(), "n", 7, "x", b"N", "y", -(1 << 63))
    whole("modules", "a", module("w", tensor("Half", "2", 8, 0, (8,), (1,))), "b", module())
    for kind, size in (("BFloat16", 2), ("Double", 8), ("Long", 8), ("Int", 4), ("Short", 2),
                       ("Char", 1), ("Byte", 1), ("Bool", 1), ("Quint8", 1)):  # fmt: skip
        whole(f"storage-{kind}", "w", tensor(kind, "4", 32 // size, 0, (1,), (1,)))
    whole("scalar", "w", tensor(sizes=(), strides=(), offset=5))
    whole("empty", "w", tensor(key="0", elements=0, sizes=(0, 3)))
    whole("beyond", "w", tensor(offset=1))
    whole("repeated", "w", tensor(sizes=(1 << 40,), strides=(0,)))
    whole("wraps", "w", tensor(sizes=(1 << 62, 1 << 62), strides=(1 << 62, 1 << 62)))
    whole("negative", "w", tensor(sizes=(-1, 3)))
    whole("other-strides", "w", tensor(strides=(1,)))
    whole("other-count", "w", tensor(elements=7))
    whole("no-record", "w", tensor(key="12"))
    whole("meta", "w", tensor(device="meta"))
    whole("cuda", "w", tensor(device="cuda:0"))
    whole("lists", "a", integers(1, 2), "b",
          packed(named("torch.jit._pickle build_tensorlist"), b"](", tensor(), b"e\x85R"), "c",
          packed(named("torch.jit._pickle build_doublelist"), b"]G", struct.pack(">d", 0.5), b"a\x85R"),
          "d", packed(named("torch.jit._pickle build_boollist"), b"](\x88\x89e\x85R"))  # fmt: skip
    whole("list-twice", "a", packed(named("torch.jit._pickle build_intlist"), b"](", 1, b"eq\0\x85R"), "b",
          packed(named("torch.jit._pickle build_intlist"), b"h\0\x85R"))  # fmt: skip
    whole("wrong-list", "a", packed(named("torch.jit._pickle build_intlist"), b"](\x88e\x85R"))
    whole("device", "a", packed(named("torch device"), "cpu", b"\x85R"))
    whole("device-of-nothing", "a", packed(named("torch device"), b")R"))
    whole("ordered", "a", packed(named("collections OrderedDict"), b")R"))
    whole("tuples", "a", packed(b"(", 1, 2, b"t", 3, b"\x86"), "b", packed(1, 2, 3, b"\x87"), "c", b")")
    whole("memo", "a", packed(tensor(), b"q\0"), "b", b"h\0", "c", packed("t", b"r\1\0\0\0"), "d",
          b"j\1\0\0\0")  # fmt: skip
    whole("far-memo", "a", packed(1, b"r\xf0\xff\xff\xff"))
    whole("no-memo", "a", b"h\7")
    whole("numbers", "a", b"J\xff\xff\xff\xff", "b", b"M\1\2", "c", b"\x8a\1\2")
    whole("key", 3, 4)
    whole("odd", "a")
    whole("foreign", "a", packed(named("posix system"), "true", b"\x85R"))
    whole("native", "a", packed(named("__torch__.torch.classes.quantized A"), b")\x81)b"))
    whole("arguments", "a", packed(named("__torch__ Part"), 1, b"\x85\x81"))
    whole("no-class", "a", packed(named("torch device"), b")\x81"))
    whole("twice", "a", packed(named("__torch__ Part"), b")\x81}b}b"))
    whole("dictionary", "a", b"}")
    whole("deep", "a", b"](" * 70 + b"N" + b"e" * 70)
    whole("doubled-tuples", "a", b"N" + b"q\0h\0\x86" * 40)
    whole("doubled-modules", "a", module() + b"".join(
        b"q\0" + named("__torch__ Part") + b")\x81}(" + packed("a", b"h\0", "b", b"h\0") + b"ub"
        for _ in range(20)))  # fmt: skip
    put("pickle", "itself", b"\0\x80\2" + packed(named("__torch__ Part"), b")\x81q\0}(", "a", b"h\0ub."))
    put("pickle", "behind", b"\0\x80\2" + module() + b".N")
    put("pickle", "two", b"\0\x80\2" + module() + module() + b".")
    put("pickle", "protocol", b"\0\x80\4" + module() + b".")
    put("pickle", "cut", b"\0\x80\2" + module("w", tensor())[:80])
    put("pickle", "nothing", b"\0")
    put("pickle", "no-end", b"\0\x80\2c" + b"x" * 1100)
    put("pickle", "stop", b"\0\x80\2.")
    put("pickle", "mark", b"\0\x80\2(q\0b")
    constants("none")
    constants("values", 7, b"\x88", b"G" + struct.pack(">d", 0.25), tensor())
    constants("text", "x" * 64)
    constants("list", integers(1))
    put("pickle", "constants-module", b"\1\x80\2" + module() + b".")


def records() -> None:
    linear = "class Linear(Module):\n  __parameters__ = []\n  __buffers__ = []\n  weight : Tensor\n"
    made = {
        "data.pkl": b"\x80\2" + module("weight", tensor("Float", "0", 2, 0, (2,), (1,)), name="Linear")
                    + b".",
        "constants.pkl": b"\x80\2).", "version": b"3", "byteorder": b"little",
        "code/__torch__.py": linear.encode(), "code/__torch__.py.debug_pkl": b"x", "data/0": bytes(8),
        ".data/serialization_id": b"1", "extra/more": b"x",
    }  # fmt: skip

    def whole(name: str, changes: dict[str, bytes | None]) -> None:
        kept = {k: v for k, v in (made | changes).items() if v is not None}
        put("records", name, b"".join(b"#" + k.encode() + b"\n" + v + b"\n" for k, v in kept.items()))

    whole("plain", {})
    whole("no-pickle", {"data.pkl": None})
    whole("no-constants", {"constants.pkl": None})
    whole("unused", {"data/1": bytes(3)})
    whole("unused-constant", {"constants/0": bytes(3)})
    whole("missing", {"data/0": None})
    whole("unknown", {"model.json": b"{}"})
    whole("changed", {"data.pkl": b"\xff"})
    whole("changed-code", {"code/__torch__.py": b"\xff"})
    whole("no-number", {"data/x": b"1"})
    whole("long-number", {"data/1234567890": b"1"})
    put("records", "nothing", b"")
