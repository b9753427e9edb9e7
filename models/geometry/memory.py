"""Refusing work that the machine's memory cannot hold, before it begins."""

from collections.abc import Callable
from pathlib import Path

USABLE_SHARE = 0.8
"""Of the free memory: the rest is for the network and for what the operating system does meanwhile."""


def free_memory_bytes() -> int | None:
    """What processes can still take without swapping; None where the operating system does not say so (not Linux)."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    kilobytes = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return None if kilobytes is None else 1024 * int(kilobytes)


def require_memory(needed_bytes: int, what: str, limit_bytes: int | None, advice: str | Callable[[float], str]) -> None:
    """Raises ValueError, `what` being the subject of the sentence, when more is needed than there is.

    Args:
        limit_bytes: what may be taken; None: most of what is free.
        advice: what to do; or a function that says it, given the share of the need that can be met.
    """
    free = free_memory_bytes() if limit_bytes is None else None
    limit = limit_bytes if free is None else int(USABLE_SHARE * free)
    if limit is None or needed_bytes <= limit:
        return
    sentence = advice if isinstance(advice, str) else advice(limit / needed_bytes)
    raise ValueError(
        f"{what} would take {needed_bytes / 1e9:.1f} GB of memory, {limit / 1e9:.1f} GB can be had: {sentence}."
    )
