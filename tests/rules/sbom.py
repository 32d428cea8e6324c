# SPDX-License-Identifier: MIT
"""What a package says that it holds is what it holds: sbom.py tarball|wheel|deb FOLDER, where it is unpacked. The
Debian package is that of the engine, which alone may hold libraries of others.

Valid SPDX; every file of the package with its checksums, and no other; each library that a file is linked with,
as `readelf` tells it, by name, version, licence and where it comes from.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

from spdx_tools.spdx.model import ChecksumAlgorithm, Document, Package, RelationshipType, SpdxNoAssertion
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

# By pkg-config's names; and those of both kinds of packages that it does not know.
OF_PKG_CONFIG = {"libpng": "libpng", "libjpeg": "libjpeg-turbo", "libwebp": "libwebp", "lcms2": "lcms2",
                 "jansson": "jansson", "libcrypto": "openssl", "zlib": "zlib", "popt": "popt"}  # fmt: skip
OTHERS = {"glibc", "gcc-runtime"}
# Where the document is, and how many files of machine code there are at least: library, engine, its process, command.
KINDS = {"tarball": ("share/doc/artfusion", 4), "wheel": ("artfusion-*.dist-info/sboms", 4),
         "deb": ("usr/share/doc/artfusion-engine-torch", 2)}  # fmt: skip
# What pip's back end writes after the document.
LATER = re.compile(r"artfusion-[^/]*[.]dist-info/(METADATA|WHEEL|RECORD|entry_points[.]txt)")

PURL = re.compile(r"pkg:(deb/[a-z]+|generic|pypi)/[^@/]+@[0-9][^?@]*([?]arch=[a-z0-9]+)?")

failed = 0


def fail(what: str) -> None:
    global failed
    failed += 1
    print(f"FAIL: {what}")


def needed(path: Path) -> set[str]:
    out = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", out))


def check_files(document: Document, root: Path, sbom: Path) -> None:
    listed = {file.name.removeprefix("./"): file for file in document.files}
    there = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and not path.is_symlink()}
    later = {name for name in there if LATER.fullmatch(name)}
    for name in sorted(there - later - set(listed) - {str(sbom.relative_to(root))}):
        fail(f"{name} is in the package, and not in its document")
    for name in sorted(set(listed) - there):
        fail(f"{name} is in the document, and not in the package")
    for name in sorted(there & set(listed)):
        content = (root / name).read_bytes()
        told = {checksum.algorithm: checksum.value for checksum in listed[name].checksums}
        if told != {
            ChecksumAlgorithm.SHA1: hashlib.sha1(content).hexdigest(),
            ChecksumAlgorithm.SHA256: hashlib.sha256(content).hexdigest(),
        }:
            fail(f"{name} has another checksum than the document says")


def origin_package(package: Package) -> str:
    """Debian's name in its URL: that of pkg:deb/debian/libpng16-16@1.6.39-2?arch=amd64 is libpng16-16."""
    return package.external_references[0].locator.split("/")[-1].partition("@")[0]


def check_links(document: Document, root: Path, least: int) -> set[str]:
    """Names of the libraries outside of the package."""
    packages = {package.spdx_id: package for package in document.packages}
    links = [one for one in document.relationships if one.relationship_type == RelationshipType.DYNAMIC_LINK]
    copies = [one for one in document.relationships if one.relationship_type == RelationshipType.GENERATED_FROM]
    elves = 0
    for file in document.files:
        path = root / file.name
        if path.is_file() and path.read_bytes()[:4] == b"\x7fELF":
            elves += 1
            told = {str(link.comment) for link in links if link.spdx_element_id == file.spdx_id}
            if told != needed(path):
                fail(f"{file.name} is linked with {sorted(needed(path))}; the document says {sorted(told)}")
    if elves < least:
        fail(f"{elves} files of machine code alone")
    names = set()
    origins = {str(copy.spdx_element_id): str(copy.related_spdx_element_id) for copy in copies}
    for file in document.files:
        if not file.name.startswith("./artfusion.libs/"):
            continue
        if (origin := packages.get(origins.get(file.spdx_id, ""))) is None:
            fail(f"of {file.name} it is not said what it is a copy of")
        elif file.license_concluded != origin.license_declared:
            fail(f"{file.name} is said to be under {file.license_concluded}")
        elif not list(root.glob(f"*.dist-info/licenses/libraries/{origin_package(origin)}/copyright")):
            fail(f"no notice says whose {file.name} is")
    for link in links + copies:
        target = packages.get(str(link.related_spdx_element_id))
        if target is None:  # a file of the package
            carried = {file.spdx_id: file.name for file in document.files}[str(link.related_spdx_element_id)]
            known = {path.name for path in root.rglob("*") if path.resolve() == (root / carried).resolve()}
            if link.comment not in known:
                fail(f"{link.comment} is said to be {carried}")
            continue
        names.add(target.name)
        for what, value in (("version", target.version), ("licence", target.license_declared),
                            ("supplier", target.supplier), ("URL", target.external_references)):  # fmt: skip
            if value in (None, "", []) or isinstance(value, SpdxNoAssertion):
                fail(f"{target.name}, which is {link.comment}, has no {what}")
        for reference in target.external_references:
            if not PURL.fullmatch(reference.locator):
                fail(f"{target.name}, which is {link.comment}, has the URL {reference.locator}")
    return names


def check_versions(packages: list[Package], names: set[str], wanted: set[str]) -> None:
    for name in sorted((wanted | OTHERS) - names):
        fail(f"{name} is not in the document")
    for module, name in OF_PKG_CONFIG.items():
        if name not in wanted:
            continue
        command = ["pkg-config", "--modversion", module]
        version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        told = {str(package.version) for package in packages if package.name == name}
        if len(told) != 1 or not min(told).startswith(version):
            fail(f"{name} {version} is in the document as {sorted(told)}")


def check_torch(document: Document, root: Path, names: set[str]) -> None:
    """It is in the package, or linked with; and by its release."""
    found = [package for package in document.packages if package.name == "torch"]
    carried = list(root.rglob("libtorch_cpu.so"))
    if len(found) != 1 or (not carried and "torch" not in names):
        fail(f"{len(found)} torch in the document, {len(carried)} in the package")
    elif not re.match(r"2[.][0-9]+", str(found[0].version)):
        fail(f"torch is of release {found[0].version}")
    if list(root.rglob("libgomp*")) and not any(package.name == "libgomp" for package in document.packages):
        fail("the package brings GCC's OpenMP library, and the document does not say so")


def main() -> None:
    kind, root = sys.argv[1], Path(sys.argv[2])
    pattern, least = KINDS[kind]
    found = list(root.glob(f"{pattern}/artfusion.spdx.json"))
    if len(found) != 1:
        sys.exit(f"FAIL: {len(found)} documents in {pattern}")
    document = parse_file(str(found[0]))
    for message in validate_full_spdx_document(document):
        fail(f"{message.validation_message} ({message.context.spdx_id or message.context.parent_id})")
    check_files(document, root, found[0])
    names = check_links(document, root, least)
    # The engine needs only some of the libraries; its links, above, say which.
    wanted = set(OF_PKG_CONFIG.values())
    check_versions(document.packages, names, wanted & names if kind == "deb" else wanted)
    check_torch(document, root, names)
    if not failed:
        print(f"the document of the {kind} is right: {len(document.packages)} packages, {len(document.files)} files, "
              f"{found[0].stat().st_size} bytes")  # fmt: skip
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
