"""Text files that are text."""

import re
from pathlib import Path

_NUMBER = re.compile(r"[-+]?\d+(?:(?P<point>\.)(?P<decimals>\d*))?(?:[eE](?P<exponent>[-+]?\d*))?$")
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f]")


def read_plain_text(path: Path) -> str:
    """The content of a UTF-8 file.

    Raises OSError, or ValueError that names the file and the line where something stands that is no text.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path} is no text in line {line} (UTF-8 was expected): copy or write it again.") from None
    found = _NO_TEXT.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise ValueError(
            f"{path} is no text in line {line} (it holds the byte {ord(found[0])}): copy or write it again."
        )
    return text


def ends_in_a_cut_number(text: str) -> bool:
    """Whether a table of numbers breaks off within its last one: without a line's end, and shorter behind the point
    than all others, which are of one form, as programs write them."""
    if text.endswith("\n"):
        return False
    forms = [_form(word) for word in text.replace(",", " ").split()]
    return len(forms) > 2 and len(set(forms[:-1])) == 1 and any(a < b for a, b in zip(forms[-1], forms[0]))


def _form(word: str) -> tuple[int, int]:
    """How many decimals, and how many characters of an exponent; -1 where there is none, -2 of what is no number."""
    found = _NUMBER.match(word)
    if found is None:
        return -2, -2
    decimals, exponent = found["decimals"], found["exponent"]
    return -1 if decimals is None else len(decimals), -1 if exponent is None else len(exponent)
