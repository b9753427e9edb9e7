"""Stages that build on another run: their checkpoints are whole without it, wrong ones are refused in a sentence."""

from pathlib import Path

import pytest
import torch

from experiments.runs import load_module
from lightning_modules.body_occupancy import BodyOccupancy
from lightning_modules.body_superresolution import BodySuperResolution
from lightning_modules.trained_networks import trained_coarse, trained_network, trained_normals
from models.bodies.multiscale import MultiScale
from models.bodies.normal_maps import NormalMaps
from models.bodies.pifuhd import PifuHdCoarse, PifuHdFine
from tests.conftest import BODY_CONFIGS, BodyRuns
from tests.experiments.command_line import assert_one_sentence, threefold
from tests.experiments.conftest import BodyStages, best_of


def test_every_stage_loads_from_its_own_checkpoint_alone(body_stages: BodyStages, tmp_path: Path) -> None:
    """The file is taken away from everything else, and names none of the runs it came from."""
    for stage, wanted in (("coarse", PifuHdCoarse), ("fine", PifuHdFine), ("superresolution", None)):
        path = tmp_path / f"{stage}.ckpt"
        path.write_bytes(best_of(getattr(body_stages, stage)).read_bytes())
        named = str(torch.load(path, weights_only=True)["hyper_parameters"])
        assert ".ckpt" not in named
        assert "trained_networks" not in named
        module = load_module(path)
        if wanted is None:
            assert isinstance(module, BodySuperResolution)
            assert isinstance(module.stage_one, MultiScale)
        else:
            assert isinstance(module, BodyOccupancy)
            assert isinstance(module.network, wanted)


def test_the_weights_of_the_earlier_stage_arrive(body_stages: BodyStages, body_runs: BodyRuns) -> None:
    normals = trained_normals(str(best_of(body_stages.normals)))
    coarse = trained_coarse(str(best_of(body_stages.coarse)))
    assert isinstance(coarse.normals, NormalMaps)
    torch.testing.assert_close(coarse.normals.state_dict(), normals.state_dict(), rtol=0, atol=0)
    fine = load_module(best_of(body_stages.fine))
    assert isinstance(fine, BodyOccupancy)
    assert isinstance(fine.network, PifuHdFine)
    torch.testing.assert_close(fine.network.coarse.state_dict(), coarse.state_dict(), rtol=0, atol=0)
    second = load_module(best_of(body_stages.superresolution))
    first = trained_network(str(best_of(body_runs.multiscale)))
    assert isinstance(second, BodySuperResolution)
    torch.testing.assert_close(second.stage_one.state_dict(), first.state_dict(), rtol=0, atol=0)


def test_a_wrong_or_missing_checkpoint_is_refused(body_stages: BodyStages, body_runs: BodyRuns) -> None:
    with pytest.raises(FileNotFoundError, match="train the earlier stage first"):
        trained_normals("nowhere.ckpt")
    with pytest.raises(ValueError, match="does not hold PIFuHD's coarse level"):
        trained_coarse(str(best_of(body_runs.multiscale)))
    with pytest.raises(ValueError, match="does not hold an occupancy network"):
        trained_network(str(best_of(body_stages.normals)))


def test_the_command_says_so_in_one_sentence(body_runs: BodyRuns, tmp_path: Path, capsys) -> None:
    config = BODY_CONFIGS / "superresolution_small.yaml"
    words = ["--run", tmp_path / "run", "--data.init_args.root", body_runs.data]
    missing = ["--model.init_args.stage_one.init_args.checkpoint", tmp_path / "no.ckpt"]
    answer = threefold(capsys, "fit", "--config", config, *words, *missing)
    assert_one_sentence(answer, "no.ckpt", "train the earlier stage first")
