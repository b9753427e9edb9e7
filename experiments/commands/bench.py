"""`threefold bench`: competing implementations timed side by side in one process."""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands.synthesize import run_kind


def rasterizer(
    json: Path | None = None, repeats: int = 7, slow_repeats: int = 1, threads: int | None = None, device: str = "cpu"
) -> None:
    """Times every available rasterizer on three scenes, forward and forward with backward, and checks that they agree.

    Args:
        json: file for the numbers, with commit and hardware.
        repeats: rounds; each runs every rasterizer once.
        slow_repeats: rounds in which PyTorch3D takes part on the CPU, up to minutes a call; 0 leaves it out.
        threads: of torch and of the compiled loops; 1 where others use the machine too.
        device: cpu or cuda.
    """
    from experiments.benchmarks.rasterizer import benchmark_rasterizer

    benchmark_rasterizer(json, repeats=repeats, slow_repeats=slow_repeats, threads=threads, device=device)


def run(verb: str, arguments: Sequence[str]) -> int:
    return run_kind(verb, {"rasterizer": rasterizer}, arguments)
