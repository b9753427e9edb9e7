"""Every term of the clothing objective against a slow float64 truth, forward and backward."""

import math

import pytest
import torch
from torch import Tensor, nn

from models.geometry.primitives import icosphere
from models.geometry.topology import unique_edges
from models.losses.adversarial import adversarial_loss, critic_loss, gradient_penalty
from models.losses.attribute_cycle import angle_loss, attribute_loss, chamfer_loss
from models.losses.mesh_regularisers import (
    deformation_loss,
    depth_prior_loss,
    edge_length_loss,
    flatness_loss,
    laplacian_loss,
    mirror_loss,
)
from models.losses.photometric import masked_l1_loss
from models.losses.silhouettes import contour_loss, soft_iou_loss

SPHERE = icosphere(1)
FACES = SPHERE.faces
EDGES = unique_edges(FACES)
BATCH, VERTICES = 3, 42


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def offsets(seed: int = 0) -> Tensor:
    return 0.1 * random(BATCH, VERTICES, 3, seed=seed)


def assert_agree(loss, truth, value: Tensor) -> None:
    """The loss in float32 and its gradient against the truth in float64 by autograd; the loss by finite differences."""
    one, other = value.clone().requires_grad_(), value.double().requires_grad_()
    found, expected = loss(one), truth(other)
    assert found.shape == ()
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-7)
    (gradient,) = torch.autograd.grad(found, one)
    (expected_gradient,) = torch.autograd.grad(expected, other)
    assert expected_gradient.abs().max() > 1e-6
    scale = float(expected_gradient.abs().max())
    torch.testing.assert_close(gradient.double(), expected_gradient, rtol=1e-4, atol=1e-5 * scale)
    direction = random(*value.shape, seed=99).double()
    step = 1e-6
    with torch.no_grad():
        slope = (truth(other + step * direction) - truth(other - step * direction)) / (2 * step)
    torch.testing.assert_close(slope, (expected_gradient * direction).sum(), rtol=1e-4, atol=1e-8)


# pictures and masks


def test_masked_l1_is_the_mean_over_all_pixels_of_both_over_white() -> None:
    image, mask = uniform(2, 3, 8, 6), (uniform(2, 1, 8, 6, seed=1) > 0.4).float()

    def truth(rendering: Tensor) -> Tensor:
        over_white = [picture * mask + 1 - mask for picture in (image.double(), rendering)]
        return (over_white[0] - over_white[1]).abs().sum() / (2 * 3 * 8 * 6)

    assert_agree(lambda r: masked_l1_loss(image, r, mask), truth, uniform(2, 3, 8, 6, seed=2))


def test_masked_l1_of_black_and_white_halves() -> None:
    image, rendering, mask = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    mask[..., :2] = 1
    assert masked_l1_loss(image, rendering, mask).item() == 0.5  # not 1: empty pixels count in the mean


def test_what_is_rendered_outside_the_photographs_mask_is_free() -> None:
    image, mask = uniform(1, 3, 6, 6), (uniform(1, 1, 6, 6, seed=1) > 0.5).float()
    rendering = uniform(1, 3, 6, 6, seed=2).requires_grad_()
    masked_l1_loss(image, rendering, mask).backward()
    assert rendering.grad is not None
    assert (rendering.grad[(mask == 0).expand(-1, 3, -1, -1)] == 0).all()
    assert (rendering.grad[(mask == 1).expand(-1, 3, -1, -1)] != 0).all()


def test_soft_iou_agrees_with_sums_over_each_picture() -> None:
    mask = (uniform(3, 1, 8, 6, seed=1) > 0.4).float()

    def truth(soft: Tensor) -> Tensor:
        quotients = []
        for m, M in zip(soft, mask.double()):
            quotients.append((m * M).sum() / ((m + M - m * M).sum() + 1e-10))
        return 1 - torch.stack(quotients).sum() / 3

    assert_agree(lambda m: soft_iou_loss(m, mask), truth, uniform(3, 1, 8, 6))


