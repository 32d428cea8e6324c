#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of the fuzzers' corpora, corpus/TARGET/seed-*: small, made up, the same bytes
each time (JPEGs: with one release of Pillow). What lies there besides was found by fuzzing."""
import hashlib
import io
import json
import random
import struct
import zipfile
import zlib

import make_reader_corpus
from make_reader_corpus import put
from PIL import Image, ImageCms

PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


# -- PNG --------------------------------------------------------------------------------------


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def rows(width: int, height: int, bits: int, draw: random.Random) -> bytes:
    """Each of another filter."""
    size = (width * bits + 7) // 8
    return b"".join(bytes([y % 5]) + draw.randbytes(size) for y in range(height) if size)


def adam7(width: int, height: int, bits: int, draw: random.Random) -> bytes:
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2))  # fmt: skip
    return b"".join(rows(len(range(x, width, dx)), len(range(y, height, dy)), bits, draw)
                    for x, y, dx, dy in passes)


def png(kind: int, depth: int, interlaced: bool = False, before: bytes = b"", width: int = 9,
        height: int = 7) -> bytes:  # fmt: skip
    draw = random.Random(kind * 100 + depth)
    pixels = (adam7 if interlaced else rows)(width, height, depth * PNG_CHANNELS[kind], draw)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    palette = chunk(b"PLTE", draw.randbytes(3 << depth)) if kind == 3 else b""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + before
            + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND"))  # fmt: skip


def pngs() -> None:
    for kind, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)), (4, (8, 16)),
                         (6, (8, 16))):  # fmt: skip
        for depth in depths:
            put("png", f"{kind}-{depth}", png(kind, depth))
    for kind, depth in ((0, 1), (2, 8), (3, 4), (6, 16)):
        put("png", f"{kind}-{depth}-interlaced", png(kind, depth, True))
    put("png", "grey-transparent", png(0, 8, before=chunk(b"tRNS", b"\0\x55")))
    put("png", "rgb-transparent", png(2, 8, before=chunk(b"tRNS", b"\0\1\0\2\0\3")))
    put("png", "palette-transparent", png(3, 4, before=chunk(b"tRNS", b"\0\x80\xff")))
    put("png", "wide", png(0, 1, width=60000, height=1))
    put("png", "too-large", png(0, 8)[:16] + struct.pack(">II", 65536, 1)
        + struct.pack(">BBBBB", 8, 0, 0, 0, 0)
        + struct.pack(">I", zlib.crc32(b"IHDR" + struct.pack(">IIBBBBB", 65536, 1, 8, 0, 0, 0, 0))))
    put("png", "cut", png(6, 8)[:-30])
    put("png", "bad-crc", png(6, 8)[:-20] + b"\0" + png(6, 8)[-19:])


    linear = chunk(b"gAMA", struct.pack(">I", 100000))
    put("png", "gamma-16", png(2, 16, before=linear))
    put("png", "cicp", png(6, 8, before=chunk(b"cICP", bytes((12, 13, 0, 1)))))
    body = b"p\0\0" + zlib.compress(profile("RGB ", {"rXYZ": xyz(0.6, 0.3, 0.02)}))
    put("png", "profile", png(2, 8, before=chunk(b"iCCP", body)))
    put("png", "no-end", png(2, 8)[:-12])


# -- Colour profiles --------------------------------------------------------------------------


def xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in (x, y, z)))


def curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def profile(space: str, tags: dict[str, bytes], kind: str = "mntr", pcs: str = "XYZ ") -> bytes:
    """An ICC profile, of version 2; RGB ones have gamma 1.8 and sRGB's primaries by default."""
    if space == "RGB ":
        tags = {"rXYZ": xyz(0.4361, 0.2225, 0.0139), "gXYZ": xyz(0.3851, 0.7169, 0.0971),
                "bXYZ": xyz(0.1431, 0.0606, 0.7141), "rTRC": curve(1.8), "gTRC": curve(1.8),
                "bTRC": curve(1.8)} | tags  # fmt: skip
    tags = {"desc": b"desc" + bytes(4) + struct.pack(">I", 2) + b"p\0" + bytes(78),
            "wtpt": xyz(0.9642, 1, 0.8249)} | tags  # fmt: skip
    table, body, at = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name.encode() + struct.pack(">II", at + len(body), len(data))
        body += data
    size = at + len(body)
    header = (struct.pack(">I4sI", size, bytes(4), 0x02400000) + kind.encode() + space.encode()
              + pcs.encode() + bytes(12) + b"acsp" + bytes(28)
              + struct.pack(">3i", 63190, 65536, 54061)).ljust(128, b"\0")  # fmt: skip
    return header + struct.pack(">I", len(tags)) + table + body


