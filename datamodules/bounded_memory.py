"""Things that were expensive to read or build, kept while there is room."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class BoundedMemory(Generic[Kept]):
    """Keeps what was used last, up to a number of bytes; the least recently used goes first.

    limit: bytes; 0 keeps nothing. size: bytes of one thing.
    """

    def __init__(self, limit: int, size: Callable[[Kept], int]) -> None:
        self.limit = limit
        self.size = size
        self.used = 0
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """What is kept under the key, or what `make` gives."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made = make()
        size = self.size(made)
        if size <= self.limit:
            while self.used + size > self.limit:
                _, dropped = self._kept.popitem(last=False)
                self.used -= self.size(dropped)
            self._kept[key] = made
            self.used += size
        return made
