"""The fine stage over a frozen coarse one, from checkpoints, and the identity stage."""

import math
from pathlib import Path

import lightning
import pytest
import torch

from datamodules.samples import FaceTruthSample
from lightning_modules.face_detail import FaceDetail, coarse_stage
from lightning_modules.face_identity import FaceIdentity
from models.networks.identity_embedder import IdentityEmbedder
from tests.conftest import FaceRuns


@pytest.fixture
def detail(face_runs: FaceRuns) -> FaceDetail:
    return FaceDetail.load(face_runs.detail / "checkpoints" / "best.ckpt")


def quiet(stage: FaceDetail) -> FaceDetail:
    stage.log = stage.log_dict = lambda *arguments, **options: None  # type: ignore[method-assign]
    return stage


def training_batch(runs: FaceRuns):
    from datamodules.face_folder import FaceFolderDataModule

    data = FaceFolderDataModule(str(runs.data), image_size=96, batch_size=2)
    return next(iter(data.train_dataloader())), next(iter(data.test_dataloader()))


def test_only_the_displacement_network_learns(detail: FaceDetail, face_runs: FaceRuns) -> None:
    batch, _ = training_batch(face_runs)
    stage = quiet(detail).train()
    assert not stage.coarse.training
    before = {name: value.clone() for name, value in stage.coarse.state_dict().items()}
    stage.training_step(batch, 0).backward()
    assert all(parameter.grad is None for parameter in stage.coarse.parameters())
    assert all(parameter.grad is not None for parameter in stage.detailer.parameters())
    after = stage.coarse.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_photometric_gradient_reaches_the_displacement_network(detail: FaceDetail, face_runs: FaceRuns) -> None:
    batch, _ = training_batch(face_runs)
    losses = detail.losses(batch, detail.reconstruct(batch.image))
    losses["photometric"].backward()
    assert sum(float(p.grad.abs().sum()) for p in detail.detailer.parameters() if p.grad is not None) > 0
    assert all(bool(loss.isfinite()) for loss in losses.values())


def test_scores_of_a_flat_displacement_gain_nothing(detail: FaceDetail, face_runs: FaceRuns) -> None:
    _, batch = training_batch(face_runs)
    assert isinstance(batch, FaceTruthSample)
    detail.detailer.network.last.weight.data.zero_()
    torch.nn.init.zeros_(detail.detailer.network.last.bias)  # type: ignore[arg-type]
    everywhere = batch._replace(wrinkles=torch.ones_like(batch.wrinkles))
    with torch.no_grad():
        detail.score(everywhere)
    report = detail.scores.report("test")
    assert float(report["test/detail_gain_percent"]) == pytest.approx(0, abs=2)
    coarse, fine = (float(report[f"test/skin_error_{stage}_grey"]) for stage in ("coarse", "fine"))
    assert fine == pytest.approx(coarse, abs=1)


def test_a_detail_checkpoint_is_enough_to_build_both_stages(face_runs: FaceRuns, tmp_path: Path) -> None:
    checkpoint = face_runs.detail / "checkpoints" / "best.ckpt"
    alone = tmp_path / "alone.ckpt"
    alone.write_bytes(checkpoint.read_bytes())
    first, second = FaceDetail.load(checkpoint).eval(), FaceDetail.load(alone).eval()
    batch, _ = training_batch(face_runs)
    with torch.no_grad():
        one, two = first.reconstruct(batch.image), second.reconstruct(batch.image)
    torch.testing.assert_close(one.detailed.image, two.detailed.image)
    coarse, _ = coarse_stage(face_runs.coarse / "checkpoints" / "best.ckpt")
    torch.testing.assert_close(coarse.reconstruct(batch.image)[1].landmarks, one.geometry.landmarks)


def test_a_missing_or_foreign_coarse_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="train the coarse stage first"):
        coarse_stage(tmp_path / "absent.ckpt")
    torch.save({"state_dict": {"something.else": torch.zeros(1)}}, tmp_path / "foreign.ckpt")
    with pytest.raises(ValueError, match="face-coarse run"):
        coarse_stage(tmp_path / "foreign.ckpt")


def test_meshes_of_the_detail_are_dense_and_textured(detail: FaceDetail, face_runs: FaceRuns) -> None:
    _, batch = training_batch(face_runs)
    with torch.no_grad():
        meshes, panel = detail.meshes(batch), detail.panel(batch)
    assert panel.shape[-1] == 4 * 96
    mesh = next(iter(meshes.values()))
    assert mesh.texture is not None
    assert mesh.uv is not None
    assert len(mesh.vertices) > 1000


def test_the_identity_stage_learns_to_tell_people_apart(tmp_path: Path) -> None:
    from models.morphable.procedural_face import procedural_face

    torch.manual_seed(0)
    embedder = IdentityEmbedder(image_size=32, width=8, features=64, dimensions=32)
    stage = FaceIdentity(procedural_face("tiny"), embedder, people=16, batches=100, side=48)

    def unseen() -> tuple[float, float]:
        with torch.no_grad():
            measured = [torch.stack(stage.contrast(10**9 + seed)) for seed in range(8)]
        loss, same_person = torch.stack(measured).mean(0).tolist()
        return loss, same_person

    before, _ = unseen()
    trainer = lightning.Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False, default_root_dir=tmp_path,
        limit_val_batches=0, enable_model_summary=False, accelerator="cpu",
    )  # fmt: skip
    trainer.fit(stage)
    after, same_person = unseen()
    assert after < before - 0.1
    assert after < math.log(16) - 0.1  # chance
    assert same_person > 2 / 16


def test_people_of_an_epoch_do_not_come_twice() -> None:
    from models.morphable.procedural_face import procedural_face

    embedder = IdentityEmbedder(image_size=32, width=4, features=16, dimensions=8)
    stage = FaceIdentity(procedural_face("tiny"), embedder, people=2, batches=3, side=32)
    first, second = stage.photographs(0), stage.photographs(1)
    assert not torch.equal(first, second)
    torch.testing.assert_close(first, stage.photographs(0))


def test_an_embedder_reads_its_run(tmp_path: Path) -> None:
    embedder = IdentityEmbedder(image_size=32, width=4, features=16, dimensions=8)
    weights = {f"embedder.{name}": value for name, value in embedder.state_dict().items()}
    torch.save({"state_dict": weights}, tmp_path / "best.ckpt")
    again = IdentityEmbedder(tmp_path / "best.ckpt", 32, 4, 16, 8)
    images = torch.rand(2, 3, 40, 40)
    torch.testing.assert_close(again(images), embedder(images))
    with pytest.raises(FileNotFoundError, match="train the embedder first"):
        IdentityEmbedder(tmp_path / "absent.ckpt")
    with pytest.raises(ValueError, match="face-identity"):
        IdentityEmbedder(tmp_path / "best.ckpt", 32, 8)