def test_overlap_with_itself_is_one_and_of_empty_masks_finite() -> None:
    mask = (uniform(2, 1, 8, 6) > 0.5).float()
    assert soft_iou_loss(mask, mask).item() == pytest.approx(0, abs=1e-6)
    assert soft_iou_loss(torch.zeros_like(mask), torch.zeros_like(mask)).item() == 1
    halves = torch.ones_like(mask)
    assert soft_iou_loss(0.5 * halves, halves).item() == 0.5


@pytest.mark.parametrize("size", [(16, 8), (12, 20)])
def test_contour_agrees_with_loops(size: tuple[int, int]) -> None:
    h, w = size
    mask = (uniform(2, 1, h, w, seed=1) > 0.4).float()

    def contour(m: Tensor) -> Tensor:
        coarse = torch.stack(
            [torch.stack([m[..., i // 4 * 4, j // 4 * 4] for j in range(w)], -1) for i in range(h)], -2
        )
        return (m - coarse).abs()

    def truth(soft: Tensor) -> Tensor:
        return ((contour(soft) - contour(mask.double())) ** 2).sum() / (2 * h * w)

    assert_agree(lambda m: contour_loss(m, mask), truth, uniform(2, 1, h, w))


# regularisers


def uniform_laplacian() -> Tensor:
    adjacency = torch.zeros(VERTICES, VERTICES, dtype=torch.float64)
    for i, j in EDGES.edges.tolist():
        adjacency[i, j] = adjacency[j, i] = 1
    return adjacency / adjacency.sum(1, keepdim=True) - torch.eye(VERTICES)


@pytest.mark.parametrize("sparse", [False, True])
def test_laplacian_is_a_sum_over_coordinates_and_a_mean_over_the_batch(sparse: bool) -> None:
    matrix = uniform_laplacian()
    given = matrix.float().to_sparse() if sparse else matrix.float()

    def truth(delta: Tensor) -> Tensor:
        total = delta.new_zeros(())
        for one in delta:
            for row in matrix:
                total = total + ((row[:, None] * one).sum(0) ** 2).sum()
        return total / BATCH

    assert_agree(lambda d: laplacian_loss(d, given), truth, offsets())


def test_moving_the_whole_mesh_is_no_deformation_to_the_laplacian() -> None:
    moved = torch.ones(1, VERTICES, 3)
    assert laplacian_loss(moved, uniform_laplacian().float()).item() == pytest.approx(0, abs=1e-10)


def test_flatness_is_a_sum_over_edges() -> None:
    vertices = SPHERE.vertices + offsets()

    def truth(v: Tensor) -> Tensor:
        total = v.new_zeros(())
        for mesh in v:
            corners = mesh[FACES]
            normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            normal = normal / normal.norm(dim=1, keepdim=True)
            for edge in EDGES.edges.tolist():
                first, second = [f for f, face in enumerate(FACES.tolist()) if set(edge) <= set(face)]
                total = total + ((normal[first] * normal[second]).sum() - 1) ** 2
        return total / BATCH

    assert_agree(lambda v: flatness_loss(v, FACES, EDGES.edge_faces), truth, vertices)


def test_an_edge_folded_back_costs_four() -> None:
    vertices = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0.2, 0.9, 0]]])
    faces, at_the_edge = torch.tensor([[0, 1, 2], [1, 0, 3]]), torch.tensor([[0, 1]])
    assert flatness_loss(vertices, faces, at_the_edge).item() == pytest.approx(4)


def test_edge_length_is_a_norm_over_edges() -> None:
    vertices = SPHERE.vertices + offsets()

    def truth(v: Tensor) -> Tensor:
        norms = []
        for mesh in v:
            lengths = torch.stack([(mesh[i] - mesh[j]).norm() for i, j in EDGES.edges.tolist()])
            norms.append(((lengths - lengths.sum() / len(lengths)) ** 2).sum().sqrt())
        return torch.stack(norms).sum() / BATCH

    assert_agree(lambda v: edge_length_loss(v, EDGES.edges), truth, vertices)


