"""Tiny synthetic data sets and tiny trained runs of the stages, made once by the real commands."""

from pathlib import Path
from typing import NamedTuple

import pytest

from experiments.cli import main

CONFIGS = Path(__file__).parents[1] / "experiments" / "configs" / "faces"
BODY_CONFIGS = CONFIGS.parent / "bodies"
CLOTHING_CONFIGS = CONFIGS.parent / "clothing"
TINY_FACE_MODEL = ("--model.init_args.face_model.init_args.level", "tiny")
ONE_BATCH = (
    *("--trainer.max_epochs", "1", "--trainer.limit_train_batches", "1", "--trainer.limit_val_batches", "1"),
    *("--trainer.check_val_every_n_epoch", "1", "--trainer.accelerator", "cpu", "--data.init_args.batch_size", "2"),
    *("--checkpoint.monitor", "null"),  # two pictures may hold no wrinkle to measure
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
)


class FaceRuns(NamedTuple):
    data: Path
    coarse: Path
    detail: Path


def run(*words: object) -> None:
    main([*(str(word) for word in words), "--debug"])


@pytest.fixture(scope="session")
def face_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 synthetic pictures of 96 pixels in the face-folder layout, with truth."""
    folder = tmp_path_factory.mktemp("faces") / "data"
    people = ("--num", 20, "--images_per_identity", 1)
    run("synthesize", "faces", "--out", folder, *people, "--size", 96, "--level", "tiny", "--workers", 1)
    return folder


@pytest.fixture(scope="session")
def face_runs(face_data: Path, tmp_path_factory: pytest.TempPathFactory) -> FaceRuns:
    """One training step of each stage: everything is in its place, nothing is learned."""
    runs = tmp_path_factory.mktemp("runs")
    coarse, detail = runs / "face-coarse", runs / "face-detail"
    root = ("--data.init_args.root", face_data)
    config = CONFIGS / "coarse_small.yaml"
    run("fit", "--config", config, "--run", coarse, *root, *TINY_FACE_MODEL, *ONE_BATCH)
    start = ("--model.init_args.coarse_checkpoint", coarse / "checkpoints" / "best.ckpt")
    uv = ("--model.init_args.uv_size", 64, "--data.init_args.image_size", 96)
    config = CONFIGS / "detail_small.yaml"
    run("fit", "--config", config, "--run", detail, *root, *start, *uv, *ONE_BATCH)
    return FaceRuns(face_data, coarse, detail)


class BodyRuns(NamedTuple):
    data: Path
    multiscale: Path


@pytest.fixture(scope="session")
def body_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four people of 64 pixels from four sides in PIFu's layout: two to train on, one each for validation and test."""
    folder = tmp_path_factory.mktemp("bodies") / "data"
    small = ("--num", 4, "--size", 64, "--yaws", 4, "--mesh_resolution", 64, "--held_out", 0.25, "--workers", 1)
    run("synthesize", "bodies", "--out", folder, *small)
    return folder


@pytest.fixture(scope="session")
def body_runs(body_data: Path, tmp_path_factory: pytest.TempPathFactory) -> BodyRuns:
    """A few training steps of the multi-scale network: it hardly knows more than where bodies are."""
    folder = tmp_path_factory.mktemp("body-runs") / "body-multiscale"
    run(
        *("fit", "--config", BODY_CONFIGS / "multiscale_small.yaml", "--run", folder),
        *("--data.init_args.root", body_data, "--data.init_args.image_size", 64, "--trainer.max_steps", 60),
        *("--model.init_args.test_resolution", 48, "--trainer.accelerator", "cpu"),
        *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
    )
    return BodyRuns(body_data, folder)


class ClothingData(NamedTuple):
    """Roots of the three layouts."""

    market_hq: Path
    atr: Path
    cub: Path


@pytest.fixture(scope="session")
def clothing_data(tmp_path_factory: pytest.TempPathFactory) -> ClothingData:
    """A dozen synthetic pictures in each layout of clothing, with truth."""
    folder = tmp_path_factory.mktemp("clothing")
    data = ClothingData(*(folder / name for name in ClothingData._fields))
    tiny = ("--num", 12, "--views", 2, "--held_out", 0.2, "--workers", 1, "--height", 64)
    for layout, out in data._asdict().items():
        run("synthesize", "garments", "--out", out, "--layout", layout.replace("_", "-"), *tiny)
    return data
