"""One command in a process of its own, killed without a warning at a chosen moment."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments.benchmarks.copied_process import CopiedProcess

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
    log.unlink(missing_ok=True)
    process = CopiedProcess(words, log, beforehand=lambda: await_death(kill))
    deadline = None if kill is None or kill.seconds is None else started + kill.seconds
    while process.poll() is None:
        if deadline is not None and time.monotonic() >= deadline:
            kill_group(process.pid)
            deadline = None
        time.sleep(0.002)
    said = log.read_text(errors="replace") if log.is_file() else ""
    return Ended(process.wait(), time.monotonic() - started, said)


def await_death(kill: Moment | None) -> None:
    """Makes the system deadly for this process, where it is to die in the writing of a checkpoint."""
    from lightning_modules.callbacks import checkpoint_files

    if kill is not None and kill.seconds is None:
        checkpoint_files.os = DeadlySystem(kill)  # type: ignore[assignment]


def kill_group(process: int) -> None:
    try:
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:  # it has not made its group yet, or has ended
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            return


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
