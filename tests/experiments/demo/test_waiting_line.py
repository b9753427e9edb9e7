"""First come, first served; what is cancelled, too slow, too large or dead ends, and so does its process."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from experiments.demo.jobs import Job
from experiments.demo.limits import MEGABYTE, Limits
from experiments.demo.private_folder import new_place
from experiments.demo.waiting_line import WaitingLine
from experiments.demo.work.memory import GPU_DRIVER
from experiments.demo.working_process import WorkingProcess
from tests.experiments.demo.browsing import PATIENCE
from tests.experiments.demo.conftest import STAND_IN


@pytest.fixture
def line_of() -> Iterator[Callable[..., WaitingLine]]:
    lines = []

    def make(**limits: float) -> WaitingLine:
        bounds = Limits(**limits)  # type: ignore[arg-type]
        lines.append(WaitingLine(partial(WorkingProcess, {}, bounds, STAND_IN), bounds))
        return lines[-1]

    yield make
    for line in lines:
        line.close()


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_places_move_up_and_cancelling_ends_the_process(line_of, tmp_path: Path) -> None:
    line = line_of()
    jobs = [Job(method, new_place(tmp_path)) for method in ("slow", "quick", "quick")]
    for job in jobs:
        line.join(job)
    until(lambda: (jobs[0].folder / "pid").is_file() and (jobs[0].folder / "pid").read_text())
    assert [line.place(job) for job in jobs] == [None, 1, 2]
    process = int((jobs[0].folder / "pid").read_text())
    line.cancel(jobs[1])
    assert jobs[1].state == "cancelled"
    assert not jobs[1].folder.exists()
    assert line.place(jobs[2]) == 1
    line.cancel(jobs[0])
    until(lambda: jobs[0].finished)
    assert jobs[0].state == "cancelled"
    assert not alive(process)
    assert not jobs[0].folder.exists()
    until(lambda: jobs[2].finished)  # by a new process
    assert jobs[2].state == "done"
    assert list(jobs[2].files) == ["overlay.png"]


@pytest.mark.parametrize(
    ("method", "limits", "words"),
    [
        ("slow", {"job_seconds": 0.3}, "longer than 0 seconds"),
        ("greedy", {"job_memory_bytes": 100 * MEGABYTE}, "more memory than the 0.1 GB"),
        ("dies", {}, "ended unexpectedly"),
        ("leaves", {}, "too much"),
    ],
)
def test_work_that_goes_wrong_ends_in_a_sentence_and_the_next_is_served(
    line_of, tmp_path: Path, method: str, limits: dict, words: str
) -> None:
    if method == "greedy" and not Path("/proc/self/statm").exists():
        pytest.skip("this system does not tell the memory of a process")
    line = line_of(**limits)
    job, after = Job(method, new_place(tmp_path)), Job("quick", new_place(tmp_path))
    line.join(job)
    line.join(after)
    until(lambda: job.finished)
    assert job.state == "failed"
    assert words in str(job.error)
    until(lambda: after.finished)
    assert after.state == "done"


def test_names_from_the_working_process_stay_inside(line_of, tmp_path: Path) -> None:
    line, job = line_of(), Job("lies", new_place(tmp_path))
    line.join(job)
    until(lambda: job.finished)
    assert list(job.files) == ["overlay.png"]


def test_closing_ends_everything(line_of, tmp_path: Path) -> None:
    line, job = line_of(), Job("slow", new_place(tmp_path))
    line.join(job)
    until(lambda: (job.folder / "pid").is_file() and (job.folder / "pid").read_text())
    line.close()
    assert not alive(int((job.folder / "pid").read_text()))


@pytest.mark.skipif(sys.platform != "linux" or GPU_DRIVER.exists(), reason="Linux enforces it, but not beside a GPU")
def test_the_system_refuses_memory_beyond_the_bound(tmp_path: Path) -> None:
    import subprocess

    words = "from experiments.demo.work.memory import bound_memory as b; b(200 << 20); bytearray(400 << 20)"
    ended = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False)
    assert "MemoryError" in ended.stderr
