"""Pictures to try the page with, made by the program's own synthesizers."""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "pictures_to_try"
SUFFIXES = {".jpg", ".png"}


@dataclass(frozen=True)
class Example:
    """One picture that comes with the program: METHOD-NAME.jpg or .png."""

    method: str
    name: str
    path: Path


def examples() -> dict[str, Example]:
    """By the file's name without suffix."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in SUFFIXES:
            method, _, name = path.stem.partition("-")
            found[path.stem] = Example(method, name, path)
    return found
