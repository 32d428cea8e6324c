# SPDX-License-Identifier: MIT
"""More of hostile.py's files: archives, in which what is checked might not be what torch reads."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import hostile
from hostile import CODE, ENCODER, MANIFEST, ROOT, Records, case, good_records, write

_OTHER = "what is checked is not what torch reads"
_ZEROS = "torch.mul(rgb, 0.)"


def patch(path: Path, change: Callable[[bytearray], None]) -> None:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


@case("LIMIT", "packed records", "memory for all that it unpacks to")
def zip_bomb(records: Records, path: Path) -> None:
    write(path, records | {"code/__torch__/bomb.py": b"\n" * (200 << 20)}, packed=True)


@case("FORMAT", "no path inside", "none by itself: torch writes no records out")
def path_upwards(records: Records, path: Path) -> None:
    write(path, records, foreign={f"{ROOT}/code/../../../etc/x.py": b""})


@case("FORMAT", "outside of its folder", "what is checked is not what torch reads")
def second_folder(records: Records, path: Path) -> None:
    write(path, records, foreign={"other/data.pkl": records["data.pkl"]})


@case("FORMAT", "another CRC", "weights other than those that were written")
def crc_flipped(records: Records, path: Path) -> None:
    write(path, records)

    def change(data: bytearray) -> None:
        at = data.rindex(f"{ROOT}/data/0".encode())  # in the directory
        data[at - 46 + 16] ^= 1
        at = data.index(f"{ROOT}/data/0".encode())
        data[at - 30 + 14] ^= 1

    patch(path, change)


@case("CHECKSUM", "SHA-256", "weights other than those that were written")
def digest_wrong(records: Records, path: Path) -> None:
    changed = dict(records)
    changed["data/0"] = bytes(len(records["data/0"]))
    write(path, records)
    manifest = good_records(path)["extra/manifest.json"]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (changed | {"extra/manifest.json": manifest}).items():
            archive.writestr(f"{ROOT}/{name}", data)


@case("FORMAT", "two records of one name", "what is checked is not what torch reads")
def two_of_one_name(records: Records, path: Path) -> None:
    write(path, records, foreign={f"{ROOT}/DATA.pkl": records["data.pkl"]})


@case("FORMAT", "overlaps", "an archive that unpacks to more than its size, many times over")
def records_overlap(records: Records, path: Path) -> None:
    write(path, {"data/98": bytes(1000), "data/99": bytes(1000)} | records)

    def change(data: bytearray) -> None:
        first = data.rindex(f"{ROOT}/data/98".encode()) - 46
        second = data.rindex(f"{ROOT}/data/99".encode()) - 46
        data[second + 42 : second + 46] = data[first + 42 : first + 46]

    patch(path, change)


@case("FORMAT", "does not begin with the file", "what is checked is not what torch reads")
def bytes_in_front(records: Records, path: Path) -> None:
    write(path, records)
    path.write_bytes(bytes(64) + path.read_bytes())


@case("FORMAT", "nothing that torch.jit.save writes", "torch takes another, older reader")
def old_format(records: Records, path: Path) -> None:
    write(path, records | {"model.json": b"{}"})


# ---- two archives in a file -----------------------------------------------------------------


def local(name: bytes, data: bytes) -> bytes:
    head = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 33, zlib.crc32(data), len(data),
                       len(data), len(name), 0)  # fmt: skip
    return head + name + data


def central(name: bytes, data: bytes, place: int, comment: bytes = b"") -> bytes:
    head = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 33, zlib.crc32(data), len(data),
                       len(data), len(name), 0, len(comment), 0, 0, 0, place)  # fmt: skip
    return head + name + comment


def two_in_one(first: Records, second: Records, locator: bool) -> bytes:
    """Some readers look for the locator of a large archive's end anywhere in the last 64 KB, and
    find `first`; others right before the end, and find `second`."""
    out = bytearray()
    entries = []
    for name, data in first.items():
        entries.append(central(name.encode(), data, len(out)))
        out += local(name.encode(), data)
    directory = len(out)
    out += b"".join(entries)
    large = len(out)
    out += struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, len(first), len(first),
                       large - directory, directory)  # fmt: skip
    comment = struct.pack("<4sLQL", b"PK\6\7", 0, large, 1) + b"." if locator else b""
    entries = []
    for i, (name, data) in enumerate(second.items()):
        is_last = i == len(second) - 1
        entries.append(central(name.encode(), data, len(out), comment if is_last else b""))
        out += local(name.encode(), data)
    directory = len(out)
    out += b"".join(entries)
    out += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(entries), len(entries),
                       len(out) - directory, directory, 0)  # fmt: skip
    return bytes(out)


def whole(records: Records, path: Path) -> Records:
    """Of a good model file, with the manifest."""
    write(path, records)
    return {f"{ROOT}/{name}": data for name, data in good_records(path).items()}


def other(records: Records) -> Records:
    """Whose encoder gives zeros."""
    code = records[CODE].replace(ENCODER.encode(), ENCODER.replace("rgb", _ZEROS).encode())
    return {f"{ROOT}/{name}": data for name, data in (records | {CODE: code}).items()}


@case("FORMAT", "has the locator of a second directory", _OTHER + ": other code and weights")
def two_directories(records: Records, path: Path) -> None:
    path.write_bytes(two_in_one(whole(records, path), other(records), locator=True))


@case("FORMAT", "its first record is at byte", "carries whatever another reader takes for its own")
def archive_in_front(records: Records, path: Path) -> None:
    path.write_bytes(two_in_one(other(records), whole(records, path), locator=False))


@case("FORMAT", "64 bytes behind its record", "the same, between two records")
def bytes_between(records: Records, path: Path) -> None:
    good = whole(records, path)
    out, entries = io.BytesIO(), b""
    for name, data in good.items():
        if name == f"{ROOT}/extra/manifest.json":
            out.write(bytes(64))
        entries += central(name.encode(), data, out.tell())
        out.write(local(name.encode(), data))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(good), len(good), len(entries),
                      out.tell(), 0)  # fmt: skip
    path.write_bytes(out.getvalue() + entries + end)


# ---- digests --------------------------------------------------------------------------------


@case("FORMAT", "data/98, which no tensor is in", "other code, by the digest of another file")
def digest_split(records: Records, path: Path) -> None:
    """Names and bytes without their lengths are those of a file, too, whose code is the text that
    data/99 has here."""
    code = other(records)[f"{ROOT}/{CODE}"]
    text = b"pad" + CODE.encode() + b"\0" + code
    split = {CODE: records[CODE], "data/99": text}
    rest = {name: data for name, data in records.items() if name != CODE}
    write(path, {"data/98": b"pad"} | split | rest, manifest=MANIFEST | {"format_version": 1})


@case("CHECKSUM", "SHA-256", "a program that believes other numbers, or says other words")
def manifest_changed(records: Records, path: Path) -> None:
    write(path, records)

    def change(data: bytearray) -> None:
        at = data.index(b'"style_scale": 1.0')
        data[at + 15] = ord("9")
        begin = data.index(b'{\n "format"')
        size = len(good_records(path)["extra/manifest.json"])
        crc = struct.pack("<L", zlib.crc32(data[begin : begin + size]))
        for signature, field in (b"PK\3\4", 14), (b"PK\1\2", 16):
            head = data.rindex(signature)
            data[head + field : head + field + 4] = crc

    patch(path, change)
