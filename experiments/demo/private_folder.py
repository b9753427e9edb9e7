"""A temporary folder that only this user can look into, and that goes when the server does."""

import os
import shutil
import tempfile
from pathlib import Path
from uuid import uuid4

PREFIX = "threefold-demo-"
OWNER = "server.pid"


def make_private_folder(inside: Path | None = None) -> Path:
    """A new folder with mode 0700; what servers left there that were killed is deleted."""
    base = Path(tempfile.gettempdir()) if inside is None else inside
    delete_abandoned(base)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))  # mode 0700
    (folder / OWNER).write_text(str(os.getpid()))
    return folder


def new_place(folder: Path) -> Path:
    """A new folder inside, whose name nobody can guess or choose."""
    place = folder / uuid4().hex
    place.mkdir(mode=0o700)
    return place


def delete(folder: Path) -> None:
    """With everything in it; symbolic links are not followed."""
    shutil.rmtree(folder, ignore_errors=True)


def delete_abandoned(base: Path) -> None:
    """Folders of this user whose server no longer runs; none where the system does not tell who owns a process."""
    if not hasattr(os, "getuid"):
        return
    for folder in base.glob(f"{PREFIX}*"):
        try:
            mine = not folder.is_symlink() and folder.stat().st_uid == os.getuid()
            owner = int((folder / OWNER).read_text())
        except (OSError, ValueError):
            continue
        if mine and not runs(owner):
            delete(folder)


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
