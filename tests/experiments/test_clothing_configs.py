"""Every configuration for clothing runs through the real command line, on tiny photographs."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from datamodules.atr import AtrDataModule
from models.networks.inception import FidInception
from models.networks.lpips import LPIPS
from tests.conftest import CLOTHING_CONFIGS, ClothingData
from tests.experiments.command_line import assert_one_sentence, threefold

FILES = sorted(CLOTHING_CONFIGS.glob("*.yaml"))
ABLATIONS = {
    "smr_small": {"encoder", "prototype", "interventions", "fakes"},
    "small_without_prototype": {"prototype"},
    "small_without_interventions": {"interventions"},
    "small_without_loops": {"prototype", "interventions"},
    "small_unconditioned": {"encoder"},
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_configuration_runs(path: Path, clothing_data: ClothingData, tmp_path: Path, capsys) -> None:
    words = ["--trainer.fast_dev_run", "true", "--trainer.accelerator", "cpu", "--run", tmp_path / "run"]
    words += ["--data.init_args.batch_size", 2, "--data.init_args.workers", 0, "--data.init_args.clean_ratio", "null"]
    if path.stem.endswith("_paper"):
        root = getattr(clothing_data, path.stem.removesuffix("_paper"))
        path = without_weights(path, tmp_path)
        words += ["--data.init_args.train_ratio", "null", "--data.init_args.test_ratio", "null"]
    else:
        root = clothing_data.market_hq
        words += ["--data.init_args.image_size", "[64, 32]"]
    answer = threefold(capsys, "fit", "--config", path, "--data.init_args.root", root, *words, "--debug")
    assert answer.status == 0, answer


@pytest.mark.parametrize(("argument", "network"), [("feature_network", FidInception), ("lpips_network", LPIPS)])
def test_weights_that_are_not_there_are_one_plain_sentence(
    argument: str, network: type, tmp_path: Path, capsys
) -> None:
    chosen = (f"--model.init_args.{argument}", f"{network.__module__}.{network.__name__}")
    weights = (f"--model.init_args.{argument}.init_args.weights", tmp_path / "none.pth")
    answer = threefold(
        capsys, "fit", "--config", CLOTHING_CONFIGS / "small.yaml", "--run", tmp_path / "run", *chosen, *weights
    )
    assert_one_sentence(answer, f"threefold: {tmp_path / 'none.pth'} is not there: download")


def test_pictures_of_another_shape_are_refused_before_training(
    clothing_data: ClothingData, tmp_path: Path, capsys
) -> None:
    words = ("--config", CLOTHING_CONFIGS / "small.yaml", "--run", tmp_path / "run", "--trainer.accelerator", "cpu")
    other = ("--data", f"{AtrDataModule.__module__}.{AtrDataModule.__name__}", "--data.init_args.root")
    answer = threefold(capsys, "fit", *words, *other, clothing_data.atr)
    assert_one_sentence(answer, "dataset10k_", "holds for that ratio of the sides, not for 64 : 128")
    assert not (tmp_path / "run" / "config.yaml").exists()


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_changes_what_it_names_and_nothing_else(name: str) -> None:
    small, ablation = (yaml.safe_load((CLOTHING_CONFIGS / f"{each}.yaml").read_text()) for each in ("small", name))
    assert ablation["run"] != small["run"]
    assert changed({**small, "run": None}, {**ablation, "run": None}) == {"model"}
    assert changed(small["model"]["init_args"], ablation["model"]["init_args"]) == ABLATIONS[name]


def without_weights(path: Path, folder: Path) -> Path:
    """A copy of a configuration whose trunks start from nothing: their weights are files that nobody has here."""
    configuration = yaml.safe_load(path.read_text())
    encoder = configuration["model"]["init_args"]["encoder"]["init_args"]
    del encoder["hrnet_weights"], encoder["resnet_weights"]
    copy = folder / path.name
    copy.write_text(yaml.safe_dump(configuration))
    return copy


def changed(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
