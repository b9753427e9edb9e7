"""Text files that are text."""

import re
from pathlib import Path

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
