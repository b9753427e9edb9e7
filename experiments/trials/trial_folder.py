"""What is known of one trial, kept in its run folder: trial.json, log.txt, and everything that a run leaves."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from experiments.commands.pipeline import metrics_of
from experiments.errors import UserError
from models.geometry.atomic import replace_when_complete

State = Literal["new", "interrupted", "finished", "failed"]
OWN_FILES = {"trial.json", "trial.lock", "log.txt"}


class Trial(NamedTuple):
    """One training of a sweep."""

    number: int
    parameters: dict[str, Any]
    folder: Path

    @property
    def state(self) -> State:
        """What came of it; a trial that runs is "interrupted"."""
        return self.record().get("state", "new")

    def record(self) -> dict[str, Any]:
        """What trial.json says."""
        return read_record(self.folder)

    def keep(self, **entries: Any) -> None:
        """Writes entries into trial.json beside those that it has; the file is replaced whole."""
        record = {"number": self.number, "parameters": self.parameters, **self.record(), **entries}
        with replace_when_complete(self.folder / "trial.json") as (unfinished,):
            unfinished.write_text(json.dumps(record, indent=2) + "\n")

    def resume_words(self) -> list[str]:
        """What makes `fit` go on with an interrupted run; a run without a checkpoint is cleared and begins anew."""
        if (self.folder / "checkpoints" / "last.ckpt").is_file():
            return ["--ckpt_path=last"]
        if not any(self.folder.rglob("*.ckpt")):
            clear(self.folder)
        return []

    def figure(self, metric: str) -> float | None:
        """The last value of a quantity in training; None where it was not logged or is no number."""
        return metrics_of(self.folder).get("fit", {}).get(metric)

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """False where another process works on this trial."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "trial.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True


def read_record(folder: Path) -> dict[str, Any]:
    """The trial.json of a folder, empty where there is none.

    Raises:
        UserError: it is damaged.
    """
    path = folder / "trial.json"
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text())
    except ValueError:
        raise UserError(f"{path} is damaged; delete the folder {folder} and the trial runs again") from None


def trial_in(sweep_folder: Path, number: int, parameters: dict[str, Any]) -> Trial:
    """A trial of a sweep's folder.

    Raises:
        UserError: the folder holds a trial of that number with other parameters.
    """
    trial = Trial(number, parameters, sweep_folder / f"{number:04d}")
    known = trial.record().get("parameters", parameters)
    if json.loads(json.dumps(parameters)) != known:
        raise UserError(
            f"{trial.folder} was run with {known}, not with {parameters}; give the sweep another --out, or the "
            "seed and the file that it was begun with"
        )
    return trial


def clear(folder: Path) -> None:
    """Takes away everything but the trial's own files."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in OWN_FILES:
            shutil.rmtree(path) if path.is_dir() else os.remove(path)
