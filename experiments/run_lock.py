"""One process, or one training of several processes, in a run's folder at a time."""

import os
import socket
import sys
from pathlib import Path
from typing import IO

from experiments.errors import UserError

LOCK = ".lock"
HELD: list[IO[str]] = []
"""Open files: the system frees their locks when the process ends, however it ends."""


def lock(run: Path) -> None:
    """Keeps other trainings out of a run's folder until `unlock`, or until this process is gone.

    Raises:
        UserError: another process has it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return
    run.mkdir(parents=True, exist_ok=True)
    file = (run / LOCK).open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise UserError(f"{run} is being trained by {holder}; wait until it has ended, or give another --run") from None
    except OSError as error:
        sys.stderr.write(f"{run} cannot be locked ({error.strerror}): see to it that nothing else trains in it\n")
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()
    HELD.append(file)


def unlock() -> None:
    """Frees every folder that this process has."""
    while HELD:
        HELD.pop().close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=unlock)  # a worker that outlives its training must not keep others out
