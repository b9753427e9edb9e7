"""Where a run came from: command, seed, commit, hardware, versions and time, in provenance.json."""

import json
import os
import platform
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from lightning_modules.callbacks.data_digest import data_digest

SOURCE = Path(__file__).parent.parent.parent
PACKAGES = ("threefold", "torch", "lightning", "torchmetrics", "numpy", "scipy", "kornia", "jsonargparse")


def origin() -> dict[str, Any]:
    """The command line, commit, versions and hardware of this process: what must stand beside every number."""
    return {
        "command": command(),
        "commit": commit(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: installed(name) for name in PACKAGES},
        "hardware": hardware(),
    }


def command() -> str:
    """As it was given; paths below the working folder from there, so that the same words do the same elsewhere."""
    below = f"{Path.cwd()}{os.sep}"
    return " ".join(shlex.quote(word.removeprefix(below)) for word in ["threefold", *sys.argv[1:]])


def commit() -> str:
    """The commit of the sources, marked where files differ from it; "unknown" outside a git checkout."""
    try:
        name = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{name} with uncommitted changes" if changed else name


def git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(SOURCE), *words], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.strip()


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def hardware() -> dict[str, Any]:
    """Processor, cores this process may use, torch's threads and the GPUs."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {"processor": processor(), "cores": cores, "torch_threads": torch.get_num_threads(), "gpus": gpus}


def processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


class Provenance(Callback):
    """Writes provenance.json into the run's folder: one entry a verb (fit, test, …), begun at its start, closed at its
    end.

    A training that was interrupted keeps its entry; `resumes` says when it went on, from which checkpoint (null: from
    nothing, none had been written), by which command and commit. `seconds` are those that led to the result: what was
    done after the last checkpoint before an interruption is not in it.
    """

    def __init__(self) -> None:
        self.started = time.time()
        self.earlier_seconds = 0.0
        self.interrupted: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.earlier_seconds = state_dict["seconds"]

    def seconds(self) -> float:
        return self.earlier_seconds + time.time() - self.started

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.started, self.earlier_seconds = time.time(), 0.0
        seed = os.environ.get("PL_GLOBAL_SEED")
        entry = {**origin(), "seed": int(seed) if seed else None, "started": now(), "finished": None}
        entry["parameters"] = sum(parameter.numel() for parameter in pl_module.parameters())
        root = getattr(getattr(trainer, "datamodule", None), "root", None)
        if trainer.is_global_zero and root is not None and Path(root).is_dir():
            entry["data"] = data_digest(Path(root))
        if stage == "fit":
            self.interrupted = read_json(self.file(trainer)).get("fit", {})
            entry["resumes"] = []
        self.write(trainer, stage, {**entry, **self.interrupted, "finished": None})

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.interrupted:
            return
        checkpoint = trainer.ckpt_path
        resume = {
            "when": now(),
            "checkpoint": None if checkpoint is None else os.path.relpath(checkpoint, trainer.default_root_dir),
            "command": command(),
            "commit": commit(),
        }
        self.write(trainer, "fit", {"resumes": [*self.interrupted.get("resumes", []), resume]})

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The place in the training, which is known only now."""
        if not self.interrupted or not trainer.is_global_zero:
            return
        resumes = read_json(self.file(trainer))["fit"]["resumes"]
        resumes[-1] |= {"epoch": trainer.current_epoch, "step": trainer.global_step}
        self.write(trainer, "fit", {"resumes": resumes})

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        closing = {"finished": now(), "seconds": round(self.seconds(), 1), "steps": trainer.global_step}
        self.write(trainer, stage, closing)

    def file(self, trainer: Trainer) -> Path:
        return Path(trainer.default_root_dir) / "provenance.json"

    def write(self, trainer: Trainer, stage: str, entry: dict[str, Any]) -> None:
        if not trainer.is_global_zero:
            return
        path = self.file(trainer)
        begun = {} if "command" in entry else read_json(path).get(stage, {})
        replace_entry(path, stage, {**begun, **entry})


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_json(path: Path) -> dict[str, Any]:
    """The members of a JSON file, none when it is not there."""
    return json.loads(path.read_text()) if path.is_file() else {}


def replace_entry(path: Path, key: str, entry: dict[str, Any]) -> None:
    """Puts an entry in the place of one member of a JSON file; the file is replaced whole, never half written."""
    document = {**read_json(path), key: entry}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(json.dumps(document, indent=2) + "\n")
    os.replace(unfinished, path)
