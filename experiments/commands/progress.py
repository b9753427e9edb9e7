"""Long work shows how far it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def progress_bar(name: str, unit: str = "picture") -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr that is fed with (done, total); it appears with the first of them, not before a refusal."""
    bar: tqdm | None = None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(desc=name, unit=f" {unit}", total=total)
        bar.total = total
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()
