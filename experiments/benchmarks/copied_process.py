"""The command `threefold` in a copy of a process that has imported everything: a start costs no seconds."""

import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

IMPORTED = (
    *("datamodules.face_folder", "datamodules.market_hq", "datamodules.renderpeople"),
    *("experiments.commands.synthesize", "experiments.commands.training"),
    *("lightning_modules.clothing", "lightning_modules.face_detail", "lightning_modules.face_identity"),
    *("lightning_modules.body_superresolution", "lightning_modules.trained_networks"),
)


def import_everything() -> None:
    """Once, for all copies of this process."""
    for name in IMPORTED:
        importlib.import_module(name)


class CopiedProcess:
    """`threefold` with these words in a copy of this process, the leader of a process group of its own; it offers as
    much of `subprocess.Popen` as these trials need.

    Args:
        words: behind `threefold`.
        log: file that what it says is appended to.
        environment: variables beside those of this process.
        beforehand: is called in the copy before it begins.
    """

    def __init__(
        self,
        words: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        beforehand: Callable[[], None] | None = None,
    ) -> None:
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            run_and_leave(words, log, environment or {}, beforehand)

    def poll(self) -> int | None:
        """The exit status, or minus the signal that ended it; None while it runs."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        while (status := self.poll()) is None:
            time.sleep(0.002)
        return status

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run_and_leave(
    words: Sequence[str], log: Path, environment: Mapping[str, str], beforehand: Callable[[], None] | None
) -> NoReturn:
    """The life of the copy; it never comes back."""
    status = 1
    try:
        os.setsid()
        speak_into(log)
        os.environ.update(environment)
        remember_the_rank()
        sys.argv = ["threefold", *words]
        from experiments.cli import main

        if beforehand is not None:
            beforehand()
        try:
            main(words)
            status = 0
        except SystemExit as left:
            status = int(left.code or 0)
        except BaseException:
            traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def speak_into(log: Path) -> None:
    """Both streams go to the end of a file."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)


def remember_the_rank() -> None:
    """The training library has asked for it when it was imported."""
    from lightning.pytorch.utilities.rank_zero import rank_zero_only

    rank_zero_only.rank = int(os.environ.get("SLURM_PROCID", 0))
