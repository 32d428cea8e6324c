#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mutation testing of lib/math and of resizing: changes the source a token at a time and sees whether
the tests notice.

  mutate.py [--record] [-j JOBS] [--only TEXT] [--survivors] [--list]

A mutant is compiled, linked into the C tests that concern its file, and killed by the first of them
that fails, crashes or does not end; what survives is run again under ASan and UBSan. Mutants that do
not compile do not count, nor those whose object code is the original's. mutate-equivalent.toml names
those that change nothing that could be seen, and why.

Ends with 1 where a group has less than 90 % killed, or where that list is out of date. A run that was
broken off goes on where it was."""
import argparse
import bisect
import concurrent.futures
import hashlib
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILDS = {"plain": ROOT / "build" / "mutate", "sanitized": ROOT / "build" / "mutate-asan"}
RESULTS = BUILDS["plain"] / "results.jsonl"
EQUIVALENT = Path(__file__).with_name("mutate-equivalent.toml")
LEAST_KILLED = 0.9
JUDGEMENT = "1"  # another one where mutants are judged otherwise, so that old outcomes are not believed
CPU_SECONDS, WALL_SECONDS = {"plain": 5, "sanitized": 20}, 120

# What is mutated, and the test programs that concern it, the quickest to notice first.
GROUPS = {
    "schedule": (["math/schedule.c", "math/timesteps.c", "math/linspace.h"],
                 ["test_schedule"]),
    "solvers": (["math/ddim.c", "math/dpmpp.c", "math/unipc.c", "math/solver.c", "math/sum.c",
                 "math/log_snr.h"],
                ["test_solver", "test_schedule", "test_solver_order", "test_solver_sde",
                 "test_memory_failures"]),
    "guidance": (["math/guidance.c"],
                 ["test_guidance", "test_sampler_guidance"]),
    "rng": (["math/rng.c", "math/rng_counter.c", "math/rng_torch.c", "math/philox.c",
             "math/box_muller.c"],
            ["test_rng", "test_sampler_noise", "test_memory_failures"]),
    "resize": (["image/resize.c"],
               ["test_resize", "test_memory_failures_pictures"]),
}

# ---- mutants ------------------------------------------------------------------------------------

TOKEN = re.compile(r"""
    (?P<skip>\s+|/\*.*?\*/|//[^\n]*)
  | (?P<directive>\#[^\n]*(?:\\\n[^\n]*)*)
  | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<number>0[xX][0-9a-fA-F.]+(?:[pP][+-]?\d+)?\w*|\d*\.?\d+(?:[eE][+-]?\d+)?\w*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<operator><<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|.)
""", re.VERBOSE | re.DOTALL)

BINARY = {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"],
          "==": ["!="], "!=": ["=="], "&&": ["||"], "||": ["&&"],
          "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"],
          "<<": [">>"], ">>": ["<<"], "&": ["|"], "|": ["&"], "^": ["|"],
          "+=": ["-="], "-=": ["+="], "*=": ["/="], "/=": ["*="], "|=": ["&="], "&=": ["|="],
          "^=": ["|="]}
ANYWHERE = {"++": ["--"], "--": ["++"], "!": [""]}
UNARY = {"-": ["+"], "~": [""]}
FUNCTIONS = {"sin": "cos", "cos": "sin", "fmin": "fmax", "fmax": "fmin", "ceil": "floor",
             "rint": "floor", "sqrt": "", "sqrtf": "", "fabs": "", "expm1": "exp"}
KEYWORDS = {"return", "case", "else", "do", "sizeof"}
TYPES = {"const", "static", "struct", "enum", "typedef", "unsigned", "int", "float", "double",
         "void", "char", "switch", "if", "for", "while", "do", "return", "case", "default", "else"}


class Token:
    def __init__(self, kind, text, start):
        self.kind, self.text, self.start, self.end = kind, text, start, start + len(text)


def tokens_of(text, start=0, end=None):
    found = []
    for match in TOKEN.finditer(text, start, len(text) if end is None else end):
        if match.lastgroup == "directive":
            define = re.match(r"#\s*define\s+\w+(\(.*?\))?\s", match[0])
            if define:  # its value is mutated like any other
                found += tokens_of(text, match.start() + define.end(), match.end())
        elif match.lastgroup != "skip":
            found.append(Token(match.lastgroup, match[0], match.start()))
    return found


def closing(tokens, at):
    """The index of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(tokens)):
        depth += (tokens[i].text in "([{") - (tokens[i].text in ")]}")
        if depth == 0:
            return i
    return None


