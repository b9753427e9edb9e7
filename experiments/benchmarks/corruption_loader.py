"""Everything in the project that reads files: how a small sound data set is made for it, and how it is read whole."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

Problems = Callable[[Path], list[str]]


class Told(NamedTuple):
    """What a conversion gives: its results, and the sentences about what it left out."""

    values: Any
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Loader:
    """One reader of files.

    make: writes a sound data set into a folder. load: reads it as a user's command would, every sample of every split;
    `Told` where sentences come with the result. unread: patterns of files that no loader opens. optional: patterns of
    files that the layout does without. inspect: the sentences of `threefold inspect`. named_by: other words than the
    file's name by which a sentence may name its sample. needs: a package.
    free_names: patterns of JSON files whose members may have any names, so that a misspelt one is as good as another.
    """

    name: str
    make: Callable[[Path], Any]
    load: Callable[[Path], Any]
    unread: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    inspect: Problems | None = None
    named_by: Callable[[Path], Iterable[str]] = lambda path: (path.stem,)
    needs: str | None = None
    free_names: tuple[str, ...] = ()

    def is_unread(self, path: Path) -> bool:
        return any(fnmatch(path.as_posix(), pattern) for pattern in self.unread)

    def is_optional(self, path: Path) -> bool:
        return any(fnmatch(path.as_posix(), pattern) for pattern in self.optional)

    def has_free_names(self, path: Path) -> bool:
        return any(fnmatch(path.as_posix(), pattern) for pattern in self.free_names)

    def missing(self) -> str | None:
        """Why it cannot be tried here."""
        if self.needs is not None and find_spec(self.needs) is None:
            return f"the package {self.needs} is not installed"
        return None


def every_sample(*loaders: Iterable[Any]) -> list[Any]:
    """All batches of all dataloaders."""
    return [list(loader) for loader in loaders]
