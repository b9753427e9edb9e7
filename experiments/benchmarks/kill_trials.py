"""Trainings killed at random moments, and whether the same command ends them as if nothing had been.

    python -m experiments.benchmarks.kill_trials --trials 30 --json experiments/results/kill_trials_cpu.json

Every stage is trained once without interruption, in double precision and deterministically, on data that the project
makes itself. A trial trains a stage again: one to three times its process group is killed (kill -9), at a random moment
of its life or inside the writing of a checkpoint, and the same command is given again; the last time it may end.
Both checkpoints with all that they hold (weights, optimizers, schedules, counters, the state of every callback) and the
metrics must be the same, bit by bit. Each start is a copy of a process that has imported everything, so that a trial
costs seconds.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.benchmarks.copied_process import import_everything
from experiments.benchmarks.kill_trial_stages import STAGES, SYNTHESIZED, Stage
from experiments.benchmarks.killed_process import KILLED, Ended, Moment, command_in_a_process
from experiments.errors import UserError
from lightning_modules.callbacks.provenance import origin
from models.geometry.atomic import replace_when_complete

ATTEMPTS = 8
"""Starts of a trial until enough kills have met it alive; then it may end."""
CALLS = 5
"""Of the system, for each checkpoint: see `killed_process.CHECKPOINT_CALLS`."""
EVERY_BATCH = ("--checkpoint.minutes", "0")
OWN = {
    *("seconds", "dirpath", "best_model_path", "kth_best_model_path", "last_model_path", "best_k_models"),
    "current_score",
}
"""What callbacks note of a run that another one has otherwise: its seconds, its folder, and a score that the training
library saves and never reads (the best one counts, and is compared)."""


def kill_trials(
    trials: int, stages: Sequence[str], seed: int, folder: Path, json_file: Path | None
) -> list[dict[str, Any]]:
    """Prints and returns what became of each trial.

    Args:
        trials: how many, dealt out to the stages in turn.
        stages: of `kill_trial_stages.STAGES`.
        seed: of the moments.
        folder: for data and runs; what is there from an earlier call is used again.
        json_file: where the record goes after each trial, with commit and hardware; None writes nothing.

    Raises:
        UserError: a training fails without any kill.
    """
    torch.set_num_threads(1)
    begun = origin()
    import_everything()
    folder.mkdir(parents=True, exist_ok=True)
    whole = {name: train_whole(STAGES[name], folder) for name in with_earlier(stages)}
    record = []
    for number in range(trials):
        stage = STAGES[stages[number % len(stages)]]
        found = trial(stage, folder, number, whole[stage.name].seconds, np.random.default_rng((seed, number)))
        record.append(found)
        kills = ", ".join(found["kills"])
        print(f"{number:3} {stage.name:<22}{'equal' if found['equal'] else 'DIFFERENT'}  killed {kills}", flush=True)
        if json_file is not None:
            command = f"python -m experiments.benchmarks.kill_trials --trials {trials} --seed {seed}"
            write(json_file, {"origin": {**begun, "command": command}, "summary": summary(record), "trials": record})
    print("\n".join(f"{name:<42}{value:>5}" for name, value in summary(record).items()))
    return record


def summary(record: Sequence[dict[str, Any]]) -> dict[str, int]:
    return {
        "trials": len(record),
        "equal": sum(each["equal"] for each in record),
        "kills": sum(len(each["kills"]) for each in record),
        "kills inside the writing of a checkpoint": sum("writing" in kill for each in record for kill in each["kills"]),
        "resumed from a checkpoint": sum(each["resumed"] for each in record),
        "begun anew": sum(each["anew"] for each in record),
    }


def write(json_file: Path, document: dict[str, Any]) -> None:
    json_file.parent.mkdir(parents=True, exist_ok=True)
    with replace_when_complete(json_file) as (unfinished,):
        unfinished.write_text(json.dumps(document, indent=1) + "\n")


def with_earlier(stages: Sequence[str]) -> list[str]:
    """The stages and those that they need, in an order in which they can be trained."""
    needed = set(stages)
    for name in reversed(STAGES):
        if name in needed:
            needed |= {earlier for _, earlier in STAGES[name].earlier}
    return [name for name in STAGES if name in needed]


def train_whole(stage: Stage, folder: Path) -> Ended:
    """Trains a stage without interruption.

    Raises:
        UserError: it fails.
    """
    log = folder / "log.txt"
    if stage.data and not (folder / stage.data).is_dir():
        must(
            command_in_a_process(
                ["synthesize", *SYNTHESIZED[stage.data], "--workers", "1", "--out", str(folder / stage.data)], log
            )
        )
    run = folder / "whole" / stage.name
    clear(run)
    return must(command_in_a_process([*stage.command(run, folder), *EVERY_BATCH], log))


def must(ended: Ended) -> Ended:
    if ended.status != 0:
        raise UserError(f"a command fails without any kill: {' '.join(ended.said.split())[-300:]}")
    return ended


def trial(stage: Stage, folder: Path, number: int, seconds: float, chance: np.random.Generator) -> dict[str, Any]:
    """One training that is killed one to three times."""
    run, log = folder / "trials" / f"{number:04}-{stage.name}", folder / "log.txt"
    clear(run)
    words = stage.command(run, folder)
    wanted, kills, said = int(chance.integers(1, 4)), [], ""
    # saved after every batch, or rarely, so that much is done again
    words += EVERY_BATCH if chance.random() < 0.7 else ("--checkpoint.minutes", f"{chance.uniform(0, 0.02):.4f}")
    for attempt in range(ATTEMPTS):
        moment = random_moment(chance, seconds, late=not kills and attempt > 2) if len(kills) < wanted else None
        if attempt == ATTEMPTS - 1:
            moment = None
        ended = command_in_a_process(words, log, moment)
        said += ended.said
        if ended.status == KILLED and moment is not None:
            kills.append(spoken(moment))
        elif ended.status != 0:
            return {"stage": stage.name, "kills": kills, "equal": False, "failed": ended.said[-1000:], **counts(said)}
        elif kills:
            break
        else:
            clear(run)  # it ended before the kill
    differing = differences(outcome(folder / "whole" / stage.name), outcome(run))
    result = {"stage": stage.name, "kills": kills, "equal": bool(kills) and not differing, **counts(said)}
    if differing:
        return {**result, "differing": differing[:20]}
    clear(run)
    return result


def random_moment(chance: np.random.Generator, seconds: float, late: bool) -> Moment:
    """Of a process's life, or inside the writing of one of its first checkpoints. late: sooner than the others, for a
    process that was not met alive."""
    if chance.random() < 0.5:
        return Moment(seconds=float(chance.uniform(0.0, 0.5 if late else 1.0) * seconds))
    call, after = int(chance.integers(1, CALLS * 8)), bool(chance.random() < 0.5)
    return Moment(call=1 + call // 4 if late else call, share=float(chance.random()), after=after)


def spoken(moment: Moment) -> str:
    if moment.seconds is not None:
        return f"after {moment.seconds:.2f} s"
    return f"in writing, {'after' if moment.after else 'at'} call {moment.call}"


def counts(said: str) -> dict[str, int]:
    return {"resumed": said.count("it goes on from"), "anew": said.count("begins anew")}


def outcome(run: Path) -> dict[str, Any]:
    """Everything that two equal trainings leave equal."""
    last, best = (torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True) for name in ("last", "best"))
    metrics = json.loads((run / "metrics.json").read_text())["fit"]
    return {"last": without_own(last), "best": without_own(best), "metrics": metrics}


def without_own(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint without `OWN`."""
    callbacks = {
        name: {key: value for key, value in state.items() if key not in OWN}
        for name, state in checkpoint["callbacks"].items()
    }
    return {**checkpoint, "callbacks": callbacks}


