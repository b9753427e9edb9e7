"""Signals that ask a training to stop: noted when they come, acted upon when the training gets to it.

A handler runs wherever the process happens to be, perhaps inside of an exchange with other processes: one that saves a
checkpoint there waits for processes that wait for it. Imports nothing heavy, so that a command can listen at once.
"""

import signal
from typing import Any

REQUEUE = signal.SIGUSR1
"""Sent by SLURM before the time of a job ends, see `sbatch --signal`."""
END = signal.SIGTERM
"""Sent by SLURM when it preempts or cancels a job."""

_noted: set[int] = set()


def listen(*numbers: signal.Signals) -> None:
    """From now on these signals are noted and do nothing else; without this they end the process."""
    for number in numbers:
        signal.signal(number, _note)
        if number == REQUEUE:
            # SLURM signals workers, too, and a spawned one would die of it before its first line. What is blocked here
            # is blocked in all processes and threads that follow, and waits for `heard` to look.
            signal.pthread_sigmask(signal.SIG_BLOCK, {number})


def heard(number: signal.Signals) -> bool:
    """Whether the signal has come since `listen`."""
    return number in _noted or number in signal.sigpending()


def _note(number: int, frame: Any) -> None:
    _noted.add(number)
