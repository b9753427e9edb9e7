"""Pixel-aligned features: half pixels, the places that pictures do not show, and the silhouettes' hull."""

import pytest
import torch
from torch import Tensor

from models.bodies.features import OUTSIDE_LOGIT, BodyFeatures, masked_input, query_occupancy, sample_features
from models.bodies.visual_hull import visual_hull, within_outlines
from models.geometry.view_cameras import crop_views, project_to_views, turned_views
from models.networks.point_mlp import PointMlp


def ramps(size: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """[1, 1, 2, size, size]: at each pixel's centre its x and y in the view frame."""
    centre = (2 * torch.arange(size, dtype=dtype) + 1) / size - 1
    y, x = torch.meshgrid(centre, centre, indexing="ij")
    return torch.stack([x, y])[None, None]


@pytest.mark.parametrize("size", [8, 32, 128, 512])
def test_a_ramp_reads_the_same_place_at_every_resolution(size: int) -> None:
    position = torch.rand(1, 1, 50, 2, dtype=torch.float64) * 1.7 - 0.85  # bilinear is exact between pixel centres
    torch.testing.assert_close(sample_features([ramps(size)], position), position)


def test_a_crop_of_the_picture_reads_the_same_features() -> None:
    whole = ramps(64)
    part = whole[..., 16:48, 8:40]
    points = torch.randn(1, 200, 3, dtype=torch.float64) * 20
    view = turned_views(1, 0.4).double()
    cropped = crop_views(view, left=8, top=16, width=32, height=32, size=(64, 64))
    in_part = project_to_views(cropped[None], points).position
    inside = (in_part.abs() < 1 - 1 / 32).all(-1)[0, 0]
    assert inside.sum() > 50
    from_whole = sample_features([whole], project_to_views(view[None], points).position)
    torch.testing.assert_close(sample_features([part], in_part)[0, 0, inside], from_whole[0, 0, inside])


def test_maps_are_read_one_after_the_other_and_nothing_outside() -> None:
    position = torch.tensor([[[[0.0, 0.0], [3.0, 0.0]]]])
    maps = [torch.full((1, 1, 2, 4, 4), 5.0), torch.full((1, 1, 1, 2, 2), 7.0)]
    assert sample_features(maps, position)[0, 0].tolist() == [[5, 5, 7], [0, 0, 0]]


def test_masked_pictures_are_grey_around_the_person() -> None:
    images, masks = torch.ones(1, 1, 3, 2, 2), torch.tensor([[1.0, 0], [0, 0]]).expand(1, 1, 1, 2, 2)
    assert masked_input(images, masks)[0, 0, 0].tolist() == [[1, 0], [0, 0]]
    assert masked_input(0 * images, masks)[0, 0, 0].tolist() == [[-1, 0], [0, 0]]


def test_depth_reaches_the_classifier_in_the_unit_of_pifu() -> None:
    seen: list[Tensor] = []

    class Recorder(PointMlp):
        def forward(self, features, per_view=False):
            seen.append(features)
            return super().forward(features, per_view)

    features = BodyFeatures([[torch.zeros(1, 1, 1, 4, 4)]])
    query_occupancy(
        features, turned_views(1)[None], torch.tensor([[[0.0, 0, 20.0]]]), Recorder((2, 4, 1), (1,), 0), 1.28
    )
    # 20 cm are 50 of PIFu's pixels (0.4 cm each), and its unit is 200 pixels
    assert seen[0][0, 0, 0, 1].item() == pytest.approx(0.25)


def test_what_a_picture_does_not_show_is_outside() -> None:
    features = BodyFeatures([[torch.randn(1, 2, 1, 4, 4)]])
    points = torch.tensor([[[0.0, 0, 0], [0, 0, 110.0]]])  # the second leaves the view from the side
    query = query_occupancy(features, turned_views(2, torch.pi / 2)[None], points, PointMlp((2, 4, 1), (1,), 0), 1.28)
    assert query.logits[0, 0, 1] == OUTSIDE_LOGIT
    assert query.logits[0, 0, 0] != OUTSIDE_LOGIT


def test_the_hull_of_square_masks_is_a_box() -> None:
    masks = torch.zeros(1, 2, 1, 64, 64)
    masks[..., 16:48, 16:48] = 1  # half the picture: 51.2 cm to every side
    views = turned_views(4)[:2][None]
    points = torch.tensor([[[0.0, 0, 0], [50, 50, 50], [53, 0, 0], [0, 53, 0], [0, 0, 53], [0, 0, 500]]])
    hull = visual_hull(masks, views, points)
    assert (hull[0] > 0).tolist() == [True, True, False, False, False, False]
    border = visual_hull(masks, views, torch.tensor([[[51.2, 0.0, 0.0]]]))
    assert border.abs().item() < 1e-5


def test_nothing_is_outside_the_outlines_and_their_margin() -> None:
    masks = torch.zeros(1, 2, 1, 64, 64)
    masks[..., 16:48, 16:48] = 1  # half the picture: 51.2 cm to every side, pixels of 3.2 cm
    everywhere = within_outlines(lambda points: torch.full((len(points),), 3.0), masks, turned_views(4)[:2][None])
    inside = everywhere(torch.tensor([[0.0, 0, 0], [50, 50, 50], [53, 0, 0], [57, 0, 0], [0, 60, 0], [0, 0, 90]]))
    assert inside[:2].tolist() == [3, 3]  # the network's own answer
    assert inside[2] > 0
    assert (inside[3:] < 0).all()
