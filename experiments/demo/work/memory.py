"""A bound on the memory of this process."""


def bound_memory(limit: int) -> None:
    """The system refuses this process more memory of its own than `limit` bytes, where it can (not on Windows)."""
    try:
        import resource
    except ModuleNotFoundError:
        return
    _, hardest = resource.getrlimit(resource.RLIMIT_DATA)
    bound = limit if hardest == resource.RLIM_INFINITY else min(limit, hardest)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))
