"""A run in wandb: its scalars, pictures, meshes, tables and checkpoint; what wandb writes stays in the run's folder.

wandb is imported only when a run asks for it.
"""

import csv
import netrc
import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import uuid4

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_info, rank_zero_only

from lightning_modules.callbacks.provenance import read_json, replace_entry

WandbMode = Literal["off", "auto", "offline", "online"]
PROJECT = "threefold"
FOLDERS = ("WANDB_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_ARTIFACT_DIR")
"""Where wandb writes; by itself it would stage artifacts and keep a cache in the home folder."""
STEP = "trainer/global_step"
MOST_ROWS = 2000
"""Of a table of samples."""


def has_account() -> bool:
    """Whether there is a key, from WANDB_API_KEY or `wandb login`. Nobody is asked whether it is valid."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def mode_of(asked: WandbMode) -> Literal["offline", "online"]:
    """What is done: "auto" sends where there is an account and writes files to be sent later where there is none, or
    where WANDB_MODE says so.

    Raises:
        MisconfigurationException: wandb is not installed, or "online" without an account.
    """
    try:
        import wandb  # noqa: F401
    except ModuleNotFoundError:
        raise MisconfigurationException(
            f"--wandb {asked} needs the package wandb; install it with `pip install 'threefold[wandb]'`"
        ) from None
    if asked == "auto":
        offline = os.environ.get("WANDB_MODE", "online") != "online" or not has_account()
        return "offline" if offline else "online"
    if asked == "online" and not has_account():
        raise MisconfigurationException(
            "--wandb online finds no account; run `wandb login`, set WANDB_API_KEY, or take --wandb offline and send "
            "the run later with `wandb sync`"
        )
    return "online" if asked == "online" else "offline"


def wandb_logger(run: Path, asked: WandbMode, config: dict[str, Any]) -> WandbLogger:
    """The logger of a run's folder. Training, resumed training and tests of one folder are one run in wandb.

    Args:
        run: the folder.
        asked: "auto", "offline" or "online".
        config: plain values to show beside the run.
    """
    mode = mode_of(asked)
    run.mkdir(parents=True, exist_ok=True)
    for name in FOLDERS:
        os.environ.setdefault(name, str(run.resolve()))
    project = os.environ.get("WANDB_PROJECT", PROJECT)
    logger = WandbLogger(name=run.name, project=project, save_dir=run, id=run_id(run), config=config, mode=mode)
    logger._wandb_init.pop("anonymous", None)  # else wandb warns of an option that nobody gave
    if mode == "offline":
        os.environ.setdefault("WANDB_SILENT", "true")  # the sentence below says it all
        rank_zero_info(f"wandb: offline; send this run with `wandb sync {run / 'wandb'}/offline-run-*`")
    return logger


def run_id(run: Path) -> str:
    """The same for everything that happens in one folder; an agent's trial has the agent's."""
    path = run / "wandb.json"
    known = read_json(path).get("run", {}).get("id")
    identity = known or os.environ.get("WANDB_RUN_ID") or uuid4().hex[:8]
    if known is None and getattr(rank_zero_only, "rank", 0) == 0:
        replace_entry(path, "run", {"id": identity})
    return identity


class WandbFiles(Callback):
    """Sends what the other callbacks write into the run's folder: panels as pictures, meshes as `Object3D`, scores as
    tables, and at the end of training the checkpoint as an artifact. It must stand behind these callbacks.

    It does nothing in a run without a `WandbLogger`, whether `--wandb` or the configuration brought that.
    """

    def __init__(self) -> None:
        self.sent: set[tuple[Path, float]] = set()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.fresh(Path(trainer.default_root_dir))  # what an earlier start wrote was sent by it

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self.send(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.send(trainer)
        self.send_checkpoint(trainer)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.send(trainer)
        figures = [[name, float(value)] for name, value in sorted(trainer.callback_metrics.items())]
        self.put(trainer, {"test_figures": self.table(["metric", "value"], figures)})

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Ends the run, so that a test in the same process is a start of its own."""
        run = experiment(trainer)
        if run is not None:
            run.finish()

    def send(self, trainer: Trainer) -> None:
        """Everything that has been written since the last time."""
        if experiment(trainer) is None:
            return
        import wandb

        for path in self.fresh(Path(trainer.default_root_dir)):
            if path.suffix == ".png":
                self.put(trainer, {"panel": wandb.Image(str(path), caption=path.stem)})
            elif path.suffix == ".csv":
                with path.open() as file:
                    head, *rows = list(csv.reader(file))
                self.put(trainer, {path.stem: self.table(head, [[number(cell) for cell in row] for row in rows])})
            else:
                name = "template" if path.parent.name == "template" else f"mesh/{path.stem}"
                self.put(trainer, {name: wandb.Object3D(str(path))})

    def fresh(self, folder: Path) -> list[Path]:
        """Files that are new or written anew, the oldest first; of templates the last one."""
        templates = sorted(folder.glob("template/*.obj"))[-1:]
        found = [
            *folder.glob("panels/*.png"),
            *folder.glob("meshes/*.glb"),
            *folder.glob("test_samples.csv"),
            *templates,
        ]
        stamps = {(path, path.stat().st_mtime) for path in found}
        new = sorted(stamps - self.sent, key=lambda stamp: (stamp[1], stamp[0]))
        self.sent |= stamps
        return [path for path, _ in new]

    def send_checkpoint(self, trainer: Trainer) -> None:
        run, folder = experiment(trainer), Path(trainer.default_root_dir)
        checkpoint = folder / "checkpoints" / "best.ckpt"
        if run is None or not checkpoint.is_file():
            return
        import wandb

        artifact = wandb.Artifact(f"{folder.name}-{run.id}", type="model", metadata={"steps": trainer.global_step})
        # not copied: a checkpoint is large, and this one changes no more
        artifact.add_file(str(checkpoint), policy="immutable")
        for name in ("config.yaml", "provenance.json"):
            if (folder / name).is_file():
                artifact.add_file(str(folder / name))
        run.log_artifact(artifact, aliases=["best"])

    def table(self, columns: list[str], rows: list[list[Any]]) -> Any:
        import wandb

        return wandb.Table(columns=list(columns), data=rows[:MOST_ROWS])

    def put(self, trainer: Trainer, values: dict[str, Any]) -> None:
        run = experiment(trainer)
        if run is not None:
            run.log({**values, STEP: trainer.global_step})


def experiment(trainer: Trainer) -> Any:
    """wandb's run, in the first process of a training that has one; None otherwise."""
    loggers = [logger for logger in trainer.loggers if isinstance(logger, WandbLogger)]
    return loggers[0].experiment if loggers and trainer.is_global_zero else None


def number(cell: str) -> float | str | None:
    """A cell of a CSV file as wandb's tables want it."""
    try:
        return float(cell)
    except ValueError:
        return cell or None
