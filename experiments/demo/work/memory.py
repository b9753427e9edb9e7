"""A bound on the memory of this process."""

from pathlib import Path

GPU_DRIVER = Path("/proc/driver/nvidia/version")


def bound_memory(limit: int) -> None:
    """The system refuses this process more memory of its own than `limit` bytes, where it can: not on Windows, and not
    beside a GPU, whose driver reserves far more than it uses; the server looks after it there as well."""
    try:
        import resource
    except ModuleNotFoundError:
        return
    if GPU_DRIVER.exists():
        return
    _, hardest = resource.getrlimit(resource.RLIMIT_DATA)
    bound = limit if hardest == resource.RLIM_INFINITY else min(limit, hardest)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))