def constants_near(text):
    integer = re.fullmatch(r"(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)", text)
    if integer:
        value, form = int(integer[1], 0), hex if integer[1][:2] in ("0x", "0X") else str
        return [form(n) + integer[2] for n in (value + 1, value - 1) if n >= 0]
    suffix = "f" if text[-1] in "fF" else ""
    value = float.fromhex(text.rstrip("fF")) if text[:2] == "0x" else float(text.rstrip("fF"))
    return [f"({text} + 1.0{suffix})"] + ([f"({text} * 1.001{suffix})"] if value else [])


def ternary_colon(tokens, at):
    """The index of the colon of the question mark at `at`."""
    depth, questions = 0, 0
    for i in range(at, len(tokens)):
        word = tokens[i].text
        depth += (word in "([{") - (word in ")]}")
        questions += word == "?"
        if word == ":" and depth == 0:
            questions -= 1
            if questions == 0:
                return i
    return None


def edits_of(text):
    """(start, end, replacement, what) of every mutation."""
    tokens = tokens_of(text)
    depth = parentheses = 0
    may_start = False  # whether a statement can begin here
    in_label = labelled = False
    ends_header = set()  # the closing brackets of if, for and while
    for i, token in enumerate(tokens):
        word, before = token.text, tokens[i - 1] if i else None
        after = tokens[i + 1].text if i + 1 < len(tokens) else ""
        operand = before and (before.kind in ("name", "number") and before.text not in KEYWORDS or
                              before.text in (")", "]"))
        if token.kind == "operator":
            choices = ANYWHERE.get(word) or (BINARY if operand else UNARY).get(word, [])
            for choice in choices:
                yield token.start, token.end, choice, f"{word} to {choice or 'nothing'}"
        if token.kind == "number":
            for choice in constants_near(word):
                yield token.start, token.end, choice, f"{word} to {choice}"
        if token.kind == "name" and word in FUNCTIONS and after == "(":
            yield token.start, token.end, FUNCTIONS[word], f"{word} to {FUNCTIONS[word] or 'nothing'}"
        if word == "?":
            yield token.start, token.end, "== 0 ?", "?: negated"
            colon = ternary_colon(tokens, i)
            if colon:
                first = text[token.end:tokens[colon].start]
                yield tokens[colon].start, tokens[colon].end, f": 1 ? {first} :", "?: first always"
        if word in ("if", "while", "for") and after == "(":
            close = closing(tokens, i + 1)
            ends_header.add(close)
            if word != "for":
                condition = text[tokens[i + 1].start:tokens[close].end]
                yield tokens[i + 1].start, tokens[close].end, f"(!{condition})", f"{word} negated"
                if word == "if":
                    yield (tokens[i + 1].start, tokens[close].end, f"(0 && {condition})", "if never")
        if word == "return" and after != ";":
            end = next(j for j in range(i, len(tokens)) if tokens[j].text == ";")
            value = text[tokens[i + 1].start:tokens[end].start]
            choice = ("ARTFUSION_ERROR_ARGUMENT" if value == "ARTFUSION_OK" else
                      "1" if re.fullmatch(r"0(\.0)?|NULL", value) else "0")
            yield tokens[i + 1].start, tokens[end].start, choice, f"returns {choice}"
        statement = may_start and depth > 0 and parentheses == 0 and token.kind == "name" and \
            word not in TYPES and not re.match(r"\w+\s+\**\w|\w+\s*:|\w+\s\*\w", text[token.start:])
        if statement or may_start and depth > 0 and token.text in ("++", "--", "*"):
            level, j = 0, i
            while level >= 0 and (tokens[j].text != ";" or level):
                level += (tokens[j].text in "([{") - (tokens[j].text in ")]}")
                j += 1
            if level == 0:  # else an element of an initialiser
                deleted = " ".join(text[token.start:tokens[j].end].split())
                yield token.start, tokens[j].end, ";", f"deleted: {deleted}"
        depth += (word == "{") - (word == "}")
        parentheses += (word == "(") - (word == ")")
        in_label = word in ("case", "default") or in_label and word != ":"
        may_start = parentheses == 0 and (word in (";", "{", "}", "else", "do") or
                                          word == ":" and labelled or i in ends_header)
        labelled = in_label


