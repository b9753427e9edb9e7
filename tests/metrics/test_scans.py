"""Synthetic heads: a bumpy sphere with seven landmarks is the scan, moved and inflated copies are predictions."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from metrics.scan_folders import evaluate_scan_folder
from metrics.scans import NowErrorMm, micc_error_mm, now_mask, now_scan_errors_mm, pooled_errors_mm
from models.geometry.alignment import Alignment
from models.geometry.files import write_mesh
from models.geometry.mesh import Mesh
from models.geometry.primitives import icosphere
from models.geometry.rotations import rotation_from_axis_angle

FACES = icosphere(4).faces
DIRECTIONS = [(-45, 35), (-15, 33), (15, 33), (45, 35), (0, -18), (-25, -35), (25, -35)]
"""Longitude and latitude in degrees of the seven landmarks, in the order of the protocol."""


def head(directions: Tensor, inflation_mm: float = 0.0) -> Tensor:
    """A star-shaped head of about 90 mm; an inflated one lies outside by almost that many millimetres."""
    x, y, z = directions.double().T
    radius = 90 + 8 * torch.sin(4 * x) * torch.cos(3 * y) + 5 * torch.cos(5 * z + x) + 3 * y
    return directions.double() * (radius + inflation_mm)[:, None]


def landmark_directions() -> Tensor:
    longitude, latitude = torch.deg2rad(torch.tensor(DIRECTIONS, dtype=torch.float64)).T
    flat = latitude.cos()
    return torch.stack([flat * longitude.sin(), latitude.sin(), flat * longitude.cos()], 1)


SCAN = head(icosphere(4).vertices)
LANDMARKS = head(landmark_directions())


def motion(scale: float) -> Alignment:
    turn = rotation_from_axis_angle(torch.tensor([[0.4, -0.9, 0.2]], dtype=torch.float64))
    return Alignment(turn, torch.tensor([scale]).double(), torch.tensor([[30.0, -10.0, 500.0]]).double())


def moved(scale: float, inflation_mm: float = 0.0) -> tuple[Tensor, Tensor]:
    """Vertices and landmarks of a prediction."""
    vertices = motion(scale).apply(head(icosphere(4).vertices, inflation_mm)[None])[0]
    return vertices, motion(scale).apply(head(landmark_directions(), inflation_mm)[None])[0]


def noisy(landmarks: Tensor, mm: float = 2.0) -> Tensor:
    return landmarks + mm * torch.randn(7, 3, generator=torch.manual_seed(0), dtype=torch.float64)


def test_the_mask_is_the_ball_of_the_protocol() -> None:
    landmarks = torch.tensor(
        [[-45.0, 40, 0], [-15, 40, 0], [15, 40, 0], [45, 40, 0], [0, -10, 0], [-25, -40, 0], [25, -40, 0]]
    )
    centre, radius = torch.tensor([0.0, 5.0, 0.0]), 1.4 * (90 + 50) / 2
    scan = centre + torch.tensor([[radius * 0.999, 0, 0], [0, 0, radius * 1.001], [0, -radius * 0.999, 0]])
    assert now_mask(scan, landmarks).tolist() == [True, False, True]


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_a_moved_and_scaled_copy_has_no_error(scale: float) -> None:
    vertices, landmarks = moved(scale)
    errors = now_scan_errors_mm(SCAN, LANDMARKS, vertices, FACES, noisy(landmarks / scale) * scale)
    assert float(errors.distances_mm.max()) < 1e-3
    assert 0.1 < float(errors.mask.float().mean()) < 0.9
    assert len(errors.distances_mm) == int(errors.mask.sum())
    assert float(errors.alignment.scale) == pytest.approx(1 / scale, rel=1e-5)


def test_the_metrical_mode_sees_the_size() -> None:
    vertices, landmarks = moved(1.05)
    assert float(now_scan_errors_mm(SCAN, LANDMARKS, vertices, FACES, landmarks).distances_mm.max()) < 1e-3
    metrical = now_scan_errors_mm(SCAN, LANDMARKS, vertices, FACES, landmarks, metrical=True)
    assert float(metrical.distances_mm.mean()) > 0.3
    assert float(metrical.alignment.scale) == 1
    same_size, landmarks = moved(1.0)
    metrical = now_scan_errors_mm(SCAN, LANDMARKS, same_size, FACES, noisy(landmarks), metrical=True)
    assert float(metrical.distances_mm.max()) < 1e-3


def test_an_inflated_copy_has_its_known_error() -> None:
    """The ball of these landmarks holds the whole sphere, so that no rigid motion helps."""
    sphere = icosphere(4).vertices.double()
    landmarks = torch.tensor(
        [[-90.0, 60, 0], [-20, 60, 0], [20, 60, 0], [90, 60, 0], [0, -60, 0], [-25, -80, 9], [25, -80, 0]]
    )
    errors = now_scan_errors_mm(100 * sphere, landmarks, 102 * sphere, FACES, landmarks, metrical=True)
    assert bool(errors.mask.all())
    assert float(errors.distances_mm.median()) == pytest.approx(2, rel=0.05)  # less the sagitta of the facets
    assert float(errors.distances_mm.std()) < 0.1
    scaled = now_scan_errors_mm(100 * sphere, landmarks, 102 * sphere, FACES, landmarks)
    assert float(scaled.distances_mm.max()) < 0.05


def test_alternating_bumps_have_their_known_error() -> None:
    """Lifted by 1 mm in stripes and lowered by 1 mm between them: no motion undoes that."""
    directions = icosphere(4).vertices
    stripes = torch.sign(torch.sin(20 * torch.atan2(directions[:, 0], directions[:, 2])))
    vertices = SCAN + stripes[:, None] * directions
    distances = now_scan_errors_mm(SCAN, LANDMARKS, vertices, FACES, LANDMARKS).distances_mm
    assert 0.6 < float(distances.median()) <= 1.05


def test_alignment_lowers_the_error_of_a_bad_start() -> None:
    vertices, landmarks = moved(1.0, inflation_mm=0.0)
    start = noisy(landmarks, mm=6)
    errors = now_scan_errors_mm(SCAN, LANDMARKS, vertices, FACES, start)
    assert float(errors.distances_mm.mean()) < 0.01


def test_landmarks_of_another_frame_are_named() -> None:
    with pytest.raises(ValueError, match="same frame and unit"):
        now_scan_errors_mm(SCAN, LANDMARKS / 1000, SCAN, FACES, LANDMARKS)


def test_pooled_numbers_and_curve() -> None:
    pooled = pooled_errors_mm(torch.tensor([4.0, 0.0, 1.0, 3.0]))
    assert (pooled.median_mm, pooled.mean_mm, pooled.number_of_points) == (2.0, 2.0, 4)
    assert pooled.std_mm == pytest.approx(2.5**0.5)
    curve = {round(float(t), 3): float(p) for t, p in zip(pooled.thresholds_mm, pooled.cumulative_percent)}
    assert (curve[0.0], curve[1.0], curve[2.0], curve[8.0]) == (25, 50, 50, 100)
    with pytest.raises(ValueError, match="no scans"):
        pooled_errors_mm(torch.zeros(0))


def test_the_metric_pools_vertices_over_scans() -> None:
    metric = NowErrorMm()
    vertices, landmarks = moved(1.0)
    metric.update(SCAN, LANDMARKS, vertices, FACES, landmarks)
    stripes = torch.sign(torch.sin(20 * torch.atan2(SCAN[:, 0], SCAN[:, 2])))
    bumpy = SCAN + stripes[:, None] * icosphere(4).vertices
    metric.update(SCAN, LANDMARKS, bumpy, FACES, LANDMARKS)
    alone = now_scan_errors_mm(SCAN, LANDMARKS, bumpy, FACES, LANDMARKS).distances_mm
    assert float(metric.compute()["mean_mm"]) == pytest.approx(float(alone.mean()) / 2, rel=1e-3)


def test_the_micc_protocol_is_zero_for_a_scaled_copy_and_positive_for_a_bumpy_one() -> None:
    tip = torch.tensor([0.0, 0.0, 90.0], dtype=torch.float64)
    vertices, landmarks = moved(0.5)
    assert micc_error_mm(SCAN, FACES, LANDMARKS, tip, vertices, FACES, landmarks).rmse_mm < 1e-3
    bumpy = vertices + 0.5 * torch.randn(vertices.shape, generator=torch.manual_seed(0), dtype=torch.float64)
    assert micc_error_mm(SCAN, FACES, LANDMARKS, tip, bumpy, FACES, landmarks).rmse_mm > 0.3


def write_tree(root: Path) -> tuple[Path, Path]:
    predictions, scans = root / "predictions", root / "scans"
    for subject in ("anna", "bert"):
        write_mesh(Mesh(SCAN.float(), FACES), scans / subject / "scan.ply")
        np.savetxt(scans / subject / "scan.txt", LANDMARKS.numpy())
    vertices, landmarks = moved(0.001)
    for name in ("anna/selfie/one.obj", "anna/occlusions/two.ply", "bert/selfie/one.glb"):
        path = predictions / name
        write_mesh(Mesh(vertices.float(), FACES), path)
        np.save(path.with_suffix(".npy"), landmarks.numpy())
    return predictions, scans


def test_a_folder_of_perfect_predictions_has_no_error(tmp_path: Path) -> None:
    predictions, scans = write_tree(tmp_path)
    write_mesh(Mesh(SCAN.float(), FACES), scans / "carl" / "scan.ply")
    found = evaluate_scan_folder(predictions, scans)
    assert sorted(found.median_of_prediction_mm) == [
        "anna/occlusions/two.ply",
        "anna/selfie/one.obj",
        "bert/selfie/one.glb",
    ]
    assert found.pooled.median_mm < 0.01
    assert found.pooled.number_of_points == 3 * int(now_mask(SCAN, LANDMARKS).sum())
    assert found.subjects_without_prediction == ("carl",)
    metrical = evaluate_scan_folder(predictions, scans, prediction_unit="m", metrical=True)
    assert metrical.pooled.median_mm < 0.01


def test_broken_folders_are_named(tmp_path: Path) -> None:
    predictions, scans = write_tree(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        evaluate_scan_folder(tmp_path / "nowhere", scans)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(FileNotFoundError, match="holds no mesh"):
        evaluate_scan_folder(empty, scans)
    landmarks = predictions / "anna/selfie/one.npy"
    np.save(landmarks, np.zeros((68, 3)))
    with pytest.raises(ValueError, match=r"one\.npy .*\(68, 3\)"):
        evaluate_scan_folder(predictions, scans)
    landmarks.unlink()
    with pytest.raises(FileNotFoundError, match=r"one\.npy does not exist"):
        evaluate_scan_folder(predictions, scans)
    landmarks.with_suffix(".txt").write_text("1 2 three\n")
    with pytest.raises(ValueError, match=r"one\.txt is not a readable list"):
        evaluate_scan_folder(predictions, scans)
    write_mesh(Mesh(SCAN.float(), FACES), scans / "anna" / "second.ply")
    with pytest.raises(ValueError, match="anna holds 2 meshes"):
        evaluate_scan_folder(predictions, scans)
    (scans / "anna").rename(scans / "zoe")
    with pytest.raises(FileNotFoundError, match="has no scan"):
        evaluate_scan_folder(predictions, scans)