def lut(channels: int) -> bytes:
    """A lut8Type to Lab of two steps a channel."""
    head = b"mft1" + bytes(4) + bytes((channels, 3, 2, 0)) + struct.pack(
        ">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    identity = bytes(range(256))
    grid = bytes((40 * i) % 256 for i in range(3 * 2**channels))
    return head + identity * channels + grid + identity * 3


def profiles() -> None:
    """(layout) then the profile, as fuzz_profile.c reads it."""
    rgb = profile("RGB ", {})
    put("profile", "rgb", b"\1" + rgb)
    put("profile", "rgb-16", b"\5" + rgb)
    put("profile", "rgb-alpha", b"\4" + rgb)
    put("profile", "rgb-of-grey", b"\0" + rgb)
    put("profile", "grey", b"\0" + profile("GRAY", {"kTRC": curve(1.4)}))
    put("profile", "grey-16", b"\6" + profile("GRAY", {"kTRC": curve(1.4)}))
    put("profile", "cmyk", b"\2" + profile("CMYK", {"A2B0": lut(4)}, "prtr", "Lab "))
    put("profile", "cmyk-adobe", b"\3" + profile("CMYK", {"A2B0": lut(4)}, "prtr", "Lab "))
    put("profile", "rgb-lut", b"\1" + profile("RGB ", {"A2B0": lut(3)}, pcs="Lab "))
    put("profile", "abstract", b"\1" + profile("RGB ", {}, "abst"))
    put("profile", "parametric", b"\1" + profile("RGB ", {
        "rTRC": b"para" + bytes(4) + struct.pack(">HHi", 0, 0, 2 << 16)}))
    put("profile", "programs", b"\1" + profile("RGB ", {
        "D2B0": b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, 1) + bytes(8)}))
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    srgb[24:36] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    put("profile", "srgb", b"\1" + bytes(srgb))


