"""The server's end of a process that reconstructs."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.demo.limits import Limits
from experiments.demo.passwords import VARIABLE
from experiments.errors import OUR_CODE

WORKER = ("-m", "experiments.demo.work.worker")
LONGEST_LINE = 1 << 20


class WorkingProcess:
    """Started at once, in a session of its own, so that ending it ends all that it may have started.

    runs: method -> folder of a run, loaded when the process starts. program: Python's arguments.
    """

    def __init__(self, runs: Mapping[str, Path], limits: Limits, program: Sequence[str] = WORKER) -> None:
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(OUR_CODE), environment.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self.ready = False
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True, name="listen to work").start()
        self.tell({"runs": {method: str(run) for method, run in runs.items()}, "limits": asdict(limits)})

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def tell(self, message: dict[str, Any]) -> None:
        """Writes one line; a process that is gone is noticed by `hear`."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def hear(self, seconds: float) -> dict[str, Any]:
        """The next message; empty when none came in time.

        Raises:
            EOFError: the process has ended.
        """
        try:
            message = self._messages.get(timeout=seconds)
        except queue.Empty:
            return {}
        if message is None:
            raise EOFError
        return message

    def end(self) -> None:
        """At once, whatever it is doing."""
        with contextlib.suppress(ProcessLookupError):
            if self.ended:
                pass  # its number may be another's by now
            elif hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # a line that it did not read any more
                    pipe.close()

    def memory_bytes(self) -> int:
        """Resident; 0 where the system does not tell."""
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _listen(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        with contextlib.suppress(OSError, ValueError):  # closed from this end, or no message
            while line := stream.readline(LONGEST_LINE):
                self._messages.put(json.loads(line))
        self._messages.put(None)
