"""Trials in processes of their own, several at a time."""

import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Queue
from typing import Any, NamedTuple

from experiments.commands import pipeline
from experiments.run_claims import interrupted
from experiments.trials.sweep_file import Sweep
from experiments.trials.trial_command import configurations_first, trial_command, trial_environment
from experiments.trials.trial_folder import Trial
from lightning_modules.slurm_job import current_job, requeue
from lightning_modules.stop_signals import END, REQUEUE, listen

INTERRUPTIONS = {-signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGTERM}


class Course(NamedTuple):
    """How the trials of a sweep are run.

    Args:
        more: words behind the parameters of every trial.
        jobs: trials at the same time.
        test: whether a finished trial is tested.
        test_words: behind `threefold test`.
    """

    sweep: Sweep
    more: tuple[str, ...] = ()
    jobs: int = 1
    test: bool = False
    test_words: tuple[str, ...] = ()

    def words(self, parameters: Mapping[str, Any]) -> list[str]:
        """The command of a trial, without its folder."""
        return configurations_first([*trial_command(self.sweep, parameters), *self.more])


class Runner:
    """Runs trials, one call a thread; `stop` ends those that run, and they can be gone on with."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.stopped = threading.Event()
        self.processes: dict[subprocess.Popen[bytes], bool] = {}
        """Those that run, and whether they train."""
        self.time_is_over = False
        """SLURM has asked that the job be saved and started again."""
        self.requeued = False
        """A training has asked SLURM for that."""
        self.gpus: Queue[int | None] = Queue()
        for slot in range(course.jobs):
            self.gpus.put(gpu_of(slot, course.jobs))

    def run(self, trial: Trial) -> None:
        """Trains a trial, or goes on with it, and tests it; what is finished is not done again."""
        with trial.lock() as mine:
            if not mine:
                print(f"trial {trial.number}: another process works on it", flush=True)
                return
            gpu = self.gpus.get()
            try:
                if trial.state != "finished" and not self.stopped.is_set():
                    self._train(trial, gpu)
                if trial.state == "finished" and self.is_left(trial) and not self.stopped.is_set():
                    self._test(trial, gpu)
            finally:
                self.gpus.put(gpu)

    def _train(self, trial: Trial, gpu: int | None) -> None:
        goal = self.course.sweep.goal
        resume = trial.resume_words() if trial.state != "new" else []
        words = [*self.course.words(trial.parameters), f"--run={trial.folder}", *resume]
        before = trial.record().get("seconds", 0.0)
        trial.keep(state="interrupted", command=words, reason=None)
        print(f"trial {trial.number}: {spoken(trial)}{' (goes on)' if resume else ''}", flush=True)
        started = time.monotonic()
        status = self._process(words, trial, gpu, trains=True)
        seconds = round(before + time.monotonic() - started, 1)
        if self._goes_on_later(trial, status):
            self.requeued = self.requeued or status == 0
            trial.keep(seconds=seconds)
            return
        reason = None if status == 0 else why(trial.folder / "log.txt", status)
        if reason is None and goal is not None and trial.figure(goal.name) is None:
            reason = f"{goal.name} was not logged, or is no number: did the training end before it was validated?"
        state = "finished" if reason is None else "failed"
        value = None if goal is None else trial.figure(goal.name)
        trial.keep(state=state, seconds=seconds, reason=reason, metric=value)
        told = f"{goal.name} {value:.4g}" if goal is not None and value is not None else ""
        print(f"trial {trial.number}: {reason or f'finished {told}'} ({seconds:.0f} s)", flush=True)

    def _test(self, trial: Trial, gpu: int | None) -> None:
        words = pipeline.command(["test", "--run", trial.folder, *self.course.test_words])
        status = self._process(words, trial, gpu, trains=False)
        if status and not self.stopped.is_set() and status not in INTERRUPTIONS:
            trial.keep(reason=f"not tested: {why(trial.folder / 'log.txt', status)}")

    def _goes_on_later(self, trial: Trial, status: int) -> bool:
        """Whether a training has ended before it was done; one that SLURM asked for that says 0 all the same."""
        if status == 0 and (trial.folder / "provenance.json").is_file():
            return interrupted(trial.folder)
        return self.stopped.is_set() or status in INTERRUPTIONS

    def _process(self, words: Sequence[str], trial: Trial, gpu: int | None, trains: bool) -> int:
        threads = max(1, pipeline.cores() // self.course.jobs)
        environment = trial_environment(self.course.sweep, threads, gpu)
        with (trial.folder / "log.txt").open("ab") as log:
            try:
                process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, env=environment)
            except FileNotFoundError as error:
                log.write(f"threefold: {error.filename} is no program here; correct the sweep's command\n".encode())
                return 127
            self.processes[process] = trains
            if self.stopped.is_set():
                self._ask(process, trains)
            status = process.wait()
            del self.processes[process]
        return status

    def stop(self) -> None:
        """Ends the trials that run; they save what they have. No other is begun."""
        self.stopped.set()
        for process, trains in list(self.processes.items()):
            self._ask(process, trains)

    def _ask(self, process: subprocess.Popen[bytes], trains: bool) -> None:
        """A training asks SLURM for a requeue when it is saved; a test has nothing to save."""
        process.send_signal(REQUEUE if self.time_is_over and trains else END)

    def pass_on_signals(self) -> None:
        """What a cluster sends before it takes a job away reaches the trainings instead of ending this process first;
        the trials then count as interrupted.

        In a job, SIGUSR1 is held back in this process and in those that it begins, which else would die of it before
        they can listen; a thread waits for it.
        """
        for number in (END, REQUEUE):
            signal.signal(number, lambda number, _: self._pass_on(number))
        if current_job() is not None:
            listen(REQUEUE)
            threading.Thread(target=lambda: self._pass_on(signal.sigwait({REQUEUE})), daemon=True).start()

    def _pass_on(self, number: int) -> None:
        self.time_is_over = self.time_is_over or number == REQUEUE
        self.stop()

    def requeue_where_needed(self, trials: Sequence[Trial]) -> None:
        """Asks SLURM to start the job again, where its time is over, work is left, and no training has asked.

        Raises:
            ValueError: SLURM refuses.
        """
        job = current_job()
        if job is not None and self.time_is_over and not self.requeued and any(map(self.is_left, trials)):
            requeue(job)

    def is_left(self, trial: Trial) -> bool:
        """Whether something of a trial is still to be done."""
        if trial.state == "finished":
            return self.course.test and not pipeline.tested(trial.folder)
        return trial.state != "failed"


def gpu_of(slot: int, jobs: int) -> int | None:
    """GPUs go round among jobs that run at the same time; None leaves them to the trial."""
    if jobs == 1:
        return None
    import torch

    count = torch.cuda.device_count()
    return slot % count if count else None


def spoken(trial: Trial) -> str:
    return " ".join(f"{name}={value}" for name, value in trial.parameters.items())


def why(log: Path, status: int) -> str:
    """The reason of a failure, from the end of what the command said."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    told = [line.removeprefix("threefold: ") for line in lines if line.startswith("threefold: ")]
    if told and status == 2:
        return told[-1]
    if status < 0:
        ended = f"ended by signal {-status}"
        return f"{ended} (mostly for want of memory)" if status == -signal.SIGKILL else ended
    return lines[-1] if lines else f"exit status {status}"
