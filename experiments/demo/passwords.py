"""The password of the page: where it comes from, and whether a browser knows it."""

import base64
import binascii
import hmac
import os
from pathlib import Path

from experiments.errors import UserError

VARIABLE = "THREEFOLD_DEMO_PASSWORD"
SHORTEST = 8


def password_from(file: Path | None) -> str | None:
    """The first line of the file, else the environment's variable; None where neither is given.

    A password on the command line itself could be read by everybody in the list of processes.

    Raises:
        UserError: the file cannot be read, or the password is too short.
    """
    if file is None:
        password, source = os.environ.get(VARIABLE), VARIABLE
        if password is None:
            return None
    else:
        source = f"--password {file}"
        if not file.is_file():
            raise UserError(f"{source} is no file; give a file whose first line is the password, or set {VARIABLE}")
        try:
            password = (file.read_text(encoding="utf-8").splitlines() or [""])[0].strip()
        except UnicodeDecodeError:
            raise UserError(f"{source} is no text; write the password in its first line") from None
    if len(password) < SHORTEST:
        raise UserError(f"{source} holds a password of {len(password)} letters; take at least {SHORTEST}")
    return password


def knows(password: str, header: str | None) -> bool:
    """Whether an `Authorization: Basic` header carries the password, with any user name; in constant time."""
    scheme, _, encoded = (header or "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True).partition(b":")[2] if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        given = b""
    return hmac.compare_digest(given, password.encode())
