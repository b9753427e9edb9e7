"""Meshes of procedural people: closed, in one piece, on the field's zero, outward."""

import pytest
import torch
from torch import Tensor

from datamodules.synthetic.human_draws import draw_human
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_mesh import human_mesh, sampled_grid
from models.geometry.components import connected_components, signed_volume


@pytest.fixture(scope="module")
def field() -> HumanField:
    return HumanField(draw_human(1))


def every_edge_twice(faces: Tensor) -> bool:
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    forward = edges[:, 0] * (int(faces.max()) + 1) + edges[:, 1]
    backward = edges[:, 1] * (int(faces.max()) + 1) + edges[:, 0]
    return len(forward.unique()) == len(forward) and torch.equal(forward.sort().values, backward.sort().values)


def test_fine_mesh_is_closed_outward_and_in_one_piece_with_all_fingers(field: HumanField):
    mesh = human_mesh(field, 448, newton_steps=1)
    assert every_edge_twice(mesh.faces)
    volume = connected_components(mesh).volume
    assert len(volume) == 1
    assert 50_000 < float(volume[0]) < 150_000


def test_vertices_lie_on_the_field(field: HumanField):
    mesh = human_mesh(field, 256)
    distance = field(mesh.vertices).abs()
    assert distance.quantile(0.995) < 0.01  # a tenth of a millimetre; creases and crests take more steps
    assert distance.mean() < 0.001


def test_coarse_mesh_keeps_severed_fingers(field: HumanField):
    mesh = human_mesh(field, 96)
    assert every_edge_twice(mesh.faces)
    assert (connected_components(mesh).volume > 0).all()
    assert mesh.vertices[:, 0].min() < field.bounds.lower[0] + 5
    assert float(signed_volume(mesh.vertices, mesh.faces)) > 0


def test_skipped_nodes_have_the_right_sign(field: HumanField):
    volume, lower, cell = sampled_grid(field, 96)
    axes = [torch.arange(size) * cell + low for size, low in zip(volume.shape, lower)]
    nodes = torch.cartesian_prod(*axes).float()
    dense = field(nodes).reshape(volume.shape)
    grid = torch.from_numpy(volume)
    assert torch.equal(grid < 0, dense < 0)
    evaluated = (dense.abs() < cell) & (grid.abs() < cell)
    torch.testing.assert_close(grid[evaluated], dense[evaluated], atol=1e-3, rtol=0)
