"""Files that somebody might send to break the page, made when they are needed."""

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, PngImagePlugin

Fate = Literal["door", "work", "fine", "any"]


class Upload(NamedTuple):
    """One file, and what must become of it."""

    name: str
    content: bytes
    fate: Fate
    """Refused at the door; refused by the working process; a picture like any other; or any of the three."""


SIGNATURE = b"\x89PNG\r\n\x1a\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99">%s</svg>'


def noise(width: int = 96, height: int = 80, channels: int = 3) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, data: bytes, *, depth: int = 8, colour: int = 2, before: bytes = b"") -> bytes:
    """With `data` as its compressed pixels, whatever the header says."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + before + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def plain_png(before: bytes = b"") -> bytes:
    rows = b"".join(b"\x00" + row.tobytes() for row in noise())
    return png(96, 80, zlib.compress(rows), before=before)


def jpeg(**options: object) -> bytes:
    return saved(Image.fromarray(noise()), "JPEG", **options)


def with_segment(content: bytes, marker: int, segment: bytes) -> bytes:
    """A JPEG with one more segment behind its first two bytes."""
    return content[:2] + struct.pack(">BBH", 0xFF, marker, len(segment) + 2) + segment + content[2:]


def with_size(content: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header lies about its size."""
    at = content.index(b"\xff\xc0")
    return content[: at + 5] + struct.pack(">HH", height, width) + content[at + 9 :]


def webp(*, lossless: bool = False) -> bytes:
    return saved(Image.fromarray(noise()), "WEBP", lossless=lossless)


def extended_webp(width: int, height: int, rest: bytes = b"") -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x00" * 4 + sides + rest
    return b"RIFF" + struct.pack("<I", len(body)) + body


def archive(content: bytes = b"x" * 5_000_000) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("../../../tmp/out-of-the-archive", content)
    return stream.getvalue()


def circling_exif() -> bytes:
    """A directory whose next directory is itself, with an orientation beyond what there is."""
    entries = struct.pack("<HHII", 0x0112, 3, 1, 99) + struct.pack("<HHII", 0x8769, 4, 1, 8)
    return b"Exif\x00\x00II*\x00" + struct.pack("<I", 8) + struct.pack("<H", 2) + entries + struct.pack("<I", 8)


def huge_exif() -> bytes:
    """Entries that promise four thousand million numbers each."""
    entries = b"".join(struct.pack("<HHII", tag, 12, 0xFFFFFFFF, 26) for tag in range(4000))
    return b"Exif\x00\x00II*\x00" + struct.pack("<I", 8) + struct.pack("<H", 4000) + entries


def frames(kind: str, number: int = 40) -> bytes:
    pictures = [Image.fromarray(np.roll(noise(), step, 1)) for step in range(number)]
    return saved(pictures[0], kind, save_all=True, append_images=pictures[1:], duration=20)


def at_the_door(largest: int) -> Iterator[Upload]:
    """Everything that the first bytes, or the number of bytes, give away."""
    picture = Image.fromarray(noise())
    texts = {
        "empty": b"", "one byte": b"\x89", "text": b"hello", "nothing": b"\x00" * 100_000, "json": b'{"a": 1}',
        "html": b"<!doctype html><script>alert(1)</script>", "php": b"<?php system('id'); ?>",
        "svg": SVG % b"<script>alert(1)</script>",
        "svg that reads a file": b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + SVG % b"<text>&x;</text>",
        "svg that grows": b'<!DOCTYPE s [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + SVG % b"<text>&b;</text>",
        "pdf": b"%PDF-1.7\n%%EOF", "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n",
        "program": b"\x7fELF\x02\x01\x01" + b"\x00" * 99, "script": b"#!/bin/sh\nrm -rf /\n",
        "icon": saved(picture.resize((32, 32)), "ICO"), "photoshop": b"8BPS\x00\x01" + b"\x00" * 60,
        "ppm": b"P6 60000 60000 255\n" + b"\x00" * 99, "xbm": b"#define x_width 9\n#define x_height 9\n",
        "avif": b"\x00\x00\x00\x20ftypavif" + b"\x00" * 40, "heic": b"\x00\x00\x00\x18ftypheic" + b"\x00" * 40,
        "jpeg 2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n" + b"\x00" * 40,
        "flic": b"\x00" * 4 + b"\x11\xaf" + b"\x00" * 122,
        "archive": archive(), "compressed": gzip.compress(b"x" * 1_000_000), "noise": random.Random(0).randbytes(5000),
        "path": b"../../../../etc/passwd", "link": b"!<symlink>\xff\xfe/etc/passwd",
        "gif": saved(picture, "GIF"), "moving gif": frames("GIF", 3), "bmp": saved(picture, "BMP"),
        "tiff": saved(picture, "TIFF"),
        "png, signature only": SIGNATURE, "png, header cut": plain_png()[:20],
        "png of 65535 x 65535": png(65535, 65535, zlib.compress(b"\x00" * 99)),
        "png of 2 thousand million": png(2**31 - 1, 2**31 - 1, b""), "png of nothing": png(0, 0, b""),
        "png of one pixel": png(1, 1, zlib.compress(b"\x00" * 4)),
        "png of 15 rows": saved(picture.resize((900, 15)), "PNG"),
        "png, a line": png(40_000_000, 16, zlib.compress(b"\x00" * 99)),
        "png that inflates to 50 MB": png(20_000, 20_000, zlib.compress(b"\x00" * 50_020_000, 9), depth=1, colour=0),
        "jpeg, header only": jpeg()[:20], "jpeg of 65500 x 65500": with_size(jpeg(), 65500, 65500),
        "webp of 16383 x 16383": extended_webp(16383, 16383), "webp of 16 million": extended_webp(1 << 24, 1 << 24),
        "webp, cut": webp()[:20], "webp, unknown": b"RIFF\x20\x00\x00\x00WEBPEVIL" + b"\x00" * 40,
        "webp, empty": extended_webp(90, 90), "too many bytes": plain_png() + b"\x00" * largest,
    }  # fmt: skip
    for name, content in texts.items():
        yield Upload(name, content, "door")