def webps() -> None:
    draw = random.Random(2)
    base = Image.frombytes("RGBA", (20, 12), draw.randbytes(960)).resize((19, 11))

    def encoded(image: Image.Image, **options: object) -> bytes:
        out = io.BytesIO()
        image.save(out, "WEBP", quality=60, **options)
        return out.getvalue()

    put("webp", "lossy", encoded(base.convert("RGB")))
    put("webp", "lossless", encoded(base.convert("RGB"), lossless=True))
    put("webp", "alpha", encoded(base))
    put("webp", "alpha-lossless", encoded(base, lossless=True, exact=True))
    put("webp", "exif", encoded(base.convert("RGB"), exif=exif(6, True)))
    put("webp", "xmp", encoded(base.convert("RGB"), xmp=b'<x tiff:Orientation="8"/>'))
    put("webp", "profile", encoded(base, icc_profile=profile("RGB ", {})))
    frames = [base, base.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    put("webp", "animated", encoded(frames[0], save_all=True, append_images=frames[1:]))
    put("webp", "cut", encoded(base.convert("RGB"))[:-20])


def metadata() -> None:
    """(kind of picture) then (place, type, length, content) each, as fuzz_metadata.c reads it."""
    text = zlib.compress(bytes(200_000))
    contents = {
        b"tEXt": b"Comment\0made up", b"zTXt": b"Comment\0\0" + text,
        b"iTXt": b"Recipe\0\1\0en\0Rezept\0" + text[:40], b"gAMA": struct.pack(">I", 45455),
        b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
        b"sRGB": b"\0", b"iCCP": b"profile\0\0" + zlib.compress(b"\0\0\0\x80" + bytes(124)),
        b"eXIf": b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0", b"tIME": bytes(7),
        b"pHYs": struct.pack(">IIB", 2835, 2835, 1), b"sPLT": b"p\0\x08" + bytes(12),
        b"bKGD": b"\0\1\0\2\0\3", b"hIST": bytes(8), b"sBIT": b"\5\6\5", b"tRNS": b"\0\x80\xff",
        b"acTL": struct.pack(">II", 1, 0), b"fdAT": bytes(12), b"oFFs": bytes(9),
        b"pCAL": b"x\0" + bytes(10), b"sCAL": b"\1" b"1.0\0" b"2.0", b"vpAg": bytes(9),
        b"IDAT": b"x", b"PLTE": bytes(9), b"IEND": b"", b"IHDR": bytes(13), b"QQQQ": b"",
        b"aB1d": b"",
    }  # fmt: skip

    def item(place: int, kind: bytes, body: bytes) -> bytes:
        size = bytes([len(body)]) if len(body) < 0xF0 else struct.pack(">H", 0xF000 + len(body))
        return bytes([place]) + kind + size + body

    for number, (kind, body) in enumerate(contents.items()):
        put("metadata", kind.decode(), bytes([number % 5 + 0x80 * (number % 2)])
            + item(number % 2, kind, body) + item(3, kind, body))  # fmt: skip
    harmless = {k: b for k, b in contents.items() if k[0] >= 97 and k != b"tRNS" and k.isalpha()}
    put("metadata", "all", b"\1" + b"".join(item(1, k, b) for k, b in harmless.items()))
    put("metadata", "between", b"\0" + item(2, b"tEXt", b"a\0b"))
    put("metadata", "behind", b"\2" + item(4, b"IDAT", b"anything"))


# -- JPEG -------------------------------------------------------------------------------------


def exif(orientation: int, big: bool, kind: int = 3, count: int = 1) -> bytes:
    mark = ">" if big else "<"
    value = struct.pack(mark + "I", orientation) if kind == 4 else struct.pack(
        mark + "HH", orientation, 0)
    other = struct.pack(mark + "HHI4s", 0x0100, 3, 1, bytes(4))
    return (b"Exif\0\0" + (b"MM\0*" if big else b"II*\0") + struct.pack(mark + "IH", 8, 2) + other
            + struct.pack(mark + "HHI", 0x0112, kind, count) + value + bytes(4))  # fmt: skip


def jpegs() -> None:
    draw = random.Random(1)
    base = Image.frombytes("RGB", (20, 12), draw.randbytes(720)).resize((19, 11))

    def encoded(image: Image.Image, **options: object) -> bytes:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=60, **options)
        return out.getvalue()

    put("jpeg", "rgb", encoded(base))
    put("jpeg", "full-chroma", encoded(base, subsampling=0))
    put("jpeg", "progressive", encoded(base, progressive=True))
    put("jpeg", "grey", encoded(base.convert("L")))
    put("jpeg", "cmyk", encoded(base.convert("CMYK")))
    put("jpeg", "restarts", encoded(base, restart_marker_blocks=1))
    put("jpeg", "cut", encoded(base)[:-60])
    grey = base.convert("L").resize((9, 5))
    for orientation in range(10):
        segment = exif(orientation, orientation % 2 == 1)
        put("jpeg", f"exif-{orientation}", encoded(grey, exif=segment))
    put("jpeg", "exif-long", encoded(grey, exif=exif(6, False, kind=4)))
    put("jpeg", "exif-count", encoded(grey, exif=exif(6, True, count=2)))
    put("jpeg", "profile", encoded(base, icc_profile=profile("RGB ", {})))
    put("jpeg", "profile-grey", encoded(grey, icc_profile=profile("GRAY", {"kTRC": curve(1)})))
    put("jpeg", "profile-cmyk", encoded(
        base.convert("CMYK"), icc_profile=profile("CMYK", {"A2B0": lut(4)}, "prtr", "Lab ")))
    put("jpeg", "xmp", encoded(grey, xmp=b"<tiff:Orientation>5</tiff:Orientation>"))
    put("jpeg", "no-end", encoded(base)[:-2])
    put("jpeg", "exif-alone", exif(5, True))


