"""`threefold bench`: competing implementations timed side by side in one process."""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands.synthesize import run_kind


def rasterizer(json: Path | None = None, repeats: int = 7, slow_repeats: int = 1, device: str = "cpu") -> None:
    """Times every rasterizer that is there on three scenes, forward and forward with backward, and counts the pixels in
    which they differ.

    Args:
        json: file for the numbers, with commit and hardware.
        repeats: rounds; the table shows medians.
        slow_repeats: rounds that include PyTorch3D, where it is installed; 0 leaves it out.
        device: cpu, or cuda.
    """
    from experiments.benchmarks.rasterizer import benchmark_rasterizer

    benchmark_rasterizer(json, repeats=repeats, slow_repeats=slow_repeats, device=device)


def run(verb: str, arguments: Sequence[str]) -> int:
    return run_kind(verb, {"rasterizer": rasterizer}, arguments)
