"""One training in a folder at a time."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.errors import UserError
from experiments.run_lock import lock, unlock


def copy_of_this_process(doing: Callable[[], None]) -> int:
    """A process that does something and then stays; its number, when it has done it."""
    ready, done = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            doing()
            os.write(done, b"x")
            signal.pause()
        finally:
            os._exit(1)
    assert os.read(ready, 1) == b"x"
    return process


def end(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def test_a_second_training_is_refused_until_the_first_is_dead(tmp_path: Path) -> None:
    holder = copy_of_this_process(lambda: lock(tmp_path))
    try:
        with pytest.raises(UserError, match=f"is being trained by process {holder} on .*; wait until"):
            lock(tmp_path)
    finally:
        end(holder)
    lock(tmp_path)
    unlock()


def test_a_worker_that_outlives_its_training_keeps_nobody_out(tmp_path: Path) -> None:
    lock(tmp_path)
    worker = copy_of_this_process(lambda: None)
    unlock()
    try:
        lock(tmp_path)
        unlock()
    finally:
        end(worker)
