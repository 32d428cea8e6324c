#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""All C tests of the core, and the command, under valgrind's memcheck:  valgrind.py [JOBS] [--row]

Without libtorch: what needs a network has the tests' engine. It fails for any error of memcheck and
any block that is left at the end, reachable or not, but for what tests/valgrind.supp explains.
--row: the last line is the row of docs/testing.md's table."""
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "valgrind"
SUPPRESSIONS = ROOT / "tests" / "valgrind.supp"
ERROR = 99  # valgrind's own exit status; neither cmocka's for a hundred failures nor the command's

# What cannot run here, and why; all run under ASan, and test_faults counts the blocks that are left.
NOT_UNDER_VALGRIND = {
    "c/test_faults": "takes malloc's place itself, where memcheck is",
    "c/test_processes": "starts itself by /proc/self/exe, which is valgrind, and ends in the midst",
    "c/test_isolation_fork": "does so, too, and in a bounded time",
    "c/kills": "gives another process, which is not looked at here, a bounded time",
}

PICTURES = "--content examples/images/coffee.jpg --style examples/images/monet.jpg"
# Exit status and arguments; OUT is a scratch folder. The command's own errors are part of it.
COMMANDS = [
    (0, "--version"),
    (0, "--help"),
    (0, "info"),
    (0, "info --json"),
    (0, f"stylize {PICTURES} --fit 64 --steps 3 --preset bold --out OUT/a.png"),
    (0, f"stylize {PICTURES} --size 64x32 --steps 2 --verbose --json --out OUT/b.jpg"),
    (0, "sample --style examples/images/monet.jpg --size 32x32 --steps 2 --count 3 --out OUT/c.png"),
    (0, "reconstruct --content examples/images/coffee.jpg --fit 64 --out OUT/d.png"),
    (1, f"stylize {PICTURES} --fit 64 --steps 2 --out OUT/no/such/folder.png"),
    (1, "stylize --content LICENSE --style LICENSE --out OUT/e.png"),
    (1, "info --model README.md"),
    (2, "stylize --steps many --out OUT/f.png"),
    (2, "paint"),
]


def build(jobs: int) -> None:
    options = ["-G", "Ninja", "-DARTFUSION_BUILD_TESTS=ON", "-DARTFUSION_ENGINE_TORCH=OFF"]
    subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, *options], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", BUILD, "-j", str(jobs)], check=True,
                   stdout=subprocess.DEVNULL)


def tests() -> list:
    """Name, command and environment of each, as ctest would run them."""
    listed = json.loads(subprocess.check_output(["ctest", "--show-only=json-v1"], cwd=BUILD))
    found = []
    for test in listed["tests"]:
        properties = {p["name"]: p["value"] for p in test["properties"]}
        if "c" in properties["LABELS"] and test["name"] not in NOT_UNDER_VALGRIND:
            environment = dict(line.split("=", 1) for line in properties["ENVIRONMENT"])
            found.append((test["name"], 0, test["command"], environment))
    return found


def memcheck(name: str, wanted: int, command: list, environment: dict) -> tuple:
    """Whether it is clean, and how many tests it says it has passed."""
    with tempfile.TemporaryDirectory() as scratch:
        run = subprocess.run(
            ["valgrind", "--quiet", f"--log-file={scratch}/%p", f"--error-exitcode={ERROR}",
             "--leak-check=full", "--show-leak-kinds=all", "--errors-for-leak-kinds=all",
             "--track-origins=yes", "--num-callers=30", f"--suppressions={SUPPRESSIONS}",
             *(word.replace("OUT", scratch) for word in command)],
            cwd=ROOT, env=os.environ | environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        log = "".join(path.read_text() for path in sorted(Path(scratch).glob("[0-9]*")))
    good = run.returncode == wanted and not log
    print(f"{'ok' if good else 'FAIL'}: {name}", flush=True)
    if not good:
        print(f"exit status {run.returncode}, not {wanted}\n{run.stdout}{log}", flush=True)
    passed = re.search(r"\[  PASSED  \] (\d+) test", run.stdout)
    return good, int(passed[1]) if passed else 0


def main() -> None:
    arguments = [a for a in sys.argv[1:] if a != "--row"]
    jobs = int(arguments[0]) if arguments else os.cpu_count()
    build(jobs)
    # The one that takes longest first, so that no core waits for it at the end.
    programs = sorted(tests(), key=lambda test: test[0] != "c/test_sampler_steps")
    environment = {"ARTFUSION_ENGINE": f"{BUILD}/lib/libartfusion-engine-test.so",
                   "ARTFUSION_MODEL": f"{ROOT}/models/mini.artfusion"}
    runs = [(f"artfusion {line}", status, [f"{BUILD}/bin/artfusion", *line.split()], environment)
            for status, line in COMMANDS]
    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(lambda run: memcheck(*run), programs + runs))
    count = sum(passed for _, passed in results)
    if not all(good for good, _ in results) or not count:
        sys.exit("valgrind: not clean")
    if "--row" in sys.argv:
        version = subprocess.check_output(["valgrind", "--version"], text=True).strip()
        left_out = SUPPRESSIONS.read_text().count("Memcheck:")
        print(f"| memcheck | {version.replace('-', ' ')} | {len(programs)} programs with {count} tests, "
              f"{len(runs)} runs of the command | 0 | {left_out} |")


if __name__ == "__main__":
    main()
