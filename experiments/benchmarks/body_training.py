"""`threefold bench body-training`: what a training step of each small body configuration costs, in turn.

The configurations take turns step by step in one process, so that whatever else the machine does falls on all of them
alike: the ratio of two methods' steps is what makes "equal time" of two trainings. CPU time of the process.
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import ArgumentParser

from datamodules.body_data_module import BodyDataModule
from lightning_modules.body_occupancy import BodyOccupancy
from lightning_modules.callbacks.provenance import origin

CONFIGS = Path(__file__).parent.parent / "configs" / "bodies"
REPEATS = 1000
"""Epochs one after the other, without a pause between them."""
COMPARED = ("pifu_small.yaml", "multiscale_small.yaml")


def benchmark_body_training(
    data: Path,
    json_file: Path | None,
    *,
    configurations: tuple[str, ...] = COMPARED,
    repeats: int = 11,
    threads: int | None = None,
) -> dict[str, dict[str, float]]:
    """Prints and returns the milliseconds of the parts of a step of each configuration, and each step's cost as a
    multiple of the first one's.

    Args:
        data: people in PIFu's layout.
        json_file: where the numbers go, with commit and hardware; None writes nothing.
        configurations: file names in experiments/configs/bodies.
        repeats: steps of each; medians are reported.
        threads: of torch.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    steps = {name: training_step(yaml.safe_load((CONFIGS / name).read_text()), data) for name in configurations}
    seconds: dict[str, list[dict[str, float]]] = {name: [] for name in steps}
    for round_number in range(repeats + 2):
        for name, step in steps.items():
            parts = step()
            if round_number >= 2:  # the first rounds warm up
                seconds[name].append(parts)
    figures = {name: medians(rounds) for name, rounds in seconds.items()}
    first = figures[configurations[0]]["step ms"]
    for name, values in figures.items():
        values["of the first configuration's"] = values["step ms"] / first
        print(name + "\n" + "\n".join(f"  {part:<32}{value:10.2f}" for part, value in values.items()))
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        record = {"origin": origin(), "settings": {"repeats": repeats, "seed": 0}, "cpu_time": figures}
        json_file.write_text(json.dumps(record, indent=2) + "\n")
    return figures


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Milliseconds of each part, and of all together."""
    parts = {f"{part} ms": 1e3 * statistics.median(each[part] for each in rounds) for part in rounds[0]}
    return parts | {"step ms": 1e3 * statistics.median(sum(each.values()) for each in rounds)}


def training_step(config: dict[str, Any], data: Path) -> Callable[[], dict[str, float]]:
    """A function that takes one training step and returns the CPU seconds of its parts."""
    torch.manual_seed(0)
    parser = ArgumentParser()
    parser.add_subclass_arguments(BodyOccupancy, "model")
    parser.add_subclass_arguments(BodyDataModule, "data")
    config["data"]["init_args"] |= {"root": str(data), "repeats": REPEATS}
    made = parser.instantiate(parser.parse_object({name: config[name] for name in ("model", "data")}))
    module, loader = made.model, made.data
    epochs = loader.train_dataloader()
    for body in range(len(epochs.dataset) // REPEATS):  # type: ignore[arg-type]
        epochs.dataset[body]  # reading a mesh for the first time is not part of a step
    batches = iter(epochs)
    optimizer = torch.optim.Adam(module.trained(), lr=1e-4)
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    module.train()

    def step() -> dict[str, float]:
        times = [time.process_time()]
        batch = next(batches)
        times.append(time.process_time())
        loss = module.training_step(batch, 0)
        times.append(time.process_time())
        optimizer.zero_grad()
        loss.backward()
        times.append(time.process_time())
        optimizer.step()
        times.append(time.process_time())
        names = ("data", "forward", "backward", "optimiser")
        return {name: end - start for name, start, end in zip(names, times, times[1:])}

    return step