# -- models -----------------------------------------------------------------------------------

MANIFEST = {
    "format": "artfusion-model", "format_version": 1, "name": "small", "description": "for tests",
    "licence": "MIT", "origin": "made up", "weights_sha256": "0" * 64,
    "latent": {"channels": 3, "downsample": 4, "shift": [0.1, 0, -0.1], "scale": [2, 1, 0.5]},
    "size": {"multiple": 8, "native_width": 32, "native_height": 24},
    "style": {"width": 3, "min_size": 16}, "content": {"normalise": True},
    "schedule": {"kind": "linear", "timesteps": 50, "linear_start": 0.0015, "linear_end": 0.0195},
    "prediction": "eps",
    "defaults": {"solver": "ddim", "spacing": "uniform", "steps": 10, "eta": 0,
                 "content_scale": 0.5, "style_scale": 2},
}  # fmt: skip
PRESETS = {
    "bold": {"style_scale": 3}, "a-preset-of-thirty-one-letters1": {},
    "full": {"solver": "unipc", "spacing": "trailing", "steps": 5, "eta": 1.0, "content_scale": 1,
             "style_scale": -2.5, "content_start": 0.1, "content_end": 0.9, "style_start": 0,
             "style_end": 1},
}  # fmt: skip


def manifests() -> None:
    def text(change: dict[str, object]) -> bytes:
        return json.dumps(MANIFEST | change).encode()

    put("manifest", "small", text({}))
    put("manifest", "presets", text({"presets": PRESETS}))
    put("manifest", "many-presets", text({"presets": {f"p{i}": {} for i in range(17)}}))
    put("manifest", "wrong-presets", text({"presets": [1]}))
    put("manifest", "preset-no-object", text({"presets": {"a": 1}}))
    put("manifest", "preset-name", text({"presets": {"A b": {}}}))
    put("manifest", "newer", text({"format_version": 3}))
    put("manifest", "other-format", text({"format": "other"}))
    put("manifest", "sizes", text({"size": {"multiple": 6, "native_width": 6, "native_height": 6}}))
    odd = {"multiple": 8, "native_width": 9, "native_height": 8}
    put("manifest", "native", text({"size": odd}))
    put("manifest", "latent", text({"latent": {"channels": 2, "downsample": 4, "shift": [1]}}))
    put("manifest", "infinite", text({"latent": MANIFEST["latent"] | {"shift": [1e39, 0, 0]}}))
    put("manifest", "normalise", text({"content": {"normalise": 1}}))
    put("manifest", "kind", text({"schedule": {"kind": "wavy"}}))
    put("manifest", "array", b"[1, 2]")
    put("manifest", "cut", text({})[:200])
    put("manifest", "deep", b"[" * 3000)


def sealed(records: list[tuple[str, bytes, int]], manifest: bytes) -> bytes:
    """The manifest with the digest of its format."""
    contents = [(name.split("/", 1)[-1].encode(), data) for name, data, _ in records]
    second = b'"format_version": 2' in manifest
    digest = hashlib.sha256()
    if second:
        contents.append((b"extra/manifest.json", manifest))
        digest.update(b"\2" + struct.pack("<Q", len(contents)))
    for name, data in contents:
        if second:
            digest.update(struct.pack("<Q", len(name)) + name + struct.pack("<Q", len(data)))
            digest.update(hashlib.sha256(data).digest())
        else:
            digest.update(name + b"\0" + data)
    return manifest.replace(b"0" * 64, digest.hexdigest().encode())


