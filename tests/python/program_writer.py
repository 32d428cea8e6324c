# SPDX-License-Identifier: MIT
"""Writes the lines of a program at random, for programs.py: calls of listed operators with values that
fit, and with others; branches and loops; and what the engine's own kernels take over."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any, NamedTuple

import program_calls

TREE = Path(__file__).resolve().parents[2]

ENDS = (0, -1, 1, 2**31, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63) + 1, 64, -65, 255, 65536)
FLOATS = ("0.", "-1.", "nan", "inf", "-inf", "1e-45", "3.4e38", "1.7976931348623157e308", "2.", "0.5",
          "2147483648.", "-9.3e18")  # fmt: skip
TYPES = (0, 1, 2, 3, 4, 5, 6, 7, 11, 15)
NO_TYPES = (-1, 8, 9, 10, 12, 13, 14, 16, 23, 44, 100)
TEXTS = ("mean", "sum", "constant", "reflect", "replicate", "circular", "trunc", "floor", "tanh",
         "none", "same", "valid", "zeros", "nearest", "ij,jk->ik", "", "i->", "...->...", "fro",
         "nuc")  # fmt: skip
EQUATIONS = ("ij,jk->ik", "ij,ij->", "i,i->i", "...ij,...jk->...ik", "ii->", "ab,cd->abcd",
             "ij->ji", "i...->...", "", ",", "->", "ij,jk,kl->il", "iii->i")  # fmt: skip


INTERNAL = ("max", "min", "abs", "dtype", "device", "ListConstruct", "If", "Loop", "Constant",
            "TupleConstruct", "Uninitialized")  # fmt: skip


class Form(NamedTuple):
    """Of an operator."""

    name: str
    arguments: tuple[tuple[str, str, bool], ...]  # name, type, by name alone
    results: tuple[str, ...]
    writes: bool


def listed_operators() -> list[str]:
    source = (TREE / "shim" / "base" / "allowed.cpp").read_text()
    return source[source.index("ATEN =") : source.index("PRIM =")].split('"')[1::2]


_OTHERS = ("Dict", "complex", "AnyEnum", "List[str]", "t1", "List[Any]")  # which no network has


def all_forms() -> dict[str, list[Form]]:
    """By name, of what the list has; not those of dictionaries and the like, which no file has."""
    import torch

    forms: dict[str, list[Form]] = {}
    for name in listed_operators():
        for schema in torch._C._jit_get_schemas_for_operator(f"aten::{name}"):
            arguments = tuple((a.name, str(a.type), a.kwarg_only) for a in schema.arguments)
            results = tuple(str(r.type) for r in schema.returns)
            kinds = [kind for _, kind, _ in arguments] + list(results)
            if results == ("str",) or any(word in kind for kind in kinds for word in _OTHERS):
                continue
            writes = any(a.alias_info is not None and a.alias_info.is_write for a in schema.arguments)
            forms.setdefault(name, []).append(Form(name, arguments, results, writes))
    return forms


class Writer:
    """Writes one program."""

    def __init__(self, draw: random.Random, forms: dict[str, list[Form]], start: str,
                 large: bool) -> None:  # fmt: skip
        self.draw, self.forms, self.lines, self.count = draw, forms, [], 0
        self.start = start.split(", ")
        self.tensors = list(self.start)
        self.numbers: list[str] = []
        self.weights = list(program_calls.WEIGHTS) + list(program_calls.LARGE) * large
        self.indent = "    "

    # ---- values ------------------------------------------------------------------------------

    def name(self) -> str:
        self.count += 1
        return f"_v{self.count}"

    def put(self, line: str) -> None:
        self.lines.append(f"{self.indent}{line}\n")

    def keep(self, value: str) -> str:
        name = self.name()
        self.put(f"{name} = {value}")
        return name

    def chance(self, share: float) -> bool:
        return self.draw.random() < share

    def integer(self) -> str:
        if self.numbers and self.chance(0.1):
            return self.draw.choice(self.numbers)
        if self.chance(0.15):
            return f"torch.size({self.tensor()}, {self.draw.randrange(-2, 3)})"
        if self.chance(0.35):
            return str(self.draw.choice(ENDS))
        return str(self.draw.randrange(-3, 9))

    def real(self) -> str:
        if self.chance(0.4):
            return self.draw.choice(FLOATS)
        return f"{self.draw.uniform(-3, 3):.3f}"

    def integers(self) -> str:
        if self.chance(0.1):
            return f"torch.size({self.tensor()})"
        return "[" + ", ".join(self.integer() for _ in range(self.draw.randrange(7))) + "]"

    def weight(self) -> str:
        return "self." + self.draw.choice(self.weights)

    def tensor(self) -> str:
        """A name, or what another name is turned into."""
        kind = self.draw.random()
        if kind < 0.55:
            return self.draw.choice(self.tensors[-4:] + self.start)
        if kind < 0.8:
            return self.weight()
        base = self.draw.choice([*self.tensors, self.weight()])
        sizes = ", ".join(str(self.draw.choice((0, 1, 1, 2, 3, 4, 5, 16, 17)))
                          for _ in range(self.draw.randrange(7)))  # fmt: skip
        return self.draw.choice((
            f"torch.to({base}, {self.draw.choice(TYPES)})",
            f"torch.full([{sizes}], {self.draw.choice(('nan', '0.5', '-3', 'inf', 'True'))}, "
            f"dtype={self.draw.choice(TYPES)})",
            f"torch.slice({base}, {self.draw.randrange(-2, 4)}, 0, {self.draw.randrange(3)})",
            f"torch.unsqueeze({base}, 0)",
            f"torch.transpose({base}, 0, -1)",
            f"torch.expand(self.w_0d, [{sizes}])",
            f"torch.reshape({base}, [-1])",
            f"torch.select({base}, 0, 0)",
        ))  # fmt: skip

    def value(self, name: str, kind: str) -> str:
        """Of a type, as a schema has it."""
        draw = self.draw
        if kind.startswith("Optional["):
            if self.chance(0.5):
                return "None"
            kind = kind[len("Optional[") : -1]
        if name.startswith("dim") and kind == "int" and self.chance(0.7):
            return str(draw.randrange(-3, 4))
        if name == "dtype":
            return str(draw.choice(NO_TYPES if self.chance(0.05) else TYPES))
        if name == "memory_format":
            return str(draw.choice((0, 1, 2, 3, 77)))
        if name == "layout":
            return str(draw.choice((0, 0, 0, 1, 5)))
        if name == "equation":
            return f'"{draw.choice(EQUATIONS)}"'
        if kind == "Tensor":
            return self.tensor()
        if kind in ("List[Tensor]", "List[Optional[Tensor]]", "List[t]"):
            parts = ", ".join(self.tensor() for _ in range(draw.randrange(4)))
            return f"[{parts}]" if parts else "annotate(List[Tensor], [])"
        simple = {
            "int": self.integer, "float": self.real, "List[int]": self.integers,
            "number": lambda: self.integer() if self.chance(0.5) else self.real(),
            "bool": lambda: draw.choice(("True", "False")),
            "str": lambda: f'"{draw.choice(TEXTS)}"',
            "List[float]": lambda: f"[{', '.join(self.real() for _ in range(draw.randrange(1, 4)))}]",
            "List[bool]": lambda: f"[{', '.join(draw.choice(('True', 'False')) for _ in range(2))}]",
            "Device": lambda: draw.choice(('"meta"', '"cpu"', '"cuda"', f"ops.prim.device({self.tensor()})")),
        }  # fmt: skip
        return simple.get(kind, self.tensor)()

    # ---- calls -------------------------------------------------------------------------------

    def any_call(self, form: Form) -> str:
        given = []
        for name, kind, by_name in form.arguments:
            if by_name:
                if self.chance(0.25):
                    given.append(f"{name}={self.value(name, kind)}")
            else:
                given.append(self.value(name, kind))
        return f"torch.{form.name}({', '.join(given)})"

    def fitting_call(self, name: str) -> str:
        """Of CALLS, with up to two arguments spoilt."""
        call = self.draw.choice(program_calls.CALLS[name])
        parts = split(call)
        for place, part in enumerate(parts):
            if part == "x" and "x" not in self.start:
                parts[place] = self.start[0]
            parts[place] = rename(parts[place], self.start[0])
        for _ in range(self.draw.choice((0, 0, 1, 1, 2))):
            place = self.draw.randrange(len(parts))
            word, value = re.fullmatch(r"(\w+=)?(.*)", parts[place]).groups()  # type: ignore[union-attr]
            parts[place] = (word or "") + self.spoilt(value)
        return f"torch.{name}({', '.join(parts)})"

    def spoilt(self, value: str) -> str:
        """Another of the same type, by what it looks like; now and then of any type."""
        if self.chance(0.04):
            return self.value("", self.draw.choice(("int", "float", "bool", "str", "List[int]", "Tensor")))
        if value.startswith("["):
            parts = split(value[1:-1])
            if not parts or self.chance(0.15):
                return self.integers()
            parts[self.draw.randrange(len(parts))] = self.spoilt(parts[0])
            return f"[{', '.join(parts)}]"
        if value in ("True", "False"):
            return self.draw.choice(("True", "False"))
        if value.startswith('"'):
            return f'"{self.draw.choice(EQUATIONS if "," in value or "->" in value else TEXTS)}"'
        if value.lstrip("-").isdigit():
            return self.integer()
        if value.lstrip("-").replace(".", "").isdigit():
            return self.real()
        if value == "None":
            return self.draw.choice(("None", self.tensor(), "[0.5, 2.]", "0.5", "[7, 7]"))
        return self.tensor()

    def call(self, writes: bool = True) -> tuple[str, tuple[str, ...]]:
        """A call, and the types of what it gives."""
        while True:
            name = self.draw.choice(list(self.forms))
            if name in program_calls.CALLS and self.chance(0.7):
                results = self.forms[name][0].results
                listed = name in ("split", "split_with_sizes", "chunk", "broadcast_tensors")
                pair = name == "native_layer_norm"
                kind = ("List[Tensor]",) if listed else results if pair else ("Tensor",)
                return self.fitting_call(name), kind
            form = self.draw.choice(self.forms[name])
            gives_out = form.writes and any(by_name and argument in ("out", "values")
                                            for argument, _, by_name in form.arguments)  # fmt: skip
            if gives_out and not self.chance(0.02):
                continue
            if form.writes and not gives_out and not writes:
                continue
            of_tensors = any("Tensor" in kind for _, kind, _ in form.arguments)
            if not (of_tensors or "Tensor" in form.results or self.chance(0.2)):
                continue
            return self.any_call(form), form.results

    # ---- statements --------------------------------------------------------------------------

    def use(self, value: str) -> None:
        """Takes a tensor into the result, so that it has to be computed."""
        self.put(f"acc = torch.add(acc, torch.sum(torch.to({value}, 6)))")

    def statement(self, writes: bool = True) -> None:
        call, results = self.call(writes)
        if len(results) > 1:
            names = [self.name() for _ in results]
            self.put(f"{', '.join(names)}, = {call}")
            if results[0] == "Tensor":
                self.tensors += names
                self.use(names[0])
            return
        name = self.keep(call)
        kind = results[0] if results else ""
        if kind == "Tensor":
            self.tensors.append(name)
            self.use(name)
        elif kind in ("int", "number", "float", "bool"):
            self.numbers += [name] * (kind == "int")
            self.put(f"acc = torch.add(acc, {'int' if kind == 'bool' else 'float'}({name}))")
        elif kind == "List[Tensor]":
            self.put(f"acc = torch.add(acc, torch.len({name}))")
            self.tensors.append(self.keep(f"{name}[0]"))
        elif kind.startswith("List"):
            self.put(f"acc = torch.add(acc, torch.len({name}))")

    def cast(self) -> None:
        """What torch's compiler makes of the language, and what it believes."""
        d, x = self.draw, self.tensor()
        kinds = ("Tensor", "int", "float", "bool", "str", "List[int]", "List[Tensor]", "Optional[int]",
                 "Tuple[Tensor, Tensor]", "Tuple[int, Tensor, List[int]]", "NoneType")  # fmt: skip
        values = (x, self.integer(), self.real(), self.integers(), f"[{x}]", f"({x}, 1)", "None",
                  "True")  # fmt: skip
        call = d.choice((
            f"unchecked_cast({d.choice(kinds)}, {d.choice(values)})",
            f"annotate({d.choice(kinds)}, {d.choice(values)})",
            f"uninitialized({d.choice(kinds)})",
            f"ops.prim.NumToTensor({d.choice(values)})",
            f"ops.prim.TupleIndex(({x}, 1), {self.integer()})",
            f"ops.prim.{d.choice(INTERNAL)}({d.choice(values)})",
            f"({d.choice(values)}, {x})[{self.integer()}]", f"[{x}, {x}][{self.integer()}]",
            f"float({d.choice(values)})", f"int({d.choice(values)})", f"bool({d.choice(values)})",
        ))  # fmt: skip
        name = self.keep(call)
        self.put(d.choice((
            f"acc = torch.add(acc, torch.sum(torch.to({name}, 6)))", f"acc = torch.mul(acc, {name})",
            f"acc = torch.add(acc, torch.len({name}))", f"acc = torch.reshape(acc, {name})",
            f"acc = torch.add(acc, ({name})[{self.integer()}])", f"_a, _b, = {name}",
            f"acc = torch.sum(torch.cat({name}))", f"acc = torch.sum(torch.cat([{name}, [{name}][0]]))",
        )))  # fmt: skip

    def block(self) -> None:
        """A statement in a branch or in a loop."""
        name, first = self.name(), self.draw.choice(self.tensors)
        self.put(f"{name} = {first}")
        loop = self.chance(0.5)
        self.put(f"for _i in range({self.integer()}):" if loop
                 else f"if torch.gt({self.integer()}, torch.dim({first})):")  # fmt: skip
        kept, numbers = list(self.tensors), list(self.numbers)
        self.indent += "  "
        self.tensors.append(name)
        before = len(self.tensors)
        self.statement()
        if len(self.tensors) > before:
            self.put(f"{name} = {self.tensors[-1]}")
        self.indent = self.indent[:-2]
        if not loop:
            self.put("else:")
            self.put("  pass")
        self.tensors, self.numbers = [*kept, name], numbers

    # ---- what the engine's own kernels take over ------------------------------------------------

    def number_of(self, usual: tuple[Any, ...], ends: float = 0.15) -> str:
        return str(self.draw.choice(ENDS if self.chance(ends) else usual))

    def picture(self, channels: int) -> str:
        """[N, channels, H, W], in one layout or another; sometimes no picture at all."""
        if self.chance(0.08):
            return self.tensor()
        d = self.draw
        n, h, w = d.choice((0, 1, 1, 1, 2)), d.choice((0, 1, 2, 3, 8, 17)), d.choice((1, 2, 5, 64, 65))
        c = channels if self.chance(0.93) else d.choice((0, 1, 2, 3, 4))
        kind = d.randrange(6)
        if kind == 0:
            made = f"torch.permute(torch.ones([{n}, {h}, {w}, {c}]), [0, 3, 1, 2])"
        elif kind == 1:
            made = f"torch.expand(self.w_0d, [{n}, {c}, {h}, {w}])"
        elif kind == 2:
            made = f"torch.slice(torch.full([{n}, {c}, {h}, {w + 3}], 0.5), 3, 1, {w + 1})"
        elif kind == 3:
            made = f"torch.contiguous(torch.zeros([{n}, {c}, {h}, {w}]), memory_format=2)"
        else:
            made = f"torch.full([{n}, {c}, {h}, {w}], {d.choice(('nan', '0.5', '-1e30'))})"
        if self.chance(0.4):
            made = f"torch.to({made}, {d.choice(TYPES)})"
        return self.keep(made)

    def factor(self, channels: int) -> str:
        d = self.draw
        return d.choice((
            self.keep(f"torch.ones([1, {channels}, 1, 1], dtype={d.choice(TYPES)})"),
            self.keep(f"torch.full([{channels}, 1, 1], 0.5)"),
            self.keep(f"torch.ones([{d.choice((0, 1, 2))}, {channels}, 1, 1])"),
            self.weight(), self.tensor(), "self.w_0d",
        ))  # fmt: skip

    def normalised(self, x: str, channels: int) -> str:
        groups = self.number_of((1, channels, 2))
        factors = ("None", "None") if self.chance(0.6) else (
            self.draw.choice(("None", "self.w_4", "self.w_3", self.weight())),
            self.draw.choice(("None", "self.w_4", "self.w_3", self.weight())))  # fmt: skip
        y = self.keep(f"torch.group_norm({x}, {groups}, {factors[0]}, {factors[1]}, "
                      f"{self.draw.choice(('1e-5', '0.', '-1.', 'nan', 'inf'))}, False)")  # fmt: skip
        if self.chance(0.5):
            y = self.keep(f"torch.mul({y}, {self.factor(channels)})")
            y = self.keep(f"torch.add({y}, {self.factor(channels)})")
        return self.keep(f"torch.silu({y})") if self.chance(0.5) else y

    def convolution(self) -> None:
        d = self.draw
        name = d.choice([n for n in self.weights if n in (
            "w_point", "w_conv", "w_conv4", "w_tall", "w_half", "w_bf16", "w_none4", "w_double",
            "w_byte", "w_pair", "w_wide", "w_line")])  # fmt: skip
        sizes = (program_calls.WEIGHTS | program_calls.LARGE)[name][0]
        channels = sizes[1]
        y = self.picture(channels)
        before = d.randrange(5)
        if before == 0:
            borders = ", ".join(self.number_of((0, 1, 2, 5), 0.05) for _ in range(4))
            mode = d.choice(('"constant"', '"replicate"', '"reflect"', '"constant", 0., ', '"constant", 1.'))
            y = self.keep(f"torch.pad({y}, [{borders}], {mode.rstrip(', ')})")
        elif before == 1:
            y = self.keep(f"torch.upsample_nearest2d({y}, None, [2., 2.])")
        elif before == 2:
            y = self.normalised(y, channels)
        plain = self.chance(0.6)
        stride = ["1", "1"] if plain else [self.number_of((1, 2, 3)) for _ in range(2)]
        padding = ["1", "1"] if plain else [self.number_of((0, 1, 2)) for _ in range(2)]
        dilation = ["1", "1"] if self.chance(0.9) else [self.number_of((1, 2)) for _ in range(2)]
        bias = d.choice(("None", "None", "self.w_4", "self.w_3", self.weight()))
        groups = self.number_of((1,), 0.05)
        y = self.keep(f"torch.conv2d({y}, self.{name}, {bias}, [{', '.join(stride)}], "
                      f"[{', '.join(padding)}], [{', '.join(dilation)}], {groups})")  # fmt: skip
        if self.chance(0.3):
            y = self.keep(f"torch.mul({y}, {self.factor(sizes[0])})")
        if self.chance(0.3):
            other = self.factor(sizes[0]) if self.chance(0.5) else self.picture(sizes[0])
            y = self.keep(f"torch.add({y}, {other})")
        self.tensors.append(y)
        self.use(y)

    def fused(self) -> None:
        d, kind = self.draw, self.draw.randrange(10)
        if kind < 5:
            self.convolution()
            return
        if kind < 7:
            weight = d.choice(("w_mat", "w_lin", "w_odd", "w_none", "w_t", "w_0d", "w_int"))
            size = d.choice(("16", "16", "4", "0", "5"))
            rows = ", ".join(str(d.choice((0, 1, 2, 3, 65))) for _ in range(d.randrange(6)))
            x = self.keep(f"torch.to(torch.ones([{rows + ', ' if rows else ''}{size}]), {d.choice(TYPES)})")
            x = self.tensor() if self.chance(0.2) else x
            bias = d.choice(("None", "self.w_16", self.weight(), self.tensor()))
            y = f"torch.linear({x}, self.{weight}, {bias})"
        elif kind < 9:
            heads, width = d.choice((0, 1, 2)), d.choice((0, 1, 2, 16, 64, 65))
            parts = []
            for length in d.choice(((5, 7, 7), (65, 513, 513), (1, 1, 1), (0, 3, 3), (4, 0, 0), (3, 4, 5))):
                shape = f"[{d.choice((1, 1, 2))}, {heads}, {length}, {width}]"
                made = d.choice((f"torch.ones({shape})", f"torch.expand(self.w_0d, {shape})",
                                 f"torch.full({shape}, nan)"))  # fmt: skip
                made = f"torch.to({made}, {15 if self.chance(0.8) else d.choice(TYPES)})"
                made = f"torch.transpose({made}, 1, 2)" if self.chance(0.1) else made
                parts.append(self.keep(made) if self.chance(0.95) else self.tensor())
            y = f"torch.scaled_dot_product_attention({', '.join(parts)})"
        else:
            y = self.normalised(self.picture(4), 4)
        y = self.keep(y)
        if self.chance(0.3):
            y = self.keep(f"torch.add({self.tensor()}, torch.mul({self.tensor()}, {y}))")
        self.tensors.append(y)
        self.use(y)


def split(text: str) -> list[str]:
    """At its outer commas."""
    parts, depth, begin = [], 0, 0
    quoted = False
    for at, c in enumerate(text):
        quoted ^= c == '"'
        depth += 0 if quoted else (c in "([") - (c in ")]")
        if c == "," and depth == 0 and not quoted:
            parts.append(text[begin:at].strip())
            begin = at + 1
    return [*parts, text[begin:].strip()] if text.strip() else []


def rename(text: str, name: str) -> str:
    """x in a call is the place's first tensor."""
    for old in ("(x", "[x", " x"):
        for end in (",", "]", ")"):
            text = text.replace(old + end, old[0] + name + end)
    return text
