"""`threefold bench training --processes N`: one process with whole batches against N with equal parts of them.

The arrangements take turns; every measurement is made by fresh processes, which exchange gradients by gloo on the CPU.
One process is measured with one thread and with as many threads as there are processes, so that all have the same
cores. Only the clock tells anything here: the machine must have nothing else to do.
"""

import json
import os
import socket
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from torch import multiprocessing

from experiments.benchmarks.training import chosen_stages, write_rows
from experiments.benchmarks.training_stages import CONFIGS, DATA, STAGES, MeasuredStage
from experiments.benchmarks.training_steps import make_ready, timed_steps
from experiments.errors import UserError

COMPARED = ("clothing", "face_coarse", "body_multiscale")


class Arrangement(NamedTuple):
    processes: int
    threads: int
    """Of each process."""

    def told(self) -> str:
        return f"{self.processes} x {self.threads} thread{'s' if self.threads > 1 else ''}"


def benchmark_processes(
    json_file: Path | None = None,
    *,
    processes: int = 2,
    data: Path | None = None,
    names: Sequence[str] | None = None,
    steps: int = 10,
    warm_up: int | None = None,
    rounds: int = 3,
    stages: Mapping[str, MeasuredStage] = STAGES,
) -> list[dict[str, Any]]:
    """Measures, prints and returns the steps a second of each stage and arrangement (the median of the rounds), and
    what multiple they are of one process's, with one thread and with all of them. Arguments as in
    `benchmark_training`; `names` None takes `COMPARED`."""
    chosen = chosen_stages(names or COMPARED, stages)
    arrangements = [Arrangement(1, 1), Arrangement(1, processes), Arrangement(processes, 1)]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="training-") as place:
        folder = data or Path(place)
        for stage in chosen:
            make_ready(stage, stages, folder)
        for stage in chosen:
            rates: dict[Arrangement, list[float]] = {arrangement: [] for arrangement in arrangements}
            for _ in range(rounds):
                for arrangement in arrangements:
                    rates[arrangement].append(measured(stage, arrangement, folder, steps, warm_up))
            middle = {arrangement: statistics.median(found) for arrangement, found in rates.items()}
            for arrangement, found in rates.items():
                rate = middle[arrangement]
                row = {"stage": stage.name, "processes": arrangement.processes, "threads": arrangement.threads}
                single, threaded = (rate / middle[other] for other in arrangements[:2])
                row |= {"steps per second": rate, "rounds": found, "times one thread": single}
                rows.append(row | {"times as many threads": threaded})
                times = f"{single:6.2f} x one thread{threaded:6.2f} x {processes} threads"
                print(f"{stage.name:<18}{arrangement.told():<14}{rate:8.2f} steps/s{times}", flush=True)
    write_rows(json_file, {"steps": steps, "rounds": rounds, "processes": processes}, rows)
    return rows


def measured(stage: MeasuredStage, arrangement: Arrangement, folder: Path, steps: int, warm_up: int | None) -> float:
    """Steps a second."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    answer = folder / "steps-per-second.json"
    answer.unlink(missing_ok=True)
    words = [*stage.command(folder, 0), *share_of_batch(stage, arrangement.processes)]
    words += ["--trainer.accelerator", "cpu", "--trainer.devices", str(arrangement.processes)]
    context = multiprocessing.get_context("spawn")
    running = [
        context.Process(target=one_of_several, args=(rank, port, arrangement, words, folder, steps, warm_up, answer))
        for rank in range(arrangement.processes)
    ]
    for process in running:
        process.start()
    while alive := [process for process in running if process.is_alive()]:
        connection.wait([process.sentinel for process in alive])
        if any(process.exitcode for process in running):
            for process in alive:
                process.kill()  # it would wait for the one that failed
    if not answer.is_file():
        codes = ", ".join(str(process.exitcode) for process in running)
        raise UserError(f"{stage.name} in {arrangement.told()} ended with the exit codes {codes}; see the lines above")
    return float(json.loads(answer.read_text()))


def share_of_batch(stage: MeasuredStage, processes: int) -> list[str]:
    """Words that give each process its part of the configuration's batch."""
    batch = yaml.safe_load((CONFIGS / stage.config).read_text())["data"]["init_args"]["batch_size"]
    for name, value in zip(stage.words, stage.words[1:]):
        batch = int(value) if name == f"{DATA}.batch_size" else batch
    if batch % processes:
        raise UserError(f"{stage.name} trains on batches of {batch}, which {processes} processes cannot share equally")
    return [f"{DATA}.batch_size", str(batch // processes)]


def one_of_several(
    rank: int,
    port: int,
    arrangement: Arrangement,
    words: Sequence[str],
    folder: Path,
    steps: int,
    warm_up: int | None,
    answer: Path,
) -> None:
    torch.set_num_threads(arrangement.threads)
    if arrangement.processes > 1:
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_RANK": rank, "NODE_RANK": 0}
        place["WORLD_SIZE"] = arrangement.processes
        os.environ.update({name: str(value) for name, value in place.items()})
    times = timed_steps(words, folder, steps, warm_up, None)
    if rank == 0:
        answer.write_text(json.dumps(times.row()["steps per second"]))
    if arrangement.processes > 1:
        torch.distributed.destroy_process_group()