def archive(records: list[tuple[str, bytes, int]], manifest: bytes | None, stored: bool = True,
            comment: bytes = b"", extra: bytes = b"") -> bytes:  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data, method in records:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            info.extra = extra
            file.writestr(info, data)
        if manifest is not None:
            info = zipfile.ZipInfo("small/extra/manifest.json", (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            file.writestr(info, sealed(records, manifest))
        file.comment = comment
    return out.getvalue()


def large_end(file: bytes) -> bytes:
    """The same archive with the end of one of 4 GB and more, and the locator of that."""
    count, size, place = struct.unpack("<8x2xH2L2x", file[-22:])
    end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, place)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(file) - 22, 1)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return file[:-22] + end + locator + last


def described(file: bytes) -> bytes:
    """An archive of one stored record and a manifest, with a data descriptor behind the first."""
    second = file.index(b"PK\3\4", 4)
    directory = file.index(b"PK\1\2")
    out = bytearray(file[:second] + b"PK\7\10" + file[14:26] + file[second:])
    out[6] |= 8
    out[14:26] = bytes(12)
    entry = directory + 16
    out[entry + 8] |= 8
    following = out.index(b"PK\1\2", entry + 4)
    out[following + 42 : following + 46] = struct.pack("<L", second + 16)
    out[-6:-2] = struct.pack("<L", entry)
    return bytes(out)


def large_numbers(file: bytes) -> bytes:
    """An archive whose last record has its sizes and its place in an extra field."""
    last = file.rindex(b"PK\1\2")
    size, place = struct.unpack_from("<L", file, last + 24)[0], file[last + 42 : last + 46]
    extra = struct.pack("<2H2Q4sL", 1, 24, size, size, place, 0)
    entry = bytearray(file[last:-22])
    entry[20:28] = b"\xff" * 8
    entry[42:46] = b"\xff" * 4
    entry[30:32] = struct.pack("<H", len(extra))
    end = bytearray(file[-22:])
    end[12:16] = struct.pack("<L", struct.unpack_from("<L", end, 12)[0] + len(extra))
    return file[:last] + bytes(entry) + extra + bytes(end)


def archives() -> None:
    text = json.dumps(MANIFEST | {"presets": PRESETS}).encode()
    small = json.dumps(MANIFEST).encode()
    weights = ("small/data/0", bytes(range(64)), zipfile.ZIP_STORED)
    packed = ("small/data.pkl", b"pickle" * 20, zipfile.ZIP_DEFLATED)
    put("archive", "small", archive([weights], small))
    put("archive", "presets", archive([weights, packed], text))
    second = json.dumps(MANIFEST | {"format_version": 2}).encode()
    put("archive", "second-format", archive([weights, packed], second))
    put("archive", "large-end", large_end(archive([weights, packed], second)))
    put("archive", "descriptor", described(archive([weights], small)))
    other = bytearray(described(archive([weights], small)))
    other[other.index(b"PK\7\10") + 4] ^= 1
    put("archive", "other-descriptor", bytes(other))
    put("archive", "large-numbers", large_numbers(archive([weights], second)))
    put("archive", "one-name", archive([weights, ("small/DATA/0", b"1", 0)], small))
    put("archive", "manifest-twice",
        archive([weights, ("small/extra/manifest.json", small, 0)], small))  # fmt: skip
    put("archive", "packed-manifest", archive([packed], small, stored=False))
    put("archive", "padded", archive([weights, packed], small, extra=b"FB\x08\0ZZZZZZZZ"))
    put("archive", "no-manifest", archive([weights], None))
    put("archive", "two-manifests",
        archive([weights, ("other/extra/manifest.json", small, 0)], small))  # fmt: skip
    put("archive", "no-root", archive([("data", b"1", 0)], small))
    put("archive", "comment", archive([weights], small, comment=b"x"))
    put("archive", "changed", archive([weights], small.replace(b"0" * 64, b"1" * 64)))
    put("archive", "long-name", archive([("small/" + "n" * 1100, b"1", 0)], small))
    put("archive", "empty", archive([], None))
    put("archive", "cut", archive([weights], small)[:-1])
    damaged = bytearray(archive([packed], small))
    damaged[60] ^= 8
    put("archive", "damaged-stream", bytes(damaged))
    put("archive", "no-archive", b"artfusion")


