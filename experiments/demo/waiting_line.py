"""Who comes first is served first: a waiting line before one working process or several."""

import threading
import time
from collections.abc import Callable

from experiments.demo.jobs import Job
from experiments.demo.limits import Limits
from experiments.demo.private_folder import delete
from experiments.demo.work.sentences import memory_needed
from experiments.demo.working_process import WorkingProcess

GLANCE_SECONDS = 0.1
"""How often the work is looked after while it says nothing."""
MEMORY_SLACK = 1.25
"""Resident memory above the bound, where the system itself does not enforce it."""
LOADING_SECONDS = 900.0


class WaitingLine:
    """Takes jobs in the order in which they come; every method may be called from any thread.

    start: begins a new working process. servers: how many jobs are worked on at a time.
    """

    def __init__(self, start: Callable[[], WorkingProcess], limits: Limits, servers: int = 1) -> None:
        self.start, self.limits = start, limits
        self._waiting: list[Job] = []
        self._change = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._serve, name=f"serve {n}") for n in range(servers)]
        for thread in self._threads:
            thread.start()

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, job: Job) -> None:
        with self._change:
            self._waiting.append(job)
            self._change.notify()

    def place(self, job: Job) -> int | None:
        """From 1; None when it does not wait any more."""
        with self._change:
            return self._waiting.index(job) + 1 if job in self._waiting else None

    def cancel(self, job: Job) -> None:
        """A waiting job leaves the line at once; the process of a running one is ended a moment later."""
        with self._change:
            if job.finished:
                return
            job.cancelled = True
            if job in self._waiting:
                self._waiting.remove(job)
                job.state = "cancelled"
                delete(job.folder)

    def close(self) -> None:
        """Ends all work and waits for it to have ended."""
        with self._change:
            self._closed = True
            for job in self._waiting:
                job.state = "cancelled"
            self._waiting.clear()
            self._change.notify_all()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        process = self.start()
        try:
            while (job := self._next()) is not None:
                if process.ended:
                    process = self.start()
                if not self._work(process, job):
                    process.end()
                if job.upload is not None:  # also of what was cancelled or ended
                    job.upload.unlink(missing_ok=True)
                if job.cancelled:
                    delete(job.folder)
                    job.state = "cancelled"
        finally:
            process.end()

    def _next(self) -> Job | None:
        with self._change:
            self._change.wait_for(lambda: self._closed or self._waiting)
            if self._closed:
                return None
            job = self._waiting.pop(0)
            job.state, job.doing = "running", "starting"
            return job

    def _work(self, process: WorkingProcess, job: Job) -> bool:
        """Looks after one job; False when its process must be replaced."""
        if not self._wait_for_networks(process, job):
            return False
        process.tell(job.order())
        deadline = time.monotonic() + self.limits.job_seconds
        while not job.finished:
            try:
                message = process.hear(GLANCE_SECONDS)
            except EOFError:
                job.fail("the work ended unexpectedly, as it does for want of memory; choose a smaller picture")
                return False
            job.hear(message)
            if "leaving" in message:
                return False
            if job.finished:
                break
            if job.cancelled or self._closed:
                return False
            if time.monotonic() > deadline:
                job.fail(
                    f"this took longer than {self.limits.job_seconds:.0f} seconds and was stopped; choose a smaller "
                    "picture or fewer cells"
                )
                return False
            if process.memory_bytes() > MEMORY_SLACK * self.limits.job_memory_bytes:
                job.fail(memory_needed(self.limits))
                return False
        return True

    def _wait_for_networks(self, process: WorkingProcess, job: Job) -> bool:
        deadline = time.monotonic() + LOADING_SECONDS
        while not process.ready:
            job.doing = "loading the networks"
            try:
                process.ready = "ready" in process.hear(GLANCE_SECONDS)
            except EOFError:
                job.fail("the networks could not be loaded; the terminal of the server says why")
                return False
            if job.cancelled or self._closed:
                return False
            if time.monotonic() > deadline:
                job.fail("the networks were not loaded in time; try again")
                return False
        return True
