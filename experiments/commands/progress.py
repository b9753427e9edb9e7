"""Long work shows how far it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def progress_bar(name: str, unit: str = "picture") -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr that is fed with (done, total)."""
    with tqdm(desc=name, unit=unit) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
