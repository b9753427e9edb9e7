"""`threefold bench requeue`: how often a training in two processes that SIGUSR1 meets at a random moment is requeued
and resumed.

Each trial starts a stage of the project as a job of a simulated SLURM (its variables, a stand-in for scontrol, two gloo
processes on this computer), signals both processes, one a little after the other, and starts the job again when it has
asked for that. Processes are copies of one that has imported everything, except where the signal comes while they
import. A trial succeeds when both processes leave on their own with a checkpoint and one request, and the second start
goes on from that checkpoint and ends with the number of steps of a training that nobody signalled. How far its weights
are from those of that training stands beside.
"""

import json
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from experiments.benchmarks.copied_process import import_everything
from experiments.benchmarks.requeue_stages import STAGES
from experiments.benchmarks.simulated_slurm import SimulatedJob, await_true
from lightning_modules.callbacks.provenance import origin
from models.geometry.atomic import replace_when_complete

TOGETHER = "All distributed processes registered"
"""What the training library says when the processes have found each other."""
RESUMED = "Restored all states"
LARGEST_PAUSE = 0.3
"""Seconds between the signals to the first and to the second process."""
SINCE = ("together", "listening", "together", "importing")
"""What the moments of a round of all stages are counted from, round after round."""
IMPORTING_SECONDS = 3.0
"""At least as long takes a process that begins afresh."""


class Undisturbed(NamedTuple):
    """A training that nobody signalled."""

    seconds: dict[str, float]
    """Until its end, since both processes listen, and since they have found each other; and those of importing."""
    checkpoint: dict[str, Any]


@dataclass(frozen=True)
class Trial:
    stage: str
    since: str
    """What the moment is counted from: "listening" (both processes hold the signal back), "importing" (the same, and
    they have begun afresh) or "together" (they have found each other)."""
    moment: float
    """Seconds."""
    pause: float
    saved_step: int | None = None
    answer_seconds: float | None = None
    """From the signal to the end of both processes."""
    largest_difference: float | None = None
    """Of a weight, to those of the undisturbed training."""
    failure: str | None = None
    too_late: bool = False
    """The training had ended, or was in its last step: no trial, another one takes its place."""


