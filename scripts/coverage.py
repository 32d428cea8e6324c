#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Coverage of lib/ by the C tests, on the test engine and without libtorch, as clang counts it.

  coverage.py [--record] [-j JOBS] [--html FOLDER]

Ends with 1 below 95 % of lines or 90 % of branches, and where coverage-reasons.toml, which says why
what is left is not covered, lacks something or has something that is covered."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "coverage"
PROFILE = BUILD / "all.profdata"
REASONS = Path(__file__).with_name("coverage-reasons.toml")
LEAST = {"lines": 95.0, "branches": 90.0}


def build_and_test(jobs):
    missing = [tool for tool in ("clang", "llvm-cov", "llvm-profdata") if not shutil.which(tool)]
    if missing:
        sys.exit(f"coverage: {', '.join(missing)} is missing; Debian has it in clang, llvm and "
                 "libclang-rt-dev")
    # Atomic, since how often a branch was not taken is a difference: of a count that another thread
    # has overwritten it is one too few.
    flags = "-O1 -fprofile-instr-generate -fcoverage-mapping -fprofile-update=atomic"
    subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_C_COMPILER=clang",
                    "-DCMAKE_BUILD_TYPE=Debug", f"-DCMAKE_C_FLAGS={flags}",
                    "-DARTFUSION_BUILD_TESTS=ON", "-DARTFUSION_ENGINE_TORCH=OFF",
                    "-DARTFUSION_BUILD_STATIC=OFF"],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", BUILD, "-j", str(jobs)], check=True,
                   stdout=subprocess.DEVNULL)
    raw = BUILD / "profiles"
    shutil.rmtree(raw, ignore_errors=True)
    subprocess.run(["ctest", "--test-dir", BUILD, "-j", str(jobs), "--output-on-failure", "-Q"],
                   check=True, env=os.environ | {"LLVM_PROFILE_FILE": f"{raw}/%4m.profraw"})
    subprocess.run(["llvm-profdata", "merge", "-o", PROFILE, *sorted(raw.iterdir())], check=True)


def llvm_cov(command, *options):
    tests = [path for path in sorted((BUILD / "tests").glob("test_*")) if path.is_file()]
    objects = [word for test in tests[1:] for word in ("-object", test)]
    done = subprocess.run(["llvm-cov", command, tests[0], *objects, "-instr-profile", PROFILE,
                           *options, ROOT / "lib"], check=True, capture_output=True, text=True)
    return done.stdout


def uncovered_lines():
    found, path = defaultdict(set), None
    for line in llvm_cov("export", "-format=lcov").splitlines():
        if line.startswith("SF:"):
            path = line[3:]
        elif line.startswith("DA:") and line.endswith(",0"):
            found[path].add(int(line[3:].split(",")[0]))
    return found


def measure():
    """A file's sums, as llvm-cov has them, and what is not covered: [(line, name, what)]."""
    data = json.loads(llvm_cov("export"))["data"][0]
    functions = defaultdict(list)
    for function in data["functions"]:
        begin, _, end = function["regions"][0][:3]
        functions[function["filenames"][0]].append((begin, end, function["name"].split(":")[-1]))
    lines, files = uncovered_lines(), {}
    for file in data["files"]:
        path = file["filename"]
        name, text = str(Path(path).relative_to(ROOT)), Path(path).read_text().split("\n")
        missed = {line: "not run" for line in lines[path]}
        for line, _, _, _, true, false, *_ in file["branches"]:
            if line not in missed and not (true and false):
                missed[line] = "never false" if true else "never true"
        entries = []
        for line, what in sorted(missed.items()):
            function = next((f for begin, end, f in functions[path] if begin <= line <= end), "")
            entries.append((line, f"{name} {function}: {text[line - 1].strip()}", what))
        files[name] = {kind: file["summary"][kind] for kind in LEAST} | {"missed": entries}
    return files


# ---- report -------------------------------------------------------------------------------------

def percent(sums):
    return 100.0 * sums["covered"] / sums["count"] if sums["count"] else 100.0


def total(files, kind, folder=""):
    chosen = [f[kind] for name, f in files.items() if name.startswith(folder)]
    return {key: sum(sums[key] for sums in chosen) for key in ("count", "covered")}


def table(files):
    out = ["| folder | lines | covered | branches | covered |",
           "| --- | ---: | ---: | ---: | ---: |"]
    for folder in sorted({str(Path(name).parent) for name in files}) + ["lib"]:
        sums = [total(files, kind, folder + "/") for kind in LEAST]
        name = f"`{folder}/`" if folder != "lib" else "**lib/**"
        out.append(f"| {name} | " + " | ".join(f"{s['count']} | {percent(s):.1f} %" for s in sums) +
                   " |")
    return "\n".join(out)


def reasons_table(places, reasons):
    """A reason a row, with how many lines of which functions are for it."""
    functions = defaultdict(lambda: defaultdict(int))
    for place, names in places.items():
        functions[reasons[place]][place.split(":")[0].split(" ")[1]] += len(names)
    out = ["| lines not run, or run in one direction alone | why |", "| --- | --- |"]
    for why in dict.fromkeys(reasons.values()):
        out.append(f"| {', '.join(f'`{f}` {n}' for f, n in functions[why].items())} | {why} |")
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-j", type=int, default=os.cpu_count(), metavar="JOBS")
    parser.add_argument("--record", action="store_true", help="write docs/testing.md's section")
    parser.add_argument("--html", metavar="FOLDER", help="the source with its counts, too")
    arguments = parser.parse_args()
    build_and_test(arguments.j)
    files = measure()
    entries = tomllib.loads(REASONS.read_text())["reason"]
    reasons = {place: " ".join(entry["why"].split())
               for entry in entries for place in entry["places"]}

    failed, places = [], defaultdict(list)
    for file in files.values():
        for line, name, what in file["missed"]:
            place = next((p for p in (name, name.split(":")[0]) if p in reasons), None)
            if place is None:
                failed.append(f"line {line} is {what}, without a reason: {name}")
            else:
                places[place].append(name)
    # No error: it can depend on what runs at a time, such as forked children.
    for place in reasons.keys() - places.keys():
        print(f"coverage: {REASONS.name} may be out of date: {place}", file=sys.stderr)
    for kind, least in LEAST.items():
        if percent(total(files, kind)) < least:
            failed.append(f"{percent(total(files, kind)):.2f} % of {kind}, fewer than {least} %")
    print(table(files))
    if arguments.html:
        llvm_cov("show", "-format=html", "-show-branches=count", f"-output-dir={arguments.html}")
    for line in failed:
        print(f"coverage: {line}", file=sys.stderr)
    if failed:
        sys.exit(1)
    if arguments.record:
        subprocess.run([sys.executable, Path(__file__).with_name("testing-figures.py"), "coverage"],
                       input=table(files) + "\n\n" + reasons_table(places, reasons), text=True,
                       check=True)


if __name__ == "__main__":
    main()
