"""Two processes with half of each batch learn what one learns from the whole, in every stage, and measure what it
would."""

import csv
import os
import socket
from functools import cache
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from torch import multiprocessing
from torch.utils.data import DataLoader

from lightning_modules.body_normals import BodyNormals
from lightning_modules.body_occupancy import BodyOccupancy
from lightning_modules.body_scores import OccupancyScores
from lightning_modules.callbacks.sample_scores import SampleScores
from lightning_modules.face_detail import FaceDetail
from models.geometry.primitives import icosphere
from tests.lightning_modules.body_scenes import RADII_CM, ellipsoid_truth
from tests.lightning_modules.clothing_scenes import tiny_clothing
from tests.lightning_modules.conftest import four_faces, tiny_coarse
from tests.lightning_modules.parity_stages import STAGES, Stage, fitted, of_rows
from tests.lightning_modules.test_body_superresolution import WithGhost

PRECISIONS = {"64-true": 1e-12, "32-true": 1e-6}
UNFELT = ("reconstructor.encoder.network.maps.bias", "reconstructor.encoder.network.merge.2.0.bias")
"""Of faces: heat maps take no notice of what is the same all over a map, so that these gradients are rounding; Adam
makes steps of it."""
TESTED = 3
"""Samples of a test: two processes get two each, one of them for the second time."""


def faces_with_truth() -> tuple[FaceDetail, DataLoader]:
    stage = STAGES["face_detail"]()
    assert isinstance(stage.module, FaceDetail)
    batch = four_faces(tiny_coarse())
    rows = [of_rows(batch, row) for row in range(TESTED)]  # type: ignore[arg-type]
    return stage.module, DataLoader(rows, batch_size=2)  # type: ignore[arg-type]


def ellipsoids() -> tuple[BodyOccupancy, DataLoader]:
    """Ellipsoids that are always taken for the same one, with a ball beside."""
    module = BodyOccupancy(WithGhost(), precision="float32", test_resolution=24, test_hull=False)
    module.scores = OccupancyScores(hull=False, normal_size=16)
    module.scores.meshes.points, module.scores.meshes.volume_points = 500, 2000
    mesh = icosphere(3)
    bodies = []
    for place in range(TESTED):
        truth = of_rows(ellipsoid_truth(views=1, size=16), 0)  # type: ignore[arg-type]
        body = truth.body._replace(index=torch.tensor(10 + place), masks=torch.ones(1, 1, 16, 16))
        vertices = mesh.vertices.float() * RADII_CM * (1 + 0.1 * place)
        bodies.append(truth._replace(body=body, vertices_cm=vertices, faces=mesh.faces))
    return module, DataLoader(bodies, batch_size=1)  # type: ignore[arg-type]


def normals_of_three() -> tuple[BodyNormals, DataLoader]:
    stage: Stage = STAGES["body_normals"]()
    assert isinstance(stage.module, BodyNormals)
    rows = [of_rows(stage.batches[0], row) for row in range(TESTED)]  # type: ignore[arg-type]
    return stage.module, DataLoader(rows, batch_size=1)  # type: ignore[arg-type]


TESTS: dict[str, Any] = {
    "face_detail": faces_with_truth,
    "body_occupancy": ellipsoids,
    "body_normals": normals_of_three,
}


def measured(name: str, processes: int, folder: Path) -> dict[str, float]:
    """What validation and test of this process, one of `processes`, report; test_samples.csv goes to the folder."""
    torch.manual_seed(0)
    module, loader = TESTS[name]()
    trainer = lightning.Trainer(
        accelerator="cpu", devices=processes, strategy="ddp" if processes > 1 else "auto", logger=False,
        enable_checkpointing=False, enable_progress_bar=False, callbacks=[SampleScores()],
        default_root_dir=folder / name,
    )  # fmt: skip
    found = [*trainer.validate(module, loader, verbose=False), *trainer.test(module, loader, verbose=False)]
    return {figure: float(value) for figures in found for figure, value in figures.items()}


def everything(processes: int, rank: int, folder: Path) -> None:
    """Trains and tests all stages in this process and writes what came out."""
    torch.set_num_threads(1)
    own = folder / f"of-{processes}"
    weights = {(name, precision): fitted(name, precision, processes) for name in STAGES for precision in PRECISIONS}
    figures = {name: measured(name, processes, own) for name in TESTS}
    torch.save({"weights": weights, "figures": figures}, folder / f"{processes}-{rank}.pt")


def one_of_two(rank: int, port: int, folder: str) -> None:
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_RANK": rank, "NODE_RANK": 0, "WORLD_SIZE": 2}
    os.environ.update({name: str(value) for name, value in place.items()})
    everything(2, rank, Path(folder))
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what one process made of everything, and each of two that worked together."""
    folder = tmp_path_factory.mktemp("parity")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=one_of_two, args=(rank, port, str(folder))) for rank in (0, 1)]
    for process in processes:
        process.start()
    threads = torch.get_num_threads()
    everything(1, 0, folder)
    torch.set_num_threads(threads)
    for process in processes:
        process.join(timeout=900)
        process.kill()
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    return folder


@cache
def outcome(folder: Path, processes: int, rank: int) -> dict[str, Any]:
    return torch.load(folder / f"{processes}-{rank}.pt", weights_only=True)


@pytest.mark.filterwarnings("ignore:.*")
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", STAGES)
def test_two_processes_learn_what_one_does(outcomes: Path, name: str, precision: str) -> None:
    alone = outcome(outcomes, 1, 0)["weights"][name, precision]
    for rank in (0, 1):
        together = outcome(outcomes, 2, rank)["weights"][name, precision]
        assert together.keys() == alone.keys()
        for weight, value in alone.items():
            if weight in UNFELT:
                continue
            torch.testing.assert_close(
                together[weight], value, rtol=0, atol=PRECISIONS[precision], msg=lambda text, at=weight: f"{at}: {text}"
            )


def test_something_was_learned_by_every_stage(outcomes: Path) -> None:
    """Much more than what two processes may differ by."""
    for name, make in STAGES.items():
        torch.manual_seed(0)
        before = make().module.state_dict()
        after = outcome(outcomes, 1, 0)["weights"][name, "32-true"]
        change = max(float((before[weight].float() - value).abs().max()) for weight, value in after.items())
        assert change > 30 * PRECISIONS["32-true"], name
    moved = outcome(outcomes, 1, 0)["weights"]["clothing", "64-true"]["reconstructor.template_vertices"]
    assert float((moved - tiny_clothing().reconstructor.template.vertices).abs().max()) > 1e-4


@pytest.mark.parametrize("name", TESTS)
def test_two_processes_measure_every_sample_once(outcomes: Path, name: str) -> None:
    alone = outcome(outcomes, 1, 0)["figures"][name]
    for rank in (0, 1):
        assert outcome(outcomes, 2, rank)["figures"][name] == pytest.approx(alone, rel=1e-3, abs=1e-3, nan_ok=True)


@pytest.mark.parametrize("name", ["face_detail", "body_occupancy"])
def test_two_processes_write_the_scores_of_every_sample(outcomes: Path, name: str) -> None:
    alone, together = (
        list(csv.DictReader((outcomes / f"of-{processes}" / name / "test_samples.csv").open())) for processes in (1, 2)
    )
    assert [row["index"] for row in alone] == [f"{place}.0" for place in range(TESTED)]
    for one, other in zip(alone, together, strict=True):
        expected = {column: float(value) for column, value in one.items()}
        assert {column: float(value) for column, value in other.items()} == pytest.approx(
            expected, rel=1e-3, abs=1e-3, nan_ok=True
        )
