"""One command in a process of its own, killed without a warning at a chosen moment."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

KILLED = -int(signal.SIGKILL)
CHECKPOINT_CALLS = ("fsync", "link", "replace")
"""What writing a checkpoint asks of the system, in this order; the folder's fsync comes last."""


class Moment(NamedTuple):
    """When a process is killed."""

    seconds: float | None = None
    """After its start; None for a moment inside the writing of a checkpoint."""
    call: int = 0
    """At which of the calls that write checkpoints, counted from 1."""
    share: float = 1.0
    """At an fsync: how much of the file's content had reached the disk."""
    after: bool = False
    """When the call is done; else before it."""


class Ended(NamedTuple):
    """How a process ended."""

    status: int
    """Its exit status, or minus the signal that ended it."""
    seconds: float
    said: str
    """On both of its streams."""


def command_in_a_process(words: Sequence[str], log: Path, kill: Moment | None = None) -> Ended:
    """Runs `threefold` with these words in a copy of this process (which has imported everything already), the leader
    of a process group of its own; the whole group is killed at the moment.

    log: file for what it says.
    """
    started = time.monotonic()
    process = os.fork()
    if process == 0:
        run_and_leave(words, log, kill)
    deadline = None if kill is None or kill.seconds is None else started + kill.seconds
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            break
        if deadline is not None and time.monotonic() >= deadline:
            kill_group(process)
            deadline = None
        time.sleep(0.002)
    said = log.read_text(errors="replace") if log.is_file() else ""
    return Ended(os.waitstatus_to_exitcode(status), time.monotonic() - started, said)


def kill_group(process: int) -> None:
    try:
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:  # it has not made its group yet, or has ended
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            return


def run_and_leave(words: Sequence[str], log: Path, kill: Moment | None) -> None:
    """The life of the copy; it never comes back."""
    status = 1
    try:
        os.setsid()
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
        sys.argv = ["threefold", *words]
        from experiments.cli import main
        from lightning_modules.callbacks import checkpoint_files

        if kill is not None and kill.seconds is None:
            checkpoint_files.os = DeadlySystem(kill)  # type: ignore[assignment]
        try:
            main(words)
            status = 0
        except SystemExit as left:
            status = int(left.code or 0)
        except BaseException:
            import traceback

            traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class DeadlySystem:
    """The module `os`, whose calls that write checkpoints are counted; one of them kills the process."""

    def __init__(self, kill: Moment) -> None:
        self.kill = kill
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        return self.deadly(name, found) if name in CHECKPOINT_CALLS else found

    def deadly(self, name: str, call: Any) -> Any:
        def perform(*arguments: Any) -> Any:
            self.calls += 1
            if self.calls != self.kill.call:
                return call(*arguments)
            if self.kill.after:
                call(*arguments)
            elif name == "fsync" and os.path.isfile(f"/proc/self/fd/{arguments[0]}"):
                size = os.fstat(arguments[0]).st_size
                os.ftruncate(arguments[0], int(size * self.kill.share))  # the rest had not been written yet
            os.killpg(0, signal.SIGKILL)
            raise AssertionError("killed processes do not go on")

        return perform
