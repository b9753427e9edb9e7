"""The prototype loop: the template moves by a careful share of the mean offset that garments need from it.

At the end of an epoch the offsets of clean training pictures are summed (`add_offsets`, in evaluation mode; several
processes add up their `OffsetSums`), and the template makes one step (`prototype_step`). The steps shrink. Nothing here
is differentiable. Source: Zheng et al., "3D Magic Mirror", and the authors' code.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

Rejection = Literal["authors", "all_vertices", "none"]
"""Which garments do not count: "authors" looks at the last vertex alone, "all_vertices" at the mean of all."""
Dilution = Literal["authors", "none"]
"""What the sum is divided by: "authors" also counts the rows of a buffer as long as the whole training set that the
clean pictures leave empty, so that the template moves less; "none" counts the garments."""

FIRST_STEP = 0.1
DECAY = 0.99


class OffsetSums(NamedTuple):
    """What a pass over clean pictures leaves behind; add the members up over processes."""

    offset_sum: Float[Tensor, "v 3"]
    """float64, of the garments that count, each about its own mean."""
    count: Int[Tensor, ""]
    rejected: Int[Tensor, ""]


class PrototypeStep(NamedTuple):
    template: Float[Tensor, "v 3"]
    """In the type of the template that went in."""
    next_step: float
    """The length factor of the step after this one."""
    mean_offset: Float[Tensor, "v 3"]
    """What the template was asked to move by: smoothed and clipped, before the length factors."""


def no_offsets(template_vertices: Float[Tensor, "v 3"]) -> OffsetSums:
    """Where a pass begins, on the template's device."""
    zero = torch.zeros((), dtype=torch.int64, device=template_vertices.device)
    return OffsetSums(torch.zeros_like(template_vertices, dtype=torch.float64), zero, zero)


def add_offsets(
    sums: OffsetSums,
    offsets: Float[Tensor, "b v 3"],
    rejection: Rejection = "authors",
    largest_offset: int | float = 0.4,
) -> OffsetSums:
    """The sums with one batch more. Offsets are centred first; those of rejected garments do not count.

    Args:
        offsets: Δv in model units.
        largest_offset: a garment is rejected where the mean of the absolute coordinates that `rejection` looks at is
            larger.
    """
    offsets = offsets.detach().double()
    centred = offsets - offsets.mean(1, keepdim=True)
    if rejection == "none":
        counts = torch.ones(len(centred), dtype=torch.bool, device=centred.device)
    else:
        looked_at = centred[:, -1:] if rejection == "authors" else centred
        counts = looked_at.abs().mean(dim=(1, 2)) <= largest_offset
    return OffsetSums(
        sums.offset_sum + (centred * counts[:, None, None]).sum(0),
        sums.count + counts.sum(),
        sums.rejected + (~counts).sum(),
    )


def prototype_step(
    sums: OffsetSums,
    buffer_rows: int,
    template_vertices: Float[Tensor, "v 3"],
    laplacian: Float[Tensor, "v v"],
    step: int | float,
    warm: int | float = 1.0,
    dilution: Dilution = "authors",
    smoothing: int | float = 0.5,
    passes: int = 3,
    clip: int | float | None = 0.05,
    decay: int | float = DECAY,
    recentre: bool = True,
) -> PrototypeStep:
    """One step: mean, smoothing, clipping, step, centring, in this order.

    Every process gets the same template from the same sums. Without a garment that counts the template stays.

    Args:
        buffer_rows: pictures of the whole training set that fill batches, ⌊N / B⌋ · B; used by the authors' dilution.
        laplacian: D⁻¹A - I of the template's mesh.
        step, warm: length factors: the one that decays, and the losses' warm-up (`warm_factor`).
        smoothing, passes: offsets get `smoothing` times their Laplacian added, so many times.
        clip: greatest absolute coordinate of the smoothed mean; None leaves it.
        decay: from this step to the next.
        recentre: puts the mean vertex at the origin.
    """
    rows = sums.count
    if dilution == "authors":
        # rejected garments leave the buffer, empty rows stay
        rows = (buffer_rows - sums.rejected).clamp(min=sums.count)
    mean = sums.offset_sum / rows.clamp(min=1)
    for _ in range(passes):
        mean = mean + smoothing * (laplacian.double() @ mean)
    if clip is not None:
        mean = mean.clamp(-clip, clip)
    moved = template_vertices.double() + warm * step * mean
    if recentre:
        moved = moved - moved.mean(0)
    moved = torch.where(sums.count > 0, moved, template_vertices.double())
    return PrototypeStep(moved.to(template_vertices), step * decay, mean.to(template_vertices))


def prototype_moves(epoch: int, epochs: int, every: int = 2, frozen_epochs: int = 100) -> bool:
    """Whether the template moves after this epoch, counted from 0; at the end it stands still while weights average."""
    return epoch % every == 0 and epoch < epochs - frozen_epochs


def warm_factor(iteration: int, warm_iterations: int) -> float:
    """What multiplies losses and template steps: from 0.01 linearly to 1 over the warm-up."""
    return 1.0 if warm_iterations <= 0 else min(1.0, 0.01 + 0.99 * iteration / warm_iterations)
