"""Which bodies are for training, validation and test."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from datamodules.body_records import BodyRecord
from models.geometry.plain_text import read_plain_text

HELD_OUT_SHARE = 0.2


def hashed_splits(
    records: Sequence[BodyRecord], key: Callable[[BodyRecord], str], held_out: float = HELD_OUT_SHARE
) -> dict[str, frozenset[str]]:
    """About a share `held_out` of the keys (subjects, sequences or frames) serves validation and test alike, the rest
    training. Chosen by a hash, so that neither order nor newly added data change the choice.

    Raises ValueError when there are fewer than two keys: nothing could be held out.
    """
    keys = sorted({key(record) for record in records})
    if len(keys) < 2:
        raise ValueError(
            f"There is only {keys[0] if keys else 'nothing'} to split into training and test: choose another split or "
            "add data."
        )
    ranked = sorted(keys, key=_rank)
    number = min(max(round(held_out * len(keys)), 1), len(keys) - 1)
    held = set(ranked[:number])
    train = frozenset(record.name for record in records if key(record) not in held)
    test = frozenset(record.name for record in records if key(record) in held)
    return {"train": train, "val": test, "test": test}


def _rank(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def listed_splits(records: Sequence[BodyRecord], val_file: Path, test_file: Path) -> dict[str, frozenset[str]]:
    """PIFu's rule: val.txt names the subjects of the validation set, one a line; the others are for training. Where
    there is a test.txt, it names those of the test set; else the validation subjects are the test too.

    Raises FileNotFoundError without a val.txt and ValueError when it is empty (training would be validated on itself),
    names a stranger or leaves nothing to train on.
    """
    val = _subjects(val_file, records)
    test = _subjects(test_file, records) if test_file.is_file() else val
    train = {record.subject for record in records} - val - test
    if not train:
        raise ValueError(f"{val_file} names every subject and leaves none for training: take some out.")
    return {
        name: frozenset(record.name for record in records if record.subject in subjects)
        for name, subjects in (("train", train), ("val", val), ("test", test))
    }


def _subjects(path: Path, records: Sequence[BodyRecord]) -> set[str]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no {path}: write the names of the validation subjects into it, one a line.")
    named = {line.strip() for line in read_plain_text(path).splitlines() if line.strip()}
    if not named:
        raise ValueError(
            f"{path} is empty, so that training would be judged on its own data: write the names of the held-out "
            "subjects into it, one a line."
        )
    strangers = sorted(named - {record.subject for record in records})
    if strangers:
        raise ValueError(
            f"{path} names {strangers[0]} ({len(strangers)} such rows) but there is no such subject: mend it."
        )
    return named
