"""Who looks at the page, what they asked for, and when it is forgotten."""

import secrets
import threading
import time
from dataclasses import dataclass, field

from experiments.demo.jobs import Job
from experiments.demo.limits import Limits
from experiments.demo.private_folder import delete
from experiments.demo.waiting_line import WaitingLine
from experiments.errors import UserError

SWEEP_SECONDS = 10.0


@dataclass(eq=False)
class Visitor:
    """One browser."""

    key: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    heard: float = field(default_factory=time.monotonic)
    jobs: dict[str, Job] = field(default_factory=dict)
    """By key, the oldest first."""

    @property
    def waiting(self) -> int:
        return sum(not job.finished for job in self.jobs.values())


class Visitors:
    """Everybody who was here lately. What nobody can reach any more is deleted, and its work ended."""

    def __init__(self, line: WaitingLine, limits: Limits) -> None:
        self.line, self.limits = line, limits
        self._known: dict[str, Visitor] = {}
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, daemon=True, name="forget visitors")
        self._sweeper.start()

    def __len__(self) -> int:
        return len(self._known)

    def find(self, key: str | None) -> Visitor | None:
        """The visitor with this key, who is heard of now."""
        with self._lock:
            visitor = self._known.get(key or "")
            if visitor is not None:
                visitor.heard = time.monotonic()
            return visitor

    def greet(self, key: str | None) -> Visitor:
        """The known visitor or a new one; the one longest silent makes room."""
        with self._lock:
            visitor = self.find(key)
            if visitor is None:
                if len(self._known) >= self.limits.visitors:
                    self.forget(min(self._known.values(), key=lambda known: known.heard))
                visitor = Visitor()
                self._known[visitor.key] = visitor
            return visitor

    def ask(self, visitor: Visitor, job: Job) -> None:
        """Puts a job into the waiting line, and takes away what it replaces.

        Raises:
            UserError: too much waits already.
        """
        with self._lock:
            if job.base is not None:  # the newest change of a result is the one that is looked at
                for earlier in [each for each in visitor.jobs.values() if each.base is job.base]:
                    self.drop(visitor, earlier)
            if visitor.waiting >= self.limits.waiting_of_a_visitor:
                raise UserError(f"{visitor.waiting} of your pictures are waiting; let one finish or cancel it")
            if len(self.line) >= self.limits.waiting:
                raise UserError(f"{len(self.line)} visitors are waiting; come back in some minutes")
            visitor.jobs[job.key] = job
            self._keep_few(visitor)
            self.line.join(job)

    def drop(self, visitor: Visitor, job: Job) -> None:
        """Ends a job and deletes its results, and whatever was made of them."""
        with self._lock:
            if visitor.jobs.pop(job.key, None) is None:
                return
            for child in [each for each in visitor.jobs.values() if job in (each.base, each.worn)]:
                self.drop(visitor, child)
            self.line.cancel(job)
            if job.upload is not None:
                job.upload.unlink(missing_ok=True)
            if job.state != "running":  # else the line deletes it, once its process has ended
                delete(job.folder)

    def forget(self, visitor: Visitor) -> None:
        with self._lock:
            self._known.pop(visitor.key, None)
            for job in list(visitor.jobs.values()):
                self.drop(visitor, job)

    def close(self) -> None:
        self._closed.set()
        self._sweeper.join()

    def _keep_few(self, visitor: Visitor) -> None:
        """Drops the oldest results beyond the limits, of the visitor and of all."""
        own = [job for job in visitor.jobs.values() if job.finished and job.base is None]
        for job in own[: max(0, len(own) + 1 - self.limits.results_of_a_visitor)]:
            self.drop(visitor, job)
        everyone = [(job.began, other, job) for other in self._known.values() for job in other.jobs.values()]
        finished = sorted((each for each in everyone if each[2].finished), key=lambda each: each[0])
        for _, other, job in finished[: max(0, len(everyone) - self.limits.results)]:
            self.drop(other, job)

    def _sweep(self) -> None:
        while not self._closed.wait(min(SWEEP_SECONDS, self.limits.kept_seconds / 4)):
            with self._lock:
                silent = time.monotonic() - self.limits.kept_seconds
                for visitor in [each for each in self._known.values() if each.heard < silent]:
                    self.forget(visitor)
