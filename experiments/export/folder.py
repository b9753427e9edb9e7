"""The folder of an exported run: everything but the weights."""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from experiments.errors import UserError
from experiments.export.weights import LARGEST_BYTES, write_weights
from experiments.runs import WEIGHTS, read_checkpoint
from experiments.shipped import LIMITS
from lightning_modules.callbacks.provenance import origin
from models.geometry.atomic import replace_when_complete

OF_TRAINING = ("max_epochs", "max_steps", "gradient_clip_val", "precision", "check_val_every_n_epoch")
"""Of the trainer's settings those that say how it was trained, not on which machine."""
OF_EARLIER_TESTS = ("scores.json", "metrics.json", "test_samples.csv")
"""Of other weights: they go when new ones come."""
EARLIER = ("coarse_checkpoint", "initial_checkpoint")
"""Arguments of a stage that name the runs it went on from."""
NOTHING_KNOWN = (
    "What this run is good for has not been written down; scores.json holds what was measured on its test data."
)


def export_run(run: Path, out: Path, limits: Path | None = None, largest_bytes: int = LARGEST_BYTES) -> None:
    """Writes weights, config.yaml, provenance.json and limits.txt; README.md and scores.json come with the test.

    Limits that are there already stay, unless a file gives others.

    Raises:
        UserError: the run is not complete, its weights are too large, or `out` is something else's folder.
    """
    config, provenance = config_of_training(run), provenance_of(run)
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; give a folder with --out")
    if out.is_dir() and (out / "checkpoints").is_dir():
        raise UserError(f"{out} is the folder of a run that was trained; give another one with --out")
    text = limits_text(out, limits)
    tell_commit(run, provenance["fit"])
    out.mkdir(parents=True, exist_ok=True)
    with replace_when_complete(out / WEIGHTS) as (unfinished,):
        remark = write_weights(run, unfinished, largest_bytes)
    for name in OF_EARLIER_TESTS:
        (out / name).unlink(missing_ok=True)
    about = read_checkpoint(out / WEIGHTS)
    size = (out / WEIGHTS).stat().st_size
    provenance["export"] = {**origin(), "bytes": size, "remark": remark}
    write_text(out / "config.yaml", yaml.safe_dump(config_for_use(config, about), sort_keys=False))
    write_text(out / "provenance.json", json.dumps(provenance, indent=2) + "\n")
    write_text(out / LIMITS, text + "\n")
    print(f"{out / WEIGHTS}: {size / 1e6:.2f} MB{'' if remark is None else f'; {remark}'}")


def config_of_training(run: Path) -> dict[str, Any]:
    path = run / "config.yaml"
    if not path.is_file():
        raise UserError(f"{run} holds no config.yaml; give the folder of a run that `threefold fit` wrote")
    try:
        config = yaml.safe_load(path.read_text())
        return {"seed_everything": config["seed_everything"], "trainer": config["trainer"], "data": config["data"]}
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        raise UserError(f"{path} is no configuration of a run; restore it from another copy of the run") from None


def config_for_use(config: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """A configuration that builds the module again from the folder alone; what it was trained on stays as it was."""
    arguments = {name: value for name, value in about["hyper_parameters"].items() if not name.startswith("_")}
    model = {"class_path": about["hyper_parameters"]["_class_path"], "init_args": arguments}
    trainer = {name: config["trainer"][name] for name in OF_TRAINING if config["trainer"].get(name) is not None}
    return {**config, "trainer": trainer, "model": json.loads(json.dumps(model))}


def provenance_of(run: Path) -> dict[str, Any]:
    """How a run was trained, and before it, in `earlier`, the runs that it went on from."""
    path = run / "provenance.json"
    try:
        training = json.loads(path.read_text()).get("fit") if path.is_file() else None
    except (ValueError, AttributeError):
        raise UserError(f"{path} is damaged; restore it from another copy of the run") from None
    if training is not None and training.get("finished") is None:
        raise UserError(f"{run} is not trained to its end; let `threefold fit` finish it")
    found = {"fit": training or {}}
    earlier = [provenance_of(path) for path in earlier_runs(run) if (path / "provenance.json").is_file()]
    return {**found, "earlier": earlier} if earlier else found


def earlier_runs(run: Path) -> list[Path]:
    config = yaml.safe_load((run / "config.yaml").read_text()) if (run / "config.yaml").is_file() else {}
    arguments = ((config or {}).get("model") or {}).get("init_args") or {}
    paths = [Path(arguments[name]) for name in EARLIER if isinstance(arguments.get(name), str)]
    return [path.parent.parent for path in paths if path.parent.parent.resolve() != run.resolve()]


def tell_commit(run: Path, training: dict[str, Any]) -> None:
    """Says it where nobody could train the run again from what is known."""
    commit = training.get("commit", "unknown")
    if commit == "unknown" or "uncommitted" in commit:
        sys.stderr.write(f"warning: {run} was trained at commit {commit}; it cannot be trained again as it was\n")


def limits_text(out: Path, given: Path | None) -> str:
    path = given if given is not None else out / LIMITS
    if given is not None and not given.is_file():
        raise UserError(f"--limits {given} does not exist; give a text file, or leave it out")
    return path.read_text(encoding="utf-8").strip() if path.is_file() else NOTHING_KNOWN


def write_text(path: Path, text: str) -> None:
    with replace_when_complete(path) as (unfinished,):
        unfinished.write_text(text, encoding="utf-8")