def at_work() -> Iterator[Upload]:
    """Their headers promise pictures, and break the promise."""
    whole, photograph = plain_png(), jpeg()
    bomb = zlib.compress(b"A" * 80_000_000, 9)
    wrong = bytearray(whole)
    wrong[-20] ^= 255
    scan = photograph.index(b"\xff\xda")
    yield Upload("png, cut", whole[:9000], "work")
    yield Upload("png, wrong checksum", bytes(wrong), "work")
    yield Upload("png, too few pixels", png(96, 80, zlib.compress(b"\x00" * 99)), "work")
    yield Upload("png, no zlib", png(96, 80, b"not compressed"), "work")
    yield Upload("png, text of 80 MB", plain_png(chunk(b"zTXt", b"Comment\x00\x00" + bomb)), "work")
    yield Upload("png, profile of 80 MB", plain_png(chunk(b"iCCP", b"icc\x00\x00" + bomb)), "work")
    yield Upload("jpeg, cut", photograph[: len(photograph) // 2], "work")
    yield Upload("jpeg, stray marker", photograph[: scan + 60] + b"\xff\xc5" + photograph[scan + 62 :], "work")
    yield Upload("webp, cut later", webp()[:-2000], "work")


def like_any_other() -> Iterator[Upload]:
    """Odd, but pictures: they must be read, and what else is in them ignored."""
    picture, photograph = Image.fromarray(noise()), jpeg()
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "<script>alert(1)</script>" * 9)
    grey = noise(channels=1)
    clear = Image.fromarray(noise(channels=4))
    clear.putalpha(0)
    rows = b"".join(b"\x00" + row.tobytes() for row in noise())
    odd = {
        "png and archive": plain_png() + archive(b"x"),
        "jpeg and page": with_segment(photograph, 0xFE, b"<html><script>alert(1)</script></html>"),
        "jpeg and program": with_segment(photograph, 0xFE, b"<?php system($_GET['c']); ?>") + b"\x7fELF",
        "jpeg and archive": photograph + archive(b"x"),
        "png and text": saved(picture, "PNG", pnginfo=texts),
        "png, more pixels than promised": png(96, 80, zlib.compress(rows + b"\x00" * 30_000_000, 9)),
        "png, all zero": saved(Image.new("L", (1900, 1900)), "PNG"),
        "png of 16 bits": saved(Image.fromarray(grey.astype(np.uint16) * 257), "PNG"),
        "png of 16 bits in colours": png(8 * 4, 16, zlib.compress((b"\x00" + b"\x12\x34" * 96) * 16), depth=16),
        "png of 1 bit": saved(Image.fromarray(grey).convert("1"), "PNG"),
        "png with a palette": saved(picture.convert("P"), "PNG", transparency=0),
        "png with a grey alpha": saved(Image.fromarray(grey).convert("LA"), "PNG"),
        "png, all transparent": saved(clear, "PNG"),
        "png that moves": frames("PNG"),
        "webp that moves": frames("WEBP"),
        "webp, lossless, alpha": saved(Image.fromarray(noise(channels=4)), "WEBP", lossless=True),
        "jpeg in CMYK": saved(picture.convert("CMYK"), "JPEG"),
        "jpeg in grey": saved(Image.fromarray(grey), "JPEG"),
        "jpeg, progressive": jpeg(progressive=True),
        "jpeg, lying on its side": with_segment(photograph, 0xE1, circling_exif().replace(b"\x63\x00", b"\x06\x00")),
        "jpeg, circling exif": with_segment(photograph, 0xE1, circling_exif()),
        "jpeg, huge exif": with_segment(photograph, 0xE1, huge_exif()),
        "jpeg, broken exif": with_segment(photograph, 0xE1, b"Exif\x00\x00MM" + b"\xff" * 500),
        "jpeg of several": saved(picture, "MPO", save_all=True, append_images=[picture]),
        "jpeg, many comments": photograph[:2] + b"\xff\xfe\x00\x04ab" * 9000 + photograph[2:],
    }  # fmt: skip
    for name, content in odd.items():
        yield Upload(name, content, "fine")


def damaged(number: int) -> Iterator[Upload]:
    """Pictures of every kind with bytes changed, cut, doubled or put elsewhere, the same ones every time."""
    chance = random.Random(0)
    clear = saved(Image.fromarray(noise(channels=4)), "WEBP", lossless=True)
    whole = [
        plain_png(),
        saved(Image.fromarray(noise()).convert("P"), "PNG"),
        jpeg(progressive=True),
        jpeg(),
        webp(),
        clear,
    ]
    for index in range(number):
        content = bytearray(whole[index % len(whole)])
        for _ in range(chance.choice((1, 3, 30))):
            start, length = chance.randrange(len(content)), chance.choice((1, 4, 200))
            piece = content[start : start + length]
            match chance.randrange(4):
                case 0:
                    content[start : start + length] = chance.randbytes(len(piece))
                case 1:
                    del content[start : start + length]
                case 2:
                    content[start:start] = piece
                case _:
                    content[chance.randrange(min(64, len(content)))] = chance.randrange(256)
        yield Upload(f"damaged {index}", bytes(content), "any")


def hostile_uploads(largest: int) -> list[Upload]:
    """`largest`: the bound on bytes that one of them exceeds."""
    return [*at_the_door(largest), *at_work(), *like_any_other()]
