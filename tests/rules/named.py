#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the documents name is there: links in all of them; in the pages for contributors also paths,
make's targets, presets, tests and identifiers."""

import re
import sys
from pathlib import Path

from tree import files

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("CONTRIBUTING.md", "tests/README.md", "examples/README.md", "docs/releasing.md", "docs/decisions/")
SOURCES = (".c", ".h", ".cpp", ".hpp", ".py", ".rs", ".go", ".txt", ".cmake", ".sh", ".json", ".map", ".in")
SUFFIX = re.compile(r"\.(c|h|cpp|hpp|py|rs|go|sh|md|txt|json|cmake|toml|tsv|map|1|bash|abixml|yml)$")


def prose(text: str) -> str:
    """Without the blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def anchors(text: str) -> set[str]:
    """Of the headings, as forges make them."""
    found = set()
    for title in re.findall(r"^#+ +(.*)$", prose(text), flags=re.M):
        plain = re.sub(r"[^\w\- ]", "", title.lower().replace("`", ""))
        found.add(plain.strip().replace(" ", "-"))
    return found


def dead_links(page: Path, text: str) -> list[str]:
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (ROOT / page.parent / path) if path else ROOT / page
        if not there.exists():
            wrong.append(f"the link {target}")
        elif anchor and there.suffix == ".md" and anchor not in anchors(there.read_text()):
            wrong.append(f"the heading of {target}")
    return wrong


class Tree:
    """What there is to be named."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        self.words = set()
        for path in paths:
            if path.suffix in SOURCES and "corpus" not in path.parts:
                self.words |= set(re.findall(r"\w+", (ROOT / path).read_text(errors="replace")))
        self.targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
        self.presets = set(re.findall(r'"name": "(\w+)"', (ROOT / "CMakePresets.json").read_text()))
        # A test is named after its file, but for the few that have a line of their own.
        lists = [*(ROOT / "tests").rglob("CMakeLists.txt"), *(ROOT / "tests/cmake").glob("*.cmake")]
        lines = "".join(path.read_text() for path in lists)
        self.tests = {f"rules/{name}" for name in re.findall(r"add_rule\(([\w-]+)", lines)}
        self.tests |= {f"bindings/{name}" for name in re.findall(r"add_binding\((\w+)", lines)}
        self.tests |= {f"fuzz/{name}" for name in re.findall(r"fuzzer\((\w+)", lines)}
        self.tests |= set(re.findall(r"NAME ((?:c|cpp|engine)/\w+)", lines))
        for folder, pattern in (("c", "test_*.c"), ("cpp", "test_*.cpp"), ("python", "test_*.py")):
            self.tests |= {f"{folder}/{path.stem}" for path in (ROOT / "tests" / folder).glob(pattern)}

    def has(self, path: str, page: Path) -> bool:
        """A path from the root, or beside the page; capitals stand for any name."""
        pattern = re.sub(r"\b[A-Z]{3,}\b|(?<=_)[A-Z]{3,}(?=\.)", "*", path.rstrip("/"))
        return any((ROOT / page.parent).glob(pattern)) or any(ROOT.glob(pattern))

    def lacks(self, token: str, page: Path) -> str:
        """What of a piece of code is not there."""
        if command := re.match(r"make ([a-z-]+)", token):
            return "" if command[1] in self.targets else f"the target {command[1]}"
        for preset in re.findall(r"--preset (\w+)", token):
            if preset not in self.presets:
                return f"the preset {preset}"
        if wanted := re.search(r" -R '([^']+)'", token):
            return "" if any(re.search(wanted[1], name) for name in self.tests) else f"the tests {wanted[1]}"
        if re.fullmatch(r"(c|cpp|python|rules|bindings|fuzz|engine)/[\w-]+", token):
            return "" if token in self.tests or self.has(token, page) else f"the test {token}"
        if " " in token or token.startswith("-"):
            return ""
        if re.fullmatch(r"(artfusion|ARTFUSION|af|AF)_\w+", token):
            return "" if token in self.words else f"the name {token}"
        if re.fullmatch(r"[\w./-]+", token) and ("/" in token or SUFFIX.search(token)) and not token.startswith("/"):
            if token.startswith("build/"):
                return ""
            return "" if self.has(token, page) else f"the path {token}"
        return ""


def main() -> int:
    paths = files(ROOT)
    tree = Tree(paths)
    failed = named = links = 0
    for page in (path for path in paths if path.suffix == ".md"):
        text = (ROOT / page).read_text()
        wrong = dead_links(page, text)
        links += len(re.findall(r"\]\(", text))
        if str(page).startswith(PAGES):
            blocks = [line.split("#")[0].strip() for block in re.findall(r"^```sh\n(.*?)^```", text, flags=re.M | re.S)
                      for line in block.splitlines()]  # fmt: skip
            tokens = re.findall(r"`([^`\n]+)`", prose(text)) + [line for line in blocks if line]
            named += len(tokens)
            wrong += [missing for token in tokens if (missing := tree.lacks(token, page))]
        for what in wrong:
            print(f"FAIL: {page} names {what}, which is not there")
        failed += len(wrong)
    print(f"{links} links, {named} names")
    return failed > 0 or links < 100 or named < 100


if __name__ == "__main__":
    sys.exit(main())