def differences(one: Any, other: Any, name: str = "") -> list[str]:
    """Names of the parts that are not the same to the last bit."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        same = one.dtype == other.dtype and one.shape == other.shape
        return [] if same and bytes_of(one) == bytes_of(other) else [name]
    if isinstance(one, dict) and isinstance(other, dict):
        missing = [f"{name}.{key}" for key in one.keys() ^ other.keys()]
        return missing + [
            part for key in one.keys() & other.keys() for part in differences(one[key], other[key], f"{name}.{key}")
        ]
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        return [part for place, pair in enumerate(zip(one, other)) for part in differences(*pair, f"{name}[{place}]")]
    return [] if one == other or (one != one and other != other) else [name]  # a figure may be no number in both


def bytes_of(tensor: Tensor) -> bytes:
    return tensor.detach().contiguous().cpu().view(-1).view(torch.uint8).numpy().tobytes()


def clear(run: Path) -> None:
    shutil.rmtree(run, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument(
        "--stage", action="append", choices=list(STAGES), help="may be given more than once; all without"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="for data and runs, kept; a temporary one without")
    parser.add_argument("--json", type=Path, help="file for the record")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    stages = asked.stage or list(STAGES)
    with tempfile.TemporaryDirectory() as temporary:
        record = kill_trials(asked.trials, stages, asked.seed, asked.folder or Path(temporary), asked.json)
    raise SystemExit(0 if all(each["equal"] for each in record) else 1)


if __name__ == "__main__":
    main()
