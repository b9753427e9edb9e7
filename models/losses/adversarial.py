"""A critic's opinion: Wasserstein distance with a gradient penalty (WGAN-GP)."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class CriticLoss(NamedTuple):
    """What the critic minimises, in its parts."""

    loss: Float[Tensor, ""]
    """Mean score of the fakes - mean score of the real ones + weight · penalty."""
    distance: Float[Tensor, ""]
    """Mean score of the real ones - mean score of the fakes: the critic's estimate, to be logged."""
    penalty: Float[Tensor, ""]


def critic_loss(
    critic: Callable[[Tensor], Tensor],
    real: Float[Tensor, "b c h w"],
    fake: Float[Tensor, "b c h w"],
    penalty_weight: int | float = 10,
    generator: torch.Generator | None = None,
) -> CriticLoss:
    """The loss of the critic's own step. Differentiable in the critic's parameters; both pictures are detached.

    ``generator`` draws one mixture for each pair, from U(0, 1). Source: Gulrajani et al., "Improved training of
    Wasserstein GANs", NeurIPS 2017, equation 3.
    """
    real, fake = real.detach(), fake.detach()
    scores_real, scores_fake = critic(torch.cat([real, fake])).chunk(2)  # in one pass: the critic has no batch norm
    distance = scores_real.mean() - scores_fake.mean()
    share = torch.rand(len(real), generator=generator, device=generator.device if generator else real.device)
    penalty = gradient_penalty(critic, share.to(real)[:, None, None, None] * (real - fake) + fake)
    return CriticLoss(penalty_weight * penalty - distance, distance.detach(), penalty.detach())


def gradient_penalty(critic: Callable[[Tensor], Tensor], pictures: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """Mean over pictures of (‖∇ score‖₂ - 1)², the norm over all pixels and channels of a picture.

    Differentiable in the critic's parameters through the gradient; needs operations with a second derivative.
    """
    with torch.enable_grad():
        pictures = pictures.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(pictures).sum(), pictures, create_graph=True)
    return (torch.linalg.vector_norm(gradient, dim=(1, 2, 3)) - 1).square().mean()


def adversarial_loss(critic: Callable[[Tensor], Tensor], fake: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """- mean score of the fakes: what the generator's step minimises. Differentiable in the fakes."""
    return -critic(fake).mean()
