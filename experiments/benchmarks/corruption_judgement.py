"""Whether a loader noticed that a file was damaged, and whether it could have.

The judge knows the formats by itself and asks no loader: PNG's and zip's checksums, JPEG's markers. What those refuse,
a loader must refuse too.
"""

import io
import struct
import zipfile
import zlib
from typing import Literal

import numpy as np
from PIL import Image

from experiments.benchmarks.corruption_damage import Damage
from experiments.benchmarks.corruption_values import Values

Outcome = Literal[
    "sentence", "harmless", "named by inspect", "changed values", "shorter list", "without the file", "crash",
    "silent wrong",
]  # fmt: skip
OUTCOMES: tuple[Outcome, ...] = (
    "sentence", "harmless", "named by inspect", "changed values", "shorter list", "without the file", "crash",
    "silent wrong",
)  # fmt: skip
FAILURES: tuple[Outcome, ...] = ("crash", "silent wrong")

TELLTALE = {"truncated", "emptied", "another kind of file"}
"""Damage after which a file holds something else than its format asks for; a text may be cut between two lines."""
TABLES, NEGLIGIBLE = (".txt", ".cal"), 1e-4
LISTS, PICTURES = (".txt", ".csv"), (".jpg", ".png", ".webp", ".bmp", ".tiff")
LARGEST_GROWTH = 1e4
"""By which a number may leave the range of the sound ones before it is no legal value of its kind."""


def outcome_of(
    damage: Damage, intact: Values, found: Values, *, may_be_absent: bool = False, free_names: bool = False
) -> tuple[Outcome, str]:
    """What came of a data set that was loaded without a complaint, and why in a few words."""
    difference = first_difference(intact, found)
    if difference is None:
        return "harmless", ""
    if damage.kind == "deleted":
        return ("without the file" if may_be_absent else "silent wrong"), difference
    if damage.kind == "another kind of file" and damage.path.suffix in PICTURES and is_picture(damage.content or b""):
        return "changed values", f"another sound picture; {difference}"
    refused = refusal_of_format(damage)
    if refused is not None:
        return "silent wrong", f"{refused}; {difference}"
    if is_shorter_list(damage):
        return "shorter list", difference
    if damage.kind == "truncated" and damage.path.suffix in TABLES and nearly_same(intact, found):
        return "harmless", "digits beyond any precision are lost"
    if damage.kind in TELLTALE:
        return "silent wrong", difference
    if free_names and damage.kind not in TELLTALE:  # the loader read it, so it is JSON
        return "changed values", difference
    if damage.path.suffix in LISTS:  # the name or number of a sample, or its split, is another legal one
        intact, found = (
            {name: each[name] for name in each if not name.startswith("splits")} for each in (intact, found)
        )
    illegal = illegal_values(intact, found)
    return ("silent wrong", illegal) if illegal is not None else ("changed values", difference)


def nearly_same(intact: Values, found: Values) -> bool:
    """Whether numbers differ by less than a ten thousandth of the largest one beside them, and nothing else does."""
    if intact.keys() != found.keys() or any(found[name].shape != value.shape for name, value in intact.items()):
        return False
    for name, value in intact.items():
        if value.dtype.kind == "f":
            limit = NEGLIGIBLE * float(np.abs(value[np.isfinite(value)]).max(initial=0))
            if not np.allclose(found[name], value, rtol=0, atol=limit, equal_nan=True):
                return False
        elif not _same(value, found[name]):
            return False
    return True


def is_shorter_list(damage: Damage) -> bool:
    """Whether a list has lost whole lines: it counts nothing, and what is left is a list."""
    if damage.path.suffix not in LISTS or not damage.content:
        return False
    lines, before = damage.content.splitlines(), damage.before.splitlines()
    return len(lines) < len(before) and set(lines) <= set(before)


def is_picture(content: bytes) -> bool:
    """A picture of any kind that Pillow decodes to its end."""
    if content.startswith(b"\x89PNG") and _png(content):
        return False
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
    except Exception:
        return False
    return True


def first_difference(intact: Values, found: Values) -> str | None:
    """None where every value is the same, bit for bit."""
    for name in [*intact, *(name for name in found if name not in intact)]:
        if name not in found:
            return f"{name} is missing"
        if name not in intact:
            return f"{name} is new"
        if not _same(intact[name], found[name]):
            return f"{name} differs"
    return None


def illegal_values(intact: Values, found: Values) -> str | None:
    """What no sound file could have given: other members, shapes or types, numbers that are not finite or far off."""
    for name in intact.keys() ^ found.keys():
        return f"{name} is {'missing' if name in intact else 'new'}"
    for name, value in found.items():
        sound = intact[name]
        if value.shape != sound.shape or value.dtype.kind != sound.dtype.kind:
            return f"{name} is {value.dtype.kind}{value.shape}, not {sound.dtype.kind}{sound.shape}"
        if value.dtype.kind != "f" or not value.size:
            continue
        if (np.isnan(value) & ~np.isnan(sound)).any() or (np.isinf(value).sum() and not np.isinf(sound).any()):
            return f"{name} is not finite"
        finite, usual = np.abs(value[np.isfinite(value)]), np.abs(sound[np.isfinite(sound)])
        if finite.max(initial=0) > LARGEST_GROWTH * max(float(usual.max(initial=0)), 1.0):
            return f"{name} reaches {finite.max():.3g} where {usual.max(initial=0):.3g} was the largest"
    return None


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    if a.dtype.kind in "USO" or b.dtype.kind in "USO":
        return a.dtype.kind == b.dtype.kind and a.tolist() == b.tolist()
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f")


def refusal_of_format(damage: Damage) -> str | None:
    """Why the file is none of its own format any more, as far as checksums and lengths tell."""
    content = damage.content or b""
    check = {
        ".png": _png, ".jpg": _jpeg, ".jpeg": _jpeg, ".npz": _zip, ".zip": _zip, ".ckpt": _zip, ".pth": _zip,
    }.get(damage.path.suffix)  # fmt: skip
    return check(content) if check else None


def _png(content: bytes) -> str | None:
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        return "no PNG"
    position, last = 8, b""
    while last != b"IEND":
        if position + 12 > len(content):
            return "PNG ends early"
        (length,), last = struct.unpack_from(">I", content, position), content[position + 4 : position + 8]
        end = position + 8 + length
        if end + 4 > len(content) or struct.unpack_from(">I", content, end)[0] != zlib.crc32(
            content[position + 4 : end]
        ):
            return "a PNG checksum is wrong"
        position = end + 4
    return None


def _jpeg(content: bytes) -> str | None:
    """JPEG has no checksums: damage inside the coefficients gives other pixels and no way to know."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
    except Exception as error:
        return f"JPEG cannot be decoded ({type(error).__name__})"
    return None


def _zip(content: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            bad = archive.testzip()
    except Exception as error:
        return f"zip cannot be read ({type(error).__name__})"
    return None if bad is None else f"a zip checksum is wrong ({bad})"
