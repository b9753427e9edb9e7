"""All that the page's server holds: runs, the private folder, the waiting line and the visitors."""

import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from experiments.demo.examples import Example, examples
from experiments.demo.jobs import Job
from experiments.demo.limits import Limits
from experiments.demo.private_folder import delete, make_private_folder, new_place
from experiments.demo.uploads import silence_decoders
from experiments.demo.visitors import Visitor, Visitors
from experiments.demo.waiting_line import WaitingLine
from experiments.demo.work.bodies_options import RESOLUTION, RESOLUTIONS
from experiments.demo.working_process import WORKER, WorkingProcess
from experiments.errors import UserError

TITLES = {"face": "Face", "clothing": "Clothing", "body": "Body"}
ASKED_FOR = {
    "face": "A photograph in which one face looks roughly to the camera.",
    "clothing": "A photograph of one standing person, best before a plain or transparent background.",
    "body": "A picture of one whole upright person with some room around, best before a plain background.",
}


class Service:
    """Begins to load the networks when it is made; `close` ends all work and deletes everything.

    runs: method -> folder of a run. cautions: method -> what its run is and is not good for. servers: how many
    reconstructions run at a time. temporary: where the private folder is made; the system's place when None.
    program: what works, see `WorkingProcess`.
    """

    def __init__(
        self,
        runs: Mapping[str, Path],
        limits: Limits,
        *,
        cautions: Mapping[str, str] | None = None,
        servers: int = 1,
        temporary: Path | None = None,
        program: Sequence[str] = WORKER,
    ) -> None:
        silence_decoders()
        self.runs, self.limits, self.cautions = dict(runs), limits, dict(cautions or {})
        self.examples: dict[str, Example] = {
            name: example for name, example in examples().items() if example.method in self.runs
        }
        self.folder = make_private_folder(temporary)
        self.line = WaitingLine(partial(WorkingProcess, self.runs, limits, program), limits, servers)
        self.visitors = Visitors(self.line, limits)
        self._closed = threading.Event()

    def method(self, name: str | None) -> str:
        """Raises UserError for a method without a run."""
        if name not in self.runs:
            raise UserError(f"{str(name)[:40]!r} is no method here; choose {', '.join(self.runs)}")
        return name

    def new_job(self, method: str, **parts: Any) -> Job:
        return Job(method, new_place(self.folder), **parts)

    def view(self, job: Job) -> dict[str, Any]:
        return job.view(self.line.place(job))

    def state(self, visitor: Visitor) -> dict[str, Any]:
        """What the page needs when it opens."""
        methods = [
            {
                "name": name,
                "title": TITLES[name],
                "asks": ASKED_FOR[name],
                "caution": self.cautions.get(name),
                "examples": [
                    {"name": key, "title": each.name, "address": f"examples/{key}"}
                    for key, each in self.examples.items()
                    if each.method == name
                ],
            }
            for name in self.runs
        ]
        least, greatest = RESOLUTIONS
        return {
            "methods": methods,
            "limits": {"bytes": self.limits.upload_bytes, "minutes": round(self.limits.kept_seconds / 60)},
            "resolution": {"least": least, "greatest": greatest, "value": RESOLUTION},
            "jobs": [self.view(job) for job in list(visitor.jobs.values())],
        }

    def close(self) -> None:
        if not self._closed.is_set():
            self._closed.set()
            self.visitors.close()
            self.line.close()
            delete(self.folder)
