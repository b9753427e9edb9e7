"""A SLURM job without SLURM: its variables, a process for each task, and an `scontrol` that takes note of what it is
asked. The commands of the project cannot tell the difference."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from experiments.benchmarks.copied_process import CopiedProcess

SOURCE = Path(__file__).parent.parent.parent
SCONTROL = """#!/bin/sh
# what a job asks of SLURM, a line each
echo "$@" >> "{asked}"
exit {status}
"""


class SimulatedJob:
    """`tasks` processes of `threefold` on this computer, as one job that may be started again.

    Args:
        folder: for the logs of the tasks and the pretended scontrol.
        words: behind `threefold`.
        tasks: how many processes.
        copied: whether they are copies of this process, which has imported everything.
    """

    def __init__(self, folder: Path, words: Sequence[object], tasks: int = 2, copied: bool = False) -> None:
        self.folder, self.words, self.tasks, self.copied = folder, [str(word) for word in words], tasks, copied
        self.number = "4711"
        self.restarts = -1
        self.processes: list[subprocess.Popen[bytes] | CopiedProcess] = []
        self.asked = folder / "scontrol.txt"
        self.install_scontrol()

    def install_scontrol(self, refuses: bool = False) -> None:
        scontrol = self.folder / "bin" / "scontrol"
        scontrol.parent.mkdir(parents=True, exist_ok=True)
        scontrol.write_text(SCONTROL.format(asked=self.asked, status=int(refuses)))
        scontrol.chmod(0o755)

    def environment(self, task: int) -> dict[str, str]:
        """What SLURM and this stand-in tell a task."""
        return {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "SLURM_JOB_ID": self.number,
            "SLURM_JOB_NAME": "fit",
            "SLURM_NTASKS": str(self.tasks),
            "SLURM_NTASKS_PER_NODE": str(self.tasks),
            "SLURM_NNODES": "1",
            "SLURM_NODEID": "0",
            "SLURM_NODELIST": "localhost",
            "SLURM_PROCID": str(task),
            "SLURM_LOCALID": str(task),
            **({"SLURM_RESTART_COUNT": str(self.restarts)} if self.restarts > 0 else {}),
        }

    def start(self) -> None:
        """Starts all tasks; each time counts as a restart of the same job."""
        self.restarts += 1
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "GLOO_SOCKET_IFNAME": "lo"}
        devices = ("--trainer.devices", str(self.tasks), "--trainer.accelerator", "cpu")
        begin = self.copy if self.copied else self.begin
        self.processes = [
            begin([*self.words, *devices], {**self.environment(task), **place}, self.log(task))
            for task in range(self.tasks)
        ]

    def copy(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> CopiedProcess:
        return CopiedProcess(words, log, environment)

    def begin(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as file:
            return subprocess.Popen(
                [sys.executable, "-m", "experiments.cli", *words],
                env={**os.environ, **environment},
                cwd=SOURCE,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    def log(self, task: int) -> Path:
        return self.folder / f"task-{task}.log"

    def said(self, task: int = 0) -> str:
        return self.log(task).read_text(errors="replace") if self.log(task).is_file() else ""

    def listening(self) -> bool:
        """Whether SIGUSR1 ends none of the tasks any more."""
        return all(blocks(process.pid, signal.SIGUSR1) for process in self.processes)

    def running(self) -> bool:
        return any(process.poll() is None for process in self.processes)

    def send(self, number: signal.Signals = signal.SIGUSR1, pause: float = 0.0) -> None:
        """Signals one task after the other."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)
            time.sleep(pause)

    def wait(self, seconds: float) -> list[int | None]:
        """The exit statuses of all tasks once all have ended or the time is over; then the others are killed and have
        none."""
        await_true(lambda: not self.running(), seconds)
        statuses = [process.poll() for process in self.processes]
        self.kill()
        return statuses

    def kill(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    @property
    def requests(self) -> list[str]:
        """What scontrol was asked."""
        return self.asked.read_text().splitlines() if self.asked.is_file() else []


def await_true(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def blocks(process: int, number: signal.Signals) -> bool:
    """Whether a process holds a signal back in its first thread."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return False
    masks = [int(line.split()[1], 16) for line in lines if line.startswith("SigBlk:")]
    return bool(masks) and bool(masks[0] >> (number - 1) & 1)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