def requeue_trials(
    trials: int,
    stages: Sequence[str],
    folder: Path,
    json_file: Path | None = None,
    seed: int = 0,
    patience: float = 300,
) -> list[Trial]:
    """Runs the trials, the stages in turn, prints a line for each and returns them.

    Args:
        trials: how many.
        stages: of `STAGES`.
        folder: for data and runs.
        json_file: where the trials go, with commit and hardware.
        seed: of the moments.
        patience: seconds that processes have to end; more is a hang.
    """
    torch.set_num_threads(1)
    import_everything()
    folder, source = folder.resolve(), origin()
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    expected = {stage: undisturbed(stage, folder, patience) for stage in stages}
    done: list[Trial] = []
    while sum(not trial.too_late for trial in done) < trials:
        counted = sum(not trial.too_late for trial in done)
        stage = stages[counted % len(stages)]
        since = SINCE[counted // len(stages) % len(SINCE)]
        moment = chance.uniform(0, expected[stage].seconds[since])
        trial = Trial(stage, since, moment, chance.uniform(0, LARGEST_PAUSE))
        done.append(tried(trial, expected[stage], folder / f"trial-{len(done):03d}", folder, patience))
        print(line_of(len(done), done[-1]), flush=True)
        if json_file is not None:
            settings = {"trials": trials, "stages": list(stages), "seed": seed, "patience": patience}
            write(json_file, done, source, settings)
    counted = [trial for trial in done if not trial.too_late]
    print(f"{sum(trial.failure is None for trial in counted)} of {len(counted)} were requeued and resumed")
    return done


def undisturbed(stage: str, folder: Path, patience: float) -> Undisturbed:
    place = folder / f"undisturbed-{stage}"
    shutil.rmtree(place, ignore_errors=True)
    job = SimulatedJob(place, [*STAGES[stage](folder), "--run", place / "run"], copied=True)
    job.start()
    began = {}
    for since in ("listening", "together"):
        await_true(signs(job)[since], patience)
        began[since] = time.monotonic()
    statuses = job.wait(patience)
    end = time.monotonic()
    if statuses != [0, 0]:
        raise RuntimeError(f"{stage} does not train in two processes: {statuses}\n{job.said(0)}\n{job.said(1)}")
    seconds = {"importing": IMPORTING_SECONDS, **{since: end - start for since, start in began.items()}}
    print(f"{stage}: {seconds['listening']:.1f} s, {seconds['together']:.1f} s of them together", flush=True)
    return Undisturbed(seconds, last_checkpoint(place))


def signs(job: SimulatedJob) -> dict[str, Callable[[], bool]]:
    return {"importing": job.listening, "listening": job.listening, "together": lambda: TOGETHER in job.said(0)}


def tried(trial: Trial, expected: Undisturbed, place: Path, folder: Path, patience: float) -> Trial:
    """Both starts of one job."""
    shutil.rmtree(place, ignore_errors=True)
    copied = trial.since != "importing"
    job = SimulatedJob(place, [*STAGES[trial.stage](folder), "--run", place / "run"], copied=copied)
    try:
        found = signalled_and_resumed(job, trial, expected, place, patience)
    finally:
        job.kill()
    if found.failure is None:
        shutil.rmtree(place)  # what failed stays for a look
    return found


def signalled_and_resumed(
    job: SimulatedJob, trial: Trial, expected: Undisturbed, place: Path, patience: float
) -> Trial:
    job.start()
    if not await_true(signs(job)[trial.since], patience):
        return replace(trial, failure=f"never {trial.since}: {last_words(job)}")
    time.sleep(trial.moment)
    if not job.running():
        return replace(trial, too_late=True)
    sent = time.monotonic()
    job.send(pause=trial.pause)
    statuses = job.wait(patience)
    trial = replace(trial, answer_seconds=time.monotonic() - sent)
    if statuses != [0, 0]:
        return replace(trial, failure=f"exit statuses {statuses} after the signal: {last_words(job)}")
    if not job.requests:
        return replace(trial, too_late=True)
    if job.requests != [f"requeue {job.number}"]:
        return replace(trial, failure=f"asked for {job.requests}")
    trial = replace(trial, saved_step=last_checkpoint(place)["global_step"])
    job.copied = True
    job.start()
    statuses = job.wait(2 * patience)
    if statuses != [0, 0]:
        return replace(trial, failure=f"exit statuses {statuses} after the restart: {last_words(job)}")
    if RESUMED not in job.said(0) or len(job.requests) != 1:
        return replace(trial, failure=f"did not go on from its checkpoint: {last_words(job)}")
    ended = last_checkpoint(place)
    if ended["global_step"] != expected.checkpoint["global_step"]:
        steps = (ended["global_step"], expected.checkpoint["global_step"])
        return replace(trial, failure=f"ended with {steps[0]} steps instead of {steps[1]}")
    return replace(trial, largest_difference=difference(ended["state_dict"], expected.checkpoint["state_dict"]))


def last_checkpoint(place: Path) -> dict[str, Any]:
    return torch.load(place / "run" / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)


def difference(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    """The largest one of a weight."""
    pairs = [(first[name].double(), second[name].double()) for name in first if first[name].numel()]
    return max(float((one - other).abs().max()) for one, other in pairs)


def last_words(job: SimulatedJob) -> str:
    lines = [line for task in range(job.tasks) for line in job.said(task).splitlines()[-3:]]
    return " | ".join(" ".join(line.split()) for line in lines)[-600:]


def line_of(number: int, trial: Trial) -> str:
    """For the terminal."""
    when = f"{number:3d}  {trial.stage:<16} {trial.moment:6.1f} s since {trial.since:<10}"
    if trial.too_late:
        return f"{when} too late, tried again"
    if trial.failure is not None:
        return f"{when} FAILED: {trial.failure}"
    answered = f"saved step {trial.saved_step}, left after {trial.answer_seconds:.1f} s"
    return f"{when} {answered}, resumed; difference {trial.largest_difference:.1e}"


def write(json_file: Path, done: Sequence[Trial], source: dict[str, Any], settings: dict[str, Any]) -> None:
    counted = [trial for trial in done if not trial.too_late]
    record = {
        "origin": source,
        "settings": settings,
        "requeued_and_resumed": sum(trial.failure is None for trial in counted),
        "of": len(counted),
        "equal_to_the_bit": sum(trial.largest_difference == 0 for trial in counted),
        "rows": [asdict(trial) for trial in done],
    }
    json_file.parent.mkdir(parents=True, exist_ok=True)
    with replace_when_complete(json_file) as (unfinished,):
        unfinished.write_text(json.dumps(record, indent=2) + "\n")
