"""Two processes train and report what one would."""

from pathlib import Path

import lightning
import pytest
import torch
from torch import Tensor, multiprocessing
from torch.utils.data import DataLoader, Dataset

from datamodules.samples import FaceSample, FaceTruthSample
from lightning_modules.face_coarse import FaceCoarse
from lightning_modules.face_identity import FaceIdentity
from lightning_modules.face_scores import DetailScores
from models.faces.detail import DetailedRendering
from models.faces.parameters import FaceParameters
from models.morphable.procedural_face import procedural_face
from models.networks.identity_embedder import IdentityEmbedder
from models.networks.point_network import PointNetwork
from tests.lightning_modules.conftest import SIDE, four_faces, tiny_coarse


def rows_of(batch: FaceTruthSample, rows: slice) -> FaceTruthSample:
    return FaceTruthSample(FaceSample(*(part[rows] for part in batch.photo)), *(part[rows] for part in batch[1:]))


def report_of(rows: slice) -> dict[str, Tensor]:
    """Scores of some of the four faces, reconstructed a little wrong; only the first has wrinkles."""
    coarse = tiny_coarse()
    batch = four_faces(coarse)
    batch = batch._replace(wrinkles=batch.wrinkles & (torch.arange(4) == 0)[:, None, None])
    batch = rows_of(batch, rows)
    wrong = torch.linspace(0.02, 0.2, 4)[rows, None]
    found = FaceParameters(
        0.5 * batch.identity, batch.expression, batch.albedo, batch.pose + wrong * torch.tensor([1, 1, 0, 0, 0, 0.0]),
        batch.light,
    )  # fmt: skip
    geometry = coarse.reconstructor.deform(found, SIDE)
    rendering = coarse.reconstructor.render(found, geometry, SIDE)
    scores = DetailScores(coarse.face_model)
    scores.update(batch, found, geometry, rendering)
    fine = DetailedRendering(rendering.image, torch.nn.functional.normalize(rendering.normals + 0.01, dim=1))
    scores.update_detail(batch, rendering, fine)
    return scores.report("val")


def report_from(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2)
    report = report_of(slice(2 * rank, 2 * rank + 2))
    torch.save(report, Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def test_scores_of_two_processes_are_those_of_one(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=report_from, args=(rank, str(tmp_path))) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=300)
        process.kill()
        process.join()
    assert [process.exitcode for process in processes] == [0, 0], "they did not ask for the same figures"
    alone = report_of(slice(0, 4))
    assert "val/detail_gain_percent" in alone
    for rank in (0, 1):
        together = torch.load(tmp_path / f"{rank}.pt")
        assert together.keys() == alone.keys()
        for name, value in alone.items():
            torch.testing.assert_close(together[name], value, rtol=1e-4, atol=1e-4, msg=name)


class Photographs(Dataset[FaceSample]):
    """The four faces, again and again."""

    def __init__(self) -> None:
        self.photo = four_faces(tiny_coarse()).photo

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> FaceSample:
        return FaceSample(*(part[index % 4] for part in self.photo))


@pytest.mark.filterwarnings("ignore:.*")
def test_the_coarse_stage_trains_in_two_processes_through_all_its_phases(tmp_path: Path) -> None:
    network = PointNetwork(64, width=4, map_width=16, features=32)
    stage = FaceCoarse(procedural_face("tiny"), network, 64, 32, shape_start=0.25, colour_start=0.5)
    fitting = lightning.Trainer(
        max_epochs=2, accelerator="cpu", devices=2, strategy="ddp_spawn", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    fitting.fit(stage, DataLoader(Photographs(), batch_size=2))
    assert bool(fitting.callback_metrics["train/photometric"].isfinite())


def test_every_weight_of_the_identity_stage_takes_part_in_its_loss() -> None:
    """Else DDP stops at the second step."""
    embedder = IdentityEmbedder(image_size=32, width=4, features=16, dimensions=8)
    stage = FaceIdentity(procedural_face("tiny"), embedder, people=4, batches=4, side=32)
    stage.contrast(0)[0].backward()
    assert all(weight.grad is not None for weight in stage.parameters() if weight.requires_grad)