# -- the library's own values, and the command line -------------------------------------------


def values() -> None:
    floats = struct.pack("<3f", 0.5, -1.0, 2.0)
    put("style", "values", b"\0\3" + floats)
    put("style", "nan", b"\0\3" + struct.pack("<3f", 0.5, float("nan"), 2.0))
    put("style", "count", b"\0\2" + floats)
    put("style", "null-and-blend", b"\x04\x13\2" + b"\0" + struct.pack("<f", 0.5) + b"\0"
        + struct.pack("<f", -1.5))  # fmt: skip
    put("style", "large", b"\0\3" + struct.pack("<3f", 3e38, 1, 1) + b"\3\2\0"
        + struct.pack("<f", 3e38) + b"\0" + struct.pack("<f", 1))  # fmt: skip
    put("style", "other-model", b"\4" b"\x1c" b"\x03\2\0" + floats[:4] + b"\1" + floats[:4])
    put("style", "picture", b"\2\x0a\x0a" + bytes(range(60)))
    put("style", "sliver", b"\2\xf0\x08" + bytes(3))
    put("style", "missing", b"\5\x15\x25\x35")
    # (place, 1, whose, how it is changed) and the changes: see take_record in support.c.
    put("style", "record", b"\x00\3" + floats + b"\1\0\0")
    put("style", "record-other-model", b"\4" b"\x0d\0\0")
    for change in range(8):
        put("style", f"record-change-{change}",
            b"\4" b"\1\0\1" + bytes([change]) + struct.pack("<HI", 20 + change, 0x7FC00000))
    put("style", "record-unsealed", b"\1\6\xe1\5" + struct.pack("<HB", 90, 1))
    put("style", "record-cut", b"\1\6\xf8" + struct.pack("<H", 43))
    put("style", "record-empty", b"\1\6\xf8\0\0")
    draw = random.Random(2)
    for number in range(24):
        put("options", f"random-{number}", bytes([number % 6]) + draw.randbytes(120))
    for solver in range(5):
        head = bytes([0]) + struct.pack("<H", 200) + bytes([3, 0, 0]) + bytes([1, 1, 7, solver])
        put("options", f"run-{solver}", head + bytes([solver * 2, 0, 0]) + bytes([127, 255])
            + draw.randbytes(24) + bytes([11]) + bytes(20))  # fmt: skip


def states() -> None:
    """(recipe of the saved run, how alike, conditions and moment of the loading one, changes)."""
    draw = random.Random(3)
    for solver in range(5):
        for number in range(4):
            recipe = bytes([solver + 64 * number + 16 * (number % 2), draw.randrange(256),
                            draw.randrange(128) | 3, draw.randrange(256) & ~1,
                            draw.randrange(256), 2 + number])  # fmt: skip
            put("state", f"whole-{solver}-{number}", recipe + bytes([0, 31, number]))
    head = bytes([4 + 64, 0, 3, 2, 31, 2, 0, 0, 1])
    for change in range(8):
        for place in range(4, 700, 87 if change in (0, 3) else 350):
            put("state", f"change-{change}-{place}", head + b"\1" + bytes([change])
                + struct.pack("<HI", place, 6))  # fmt: skip
    # Found: more passes than can be counted, and a kept latent that is infinite.
    put("state", "passes", head + b"\1\0" + struct.pack("<HB", 110, 6))
    put("state", "kept", bytes.fromhex("5b0003021f020000018100014f06000000"))
    put("state", "given-timesteps", bytes([4, 0, 128, 1, 31, 1, 0, 0, 0]))
    put("state", "no-init", bytes([0, 0, 3, 1, 8, 2, 0, 0, 0]))
    put("state", "other-options", head[:6] + b"\7\0\0" + bytes([2, 0, 3, 2, 31, 1, 0]))
    put("state", "other-timesteps", head[:6] + b"\7\0\0" + bytes([68, 0, 131, 2, 31, 1, 0]))
    put("state", "other-model", head[:6] + b"\x18\0\0\0")
    put("state", "unsealed", head + b"\xe1\5" + struct.pack("<HB", 500, 1))
    put("state", "cut", head + b"\xf8" + struct.pack("<H", 1000))
    put("state", "empty", head + b"\xf8\0\0")


