"""The coarse stage: what each phase trains, what each loss reaches, and that its scores are right at the truth."""

import pytest
import torch

from datamodules.samples import FaceSample, FaceTruthSample
from lightning_modules.face_coarse import CoarseWeights
from lightning_modules.schedules import cosine_schedule, staircase_schedule
from models.faces.parameters import FaceParameters
from models.losses.perceptual import PerceptualLoss
from models.networks.identity_embedder import IdentityEmbedder
from tests.lightning_modules.conftest import SIDE, Progress, tiny_coarse


def truth_of(batch: FaceTruthSample) -> FaceParameters:
    return FaceParameters(batch.identity, batch.expression, batch.albedo, batch.pose, batch.light)


def gradients(stage: Progress) -> dict[str, float]:
    return {
        name: float(parameter.grad.abs().sum())
        for name, parameter in stage.named_parameters()
        if parameter.grad is not None and float(parameter.grad.abs().sum()) > 0
    }


def test_first_only_the_points_are_trained(coarse: Progress, batch: FaceTruthSample) -> None:
    coarse.done = 0.0
    coarse.training_step(batch.photo, 0).backward()
    trained = gradients(coarse)
    assert any("network.maps" in name for name in trained)
    assert not any("heads" in name for name in trained)


def test_then_albedo_and_light_and_at_last_everything(coarse: Progress, batch: FaceTruthSample) -> None:
    coarse.weights = CoarseWeights(points=0, fit=0, identity=0, expression=0, albedo=0, photometric=1)
    coarse.done = 0.5  # colours are compared, shapes are fixed
    coarse.training_step(batch.photo, 0).backward()
    assert {name.split(".")[3] for name in gradients(coarse) if "heads" in name} == {"2", "3"}
    coarse.zero_grad()
    coarse.done = 1.0
    coarse.training_step(batch.photo, 0).backward()
    trained = gradients(coarse)
    assert {name.split(".")[3] for name in trained if "heads" in name} == {"0", "1", "2", "3"}
    assert any("network.maps" in name for name in trained)  # through the fit


@pytest.mark.parametrize("points", [True, False])
@pytest.mark.parametrize("landmarks", ["sliding", "published"])
def test_every_encoder_and_landmark_rule_gives_finite_gradients(
    batch: FaceTruthSample, points: bool, landmarks: str
) -> None:
    stage = tiny_coarse(points, landmarks=landmarks, explained_pictures=2)
    loss = stage.training_step(batch.photo, 0)
    loss.backward()
    assert bool(loss.isfinite())
    finite = [p.grad.isfinite().all() for p in stage.parameters() if p.grad is not None]
    assert bool(torch.stack(finite).all())


def test_without_landmarks_only_colours_teach(batch: FaceTruthSample) -> None:
    stage = tiny_coarse(points=False, landmarks="none")
    unknown = batch.photo._replace(landmarks=torch.zeros(4, 68, 2), landmark_weights=torch.zeros(4, 68))
    stage.training_step(unknown, 0).backward()
    assert gradients(stage)
    assert not stage.landmark_losses(stage(unknown.image), unknown)


def test_unknown_landmarks_are_left_out_and_never_turn_into_numbers(coarse: Progress, batch: FaceTruthSample) -> None:
    unknown = batch.photo._replace(landmarks=torch.zeros(4, 68, 2), landmark_weights=torch.zeros(4, 68))
    losses = coarse.landmark_losses(coarse(unknown.image), unknown)
    assert float(losses["fit"]) == 0
    assert float(losses["landmarks"]) == 0


def test_losses_are_small_at_the_truth_and_larger_off_it(coarse: Progress, batch: FaceTruthSample) -> None:
    coarse.landmark_noise_share = 0.001
    truth = truth_of(batch)
    off = truth._replace(pose=truth.pose + 0.1, albedo=truth.albedo + 1)
    at_truth = coarse.landmark_losses(truth, batch.photo) | coarse.colour_losses(truth, batch.photo)
    elsewhere = coarse.landmark_losses(off, batch.photo) | coarse.colour_losses(off, batch.photo)
    assert float(at_truth["landmarks"]) < 1e-3
    for name, loss in at_truth.items():
        assert float(loss) < 0.5 * float(elsewhere[name]), name


