"""What runs say of themselves: from their folders, from files of `threefold evaluate`, from wandb."""

import csv
import json
import math
from pathlib import Path
from typing import Any

from experiments.comparison import ComparedRun
from experiments.errors import UserError, one_line

WANDB = "wandb:"
NO_CURVES = {"epoch", "step"}


def read_run(name: str, *, unfinished: bool = False) -> ComparedRun:
    """The test figures of a run, or its last training figures where it was not tested; or the means over bodies in a
    file of `threefold evaluate`, or what wandb kept of `wandb:entity/project/run`.

    A run that has not come to its end holds curves but no figures yet; `unfinished` allows it.

    Raises:
        UserError: when the folder holds no metrics, or the file none of bodies.
    """
    if name.startswith(WANDB):
        return read_wandb(name)
    run = Path(name)
    if run.suffix == ".json":
        return read_evaluation(run)
    path = run / "metrics.json"
    if unfinished and not path.is_file() and (run / "config.yaml").is_file():
        return ComparedRun(str(run), {}, provenance_of(run), samples_of(run), curves_of(run))
    if not path.is_file():
        raise UserError(f"{run} holds no metrics.json; give folders of runs, such as runs/face-coarse")
    try:
        stored = json.loads(path.read_text())
        figures = stored.get("test") or stored["fit"]
        known = {metric: float(value) for metric, value in figures.items() if value is not None}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path} is damaged; test the run again") from None
    return ComparedRun(str(run), known, provenance_of(run), samples_of(run), curves_of(run))


def provenance_of(run: Path) -> dict[str, Any]:
    """Where the run came from; empty when nothing says so."""
    path = run / "provenance.json"
    if not path.is_file():
        return {}
    try:
        stored = json.loads(path.read_text())
    except ValueError:
        stored = None
    if not isinstance(stored, dict):
        raise UserError(f"{path} is damaged; test the run again")
    return stored


def read_evaluation(path: Path) -> ComparedRun:
    """The means of a body evaluation, named as a test of a run names them."""
    if not path.is_file():
        raise UserError(f"{path} does not exist; give folders of runs, or files of `threefold evaluate --json`")
    try:
        stored = json.loads(path.read_text())
        figures = {f"test/{name}": float(value) for name, value in stored["summary"].items()}
        provenance = {"evaluate": {**stored["origin"], "settings": stored["settings"]}}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{path} holds no scores of bodies; write it with `threefold evaluate --protocol body --json`"
        ) from None
    return ComparedRun(str(path), figures, provenance)


def samples_of(run: Path) -> dict[str, dict[int, float]]:
    """The scores of every test sample by its index, where the test wrote them."""
    path = run / "test_samples.csv"
    if not path.is_file():
        return {}
    columns: dict[str, dict[int, float]] = {}
    try:
        with path.open() as file:
            for row in csv.DictReader(file):
                index = int(float(row.pop("index")))
                for name, cell in row.items():
                    if cell and math.isfinite(float(cell)):
                        columns.setdefault(f"test/{name}", {})[index] = float(cell)
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path} is damaged; test the run again") from None
    return columns


def curves_of(run: Path) -> dict[str, dict[float, float]]:
    """What was logged in training, by epoch, the last value of each; a resumed run's earlier files come first."""
    earlier = sorted(run.glob("metrics-*.csv"), key=lambda path: (len(path.stem), path.stem))
    curves: dict[str, dict[float, float]] = {}
    for path in [*earlier, run / "metrics.csv"]:
        if not path.is_file():
            continue
        with path.open(encoding="utf-8", errors="replace") as file:
            try:
                for row in csv.DictReader(file):
                    add_point(curves, row.get("epoch"), row)
            except csv.Error:
                raise UserError(f"{path} is damaged; restore it from another copy of the run") from None
    return curves


def add_point(curves: dict[str, dict[float, float]], epoch: Any, row: dict[str, Any]) -> None:
    """Adds a logged row to the curves; what is no number is left out."""
    at = as_number(epoch)
    for name, cell in row.items():
        value = as_number(cell)
        if (
            at is not None
            and value is not None
            and name not in NO_CURVES
            and "/" in str(name)
            and "trainer/" not in name
        ):
            curves.setdefault(name, {})[at] = value


def as_number(cell: Any) -> float | None:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def read_wandb(name: str) -> ComparedRun:
    """A run in wandb by its summary and history.

    Raises:
        UserError: no wandb, no account, or no such run.
    """
    path = name.removeprefix(WANDB)
    if path.count("/") != 2:
        raise UserError(f"{name!r} names no run; write {WANDB}ENTITY/PROJECT/RUN, as in the run's address")
    try:
        import wandb
    except ModuleNotFoundError:
        raise UserError(f"{name} needs the package wandb; install it with pip install 'threefold[wandb]'") from None
    from lightning_modules.callbacks.wandb_run import has_account

    if not has_account():
        raise UserError(f"{name} needs an account; run `wandb login` or set WANDB_API_KEY")
    try:
        run = wandb.Api(timeout=60).run(path)
        summary, config = dict(run.summary), dict(run.config)
        history = list(run.history(samples=2000, pandas=False))
    except Exception as error:  # the client's errors have no common class
        raise UserError(f"{name} could not be read ({one_line(str(error))}); check its address") from error
    figures = {key: number for key, value in summary.items() if "/" in key and (number := as_number(value)) is not None}
    tested = {key: value for key, value in figures.items() if key.startswith("test/")}
    curves: dict[str, dict[float, float]] = {}
    for row in history:
        add_point(curves, row.get("epoch"), row)
    seed = config.get("seed_everything")
    trained = {key: value for key, value in figures.items() if not key.startswith("trainer/")}
    return ComparedRun(f"{run.name or path}", tested or trained, {"fit": {"seed": seed, "wandb": path}}, {}, curves)
