"""What the encoders are shown of a photograph, and the way back of the camera."""

import math

import pytest
import torch
from torch import Tensor

from models.clothing.attributes import CameraRanges, ClothingAttributes, ClothingCamera
from models.clothing.configurations import small_encoder
from models.clothing.mask_frame import FILLED, MaskFrame, mask_frame
from models.clothing.renderer import render_attributes
from models.clothing.template import ellipsoid_template

RANGES = CameraRanges((-15.0, 15.0), (2.0, 8.0), 0.0)
MIDDLE = 5.0
TEMPLATE = ellipsoid_template((0.45, 0.9, 0.225))


def box(rows: tuple[int, int], columns: tuple[int, int], size: tuple[int, int] = (40, 20)) -> Tensor:
    mask = torch.zeros(1, 1, *size)
    mask[..., rows[0] : rows[1], columns[0] : columns[1]] = 1
    return mask


def middle_camera(azimuth: float = 0.0) -> ClothingCamera:
    """As an encoder gives it before training."""
    one = torch.ones(1)
    return ClothingCamera(azimuth * one, 0 * one, MIDDLE * one, torch.zeros(1, 2), torch.zeros(1, 2))


def test_the_frame_lies_around_the_box_and_has_the_pictures_shape() -> None:
    frame = mask_frame(box((4, 22), (10, 14)))
    # the box's middle is row 13 of 40 and column 12 of 20
    assert frame.centre[0].tolist() == pytest.approx([2 * 12 / 20 - 1, 1 - 2 * 13 / 40])
    assert float(frame.share) == pytest.approx(18 / 40 / FILLED)
    sideways = box((4, 22), (10, 14))
    sideways[..., 4:6, 14:18] = 1
    # its box ends at column 18, but few of its pixels lie there
    assert mask_frame(sideways).centre[0].tolist() == pytest.approx(
        [2 * (72 * 12 + 8 * 16) / 80 / 20 - 1, 1 - 2 * 13 / 40]
    )
    wide = mask_frame(box((10, 14), (2, 18)))
    assert float(wide.share) == pytest.approx(16 / 20 / FILLED)


def test_the_cut_mask_fills_the_middle() -> None:
    mask = box((4, 22), (10, 14), (80, 40))
    colours = torch.zeros(1, 3, 80, 40)
    colours[:, 0, :13], colours[:, 2, 13:] = 1, 1  # red above the box's middle, blue below
    picture, cut = mask_frame(mask).cut(colours, mask)
    rows = torch.nonzero(cut[0, 0].amax(1) > 0.5).flatten()
    assert (int(rows[0]), int(rows[-1]) + 1) == (4, 76)
    assert bool((cut[0, 0] > 0.5).equal((cut[0, 0] > 0.5).flip(0)))
    assert picture[0, 0, :38].min() == 1
    assert picture[0, 2, 42:].min() == 1


def test_double_precision_is_kept() -> None:
    mask = box((4, 22), (10, 14)).double()
    picture, cut = mask_frame(mask).cut(torch.rand(1, 3, 40, 20).double(), mask)
    assert picture.dtype == cut.dtype == torch.float64


def test_nothing_in_the_mask_is_the_whole_photograph() -> None:
    frame = mask_frame(torch.zeros(2, 1, 8, 4))
    assert frame.centre.abs().max() == 0
    assert frame.share.tolist() == [1, 1]


@pytest.mark.parametrize("azimuth", [0.0, 0.5 * math.pi, 2.5])
@pytest.mark.parametrize(("distance", "principal"), [(3.0, (0.2, -0.1)), (6.0, (-0.4, 0.5)), (2.6, (0.0, 0.0))])
def test_a_template_is_found_where_it_stands_from_every_side(
    azimuth: float, distance: float, principal: tuple[float, float]
) -> None:
    """Its mask alone leads the untrained camera of the frame to the true one, but for the azimuth."""
    truth = middle_camera(azimuth)._replace(distance=torch.tensor([distance]), principal=torch.tensor([principal]))
    seen = rendered(truth)
    found = mask_frame(seen).in_photograph(middle_camera(azimuth), RANGES)
    assert float(found.distance) == pytest.approx(distance, rel=0.03)
    assert found.principal[0].tolist() == pytest.approx(list(principal), abs=0.07)  # two columns
    again = rendered(found)
    assert float((again * seen).sum() / (again + seen).clamp(max=1).sum()) > 0.85


def test_the_distance_stays_within_the_ranges() -> None:
    tiny = MaskFrame(torch.zeros(1, 2), torch.tensor([0.01]))
    assert float(tiny.in_photograph(middle_camera(), RANGES).distance) == RANGES.distance[1]


def test_encoders_answer_alike_wherever_the_garment_stands() -> None:
    """Shape and texture of a photograph moved by whole pixels are the same; only the camera differs."""
    encoder = small_encoder(RANGES).eval()
    picture = torch.rand(1, 3, 18, 8, generator=torch.manual_seed(0))
    found = []
    for top, left in ((10, 6), (40, 18)):
        image, mask = torch.full((1, 3, 80, 40), 0.5), torch.zeros(1, 1, 80, 40)
        image[..., top : top + 18, left : left + 8], mask[..., top + 1 : top + 17, left + 1 : left + 7] = picture, 1
        found.append(encoder(image, mask, TEMPLATE.vertices))
    torch.testing.assert_close(found[0].texture, found[1].texture, atol=1e-4, rtol=0)
    torch.testing.assert_close(found[0].offsets, found[1].offsets, atol=1e-5, rtol=0)
    moved = found[1].camera.principal - found[0].camera.principal
    assert moved[0].tolist() == pytest.approx([2 * 12 / 40, -2 * 30 / 80])


def rendered(camera: ClothingCamera) -> Tensor:
    vertices = TEMPLATE.vertices[None]
    light = 3 * torch.eye(9)[:1]
    scene = ClothingAttributes(camera, 0 * vertices, vertices, torch.ones(1, 3, 8, 4), light, torch.ones(1, 3, 128, 64))
    return render_attributes(scene, TEMPLATE, (128, 64), background=False).hard_mask
