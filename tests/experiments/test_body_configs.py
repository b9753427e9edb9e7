"""Every configuration for bodies runs through the real command line, on tiny people."""

from pathlib import Path

import pytest
import yaml

from tests.conftest import BODY_CONFIGS
from tests.experiments.command_line import threefold

FILES = sorted(BODY_CONFIGS.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_configuration_runs(path: Path, body_data: Path, tmp_path: Path, capsys) -> None:
    words = ["--trainer.fast_dev_run", "true", "--trainer.accelerator", "cpu", "--run", tmp_path / "run"]
    words += ["--data.init_args.root", body_data, "--data.init_args.image_size", 64]
    words += ["--data.init_args.batch_size", 1, "--data.init_args.workers", 0]
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
