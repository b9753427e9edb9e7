"""Every change of a picture goes through its calibration: the body keeps falling into its mask."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from datamodules.body_augmentation import (
    NO_AUGMENTATION,
    BodyAugmentation,
    augmented_normals,
    augmented_views,
    blurred,
    recoloured,
    zoomed,
)
from datamodules.body_normals import rendered_normals
from datamodules.body_records import BodyMesh
from datamodules.occupancy_sampling import SolidBody
from datamodules.projection_guard import projected, share_in_mask
from models.geometry.view_cameras import flip_views, perspective_views, turned_views
from tests.datamodules.body_trees import figure, photographs


def pictures(perspective: bool = False, size: int = 96) -> tuple[Tensor, Tensor, Tensor]:
    views = turned_views(4)
    if perspective:
        views = perspective_views(views, torch.full((4,), 350.0))
    colours, masks = photographs(figure(), views, size)
    images = torch.from_numpy(np.stack(colours)).permute(0, 3, 1, 2).float() / 255
    return images, torch.from_numpy(np.stack(masks))[:, None].float() / 255, views


def surface(count: int = 2000) -> np.ndarray:
    mesh = figure()
    return SolidBody(mesh.vertices, mesh.faces, "figure").surface_points(count, np.random.default_rng(0))


@pytest.mark.parametrize("perspective", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_surface_stays_in_the_masks(seed: int, perspective: bool) -> None:
    augmentation = BodyAugmentation(scale=0.1, shift=0.03)
    _, masks, views = augmented_views(*pictures(perspective), augmentation, np.random.default_rng(seed))
    for mask, view in zip(masks[:, 0].numpy() > 0.5, views.double().numpy()):
        pixels = projected(view, surface(20_000), (96, 96))
        assert share_in_mask(mask, pixels) > 0.995
        hit = np.zeros_like(mask)
        hit[pixels[:, 1].astype(int), pixels[:, 0].astype(int)] = True
        assert hit[mask].mean() > 0.9  # the mask is no larger than the body


def test_without_the_calibration_the_surface_leaves_the_masks() -> None:
    images, masks, views = pictures()
    flip = BodyAugmentation(flip=1, scale=0, shift=0, brightness=0, contrast=0, saturation=0)
    _, changed, _ = augmented_views(images, masks, views, flip, np.random.default_rng(0))
    pixels = projected(views[0].double().numpy(), surface(), (96, 96))
    assert share_in_mask(changed[0, 0].numpy() > 0.5, pixels) < 0.95


def test_a_flip_mirrors_every_view() -> None:
    images, masks, views = pictures()
    flip = BodyAugmentation(flip=1, scale=0, shift=0, brightness=0, contrast=0, saturation=0)
    changed, changed_masks, changed_views = augmented_views(images, masks, views, flip, np.random.default_rng(0))
    assert torch.equal(changed, images.flip(-1))
    assert torch.equal(changed_masks, masks.flip(-1))
    assert torch.equal(changed_views, flip_views(views))


def test_zoom_of_a_parallel_view_scales_depth_and_of_a_pinhole_does_not() -> None:
    augmentation = BodyAugmentation(flip=0, scale=0.1, shift=0)
    for perspective in (False, True):
        images, masks, views = pictures(perspective)
        _, _, changed = augmented_views(images, masks, views, augmentation, np.random.default_rng(1))
        zoom = changed[:, 1, :3].norm(dim=1) / views[:, 1, :3].norm(dim=1)
        assert float((zoom - 1).abs().max()) > 0.01
        depth = changed[:, 2, :3].norm(dim=1) / views[:, 2, :3].norm(dim=1)
        assert torch.allclose(depth, torch.ones(4) if perspective else zoom, atol=1e-5)


@pytest.mark.parametrize("shift", [(0.02, -0.013), (-0.5, 0.25), (1 / 96, 0.0), (-0.9, 0.97)])
def test_pictures_that_are_only_shifted_are_those_that_sampling_gives(shift: tuple[float, float]) -> None:
    images, _, views = pictures()
    by = np.array([shift, (shift[1], shift[0]), (0.0, 0.0), shift])
    quick, cameras = zoomed(images, views, np.ones(4), by)
    sampled, others = zoomed(images, views, np.full(4, 1 + 1e-12), by)
    torch.testing.assert_close(quick, sampled, rtol=0, atol=2e-4)
    torch.testing.assert_close(cameras, others)


def test_a_change_of_contrast_keeps_the_mean_brightness() -> None:
    images = 0.3 + 0.4 * torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    changed = recoloured(images, BodyAugmentation(0, 0, 0, 0, 0.4, 0, 0, 0), np.full((4, 5), 0.75))
    luma = torch.tensor([0.299, 0.587, 0.114])
    middle = (images.mean((2, 3)) @ luma)[:, None, None, None]
    torch.testing.assert_close(changed, (images - middle) * 1.2 + middle, rtol=0, atol=1e-5)


def test_no_augmentation_changes_nothing() -> None:
    before = pictures()
    after = augmented_views(*before, NO_AUGMENTATION, np.random.default_rng(0))
    assert all(torch.equal(one, other) for one, other in zip(before, after))


def test_colours() -> None:
    images, _, _ = pictures()
    jitter = np.full((4, 5), 0.75)
    nothing = NO_AUGMENTATION
    brighter = recoloured(images, BodyAugmentation(0, 0, 0, 0.2, 0, 0, 0, 0), jitter)
    assert torch.allclose(brighter, (1.1 * images).clamp(max=1), atol=1e-6)
    grey = recoloured(images, BodyAugmentation(0, 0, 0, 0, 0, 0, 0, 1.0), jitter)
    assert float((grey - grey.mean(1, keepdim=True)).abs().max()) < 1e-6
    turned = recoloured(images, BodyAugmentation(0, 0, 0, 0, 0, 0, 1.0, 0), np.full((4, 5), 0.5 + 1 / 6))
    assert torch.allclose(turned, images[:, [2, 0, 1]], atol=1e-5)  # a third of the circle: red becomes green
    assert recoloured(images, nothing, jitter) is images


def test_blur_keeps_the_mean_and_lowers_the_contrast() -> None:
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    soft = blurred(images, 1.0)
    assert soft.shape == images.shape
    assert float((soft.mean() - images.mean()).abs()) < 0.01
    assert float(soft.std()) < 0.5 * float(images.std())
    assert blurred(images, 0.05) is images


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_normals_move_with_their_picture(flip: float) -> None:
    """Augmented maps are those that the augmented camera would render."""
    mesh = BodyMesh(figure().vertices, figure().faces)
    images, masks, views = pictures(size=128)
    normals = rendered_normals(mesh, views[0], 128)
    augmentation = BodyAugmentation(flip=flip, scale=0.08, shift=0.03, brightness=0, contrast=0, saturation=0)
    _, mask, changed = augmented_normals(images[0], masks[0], normals, augmentation, np.random.default_rng(5))
    _, _, view = augmented_views(images[:1], masks[:1], views[:1], augmentation, np.random.default_rng(5))
    truth = rendered_normals(mesh, view[0], 128)
    core = -torch.nn.functional.max_pool2d(-mask[None], 5, stride=1, padding=2)[0, 0] > 0
    for ours, true in zip(changed, truth):
        cosine = (ours * true).sum(0)[core]
        assert float(cosine.median()) > 0.999
        assert float((cosine > math.cos(0.2)).float().mean()) > 0.95


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"augmentation flip is 1\.5"):
        BodyAugmentation(flip=1.5)