@pytest.mark.parametrize("falloff", ["exponential", "quadratic"])
def test_depth_prior_agrees_with_its_formula(falloff) -> None:
    vertices, initial_z = SPHERE.vertices + offsets(), SPHERE.vertices[:, 2]
    fixed = vertices.double()

    def truth(v: Tensor) -> Tensor:
        terms = []
        for b in range(BATCH):
            for i in range(VERTICES):
                target = 0.001 if initial_z[i] >= 0 else -0.001
                x, y = fixed[b, i, 0], fixed[b, i, 1]
                radius = x**2 + (y / 2) ** 2
                terms.append(
                    (v[b, i, 2] - target) ** 2 * (torch.exp(2 * radius) if falloff == "exponential" else radius)
                )
        return torch.stack(terms).mean()

    assert_agree(lambda v: depth_prior_loss(v, initial_z, 2, falloff), truth, vertices)


def test_the_depth_prior_moves_depths_alone() -> None:
    vertices = (SPHERE.vertices + offsets()).requires_grad_()
    depth_prior_loss(vertices, SPHERE.vertices[:, 2], 2, "exponential").backward()
    assert vertices.grad is not None
    assert (vertices.grad[..., :2] == 0).all()
    assert (vertices.grad[..., 2] != 0).all()


def test_deformation_is_a_mean_of_lengths_with_a_finite_gradient_at_rest() -> None:
    assert_agree(
        deformation_loss, lambda d: sum(row.norm() for mesh in d for row in mesh) / (BATCH * VERTICES), offsets()
    )
    at_rest = torch.zeros(1, VERTICES, 3, requires_grad=True)
    deformation_loss(at_rest).backward()
    assert at_rest.grad is not None
    assert (at_rest.grad == 0).all()


def mirror_of(vertices: Tensor) -> Tensor:
    return torch.cdist(vertices, vertices * torch.tensor([1.0, 1, -1])).argmin(1)


def test_mirror_is_gated_by_the_image_on_the_other_side() -> None:
    initial_z = SPHERE.vertices[:, 2]
    mirror = mirror_of(SPHERE.vertices)

    def truth(delta: Tensor) -> Tensor:
        total = delta.new_zeros(())
        for mesh in delta:
            for vertex in range(VERTICES):
                image = int(mirror[vertex])
                if torch.sign(mesh[image, 2].detach()) * torch.sign(initial_z[image]) > 0:
                    mirrored = torch.stack([mesh[image, 0], mesh[image, 1], -mesh[image, 2]])
                    total = total + (mesh[vertex] - mirrored).norm()
        return total / (BATCH * VERTICES)

    assert_agree(lambda d: mirror_loss(d, mirror, initial_z), truth, offsets())


def test_mirrored_offsets_cost_nothing_and_inverted_ones_are_ignored() -> None:
    initial_z, mirror = SPHERE.vertices[:, 2], mirror_of(SPHERE.vertices)
    outward = 0.1 * SPHERE.vertices[None]
    assert mirror_loss(outward, mirror, initial_z).item() == pytest.approx(0, abs=1e-7)
    lopsided = outward.clone()
    lopsided[..., 0] += initial_z > 0  # the front moves aside
    assert mirror_loss(lopsided, mirror, initial_z).item() > 0.1
    inward = lopsided * torch.tensor([1.0, 1, -1])
    assert mirror_loss(inward, mirror, initial_z).item() == 0


# the attribute cycle


def test_attribute_loss_is_a_mean_and_leaves_the_truth_alone() -> None:
    known = random(3, 4, 5, seed=1)
    assert_agree(
        lambda r: attribute_loss(r, known), lambda r: (r - known.double()).abs().sum() / (3 * 4 * 5), random(3, 4, 5)
    )
    recovered, watched = random(3, 4, 5).requires_grad_(), known.clone().requires_grad_()
    attribute_loss(recovered, watched).backward()
    assert watched.grad is None


def test_angle_loss_agrees_with_points_on_the_circle() -> None:
    known = 3 * random(5, seed=1)

    def truth(angle: Tensor) -> Tensor:
        points = [torch.stack([a.cos(), a.sin()], 1) for a in (angle, known.double())]
        return (points[0] - points[1]).abs().sum() / 10

    assert_agree(lambda a: angle_loss(a, known), truth, 3 * random(5))
    assert angle_loss(known + 2 * math.pi, known).item() == pytest.approx(0, abs=1e-6)
    assert angle_loss(torch.tensor([math.pi]), torch.zeros(1)).item() == pytest.approx(1)


