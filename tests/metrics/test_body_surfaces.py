"""Distances between bodies whose answer is known: spheres in each other, shifted cubes, directions, alignment."""

import math

import pytest
import torch

from metrics.body_surfaces import BodySurfaces, compare_body_surfaces
from models.geometry.mesh import Mesh
from models.geometry.primitives import cube, icosphere
from models.geometry.rotations import rotation_from_axis_angle

BALL = icosphere(4)


def ball(radius: float, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Mesh:
    return Mesh(radius * BALL.vertices + torch.tensor(centre), BALL.faces)


def measured(at_prediction: list[float], at_truth: list[float]) -> BodySurfaces:
    there, back = (torch.tensor(values, dtype=torch.float64) for values in (at_prediction, at_truth))
    return BodySurfaces(there, back, there, there, back, 0, "none")


@pytest.mark.parametrize("difference", [0.5, 3.0, -2.0])
def test_two_spheres(difference: float) -> None:
    found = compare_body_surfaces(ball(60 + difference), ball(60), count=2000)
    wanted = abs(difference)
    for name in ("p2s_cm", "s2p_cm", "p2s_vertices_cm", "chamfer_l1_cm"):
        assert getattr(found, name) == pytest.approx(wanted, abs=0.08), name
    assert found.chamfer_l2_cm2 == pytest.approx(wanted**2, rel=0.2)
    assert found.chamfer_l2_dm2 == pytest.approx(found.chamfer_l2_cm2 / 100)
    assert found.chamfer_l2_squared_means_cm2 == pytest.approx(wanted**2, rel=0.2)
    assert found.normal_error_surface_degrees < 5  # triangles of 3 degrees
    assert found.fscore(wanted + 0.2) == 1
    assert found.fscore(wanted - 0.2) == 0


def test_a_mesh_has_no_distance_from_itself() -> None:
    found = compare_body_surfaces(cube(), cube(), count=500)
    assert found.chamfer_l1_cm < 1e-6
    assert found.fscore(0.01) == 1
    assert found.normal_error_surface_degrees == pytest.approx(0, abs=1e-3)


def test_p2s_goes_from_the_prediction_to_the_truth() -> None:
    """Half of a body predicted: what is there lies on the truth, what is missing shows in the other direction."""
    whole = ball(60)
    upper = whole.faces[(whole.vertices[whole.faces][..., 1] > 0).all(1)]
    half = Mesh(whole.vertices, upper)
    found = compare_body_surfaces(half, whole, count=2000)
    assert found.p2s_cm == pytest.approx(0, abs=1e-4)
    assert found.s2p_cm > 10
    swapped = compare_body_surfaces(whole, half, count=2000)
    assert swapped.p2s_cm == pytest.approx(found.s2p_cm, rel=0.05)


def test_squares_are_averaged_after_squaring() -> None:
    found = measured([0.0, 2.0], [1.0, 3.0])
    assert found.p2s_cm == 1
    assert found.s2p_cm == 2
    assert found.chamfer_l1_cm == 1.5
    assert found.chamfer_l2_cm2 == 0.5 * (2.0 + 5.0)
    assert found.chamfer_l2_squared_means_cm2 == 0.5 * (1.0 + 4.0)


def test_the_fscore_is_the_harmonic_mean_of_both_shares() -> None:
    found = measured([0.0, 0.9, 2.0, 2.0], [0.0, 0.0, 0.0, 2.0])
    assert found.fscore(1.0) == pytest.approx(2 * 0.5 * 0.75 / 1.25)


def test_a_shifted_cube() -> None:
    """By 0.1 along x: one side stands 0.1 out; the side behind lies 0.1 inside, nearer to the others at its edges; of
    the other four 5 % stand out, by 0.05 on average."""
    shifted = cube()
    shifted = shifted.with_vertices(shifted.vertices + torch.tensor([0.1, 0.0, 0.0]))
    found = compare_body_surfaces(shifted, cube(), count=20_000)
    wanted = (0.1 + (1 - 0.9**3) / 3 + 4 * 0.05 * 0.05) / 6
    assert found.p2s_cm == pytest.approx(wanted, rel=0.05)
    assert found.s2p_cm == pytest.approx(wanted, rel=0.05)


def test_even_points_do_not_see_where_vertices_are_dense() -> None:
    """A triangle of thousands on one side of a cube moves the mean over vertices only."""
    truth = cube()
    u = torch.linspace(-0.9, 0.9, 30)
    y, z = (grid.reshape(-1) for grid in torch.meshgrid(u, u, indexing="ij"))
    raised = truth.vertices.clone()
    raised[raised[:, 0] > 0, 0] += 0.5
    dense = torch.cat([raised, torch.stack([torch.full_like(y, 1.5), y, z], 1)])
    slivers = torch.stack([torch.arange(8, 906), torch.arange(9, 907), torch.arange(10, 908)], 1)
    found = compare_body_surfaces(Mesh(dense, truth.faces), truth, count=5000)
    loaded = compare_body_surfaces(Mesh(dense, torch.cat([truth.faces, slivers])), truth, count=5000)
    assert found.p2s_vertices_cm == pytest.approx(0.25, abs=0.01)
    assert loaded.p2s_vertices_cm > 0.45


def test_alignment_is_asked_for_and_never_hidden() -> None:
    truth = Mesh(BALL.vertices * torch.tensor([20.0, 90.0, 12.0]), BALL.faces)
    turn = rotation_from_axis_angle(torch.tensor([[0.0, 0.1, 0.05]]))[0]
    moved = truth.with_vertices(1.05 * (truth.vertices @ turn.T) + torch.tensor([3.0, -2.0, 1.0]))
    kinds = ("none", "rigid", "similarity")
    errors = [compare_body_surfaces(moved, truth, count=2000, alignment=kind).chamfer_l1_cm for kind in kinds]
    assert errors[0] > 1.5 > errors[1] > 0.5 > 0.1 > errors[2]


def test_seeds_repeat() -> None:
    first = compare_body_surfaces(ball(61), cube(), count=100, seed=4)
    again = compare_body_surfaces(ball(61), cube(), count=100, seed=4)
    other = compare_body_surfaces(ball(61), cube(), count=100, seed=5)
    assert torch.equal(first.predicted_to_truth_cm, again.predicted_to_truth_cm)
    assert not torch.equal(first.predicted_to_truth_cm, other.predicted_to_truth_cm)
    assert first.seed == 4


def test_normals_tell_an_inside_out_prediction() -> None:
    inside_out = Mesh(BALL.vertices, BALL.faces.flip(1))
    found = compare_body_surfaces(inside_out, BALL, count=500)
    assert found.normal_error_surface_degrees > 175
    assert found.chamfer_l1_cm < 1e-3


def test_a_mesh_without_area_is_refused() -> None:
    with pytest.raises(ValueError, match="without area"):
        compare_body_surfaces(Mesh(torch.zeros(3, 3), torch.tensor([[0, 1, 2]])), cube())
    with pytest.raises(ValueError, match="not finite"):
        compare_body_surfaces(Mesh(cube().vertices * math.nan, cube().faces), cube())
