#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every link within a site of HTML leads to a file that is there, and to a place in it:  links.py DIR

Links to other sites are not followed. LinkChecker does as much, but takes minutes for the places."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, and the places in it that can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif value and (name == "id" or (tag == "a" and name == "name")):
                self.places.add(value)
            elif tag == "meta" and name == "content" and value and "; url=" in value:
                self.links.append(value.partition("; url=")[2])


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    site = Path(sys.argv[1]).resolve()
    pages = {path: Page(path) for path in site.rglob("*.html")}
    links = failed = 0
    for path, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            links += 1
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            place = unquote(url.fragment)
            if not target.is_relative_to(site) or not target.is_file():
                print(f"FAIL: {path.relative_to(site)} links to {link}, which is not there")
            elif place and target in pages and place not in pages[target].places:
                print(f"FAIL: {path.relative_to(site)} links to {link}, which has no such place")
            else:
                continue
            failed += 1
    print(f"{links} links in {len(pages)} pages")
    return failed > 0 or links < 1000


if __name__ == "__main__":
    sys.exit(main())
