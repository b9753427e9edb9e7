import pytest
import torch

from models.clothing.attributes import ClothingAttributes, ClothingCamera
from models.clothing.loss_weights import ClothingLossWeights
from models.clothing.objective import cycle_terms, encoder_terms, reconstruction_terms, shape_terms
from models.clothing.renderer import render_attributes
from models.clothing.template import ellipsoid_template
from models.losses.mesh_regularisers import depth_prior_loss, flatness_loss

TEMPLATE = ellipsoid_template((0.45, 0.9, 0.225), subdivisions=1)
SIZE = (16, 8)
SHARED = {"image", "silhouette", "laplacian", "flatness", "edge_length", "depth", "deformation", "mirror"} | {
    f"cycle_{name}" for name in ("azimuth", "elevation", "distance", "offset", "shape", "texture", "light")
}


def garments(seed: int) -> ClothingAttributes:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    angles = draw(2).requires_grad_(), draw(2).requires_grad_()
    camera = ClothingCamera(*angles, 2.5 + draw(2), draw(2, 2) - 0.5, torch.zeros(2, 2))
    offsets = (0.2 * (draw(2, len(TEMPLATE.vertices), 3) - 0.5)).requires_grad_()
    texture = draw(2, 3, 8, 4).requires_grad_()
    light = (3 * torch.eye(9)[0] + 0.1 * draw(2, 9)).requires_grad_()
    return ClothingAttributes(camera, offsets, TEMPLATE.vertices + offsets, texture, light, draw(2, 3, *SIZE))


def all_terms(weights: ClothingLossWeights) -> tuple[dict[str, torch.Tensor], list[ClothingAttributes]]:
    encoded, mixed, recovered = (garments(seed) for seed in range(3))
    rendering = render_attributes(encoded, TEMPLATE, SIZE, background=True)
    images, masks = torch.rand(2, 3, *SIZE), (torch.rand(2, 1, *SIZE) > 0.5).float()
    terms = encoder_terms(encoded, mixed, recovered, rendering, images, masks, TEMPLATE, weights)
    return terms, [encoded, mixed, recovered]


def test_the_weights_of_the_data_sets_multiply_out() -> None:
    market, atr, cub = ClothingLossWeights.market_hq(), ClothingLossWeights.atr(), ClothingLossWeights.cub()
    assert (market.flatness, atr.flatness, cub.flatness) == pytest.approx((0.002, 0.001, 0.001))
    assert (market.depth, atr.depth, cub.depth) == (0.15, 0.15, 0.1)
    assert (market.contour, atr.contour, cub.contour) == pytest.approx((0, 0, 0.2))
    for weights in (market, atr, cub):
        assert (weights.image, weights.silhouette, weights.adversarial) == (2, 2, 1e-4)
        assert (weights.laplacian, weights.edge_length) == pytest.approx((0.01, 1e-4))


def test_every_term_of_the_paper_is_there_once() -> None:
    assert set(all_terms(ClothingLossWeights.market_hq())[0]) == SHARED
    assert set(all_terms(ClothingLossWeights.cub())[0]) == SHARED | {"contour"}


def test_terms_are_their_losses_times_their_weights_and_shapes_a_mean_of_two() -> None:
    weights = ClothingLossWeights.market_hq()
    terms, (encoded, mixed, _) = all_terms(weights)
    both = [flatness_loss(one.vertices, TEMPLATE.faces, TEMPLATE.edge_faces) for one in (encoded, mixed)]
    torch.testing.assert_close(terms["flatness"], 0.002 * sum(both) / 2)
    depth = [depth_prior_loss(one.vertices, TEMPLATE.vertices[:, 2], 2, "exponential") for one in (encoded, mixed)]
    torch.testing.assert_close(terms["depth"], 0.15 * sum(depth) / 2)


def test_the_mixed_attributes_learn_from_their_shape_and_not_from_the_cycle() -> None:
    terms, (encoded, mixed, recovered) = all_terms(ClothingLossWeights.market_hq())
    torch.stack(list(terms.values())).sum().backward()
    assert mixed.offsets.grad is not None
    assert mixed.texture.grad is None
    assert mixed.light.grad is None
    assert mixed.camera.azimuth.grad is None
    for part in (recovered.texture, recovered.light, recovered.camera.azimuth, recovered.offsets):
        assert part.grad is not None
        assert part.grad.abs().sum() > 0
    assert encoded.texture.grad is not None


def test_the_truth_costs_nothing() -> None:
    weights, scene = ClothingLossWeights.market_hq(), garments(0)
    rendering = render_attributes(scene, TEMPLATE, SIZE, background=True)
    matched = reconstruction_terms(rendering, rendering.image.detach(), rendering.hard_mask, weights)
    assert matched["image"].item() == 0
    assert matched["silhouette"].item() < 0.5  # the fringe alone
    assert all(term.item() == pytest.approx(0, abs=1e-6) for term in cycle_terms(scene, scene, weights).values())
    still = scene._replace(offsets=scene.offsets * 0)
    assert shape_terms(still, TEMPLATE, 2, weights)["deformation"].item() == 0
