"""`threefold bench training`: steps a second of every training stage, and where the time of a step goes.

Each stage is trained for a few steps by its small configuration, by the code that `threefold fit` runs, on few data
that the project makes itself. Everything has been read and decoded before the measured steps; what reading costs the
first time stands beside. Earlier stages that one builds upon have taken a single step. Parts are told on the clock and
in processor time, which other programs disturb less.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from experiments.benchmarks.step_clock import PARTS
from experiments.benchmarks.training_stages import STAGES, MeasuredStage, checkpoint_of
from experiments.benchmarks.training_steps import make_ready, timed_steps
from experiments.errors import UserError
from lightning_modules.callbacks.provenance import origin
from models.geometry.atomic import replace_when_complete


def benchmark_training(
    json_file: Path | None = None,
    *,
    data: Path | None = None,
    names: Sequence[str] | None = None,
    workers: Sequence[int] = (0, 1, 2),
    steps: int = 10,
    warm_up: int | None = None,
    rounds: int = 1,
    threads: int | None = None,
    device: str = "cpu",
    stages: Mapping[str, MeasuredStage] = STAGES,
) -> list[dict[str, Any]]:
    """Measures, prints a table, and returns its rows: one a stage, number of workers and round.

    Args:
        json_file: where the rows go, with commit and hardware; None writes nothing.
        data: folder for data and checkpoints, which are made where they are missing; None takes a temporary one.
        names: of `stages`; None takes all.
        workers: processes that load data; 0 loads in the training process, as the configurations have it.
        steps: that are measured.
        warm_up: steps before them; None reads every item three times.
        rounds: in each round every stage is measured once, so that what else the machine does falls on all alike.
        threads: of torch.
        device: cpu or cuda.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    chosen = chosen_stages(names, stages)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="training-") as place:
        folder = data or Path(place)
        for stage in chosen:
            make_ready(stage, stages, folder)
        print(headings())
        for round_number in range(rounds):
            for stage in chosen:
                for number in workers:
                    words = [*stage.command(folder, number), "--trainer.accelerator", device, "--trainer.devices", "1"]
                    keep = checkpoint_of(folder, stage.name)
                    times = timed_steps(words, folder, steps, warm_up, None if keep.is_file() else keep)
                    rows.append({"stage": stage.name, "workers": number, "round": round_number, **times.row()})
                    print(line(rows[-1]), flush=True)
    settings = {"steps": steps, "rounds": rounds, "threads": threads or torch.get_num_threads(), "device": device}
    write_rows(json_file, settings, rows)
    return rows


def chosen_stages(names: Sequence[str] | None, stages: Mapping[str, MeasuredStage]) -> list[MeasuredStage]:
    """The stages by their names, in the order in which they build upon each other."""
    for name in names or ():
        if name not in stages:
            raise UserError(f"--stages {name} is none of {', '.join(stages)}; give one or more of them")
    return [stage for name, stage in stages.items() if not names or name in names]


def headings() -> str:
    """Milliseconds of the clock a step, then shares: of data on the clock, and of data in processor time."""
    return (
        f"{'stage':<22}{'workers':>8}{'steps/s':>9}" + "".join(f"{part:>17}" for part in PARTS) + "   data   data, CPU"
    )


def line(row: Mapping[str, Any]) -> str:
    parts = "".join(f"{row[f'{part} ms']:14.1f} ms" for part in PARTS)
    shares = f"{row['data share percent']:5.1f} %{row['data share of processor percent']:9.1f} %"
    return f"{row['stage']:<22}{row['workers']:>8}{row['steps per second']:9.2f}{parts}{shares}"


def write_rows(json_file: Path | None, settings: dict[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows with command, commit and hardware, in one step."""
    if json_file is None:
        return
    json_file.parent.mkdir(parents=True, exist_ok=True)
    record = {"origin": origin(), "settings": settings, "rows": rows}
    with replace_when_complete(json_file) as (unfinished,):
        unfinished.write_text(json.dumps(record, indent=2) + "\n")