def test_chamfer_agrees_with_loops() -> None:
    known = random(2, 11, 3, seed=1)

    def truth(points: Tensor) -> Tensor:
        total = points.new_zeros(())
        for one, other in zip(points, known.double()):
            squared = ((one[:, None] - other) ** 2).sum(-1)
            total = total + squared.amin(1).mean() + squared.amin(0).mean()
        return total / 2

    assert_agree(lambda p: chamfer_loss(p, known), truth, random(2, 13, 3))
    assert chamfer_loss(known[:, torch.randperm(11)], known).item() == 0


# the critic


class SmallCritic(nn.Module):
    """Has second derivatives everywhere, unlike the leaky units of the real one."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 5, 3, 2, 1, bias=False), nn.Conv2d(5, 1, 1, bias=False)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(pictures))).mean((2, 3))


def critic_and_pictures() -> tuple[SmallCritic, Tensor, Tensor]:
    torch.manual_seed(0)
    return SmallCritic().double(), uniform(3, 4, 6, 5).double(), uniform(3, 4, 6, 5, seed=1).double()


def test_the_gradient_penalty_agrees_with_finite_differences() -> None:
    critic, pictures, _ = critic_and_pictures()
    step, norms = 1e-6, []
    for one in pictures:
        slopes = []
        for entry in range(one.numel()):
            nudge = torch.zeros(one.numel(), dtype=torch.float64)
            nudge[entry] = step
            up, down = (critic((one + sign * nudge.view(one.shape))[None]) for sign in (1, -1))
            slopes.append(float((up - down).detach() / (2 * step)))
        norms.append(math.sqrt(sum(slope**2 for slope in slopes)))
    expected = sum((norm - 1) ** 2 for norm in norms) / len(norms)
    assert gradient_penalty(critic, pictures).item() == pytest.approx(expected, rel=1e-6)


def test_the_penalty_moves_the_critics_weights_as_finite_differences_say() -> None:
    critic, pictures, _ = critic_and_pictures()
    gradient_penalty(critic, pictures).backward()
    weight, gradient = critic.first.weight, critic.first.weight.grad
    assert gradient is not None
    direction, step = random(*weight.shape).double(), 1e-6
    slopes = []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * step * direction
            slopes.append(float(gradient_penalty(critic, pictures)))  # builds its own graph, without gradients too
            weight -= sign * step * direction
    assert (slopes[0] - slopes[1]) / (2 * step) == pytest.approx(float((gradient * direction).sum()), rel=1e-5)


def test_the_critics_loss_has_three_parts() -> None:
    critic, real, fake = critic_and_pictures()
    found = critic_loss(critic, real, fake, generator=torch.Generator().manual_seed(5))
    share = torch.rand(3, generator=torch.Generator().manual_seed(5)).double()[:, None, None, None]
    penalty = gradient_penalty(critic, share * real + (1 - share) * fake)
    distance = critic(real).mean() - critic(fake).mean()
    torch.testing.assert_close(found.loss, -distance + 10 * penalty)
    torch.testing.assert_close(found.distance, distance)
    torch.testing.assert_close(found.penalty, penalty)


def test_the_critics_step_does_not_reach_the_fakes_and_the_other_step_does() -> None:
    critic, real, fake = critic_and_pictures()
    fake.requires_grad_()
    critic_loss(critic, real, fake).loss.backward()
    assert fake.grad is None
    assert critic.first.weight.grad is not None
    adversarial_loss(critic, fake).backward()
    assert fake.grad is not None
    expected = torch.autograd.functional.jacobian(lambda f: -critic(f).sum() / 3, fake.detach())
    torch.testing.assert_close(fake.grad, expected)


def test_a_critic_that_is_blind_has_a_finite_penalty() -> None:
    critic, pictures, _ = critic_and_pictures()
    with torch.no_grad():
        critic.second.weight.zero_()
    penalty = gradient_penalty(critic, pictures)
    penalty.backward()
    assert penalty.item() == 1
    assert critic.second.weight.grad is not None
    assert critic.second.weight.grad.isfinite().all()
