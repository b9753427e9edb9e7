"""How many vertices and faces an OBJ file says it has, in comments, as MeshLab writes them.

    # Vertices: 50002
    # Faces: 100000

The format itself counts nothing: a file that was cut off between two lines is an open surface.
"""

import re
from pathlib import Path

_PROMISE = re.compile(rb"^#\s*(Vertices|Faces):\s*(\d+)\s*$", re.MULTILINE)
_HEAD = 4096
"""Bytes in which the promise stands."""


def require_promised(content: bytes, path: Path, vertices: int, faces: int) -> None:
    """Raises ValueError when a file holds another number of `v` or `f` lines than it says, or its last line is not
    whole. A file that says nothing passes.
    """
    promised = {name.decode(): int(number) for name, number in _PROMISE.findall(content[:_HEAD])}
    if not promised:
        return
    for name, found in (("Vertices", vertices), ("Faces", faces)):
        if promised.get(name, found) != found:
            raise ValueError(
                f"{path} says that it has {promised[name]} {name.lower()} but holds {found}: export or copy it again."
            )
    if content[-1:] != b"\n":
        raise ValueError(f"{path} is cut short in its last line: export or copy it again.")