def test_the_perceptual_loss_of_the_projects_own_embedder(batch: FaceTruthSample) -> None:
    embedder = IdentityEmbedder(image_size=32, width=4, features=16, dimensions=8)
    stage = tiny_coarse(perceptual=PerceptualLoss(embedder), weights=CoarseWeights(perceptual=1.0))
    losses = stage.colour_losses(truth_of(batch), batch.photo)
    assert 0 <= float(losses["perceptual"]) < 2
    assert not any("perceptual" in name for name, p in stage.named_parameters() if p.requires_grad)


def test_scores_at_the_truth_are_perfect(coarse: Progress, batch: FaceTruthSample) -> None:
    truth = truth_of(batch)
    geometry = coarse.reconstructor.deform(truth, SIDE)
    coarse.scores.update(batch, truth, geometry, coarse.reconstructor.render(truth, geometry, SIDE))
    report = coarse.scores.report("test")
    assert float(report["test/landmark_nme_percent"]) < 1e-3
    assert float(report["test/photometric_error_grey"]) < 0.1
    assert float(report["test/shape_gain_percent"]) > 99.9
    assert float(report["test/neutral_shape_gain_percent"]) > 99.9
    assert float(report["test/identity_correlation_1"]) > 0.999
    assert float(report["test/rotation_error_degrees"]) < 0.1
    assert float(report["test/normal_error_degrees"]) < 0.1


def test_the_mean_face_gains_nothing_and_a_report_forgets(coarse: Progress, batch: FaceTruthSample) -> None:
    mean = truth_of(batch)._replace(
        identity=torch.zeros_like(batch.identity), expression=torch.zeros_like(batch.expression)
    )
    geometry = coarse.reconstructor.deform(mean, SIDE)
    rendering = coarse.reconstructor.render(mean, geometry, SIDE)
    coarse.scores.update(batch, mean, geometry, rendering)
    report = coarse.scores.report("val")
    assert float(report["val/shape_gain_percent"]) == pytest.approx(0, abs=1e-3)
    assert float(report["val/neutral_shape_gain_percent"]) == pytest.approx(0, abs=1e-3)
    # a second report holds only what came since: pictures without truth have no shape
    coarse.scores.update(batch.photo, mean, geometry, rendering)
    assert "val/shape_gain_percent" not in coarse.scores.report("val")


def test_truth_of_another_morphable_model_is_not_compared(coarse: Progress, batch: FaceTruthSample) -> None:
    foreign = batch._replace(identity=batch.identity[:, :50])
    parameters, geometry, rendering = coarse.reconstruct(batch.photo.image)
    coarse.scores.update(foreign, parameters, geometry, rendering)
    report = coarse.scores.report("test")
    assert "test/landmark_nme_percent" in report
    assert "test/shape_gain_percent" not in report


@pytest.mark.parametrize("given", [True, False])
def test_validation_may_refine_though_it_runs_without_gradients(batch: FaceTruthSample, given: bool) -> None:
    stage = tiny_coarse(refinement_steps=2, refine_with_landmarks=given)
    with torch.inference_mode():
        stage.validation_step(FaceTruthSample(FaceSample(*(part.clone() for part in batch.photo)), *batch[1:]), 0)
        report = stage.scores.report("val")
    assert bool(report["val/landmark_nme_percent"].isfinite())


def test_panels_and_meshes_are_for_looking(coarse: Progress, batch: FaceTruthSample) -> None:
    with torch.no_grad():
        panel, meshes = coarse.panel(batch), coarse.meshes(batch.photo)
    assert panel.shape == (4, 3, SIDE, 4 * SIDE)
    assert 0 <= float(panel.min()) <= float(panel.max()) <= 1
    assert set(meshes) == {"face-0000", "face-0001", "face-0002", "face-0003"}
    height = meshes["face-0000"].vertices[:, 1]
    assert 0.12 < float(height.max() - height.min()) < 0.3  # metres


def test_schedules() -> None:
    cosine = cosine_schedule(100)
    assert cosine(0) == pytest.approx(0.5)
    assert cosine(2) > 0.99
    assert cosine(100) == pytest.approx(0.02)
    staircase = staircase_schedule(0.98, 2000, 0.1)
    assert (staircase(0), staircase(2000)) == (1, pytest.approx(0.98))
    assert staircase(10**6) == 0.1
