import pytest
import torch

from models.geometry.mesh import Mesh
from models.geometry.primitives import cube

TRIANGLE = torch.tensor([[0, 1, 2]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"faces": torch.tensor([[0, 1, 3]])}, "from 0 to 3, but there are 3 vertices"),
        ({"faces": torch.tensor([[0, 1, -1]])}, "from -1 to 1"),
        ({"uv": torch.zeros(3, 2)}, "give both or neither"),
        ({"uv": torch.zeros(3, 2), "face_uv": torch.tensor([[0, 1, 3]])}, "3 texture coordinates"),
        ({"texture": torch.zeros(3, 4, 4)}, "texture without uv"),
    ],
)
def test_a_mesh_that_contradicts_itself_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mesh(**{"vertices": torch.zeros(3, 3), "faces": TRIANGLE, **changes})


def test_the_checker_refuses_a_wrong_shape() -> None:
    with pytest.raises(Exception, match=r"(?s)vertex_colors|faces"):
        Mesh(torch.zeros(3, 3), TRIANGLE.float())
    with pytest.raises(Exception, match="vertex_colors"):
        Mesh(torch.zeros(3, 3), TRIANGLE, vertex_colors=torch.zeros(2, 3))


def test_a_mesh_moves_and_takes_other_positions() -> None:
    mesh = cube()
    assert mesh.to("cpu").with_vertices(mesh.vertices * 2).vertices.max() == 2
    assert (mesh.number_of_vertices, mesh.number_of_faces) == (8, 12)
