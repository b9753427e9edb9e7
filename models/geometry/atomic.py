"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def replace_when_complete(*paths: Path) -> Iterator[list[Path]]:
    """Gives a temporary path beside each target; when the block ends well they take the targets' places, in order.

    When it raises, the temporary files are removed and the targets are as before. An OSError (a full disk, a folder
    that may not be written) comes out as one sentence that names the first target.
    """
    temporary = [path.with_name(f".{path.name}.{uuid4().hex}.partial") for path in paths]
    try:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        for name, path in zip(temporary, paths):
            os.replace(name, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            f"{paths[0]} could not be written ({reason}): free some space or choose another folder."
        ) from error
    finally:
        for name in temporary:
            if name.exists():
                name.unlink()