def arguments() -> None:
    files = "-c\na.jpg\n-s\nb.jpg\n-o\nc.png"
    lines = {
        "none": "", "help": "--help", "version": "--version", "unknown": "paint",
        "stylize": f"stylize\n{files}", "sample": "sample\n-s\nb.jpg\n--out=c.png\n--count\n9",
        "reconstruct": "reconstruct\n--content\na.png\n--out\nb.png\n--json",
        "info": "info\nother.artfusion\n--json", "info-twice": "info\na\n-m\nb",
        "command-help": "stylize\n--help", "missing": "sample\n-o\nc.png",
        "size": f"stylize\n{files}\n--size\n256x192\n--steps\n50\n--solver\nunipc",
        "wrong-size": f"stylize\n{files}\n--size\n256",
        "both": f"stylize\n{files}\n--size\n8x8\n--fit\n9",
        "fit": f"stylize\n{files}\n--fit\n512\n--preset\nbold\n--quiet",
        "strength-notebook": f"stylize\n{files}\n--strength\nbold\n--notebook",
        "notebook": f"stylize\n{files}\n--notebook\n--spacing\ntrailing\n--eta\n0.5",
        "notebook-preset": f"stylize\n{files}\n-p\nnotebook",
        "wrong-preset": f"stylize\n{files}\n--preset\nother",
        "scales": f"stylize\n{files}\n--content-scale\n0.5\n--style-scale\n-1e3\n"
                  "--content-start\n0.1\n--content-end\n0.9\n--style-start\nnan\n--style-end\ninf",
        "seed": f"stylize\n{files}\n--seed\n9223372036854775807\n--rng\ntorch_cpu"
                "\n--noise\nuniform",
        "wrong-seed": f"stylize\n{files}\n--seed\n-1",
        "wrong-steps": f"stylize\n{files}\n--steps\n1e3",
        "wrong-count": "sample\n-s\nb\n-o\nc\n--count\n257",
        "wrong-eta": f"stylize\n{files}\n--eta\nx",
        "device": "info\n-d\ncuda:1\n-t\n4\n--precision\nbfloat16",
        "wrong-device": "info\n-d\ncuda:x", "wrong-name": "info\n--device\ntpu",
        "twice": f"stylize\n{files}\n--content\nd.jpg", "verbose": f"stylize\n{files}\n-vq",
        "stray": f"stylize\n{files}\nstray", "bad-option": "info\n--colour", "no-value": "info\n-m",
        "bounds": f"stylize\n{files}\n--size\n1x65535",
        "least": "sample\n-s\nb\n-o\nc\n--count\n1",
        "most": "sample\n-s\nb\n-o\nc\n--count\n256\n--seed\n0",
        "fit-1": f"stylize\n{files}\n--fit\n1",
        "strength": f"stylize\n{files}\n--denoising-strength\n0.5\n--verbose",
    }  # fmt: skip
    for name, text in lines.items():
        put("arguments", name, text.encode())


if __name__ == "__main__":
    pngs()
    metadata()
    jpegs()
    webps()
    profiles()
    manifests()
    archives()
    values()
    states()
    arguments()
    make_reader_corpus.code()
    make_reader_corpus.pickles()
    make_reader_corpus.records()
