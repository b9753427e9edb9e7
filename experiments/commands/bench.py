"""`threefold bench`: competing implementations timed side by side in one process."""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands.synthesize import run_kind


def rasterizer(json: Path | None = None, seconds: float = 2.0) -> None:
    """Times every available rasterizer on three scenes, forward and forward with backward, and checks that they agree.

    Args:
        json: file for the numbers, with commit and hardware.
        seconds: time to spend on each measurement.
    """
    from experiments.benchmarks.rasterizer import benchmark

    print(benchmark(json=json, seconds=seconds))


def run(verb: str, arguments: Sequence[str]) -> int:
    return run_kind(verb, {"rasterizer": rasterizer}, arguments)
