"""Sweeps for the tests: YAML texts, and a quick program in the place of a training."""

import json
from pathlib import Path
from typing import Any

import yaml

from experiments.trials.logged_names import LOGGED, complaint_about

CONFIG = Path(__file__).parents[3] / "experiments" / "configs" / "bodies" / "pifu_small.yaml"
SWEEPS = CONFIG.parents[2] / "sweeps"
STAND_IN = '''
"""Takes the words of a training and leaves what a training leaves: the parabola of x, or what it is told to do."""
import json, os, sys, time
from pathlib import Path
words = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[2:])
run, x, deed = Path(words["run"]), float(words["x"]), words.get("deed", "none")
starts = Path(__file__).parent / f"starts-{run.name}.txt"
with starts.open("a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
again = len(starts.read_text().splitlines()) > 1
if deed == "refuse":
    sys.stderr.write("threefold: x is wrong; give another\\n")
    sys.exit(2)
if deed == "die":
    os.kill(os.getpid(), 9)
if deed == "interrupted" and not again:
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "last.ckpt").write_text("half")
    os.kill(os.getpid(), 15)
if deed == "wait" and not again:
    print("waiting", flush=True)
    time.sleep(600)
figures = {} if deed == "silent" else {"val/bce": (x - 0.3) ** 2, "threads": float(os.environ["OMP_NUM_THREADS"])}
(run / "metrics.json").write_text(json.dumps({"fit": figures}))
'''


def write_sweep(folder: Path, **changes: Any) -> Path:
    """A grid over x of the stand-in, with other keys where they are given (None takes one out)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stand_in.py").write_text(STAND_IN)
    document: dict[str, Any] = {
        "program": str(folder / "stand_in.py"),
        "name": "parabola",
        "method": "grid",
        "metric": {"name": "val/bce", "goal": "minimize"},
        "parameters": {"config": {"value": str(CONFIG)}, "x": {"values": [0.0, 0.25, 1.0]}},
        "command": ["${env}", "${interpreter}", "${program}", "fit", "${args}"],
    }
    document = {name: value for name, value in {**document, **changes}.items() if value is not None}
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def trials_of(folder: Path) -> list[dict[str, Any]]:
    """Every trial.json, in order."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*/trial.json"))]


def starts_of(path: Path, number: int) -> list[str]:
    """The commands that the program of a trial of a sweep's file was started with."""
    return (path.parent / f"starts-{number:04d}.txt").read_text().splitlines()


def unknown_names(run: Path) -> list[str]:
    """What a run logged while it was validated that no sweep may rank by."""
    logged = json.loads((run / "metrics.json").read_text())["fit"]
    stage = yaml.safe_load((run / "config.yaml").read_text())["model"]["class_path"]
    assert "train/loss" in logged
    return [name for name in logged if name.startswith("val/") and complaint_about(name, stage)]


def names_not_logged(run: Path) -> list[str]:
    """What a sweep may rank by that a run did not log."""
    logged = json.loads((run / "metrics.json").read_text())["fit"]
    stage = yaml.safe_load((run / "config.yaml").read_text())["model"]["class_path"]
    return sorted(set(LOGGED[stage]) - set(logged))
