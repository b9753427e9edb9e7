import pytest
import torch

from models.rendering.edge_gradients import edge_gradients
from models.rendering.rasterize import rasterize
from tests.models.rendering.area_sampling import Scene, agreement, figure, squared_error


def estimate(scene: Scene, target: torch.Tensor) -> torch.Tensor:
    """Colours are constant on each face: without the estimator this gradient would be 0."""
    parameters = torch.zeros(11, requires_grad=True)
    screen = scene.screen(parameters)
    fragments = rasterize(screen.detach(), scene.faces, scene.size, perspective=scene.perspective)
    image = scene.paint(fragments.face_index)
    image = edge_gradients(image, screen, scene.faces, fragments, perspective=scene.perspective)
    squared_error(image, target).backward()
    assert parameters.grad is not None
    return parameters.grad


@pytest.mark.parametrize(
    ("name", "size", "perspective", "least"),
    [
        ("ellipsoid", (128, 96), True, 0.99),  # seen .9954
        ("ellipsoid", (128, 128), False, 0.99),  # .9937
        ("figure", (224, 224), True, 0.99),  # .9921
        ("figure", (128, 128), True, 0.98),  # .9876: the limbs are 5 pixels thick
        pytest.param("ellipsoid", (256, 256), True, 0.995, marks=pytest.mark.slow),  # .9980
        pytest.param("figure", (256, 200), False, 0.99, marks=pytest.mark.slow),  # .9954
    ],
)
def test_outlines_and_occlusions_match_an_area_sampled_picture(name, size, perspective, least) -> None:
    """What remains is the noise of a hard picture, its outline known to half a pixel only: it falls with the number
    of pixels on the outline. The jumps of depth found are those that the known parts have (checked by hand)."""
    cosine, magnitude = agreement(estimate, name, size, perspective)
    assert cosine > least
    assert magnitude == pytest.approx(1, abs=0.1)


def test_the_picture_and_its_own_gradient_pass_unchanged() -> None:
    scene = figure((40, 30), True)
    screen = scene.screen(torch.zeros(11))
    fragments = rasterize(screen, scene.faces, scene.size)
    image = scene.paint(fragments.face_index).requires_grad_()
    upstream = torch.randn_like(image)
    passed = edge_gradients(image, screen, scene.faces, fragments)
    assert torch.equal(passed, image)
    passed.backward(upstream)
    assert torch.equal(image.grad, upstream)  # type: ignore[arg-type]


def square(z: float, left: float, right: float, top: float = 2.0, bottom: float = 6.0) -> torch.Tensor:
    return torch.tensor([[left, bottom, z], [right, bottom, z], [left, top, z], [right, top, z]])


SQUARE_FACES = torch.tensor([[0, 1, 3], [0, 3, 2]])


def movement(screen: torch.Tensor, faces: torch.Tensor, colors: torch.Tensor, upstream: torch.Tensor) -> torch.Tensor:
    screen = screen[None].clone().requires_grad_()
    fragments = rasterize(screen.detach(), faces, (8, 12), perspective=False)
    image = (colors[fragments.face_index.clamp(min=0)] * (fragments.face_index >= 0))[:, None]
    edge_gradients(image, screen, faces, fragments, perspective=False).backward(upstream)
    assert screen.grad is not None
    return screen.grad[0]


def test_a_square_that_grows_covers_as_many_pixels_as_its_side_is_long() -> None:
    """Up to the pixels whose own triangle ends at the diagonal, before the square does."""
    gradient = movement(square(5, 3, 8), SQUARE_FACES, torch.ones(2), torch.ones(1, 1, 8, 12))
    assert gradient[[1, 3], 0].sum().item() == pytest.approx(4, abs=0.3)  # the right side is 4 pixels long
    assert gradient[[0, 2], 0].sum().item() == pytest.approx(-4, abs=0.3)
    assert gradient[[0, 1], 1].sum().item() == pytest.approx(5, abs=0.3)  # y points down: the bottom moves down
    assert gradient[[2, 3], 1].sum().item() == pytest.approx(-5, abs=0.3)
    assert gradient[:, :2].sum(0).abs().max().item() < 1e-5  # nothing changes when all moves together
    assert (gradient[:, 2] == 0).all()


def test_only_the_nearer_surface_moves_an_occlusion() -> None:
    """A black square before a white one: when its right side moves right, white becomes black."""
    screen = torch.cat((square(5, 2, 6), square(9, 2, 11)))
    faces = torch.cat((SQUARE_FACES, SQUARE_FACES + 4))
    upstream = torch.zeros(1, 1, 8, 12)
    upstream[..., 4:8] = 1  # looks at the edge between the two, away from outlines with the background
    upstream[..., :3, :] = upstream[..., 5:, :] = 0
    gradient = movement(screen, faces, torch.tensor([0.0, 0, 1, 1]), upstream)
    assert gradient[[1, 3], 0].sum().item() == pytest.approx(-2)  # two rows are looked at
    assert gradient[4:].abs().max() == 0


def test_a_fold_is_no_occlusion() -> None:
    """A roof of two slopes and two colours: its ridge is an edge of the picture, not one of visibility."""
    screen = torch.tensor([[2.0, 6, 9], [6, 6, 7], [10, 6, 9], [2, 2, 9], [6, 2, 7], [10, 2, 9]])
    faces = torch.tensor([[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4]])
    upstream = torch.zeros(1, 1, 8, 12)
    upstream[..., 3:5, 4:8] = 1
    assert movement(screen, faces, torch.tensor([0.0, 0, 1, 1]), upstream).abs().max() == 0
