# SPDX-License-Identifier: MIT
"""The copyright file of the tarball says of each file in it whose it is: copyright.py FOLDER, where the tarball is
unpacked. Its form is Debian's machine-readable one, each licence that it names has a text, and it names the teachers
that the model's card does. debian/copyright has that form, says the same of the model, and has the pictures' licences
as their list does.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from debian.copyright import Copyright, FilesParagraph


def read(path: Path, wrong: list[str]) -> Copyright:
    with path.open(encoding="utf-8") as file:
        told = Copyright(file, strict=True)
    texts = {paragraph.license.synopsis: paragraph.license.text for paragraph in told.all_license_paragraphs()}
    for paragraph in told.all_files_paragraphs():
        if not paragraph.copyright.strip():
            wrong.append(f"{path}: whose {paragraph.files} are is not said")
        for licence in re.split(r" and | or ", paragraph.license.synopsis):
            if not (texts.get(licence) or paragraph.license.text).strip():
                wrong.append(f"{path}: {licence} has no text")
    return told


def check_debian(model: FilesParagraph, wrong: list[str]) -> None:
    """The source package's own file, which is kept by hand."""
    told = read(Path("debian/copyright"), wrong)
    source = told.find_files_paragraph("models/mini.artfusion")
    for field in "Copyright", "License", "Comment":
        if source[field] != model[field]:
            wrong.append(f"debian/copyright has another {field} of the model than the tarball")
    images = Path("examples/images")
    rows = re.findall(r"^[|] `([^`]+)` (.*)$", (images / "LICENSES.md").read_text(encoding="utf-8"), re.M)
    for name, row in rows:
        wanted = "CC-BY-2.0" if "CC BY 2.0" in row else "CC0-1.0" if "CC0" in row else "public-domain"
        if (found := told.find_files_paragraph(f"{images}/{name}").license.synopsis) != wanted:
            wrong.append(f"debian/copyright says that {name} is under {found}")


def main() -> None:
    root = Path(sys.argv[1])
    wrong: list[str] = []
    told = read(root / "share/doc/artfusion/copyright", wrong)

    of = {}
    for entry in sorted(root.rglob("*")):
        if entry.is_file() or entry.is_symlink():
            name = str(entry.relative_to(root))
            if (paragraph := told.find_files_paragraph(name)) is None:
                wrong.append(f"nothing is said of {name}")
            else:
                of[name] = paragraph.license.synopsis
    # What is ours, and what is not: whoever adds a file of others has to say so.
    ours = re.compile(r"(bin/artfusion|include/artfusion.*|lib.*/libartfusion[.].*|lib.*/artfusion/"
                      r"(artfusion-engine-host|libartfusion-engine-torch[.]so)|lib.*/(cmake|pkgconfig)/.*|share/"
                      r"(man|bash-completion)/.*|share/doc/artfusion/(LICENSE|copyright|artfusion[.]spdx[.]json))")  # fmt: skip
    for name, licence in of.items():
        if (licence == "Expat") != bool(ours.fullmatch(name)):
            wrong.append(f"{name} is said to be under {licence}")
    model = of.get("share/artfusion/mini.artfusion", "")
    if "Apache-2.0" not in model:
        wrong.append(f"the model is said to be under {model}")
    card = re.search(r"\*\*Teachers[.]\*\*(.*?)\n\n", Path("models/README.md").read_text(encoding="utf-8"), re.S)
    paragraph = told.find_files_paragraph("share/artfusion/mini.artfusion")
    for teacher in re.findall(r"[0-9]{4}[.][0-9]{5}", card[1] if card else ""):
        if teacher not in paragraph["Comment"]:
            wrong.append(f"the model learnt from arXiv {teacher}, says its card, and the copyright file does not")
    check_debian(paragraph, wrong)

    for line in wrong:
        print(f"FAIL: {line}")
    if not wrong:
        print(f"the copyright file says whose {len(of)} files are")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
