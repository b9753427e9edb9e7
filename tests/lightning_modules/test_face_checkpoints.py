"""A checkpoint is enough to use a run, but for the files of a licensed face model, which must be the same ones."""

from pathlib import Path

import pytest
import torch

from experiments.runs import load_module
from lightning_modules.face_coarse import FaceCoarse
from lightning_modules.face_detail import FaceDetail, coarse_stage
from models.losses.perceptual import PerceptualLoss
from models.networks.identity_embedder import IdentityEmbedder
from tests.conftest import CONFIGS, ONE_BATCH, TINY_FACE_MODEL, run
from tests.lightning_modules.conftest import tiny_coarse
from tests.models.morphable.file_faces import file_face
from tests.models.morphable.test_bfm import write_front

PERCEPTUAL = "--model.init_args.perceptual"


def small_embedder(path: Path | None = None) -> IdentityEmbedder:
    return IdentityEmbedder(path, image_size=32, width=4, features=16, dimensions=8)


@pytest.fixture
def judged_run(face_data: Path, tmp_path: Path) -> Path:
    """A coarse run with a perceptual loss whose weights are gone since."""
    weights = tmp_path / "embedder.ckpt"
    torch.save({"state_dict": {f"embedder.{k}": v for k, v in small_embedder().state_dict().items()}}, weights)
    network = f"{PERCEPTUAL}.init_args.network"
    words = [PERCEPTUAL, "models.losses.perceptual.PerceptualLoss", network]
    words += ["models.networks.identity_embedder.IdentityEmbedder"]
    for name, value in {"weights": weights, "image_size": 32, "width": 4, "features": 16, "dimensions": 8}.items():
        words += [f"{network}.init_args.{name}", str(value)]
    words += ["--model.init_args.weights.perceptual", "1", "--data.init_args.root", str(face_data)]
    config = CONFIGS / "coarse_small.yaml"
    run("fit", "--config", config, "--run", tmp_path / "run", *words, *TINY_FACE_MODEL, *ONE_BATCH)
    weights.unlink()
    return tmp_path / "run"


def test_a_run_is_used_without_the_network_that_judged_it(judged_run: Path) -> None:
    checkpoint = judged_run / "checkpoints" / "best.ckpt"
    assert not [name for name in torch.load(checkpoint, weights_only=True)["state_dict"] if "perceptual" in name]
    stage = load_module(judged_run)
    assert isinstance(stage, FaceCoarse)
    assert stage.perceptual is None
    coarse, _ = coarse_stage(checkpoint)
    assert coarse.perceptual is None


def test_a_judge_may_be_added_to_weights_of_a_run_without_one() -> None:
    stored = {"state_dict": tiny_coarse().state_dict()}
    stage = tiny_coarse(perceptual=PerceptualLoss(small_embedder()))
    own = {name: value.clone() for name, value in stage.state_dict().items() if name.startswith("perceptual.")}
    stage.on_load_checkpoint(stored)
    stage.load_state_dict(stored["state_dict"])
    assert own
    assert all(torch.equal(stage.state_dict()[name], value) for name, value in own.items())


def test_other_files_of_a_licensed_model_are_refused() -> None:
    stage = tiny_coarse()
    checkpoint = {"state_dict": stage.state_dict(), "hyper_parameters": {}}
    stage.on_save_checkpoint(checkpoint)
    stage.face_model.licensed = True
    stage.on_load_checkpoint(checkpoint)
    stage.face_model.provenance = "another"
    with pytest.raises(ValueError, match="give the files that it was trained with"):
        stage.on_load_checkpoint(checkpoint)


def test_a_licensed_model_stays_out_of_checkpoints_and_is_asked_for_by_name(face_data: Path, tmp_path: Path) -> None:
    licensed = tmp_path / "BFM_model_front.mat"
    write_front(licensed, file_face())
    face_model = "--model.init_args.face_model"
    words = [face_model, "models.morphable.bfm.bfm_2009_front", f"{face_model}.init_args.path", str(licensed)]
    root = ("--data.init_args.root", face_data)
    config, coarse = CONFIGS / "coarse_small.yaml", tmp_path / "coarse"
    run("fit", "--config", config, "--run", coarse, *root, *words, *ONE_BATCH)
    start = ("--model.init_args.coarse_checkpoint", coarse / "checkpoints" / "best.ckpt")
    uv = ("--model.init_args.uv_size", 64, "--data.init_args.image_size", 96)
    config, detail = CONFIGS / "detail_small.yaml", tmp_path / "detail"
    run("fit", "--config", config, "--run", detail, *root, *start, *uv, *ONE_BATCH)
    stage = FaceDetail.load(detail / "checkpoints" / "best.ckpt")
    arrays = {value.shape for value in stage.coarse.face_model.buffers()}
    for folder in (coarse, detail):
        stored = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
        assert not [name for name in stored["state_dict"] if "face_model" in name]
        assert not arrays & {value.shape for value in stored["state_dict"].values() if value.ndim > 1}
    write_front(licensed, file_face(seed=9))
    for folder in (coarse, detail):
        with pytest.raises(ValueError, match="give the files that it was trained with"):
            load_module(folder)
    licensed.unlink()
    for folder in (coarse, detail):
        with pytest.raises(FileNotFoundError, match=r"BFM_model_front\.mat was not found"):
            load_module(folder)
