"""What `threefold fit` does with the folder of a run: begins, goes on where it was interrupted, or refuses."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from experiments.errors import UserError, one_line
from experiments.runs import read_checkpoint
from lightning_modules.callbacks.checkpoint_files import BEFORE_LAST, LAST

LEFTOVERS = ("metrics.csv", "metrics.json", "config.yaml", "checkpoints", "provenance.json")
NO_MATTER = (
    "run",
    "wandb",
    "ckpt_path",
    "checkpoint.minutes",
    "trainer.logger",
    "trainer.profiler",
    "trainer.enable_progress_bar",
    "trainer.enable_model_summary",
    "trainer.log_every_n_steps",
    "data.init_args.workers",
    "data.init_args.memory_gib",
)
"""Settings that may differ between the parts of one training: they change nothing of what is learned."""


class Beginning(NamedTuple):
    """From where a training starts."""

    checkpoint: Path | None
    resumes: bool = False
    """Whether it is the rest of one that was interrupted."""
    remark: str | None = None
    """What the user should know."""
    damaged: tuple[Path, ...] = ()
    """Checkpoints that were passed over."""


class Resting(NamedTuple):
    """The newest checkpoint of a run that is whole."""

    path: Path
    epoch: int
    step: int
    damaged: tuple[Path, ...]
    """Newer ones that are not."""

    def remark(self, run: Path) -> str:
        """What the user should know."""
        instead = "".join(f"{path.name} is damaged, so " for path in self.damaged)
        saved = f"saved in epoch {self.epoch} after step {self.step}"
        return f"{run} was interrupted; {instead}it goes on from {self.path.name}, {saved}"


def beginning_of(run: Path, config: dict[str, Any], asked: Path | None) -> Beginning:
    """Decides from the files of a run's folder alone, so that all processes of a training decide alike.

    Args:
        run: the folder.
        config: of the training, plain values.
        asked: the checkpoint that the command names, None for none.

    Raises:
        UserError: a finished run or one of another configuration would be overwritten, or all its checkpoints are
            damaged.
    """
    occupied = [name for name in LEFTOVERS if (run / name).exists()]
    own = asked is not None and asked.resolve().parent == (run / "checkpoints").resolve()
    if own and asked is not None and asked.name == LAST and asked.exists():
        resting = newest_whole(run)
        assert resting is not None
        return Beginning(resting.path, False, resting.remark(run) if resting.damaged else None, resting.damaged)
    if not occupied or own or (asked is not None and not interrupted(run)):
        return Beginning(asked)
    if not interrupted(run):
        raise UserError(
            f"{run} already holds a run ({occupied[0]}); give another --run, go on with --ckpt_path last, "
            "or delete the folder"
        )
    resting = newest_whole(run)
    if resting is None:
        return Beginning(asked, remark=f"{run} was interrupted before its first checkpoint and begins anew")
    require_same(run, config)
    return Beginning(resting.path, True, resting.remark(run), resting.damaged)


def interrupted(run: Path) -> bool:
    """Whether a training of this folder has begun and not ended."""
    path = run / "provenance.json"
    if not path.is_file():
        # killed within its first second, before it could write more
        return (run / "config.yaml").is_file() and not any((run / "checkpoints").glob("*.ckpt"))
    try:
        training = json.loads(path.read_text()).get("fit")
    except (ValueError, AttributeError):
        raise UserError(f"{path} is damaged; restore it from another copy of the run, or delete the folder") from None
    return training is not None and training.get("finished") is None


def newest_whole(run: Path) -> Resting | None:
    """The checkpoint to go on from; None when none was written yet.

    Raises:
        UserError: there are some, and all are damaged.
    """
    damaged: list[Path] = []
    for path in (run / "checkpoints" / name for name in (LAST, BEFORE_LAST)):
        if not path.is_file():
            continue
        try:
            checkpoint = read_checkpoint(path)
        except UserError:
            damaged.append(path)
            continue
        return Resting(path, int(checkpoint["epoch"]), int(checkpoint["global_step"]), tuple(damaged))
    if damaged:
        names = " and ".join(path.name for path in damaged)
        raise UserError(f"{names} in {damaged[0].parent} are damaged; copy them again, or delete {run} to begin anew")
    return None


def require_same(run: Path, config: dict[str, Any]) -> None:
    """Refuses to go on with another configuration than the run was begun with.

    Raises:
        UserError: naming what differs, or that the configuration of the run is missing.
    """
    path = run / "config.yaml"
    try:
        begun = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(
            f"{run} was interrupted, but its config.yaml cannot be read ({one_line(str(error))}); go on with "
            "--ckpt_path last, or delete the folder"
        ) from None
    found = list(differences(begun or {}, config))
    if found:
        shown = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        raise UserError(
            f"{run} was interrupted and has another configuration than this command ({shown}); give the same one to go "
            "on, --ckpt_path last to go on with the new one, or another --run"
        )


def differences(begun: Any, asked: Any, name: str = "") -> Iterator[str]:
    """What differs between two configurations, such as `trainer.max_epochs: 4, now 6`."""
    if name in NO_MATTER:
        return
    if isinstance(begun, dict) and isinstance(asked, dict):
        for key in begun.keys() | asked.keys():
            yield from differences(begun.get(key), asked.get(key), f"{name}.{key}" if name else str(key))
    elif begun != asked:
        yield f"{name}: {begun}, now {asked}"


def take(run: Path, damaged: Sequence[Path] = ()) -> None:
    """Makes room for the files of a training: earlier metrics get other names, what a killed process left half-written
    goes, and damaged checkpoints are put aside, lest one take the place of the whole one before it."""
    if (run / "metrics.csv").exists():
        earlier = sum(1 for _ in run.glob("metrics-*.csv")) + 1
        os.replace(run / "metrics.csv", run / f"metrics-{earlier}.csv")  # CSVLogger would delete it
    for pattern in (".*.unfinished", ".*.partial", "checkpoints/.*.unfinished"):
        for unfinished in run.glob(pattern):
            unfinished.unlink()
    for path in damaged:
        os.replace(path, path.with_suffix(".damaged"))
