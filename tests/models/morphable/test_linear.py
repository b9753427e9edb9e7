"""The linear interface against plain float64 sums, forward and backward, and its refusals."""

from typing import Any

import pytest
import torch
from torch import Tensor

from models.morphable.linear import Blendshapes, MorphableModel, VertexRegions


def arguments(**changes: Any) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    count = 40

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    weights = random(68, 3).abs()
    return {
        "mean_mm": 30 * random(count, 3),
        "identity_basis_mm": random(5, count, 3),
        "expression_basis_mm": random(4, count, 3),
        "albedo_mean": random(count, 3).sigmoid(),
        "albedo_basis": 0.1 * random(3, count, 3),
        "faces": torch.randint(count, (60, 3), generator=generator),
        "uv": random(7, 2).sigmoid(),
        "face_uv": torch.randint(7, (60, 3), generator=generator),
        "landmark_faces": torch.randint(count, (68, 3), generator=generator),
        "landmark_barycentrics": weights / weights.sum(1, keepdim=True),
        "contour_candidates": torch.stack([torch.randperm(count, generator=generator)[:6] for _ in range(17)]),
        "regions": VertexRegions(*torch.rand(5, count, generator=generator, dtype=torch.float64)),
        "name": "random",
        "provenance": "0",
    } | changes


def test_vertices_albedo_and_landmarks_equal_the_written_sums() -> None:
    parts = arguments()
    model = MorphableModel(**parts)
    generator = torch.Generator().manual_seed(1)
    coefficients = [torch.randn(2, k, generator=generator, dtype=torch.float64, requires_grad=True) for k in (5, 4, 3)]
    identity, expression, tint = coefficients
    vertices, albedo = model.vertices_mm(identity, expression), model.albedo(tint)
    landmarks = model.landmarks_mm(vertices)

    slow = torch.zeros(2, 40, 3, dtype=torch.float64)
    colours = torch.zeros(2, 40, 3, dtype=torch.float64)
    for b in range(2):
        slow[b] = parts["mean_mm"]
        colours[b] = parts["albedo_mean"]
        for k in range(5):
            slow[b] = slow[b] + identity[b, k] * parts["identity_basis_mm"][k]
        for k in range(4):
            slow[b] = slow[b] + expression[b, k] * parts["expression_basis_mm"][k]
        for k in range(3):
            colours[b] = colours[b] + tint[b, k] * parts["albedo_basis"][k]
    points = torch.stack(
        [
            torch.stack([parts["landmark_barycentrics"][j] @ slow[b, parts["landmark_faces"][j]] for j in range(68)])
            for b in range(2)
        ]
    )
    torch.testing.assert_close(vertices, slow)
    torch.testing.assert_close(albedo, colours)
    torch.testing.assert_close(landmarks, points)

    upstream = [
        torch.randn(out.shape, generator=generator, dtype=torch.float64) for out in (vertices, albedo, landmarks)
    ]
    fast = torch.autograd.grad([vertices, albedo, landmarks], coefficients, upstream)
    truth = torch.autograd.grad([slow, colours, points], coefficients, upstream)
    for ours, theirs in zip(fast, truth):
        torch.testing.assert_close(ours, theirs)


def test_albedo_is_not_clipped() -> None:
    model = MorphableModel(**arguments())
    assert float(model.albedo(50 * torch.ones(1, 3, dtype=torch.float64)).abs().max()) > 1.0


def test_jaw_landmarks_slide_to_the_outline_and_the_rest_stay() -> None:
    model = MorphableModel(**arguments())
    vertices = model.mean_mm[None]
    angle = torch.tensor(0.7, dtype=torch.float64)
    rotation = torch.tensor([[angle.cos(), 0, angle.sin()], [0, 1, 0], [-angle.sin(), 0, angle.cos()]]).double()[None]
    fixed, slid = model.landmarks_mm(vertices), model.sliding_landmarks_mm(vertices, rotation)
    torch.testing.assert_close(slid[:, 17:], fixed[:, 17:])
    across = torch.einsum("m,jcm->jc", rotation[0, 0], vertices[0, model.contour_candidates])
    for j in range(17):
        best = int(across[j].argmin() if j < 8 else across[j].argmax())
        expected = fixed[0, j] if best == 0 else vertices[0, model.contour_candidates[j, best]]
        torch.testing.assert_close(slid[0, j], expected)


def test_roll_does_not_change_the_sliding_choice() -> None:
    model = MorphableModel(**arguments())
    vertices = model.mean_mm[None]
    turn = torch.linalg.matrix_exp(torch.tensor([[0, 0, 0.5], [0, 0, 0], [-0.5, 0, 0]], dtype=torch.float64))
    roll = torch.linalg.matrix_exp(torch.tensor([[0, -0.8, 0], [0.8, 0, 0], [0, 0, 0]], dtype=torch.float64))
    upright = model.sliding_landmarks_mm(vertices, turn[None])
    rolled = model.sliding_landmarks_mm(vertices, (roll @ turn)[None])
    torch.testing.assert_close(upright, rolled)


def test_wrong_sizes_and_ids_are_explained() -> None:
    model = MorphableModel(**arguments())
    with pytest.raises(ValueError, match="expects 5 identity coefficients but 6"):
        model.vertices_mm(torch.zeros(1, 6, dtype=torch.float64), torch.zeros(1, 4, dtype=torch.float64))
    with pytest.raises(ValueError, match="expects 0 blendshape coefficients but 2"):
        model.expression_from_blendshapes(torch.zeros(1, 2, dtype=torch.float64))
    with pytest.raises(ValueError, match="counts from one"):
        MorphableModel(**arguments(faces=torch.full((60, 3), 40)))


def test_blendshape_weights_become_coefficients() -> None:
    to_expression = torch.randn(2, 4, dtype=torch.float64)
    shapes = torch.randn(2, 40, 3, dtype=torch.float64)
    model = MorphableModel(**arguments(blendshapes=Blendshapes(("a", "b"), shapes, to_expression)))
    weights = torch.rand(3, 2, dtype=torch.float64)
    torch.testing.assert_close(model.expression_from_blendshapes(weights), weights @ to_expression)


def test_licensed_arrays_stay_out_of_checkpoints() -> None:
    assert len(MorphableModel(**arguments()).state_dict()) == 18
    assert not MorphableModel(**arguments(licensed=True)).state_dict()