class Mutant:
    def __init__(self, group, file, text, edit, name):
        start, end, replacement, _ = edit
        self.group, self.file, self.name = group, file, name
        self.line = text.count("\n", 0, start) + 1
        self.text = text[:start] + replacement + text[end:]
        self.key = hashlib.sha256((file + self.text).encode()).hexdigest()


def mutants_of(group, file):
    text = (ROOT / "lib" / file).read_text()
    lines, starts = text.split("\n"), [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    heads = [(i, m[1]) for i, line in enumerate(lines)
             if (m := re.match(r"[A-Za-z].*?\b(\w+)\(", line)) and not line.endswith(";")]
    found, names, texts = [], {}, {text}
    for edit in sorted(edits_of(text), key=lambda e: (e[0], e[1])):
        row = bisect.bisect_right(starts, edit[0]) - 1
        head, function = next(((i, f) for i, f in reversed(heads) if i <= row), (0, ""))
        if "}" in lines[head:row]:  # that one has ended
            function = ""
        name = f"{f'lib/{file} {function}'.rstrip()}: {lines[row].strip()} | {edit[3]}"
        names[name] = names.get(name, 0) + 1
        if names[name] > 1:
            name += f" #{names[name]}"
        mutant = Mutant(group, file, text, edit, name)
        if mutant.text not in texts:
            texts.add(mutant.text)
            found.append(mutant)
    return found


# ---- building and running -----------------------------------------------------------------------

def configure(kind, jobs):
    folder = BUILDS[kind]
    options = ["-DARTFUSION_BUILD_TESTS=ON", "-DARTFUSION_ENGINE_TORCH=OFF",
               "-DARTFUSION_BUILD_TOOLS=OFF", "-DARTFUSION_BUILD_STATIC=OFF",
               "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_C_FLAGS=-O1"]
    if kind == "sanitized":
        options.append("-DARTFUSION_SANITIZE=address,undefined")
    subprocess.run(["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", *options], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", folder, "-j", str(jobs)], check=True,
                   stdout=subprocess.DEVNULL)


class Build:
    """How one kind of build compiles a file and links a test program."""

    def __init__(self, kind):
        self.kind, self.folder = kind, BUILDS[kind]
        self.compile_of = {entry["file"]: shlex.split(entry["command"]) for entry in
                           json.loads((self.folder / "compile_commands.json").read_text())}
        shown = subprocess.run(["ctest", "--test-dir", self.folder, "--show-only=json-v1"],
                               check=True, capture_output=True, text=True)
        self.environment, self.originals = {}, {}
        for test in json.loads(shown.stdout)["tests"]:
            properties = {p["name"]: p["value"] for p in test["properties"]}
            variables = dict(v.split("=", 1) for v in properties.get("ENVIRONMENT", []))
            self.environment[test["name"].removeprefix("c/")] = os.environ | variables
        self.links = {}
        for test in {t for _, tests in GROUPS.values() for t in tests}:
            commands = subprocess.run(["ninja", "-C", self.folder, "-t", "commands",
                                       f"tests/{test}"], check=True, capture_output=True, text=True)
            last = commands.stdout.strip().split("\n")[-1]
            self.links[test] = shlex.split(last.removeprefix(": && ").removesuffix(" && :"))

    def units(self, file):
        """The source files to compile when `file` changes: itself, or what includes it."""
        if file.endswith(".c"):
            return [file]
        include = f'#include "{file}"'
        return [str(path.relative_to(ROOT / "lib")) for path in sorted(ROOT.glob("lib/**/*.c"))
                if include in path.read_text().split("\n")]

    def objects(self, file, folder, text):
        """Compiles `text` in the place of `file`; NULL where it is no C."""
        changed = folder / file
        changed.parent.mkdir(parents=True, exist_ok=True)
        changed.write_text(text)
        made = []
        for unit in self.units(file):
            command = list(self.compile_of[str(ROOT / "lib" / unit)])
            source = changed if unit == file else ROOT / "lib" / unit
            made.append(folder / (unit.replace("/", "+") + ".o"))
            command[command.index("-o") + 1] = str(made[-1])
            command[command.index("-c") + 1] = str(source)
            command[1:1] = [f"-I{folder}"]
            command += ["-w", "-Wno-error"]
            if subprocess.run(command, cwd=self.folder, capture_output=True).returncode:
                return None
        return made

    def digest(self, objects):
        return hashlib.sha256(b"".join(path.read_bytes() for path in objects)).hexdigest()

    def original(self, file, folder):
        if file not in self.originals:
            made = self.objects(file, folder, (ROOT / "lib" / file).read_text())
            self.originals[file] = self.digest(made)
        return self.originals[file]

    def fails(self, test, objects, folder):
        command = list(self.links[test])
        program = folder / test
        command[command.index("-o") + 1] = str(program)
        # Before the archives, whose own objects of the same names are then not wanted.
        command[command.index("-o"):command.index("-o")] = [str(path) for path in objects]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        seconds = CPU_SECONDS[self.kind]

        def limit():
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if self.kind == "plain":  # ASan reserves terabytes
                resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        try:
            done = subprocess.run([program], cwd=ROOT, env=self.environment[test],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  timeout=WALL_SECONDS, preexec_fn=limit)
        except subprocess.TimeoutExpired:
            return True
        finally:
            program.unlink(missing_ok=True)
        return done.returncode != 0


def judge(mutant, builds, folder):
    """'none' (no C), 'same' (object code), 'survived', or what killed it."""
    plain = builds["plain"]
    objects = plain.objects(mutant.file, folder, mutant.text)
    if objects is None:
        return "none"
    if plain.digest(objects) == plain.original(mutant.file, folder):
        return "same"
    tests = GROUPS[mutant.group][1]
    for kind in ("plain", "sanitized"):
        if kind == "sanitized":
            objects = builds[kind].objects(mutant.file, folder, mutant.text)
        for test in tests:
            if builds[kind].fails(test, objects, folder):
                return f"killed: {test}, {kind}"
    return "survived"


def group_digest(group):
    """Of all that a group's outcomes depend on: the library, its test programs and what they share."""
    digest = hashlib.sha256(JUDGEMENT.encode())
    for pattern in ("lib/**/*.[ch]", "include/*.h", "tests/**/*.[ch]", "tests/CMakeLists.txt"):
        for path in sorted(ROOT.glob(pattern)):
            if path.parent.name != "c" or path.stem in GROUPS[group][1] or path.stem[:5] != "test_":
                digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


def known_results(digests, survivors_only):
    known = {}
    if RESULTS.exists():
        for line in RESULTS.read_text().splitlines():
            entry = json.loads(line)
            if (entry["digest"] in digests.values() or
                    survivors_only and entry["outcome"] != "survived"):
                known[entry["mutant"]] = entry["outcome"]
    return known


def run(mutants, jobs, survivors_only):
    digests = {group: group_digest(group) for group in GROUPS}
    for kind in BUILDS:
        configure(kind, jobs)
    known = known_results(digests, survivors_only)
    builds = {kind: Build(kind) for kind in BUILDS}
    folders = [Path(tempfile.mkdtemp(prefix="mutate-")) for _ in range(jobs)]
    free, lock, done = list(folders), threading.Lock(), 0
    left = [m for m in mutants if m.key not in known]

    def work(mutant):
        nonlocal done
        with lock:
            folder = free.pop()
        outcome = judge(mutant, builds, folder)
        with lock:
            free.append(folder)
            known[mutant.key] = outcome
            done += 1
            with RESULTS.open("a") as file:
                file.write(json.dumps({"digest": digests[mutant.group], "mutant": mutant.key,
                                       "outcome": outcome}) + "\n")
            if done % 50 == 0:
                print(f"{done} of {len(left)}", file=sys.stderr, flush=True)
    try:
        for file in sorted({m.file for m in mutants}):  # before the threads want them
            builds["plain"].original(file, folders[0])
        for test in sorted({t for m in left for t in GROUPS[m.group][1]}):
            if any(build.fails(test, [], folders[0]) for build in builds.values()):
                sys.exit(f"mutate: {test} fails without any mutant")
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            try:
                list(pool.map(work, left))
            except KeyboardInterrupt:
                pool.shutdown(wait=True, cancel_futures=True)
                sys.exit("mutate: broken off; the next run goes on from here")
    finally:
        for folder in folders:
            shutil.rmtree(folder)
    return {m.name: known[m.key] for m in mutants}


# ---- report -------------------------------------------------------------------------------------

def equivalents():
    if not EQUIVALENT.exists():
        return {}
    return {name: entry["reason"] for entry in
            tomllib.loads(EQUIVALENT.read_text()).get("equivalent", [])
            for name in entry["mutants"]}


def percent(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "-"


def report(mutants, outcomes, listed):
    """The table, the survivors, and the groups below the bound."""
    rows, survivors, low = [], [], []
    total = [0] * 5
    for group, (files, _) in GROUPS.items():
        sums = [0] * 5
        for file in files:
            counts = [0] * 5  # mutants, killed, same code, equivalent, survived
            for mutant in mutants:
                outcome = outcomes[mutant.name]
                if mutant.file != file or outcome == "none":
                    continue
                place = (2 if outcome == "same" else 1 if outcome.startswith("killed") else
                         3 if mutant.name in listed else 4)
                counts[0] += 1
                counts[place] += 1
                if place == 4:
                    survivors.append(mutant)
            if counts[0]:
                rows.append((f"`lib/{file}`", counts))
            sums = [a + b for a, b in zip(sums, counts)]
        if sums[0]:
            rows.append((f"**{group}**", sums))
            if sums[1] < LEAST_KILLED * (sums[1] + sums[4]):
                low.append(group)
        total = [a + b for a, b in zip(total, sums)]
    rows.append(("**all**", total))
    lines = ["| file | mutants | same code | equivalent | killed | survived | score |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for name, (all_, killed, same, equivalent, survived) in rows:
        lines.append(f"| {name} | {all_} | {same} | {equivalent} | {killed} | {survived} | "
                     f"{percent(killed, killed + survived)} |")
    return "\n".join(lines), survivors, low


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-j", type=int, default=os.cpu_count(), metavar="JOBS")
    parser.add_argument("--record", action="store_true", help="write docs/testing.md's section")
    parser.add_argument("--only", metavar="TEXT", help="mutants whose name has it")
    parser.add_argument("--survivors", action="store_true",
                        help="believe earlier runs, also of other sources and tests, in their kills")
    parser.add_argument("--list", action="store_true", help="only name the mutants")
    arguments = parser.parse_args()
    mutants = [m for group, (files, _) in GROUPS.items() for file in files
               for m in mutants_of(group, file)
               if not arguments.only or arguments.only in m.name]
    if arguments.list:
        print("\n".join(m.name for m in mutants))
        return
    if arguments.record and (arguments.only or arguments.survivors):
        sys.exit("mutate: what is recorded is a whole run")
    outcomes = run(mutants, arguments.j, arguments.survivors)
    listed = equivalents()
    table, survivors, low = report(mutants, outcomes, listed)
    print(table)
    for mutant in survivors:
        print(f"survived, line {mutant.line}: {mutant.name}")
    failed = [f"{group}: fewer than {LEAST_KILLED:.0%} are killed" for group in low]
    if not arguments.only:
        failed += [f"{EQUIVALENT.name} is out of date, no longer there or no longer surviving: {name}"
                   for name in listed if outcomes.get(name) != "survived"]
    for line in failed:
        print(f"mutate: {line}", file=sys.stderr)
    if failed:
        sys.exit(1)
    if arguments.record:
        subprocess.run([sys.executable, Path(__file__).with_name("testing-figures.py"), "mutation"],
                       input=table, text=True, check=True)


if __name__ == "__main__":
    main()
