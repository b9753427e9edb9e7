"""Every configuration for bodies runs through the real command line, on tiny people."""

from pathlib import Path

import pytest
import yaml

from tests.conftest import BODY_CONFIGS, BodyRuns
from tests.experiments.command_line import threefold
from tests.experiments.conftest import BodyStages, best_of

FILES = sorted(BODY_CONFIGS.glob("*.yaml"))
NETWORK = "--model.init_args.network.init_args"


def stand_ins(path: Path, runs: BodyRuns, stages: BodyStages) -> list[object]:
    """The earlier runs that a configuration builds upon, and small parts in the place of the largest ones."""
    if path.stem.startswith("normals"):
        generators = [f"{NETWORK}.{side}.init_args" for side in ("front", "back")]
        small = [("width", 4)] if path.stem.endswith("paper") else [("widths", "[8, 8]")]
        return [word for each in generators for name, value in small for word in (f"{each}.{name}", value)]
    if path.stem == "pifuhd_coarse_small_plain":
        return [f"{NETWORK}.image_size", 32]
    if path.stem.startswith("pifuhd_coarse"):
        return [f"{NETWORK}.normals.init_args.checkpoint", best_of(stages.normals), f"{NETWORK}.image_size", 32]
    if path.stem.startswith("pifuhd_fine"):
        words = [f"{NETWORK}.coarse.init_args.checkpoint", best_of(stages.coarse), f"{NETWORK}.window", 64]
        return [*words, f"{NETWORK}.classifier.init_args.widths", "[80, 32, 16, 1]"]
    if path.stem.startswith("superresolution"):
        words = ["--model.init_args.stage_one.init_args.checkpoint", best_of(runs.multiscale)]
        words += ["--data.init_args.voxels", 16, f"{NETWORK}.resolution", 16, "--data.init_args.points", 500]
        return [*words, f"{NETWORK}.norm", "group"]
    return []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_configuration_runs(
    path: Path, body_runs: BodyRuns, body_stages: BodyStages, tmp_path: Path, capsys
) -> None:
    words = ["--trainer.fast_dev_run", "true", "--trainer.accelerator", "cpu", "--run", tmp_path / "run"]
    words += ["--data.init_args.root", body_runs.data, "--data.init_args.image_size", 64]
    words += ["--data.init_args.batch_size", 1, "--data.init_args.workers", 0]
    words += stand_ins(path, body_runs, body_stages)
    answer = threefold(capsys, "fit", "--config", path, *words, "--debug")
    assert answer.status == 0, answer


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_small_and_paper_are_the_same_code(path: Path) -> None:
    """A small configuration and the published one differ in numbers, not in classes."""
    if not path.stem.endswith("_small"):
        pytest.skip("compared from the small one")
    paper = path.with_name(path.name.replace("_small", "_paper"))
    first, second = (yaml.safe_load(each.read_text())["model"]["class_path"] for each in (path, paper))
    assert first == second
