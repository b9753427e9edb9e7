"""One reconstruction for all tests of what is done with it."""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import BODY_CONFIGS, CLOTHING_CONFIGS, ONE_BATCH, BodyRuns, ClothingData, FaceRuns, run


@pytest.fixture(scope="session")
def done(face_runs: FaceRuns, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One reconstruction by the detailed run."""
    out = tmp_path_factory.mktemp("out")
    picture = face_runs.data / "images" / "000000.jpg"
    landmarks = face_runs.data / "landmarks"
    run(
        "reconstruct", picture, "--run", face_runs.detail, "--out", out, "--landmarks", landmarks, "--texture_size", 128
    )
    return out / "000000"


class BodyStages(NamedTuple):
    normals: Path
    coarse: Path
    fine: Path
    superresolution: Path


@pytest.fixture(scope="session")
def body_stages(body_runs: BodyRuns, tmp_path_factory: pytest.TempPathFactory) -> BodyStages:
    """One training step of every stage that follows another: everything is in its place, nothing is learned."""
    runs = BodyStages(*(tmp_path_factory.mktemp("body-stages") / name for name in BodyStages._fields))
    short = (
        *("--data.init_args.root", body_runs.data, "--data.init_args.image_size", 64, "--data.init_args.batch_size", 1),
        *("--trainer.max_steps", 1, "--trainer.limit_val_batches", 0, "--trainer.accelerator", "cpu"),
        *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
    )
    network = "--model.init_args.network.init_args"
    run("fit", "--config", BODY_CONFIGS / "normals_small.yaml", "--run", runs.normals, *short)
    earlier = (f"{network}.normals.init_args.checkpoint", best_of(runs.normals), f"{network}.image_size", 32)
    run("fit", "--config", BODY_CONFIGS / "pifuhd_coarse_small.yaml", "--run", runs.coarse, *short, *earlier)
    earlier = (f"{network}.coarse.init_args.checkpoint", best_of(runs.coarse), f"{network}.window", 32)
    run("fit", "--config", BODY_CONFIGS / "pifuhd_fine_small.yaml", "--run", runs.fine, *short, *earlier)
    earlier = ("--model.init_args.stage_one.init_args.checkpoint", best_of(body_runs.multiscale))
    config = BODY_CONFIGS / "superresolution_small.yaml"
    run("fit", "--config", config, "--run", runs.superresolution, *short, *earlier)
    return runs


def best_of(folder: Path) -> Path:
    return folder / "checkpoints" / "best.ckpt"


class ClothingRuns(NamedTuple):
    data: Path
    small: Path


@pytest.fixture(scope="session")
def clothing_runs(clothing_data: ClothingData, tmp_path_factory: pytest.TempPathFactory) -> ClothingRuns:
    """One training step on pictures of 64 x 32 pixels: everything is in its place, nothing is learned."""
    folder, data = tmp_path_factory.mktemp("clothing-runs") / "clothing", clothing_data.market_hq
    root = ("--data.init_args.root", data, "--data.init_args.image_size", "[64, 32]")
    run("fit", "--config", CLOTHING_CONFIGS / "small.yaml", "--run", folder, *root, *ONE_BATCH)
    return ClothingRuns(data, folder)
