# SPDX-License-Identifier: MIT
"""Debian's copyright file of a package says of each file in it whose it is: copyright.py FOLDER, where the package is
unpacked. Its form is Debian's machine-readable one, each licence that it names has a text, and it names the teachers
that the model's card does.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from debian.copyright import Copyright


def main() -> None:
    root = Path(sys.argv[1])
    wrong = []
    path = root / "usr/share/doc/artfusion/copyright"
    with path.open(encoding="utf-8") as file:
        told = Copyright(file, strict=True)
    texts = {paragraph.license.synopsis: paragraph.license.text for paragraph in told.all_license_paragraphs()}
    for paragraph in told.all_files_paragraphs():
        if not paragraph.copyright.strip():
            wrong.append(f"whose {paragraph.files} are is not said")
        for licence in re.split(r" and | or ", paragraph.license.synopsis):
            if not (texts.get(licence) or paragraph.license.text).strip():
                wrong.append(f"{licence} has no text")

    of = {}
    for entry in sorted(root.rglob("*")):
        if entry.is_file() or entry.is_symlink():
            name = str(entry.relative_to(root))
            if (paragraph := told.find_files_paragraph(name)) is None:
                wrong.append(f"nothing is said of {name}")
            else:
                of[name] = paragraph.license.synopsis
    # What is ours, and what is not: whoever adds a file of others has to say so.
    ours = re.compile(r"usr/(bin/artfusion|include/artfusion.*|lib.*/libartfusion[.].*|lib.*/artfusion/"
                      r"(artfusion-engine-host|libartfusion-engine-torch[.]so)|lib.*/(cmake|pkgconfig)/.*|share/"
                      r"(man|bash-completion)/.*|share/doc/artfusion/(LICENSE|copyright|artfusion[.]spdx[.]json))")  # fmt: skip
    for name, licence in of.items():
        if (licence == "Expat") != bool(ours.fullmatch(name)):
            wrong.append(f"{name} is said to be under {licence}")
    model = of.get("usr/share/artfusion/mini.artfusion", "")
    if "Apache-2.0" not in model:
        wrong.append(f"the model is said to be under {model}")
    card = re.search(r"\*\*Teachers[.]\*\*(.*?)\n\n", Path("models/README.md").read_text(encoding="utf-8"), re.S)
    comment = told.find_files_paragraph("usr/share/artfusion/mini.artfusion")["Comment"]
    for teacher in re.findall(r"[0-9]{4}[.][0-9]{5}", card[1] if card else ""):
        if teacher not in comment:
            wrong.append(f"the model learnt from arXiv {teacher}, says its card, and the copyright file does not")

    for line in wrong:
        print(f"FAIL: {line}")
    if not wrong:
        print(f"the copyright file says whose {len(of)} files are")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
