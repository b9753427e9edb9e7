"""What an exported run reaches on test data, measured with its very weights, and the page that says so."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from experiments.commands import pipeline
from experiments.errors import UserError
from experiments.export.folder import write_text
from experiments.runs import WEIGHTS, class_of, read_checkpoint
from experiments.shipped import LIMITS
from lightning_modules.face_coarse import FaceCoarse
from lightning_modules.face_detail import FaceDetail

PICTURES = ("panels", "meshes")
"""Folders that a test writes for looking; they are too large to come with the program."""


def measure(folder: Path, data: Sequence[Path]) -> None:
    """Runs `threefold test` on the test pictures of every data set, writes scores.json. The first data set is measured
    last, so that the folder's metrics.json is about it.

    Raises:
        UserError: a data set is not there.
        SystemExit: a test failed; it has said why.
    """
    for root in data:
        if not root.is_dir():
            raise UserError(f"--data {root} is no folder; give data sets to test on")
    tests = []
    for root in reversed(data):
        pipeline.threefold("test", "--run", folder, "--data.init_args.root", root, *detector(folder, root))
        tests.insert(0, measured(folder))
    for name in PICTURES:
        shutil.rmtree(folder / name, ignore_errors=True)
    write_text(folder / "scores.json", json.dumps({"weights": WEIGHTS, "tests": tests}, indent=2) + "\n")


def detector(folder: Path, root: Path) -> list[str]:
    """Faces are searched for where a photograph has neither landmarks nor a box."""
    from experiments.commands.train_face import detection

    weights = folder / WEIGHTS
    trained = class_of(read_checkpoint(weights), weights)
    return detection(root) if issubclass(trained, (FaceCoarse, FaceDetail)) else []


def measured(folder: Path) -> dict[str, Any]:
    """The scores of the last test, and where they come from."""
    origin = json.loads((folder / "provenance.json").read_text())["test"]
    known = ("command", "commit", "hardware", "seed", "data", "finished")
    scores = json.loads((folder / "metrics.json").read_text())["test"]
    return {**{name: origin.get(name) for name in known}, "scores": scores}


def write_page(folder: Path) -> None:
    """README.md: limits, scores, origin."""
    write_text(folder / "README.md", "\n".join(page(folder)) + "\n")


def page(folder: Path) -> Iterator[str]:
    provenance = json.loads((folder / "provenance.json").read_text())
    yield f"# {folder.resolve().name}: weights that come with the program"
    yield ""
    yield (folder / LIMITS).read_text(encoding="utf-8").strip()
    yield from score_tables(folder)
    yield "\n## How it was trained\n"
    for training in trainings(provenance):
        yield from origin_lines(training)
    size = provenance["export"]["bytes"]
    yield f"\n`{WEIGHTS}` holds {size / 1e6:.2f} MB, half precision; it is read in single precision."
    if provenance["export"]["remark"]:
        yield f"{provenance['export']['remark']}."


def score_tables(folder: Path) -> Iterator[str]:
    path = folder / "scores.json"
    if not path.is_file():
        return
    yield "\n## What it reaches\n"
    yield "Measured with these very weights:"
    for test in json.loads(path.read_text())["tests"]:
        data = test["data"] or {}
        yield f"\n`{test['command']}`, commit `{test['commit']}`,"
        yield f"{data.get('files', 'unknown')} files in {data.get('root')}\n"
        yield "| measure | value |"
        yield "|---|---|"
        for name, value in test["scores"].items():
            yield f"| {name} | {pipeline.number(value)} |"


def trainings(provenance: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Of a run and those before it, the first one first."""
    for earlier in provenance.get("earlier", []):
        yield from trainings(earlier)
    yield provenance["fit"]


def origin_lines(training: dict[str, Any]) -> Iterator[str]:
    if not training:
        yield "* unknown: no provenance.json was with the run"
        return
    machine = training.get("hardware", {})
    data = training.get("data", {})
    yield f"* `{training.get('command')}`"
    yield f"  commit `{training.get('commit')}`, seed {training.get('seed')}, {training.get('seconds')} s on"
    yield f"  {machine.get('cores')} cores of {machine.get('processor')},"
    yield f"  data {data.get('root')} (sha256 {str(data.get('sha256'))[:16]}…)"
