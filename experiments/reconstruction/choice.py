"""Which of several people, or faces, of a picture is reconstructed, and a sentence that says so."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.errors import UserError


class Choice(NamedTuple):
    index: int
    remark: str
    """What was found and what of it was taken."""


def choose(path: Path, sizes: Sequence[float], person: int | None, *, one: str, several: str) -> Choice:
    """The asked one, counted from the left from 1, or the largest.

    Args:
        sizes: of everybody found, from left to right; at least one.
        one, several: what they are called, such as "person" and "people".

    Raises:
        UserError: there are fewer than asked for.
    """
    count = len(sizes)
    found = f"{count} {one if count == 1 else several}"
    if person is not None and not 1 <= person <= count:
        were = "was" if count == 1 else "were"
        raise UserError(
            f"{path}: --person {person} was asked for, but {found} {were} found; count from 1, from the left"
        )
    if person is not None:
        return Choice(person - 1, f"{found} found; took number {person} from the left, as asked for")
    if count == 1:
        return Choice(0, f"{found} found")
    largest = max(range(count), key=lambda index: sizes[index])
    return Choice(
        largest, f"{found} found; took the largest, number {largest + 1} from the left (--person N takes another)"
    )
