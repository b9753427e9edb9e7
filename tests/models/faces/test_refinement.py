"""Refinement on one picture: colours and landmarks fit better than at the start, and nothing given is changed."""

import torch

from models.faces.parameters import FaceParameters
from models.faces.reconstructor import FaceReconstructor, paste
from models.faces.refinement import landmark_cost, refine

SIDE = 64


def photographs(reconstructor: FaceReconstructor, truth: FaceParameters) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures of the truth, and its landmarks."""
    with torch.no_grad():
        geometry = reconstructor.deform(truth, SIDE)
        image = paste(reconstructor.render(truth, geometry, SIDE), torch.full((3, 3, SIDE, SIDE), 0.4))
    return image, geometry.landmarks


def colour_error(reconstructor: FaceReconstructor, faces: FaceParameters, image: torch.Tensor) -> float:
    with torch.no_grad():
        rendering = reconstructor.render(faces, reconstructor.deform(faces, SIDE), SIDE)
    return float(((rendering.image - image) * rendering.skin).abs().sum() / rendering.skin.sum())


def test_landmarks_and_colours_fit_better_and_the_start_is_left_alone(
    reconstructor: FaceReconstructor, truth: FaceParameters
) -> None:
    image, landmarks = photographs(reconstructor, truth)
    start = FaceParameters(*(torch.zeros_like(part) for part in truth))._replace(pose=truth.pose + 0.05)
    start = start._replace(light=truth.light * 0.7)
    kept = [part.clone() for part in start]
    found = refine(reconstructor, image, start, 30, landmarks=landmarks, rendering_size=SIDE)
    assert all(torch.equal(before, part) for before, part in zip(kept, start, strict=True))
    assert colour_error(reconstructor, found, image) < 0.6 * colour_error(reconstructor, start, image)
    again = reconstructor.deform(found, SIDE).landmarks
    assert float((again - landmarks).norm(dim=-1).mean()) < 1
    zero = torch.zeros_like(truth.expression)
    model = reconstructor.face_model
    neutral = model.vertices_mm(truth.identity, zero)
    error = (model.vertices_mm(found.identity, zero) - neutral).norm(dim=-1).mean()
    assert float(error) < 0.9 * float((model.mean_mm - neutral).norm(dim=-1).mean())


def test_without_landmarks_the_networks_own_hold_the_pose(
    reconstructor: FaceReconstructor, truth: FaceParameters
) -> None:
    image, landmarks = photographs(reconstructor, truth)
    start = truth._replace(albedo=torch.zeros_like(truth.albedo), light=truth.light * 0.7)
    found = refine(reconstructor, image, start, 30, rendering_size=SIDE)
    assert colour_error(reconstructor, found, image) < 0.6 * colour_error(reconstructor, start, image)
    assert float((reconstructor.deform(found, SIDE).landmarks - landmarks).norm(dim=-1).mean()) < 1.5


def test_unknown_landmarks_cost_nothing() -> None:
    points, known = torch.rand(1, 68, 2), torch.ones(1, 68)
    known[:, 10:] = 0
    moved = points.clone()
    moved[:, 10:] += 100
    assert float(landmark_cost(moved, points, known, 2.0)) == 0
    moved[:, 0] += torch.tensor([6.0, 8.0])
    assert abs(float(landmark_cost(moved, points, known, 2.0)) - 0.5 * 25) < 1e-3
