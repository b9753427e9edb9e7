"""Every configuration that is shipped runs through the real command line, on tiny data."""

from pathlib import Path

import pytest
import yaml

from tests.conftest import CONFIGS, FaceRuns
from tests.experiments.command_line import threefold
from tests.experiments.trials.sweeps import names_not_logged, unknown_names
from tests.models.morphable.file_faces import file_face
from tests.models.morphable.test_ict import write_folder

PROCEDURAL = (
    "models.morphable.procedural_face.procedural_face",
    *("--model.init_args.face_model.init_args.level", "tiny"),
)
SMALL_BACKBONE = (
    *("--model.init_args.backbone", "models.networks.convolutional.ConvolutionalEncoder"),
    *("--model.init_args.backbone.init_args.image_size", "64", "--model.init_args.backbone.init_args.width", "8"),
)
CONFIG_FILES = sorted(CONFIGS.parent.rglob("*.yaml"))
FACE_FILES = sorted(CONFIGS.glob("*.yaml"))


def stand_ins(config: dict, folder: Path) -> list[str]:
    """Words that put small free parts in the place of files to download, licensed files and large networks."""
    arguments = config["model"].get("init_args", {})
    words: list[str] = []
    if arguments.get("face_model", {}).get("class_path") == "models.morphable.ict.ict_face":
        write_folder(folder / "FaceXModel", file_face())
        words += ["--model.init_args.face_model.init_args.path", str(folder)]
    elif "face_model" in arguments:
        words += ["--model.init_args.face_model", *PROCEDURAL]
    if "weights" in arguments.get("backbone", {}).get("init_args", {}):
        words += [*SMALL_BACKBONE, "--model.init_args.image_size", "64", "--model.init_args.rendering_size", "32"]
    if arguments.get("perceptual"):
        words += ["--model.init_args.perceptual", "null", "--model.init_args.weights.perceptual", "0"]
    return words


def is_overlay(config: dict) -> bool:
    """A file to be given behind another one: it names no model."""
    return "model" not in config


@pytest.mark.parametrize("path", FACE_FILES, ids=lambda path: path.stem)
def test_every_configuration_runs(path: Path, face_runs: FaceRuns, tmp_path: Path, capsys) -> None:
    config = yaml.safe_load(path.read_text())
    if is_overlay(config):
        pytest.skip("an overlay, run together with the file it belongs to")
    words = ["--trainer.fast_dev_run", "true", "--trainer.accelerator", "cpu", "--run", tmp_path / "run"]
    arguments = config["model"].get("init_args", {})
    if "data" in config and "face" in path.parent.name:
        words += ["--data.init_args.root", face_runs.data, "--data.init_args.batch_size", 2]
        words += ["--data.init_args.workers", 0]
    if "initial_checkpoint" in arguments:
        words += ["--model.init_args.initial_checkpoint", face_runs.coarse / "checkpoints" / "best.ckpt"]
    if "coarse_checkpoint" in arguments:
        words += ["--model.init_args.coarse_checkpoint", face_runs.coarse / "checkpoints" / "best.ckpt"]
        words += ["--model.init_args.uv_size", 64, "--data.init_args.image_size", 96]
        words += ["--model.init_args.widths", "[8, 8, 8]"]
    answer = threefold(capsys, "fit", "--config", path, *words, *stand_ins(config, tmp_path / "files"), "--debug")
    assert answer.status == 0, answer


@pytest.mark.parametrize("path", CONFIG_FILES, ids=lambda path: path.stem)
def test_every_configuration_leaves_the_run_folder_to_the_command(path: Path) -> None:
    config = yaml.safe_load(path.read_text())
    trainer = config.get("trainer", {})
    assert "logger" not in trainer
    assert "default_root_dir" not in trainer
    assert is_overlay(config) or config["run"].startswith("runs/")
    assert is_overlay(config) or config["seed_everything"] == 0, "a recipe is the same every time"
    assert path.read_text().startswith("#"), "a recipe says what it is for"


def test_sweeps_rank_by_what_the_stages_log(face_runs: FaceRuns) -> None:
    """What two pictures cannot have is not asked for: wrinkles, correlations, covered skin."""
    assert names_not_logged(face_runs.coarse) == []
    assert set(unknown_names(face_runs.coarse)) <= {
        "val/photometric_error_covered_grey",
        *(f"val/identity_correlation_{mode}" for mode in range(1, 9)),
    }
    assert all("wrinkle" in name or "gain" in name for name in names_not_logged(face_runs.detail))
