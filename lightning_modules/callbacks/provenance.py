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

SOURCE = Path(__file__).parent.parent.parent
PACKAGES = ("threefold", "torch", "lightning", "torchmetrics", "numpy", "scipy", "kornia", "jsonargparse")


def origin() -> dict[str, Any]:
    """The command line, commit, versions and hardware of this process: what must stand beside every number."""
    return {
        "command": " ".join(shlex.quote(word) for word in ["threefold", *sys.argv[1:]]),
        "commit": commit(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: installed(name) for name in PACKAGES},
        "hardware": hardware(),
    }


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
    """

    def __init__(self) -> None:
        self.started = 0.0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.started = time.time()
        seed = os.environ.get("PL_GLOBAL_SEED")
        entry = {**origin(), "seed": int(seed) if seed else None, "started": now(), "finished": None}
        entry["parameters"] = sum(parameter.numel() for parameter in pl_module.parameters())
        self.write(trainer, stage, entry)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        closing = {"finished": now(), "seconds": round(time.time() - self.started, 1), "steps": trainer.global_step}
        self.write(trainer, stage, closing)

    def write(self, trainer: Trainer, stage: str, entry: dict[str, Any]) -> None:
        if not trainer.is_global_zero:
            return
        path = Path(trainer.default_root_dir) / "provenance.json"
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
