"""What keeps a displacement map small and smooth."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def masked_mean(
    values: Float[Tensor, "b c h w"], mask: Float[Tensor, "*b 1 h w"], count: Tensor | None = None
) -> Float[Tensor, ""]:
    """Mean of the values under a mask that is shared by the channels (and, without a batch axis, by the batch).

    count: of the mask's pixels, where several processes share a batch: their mean; None takes those of this one.
    """
    mask = mask.expand(values.shape[0], 1, *values.shape[2:])
    pixels = mask.sum().clamp_min(1 / values.shape[1]) if count is None else count.clamp_min(1e-8)
    return (values * mask).sum() / (pixels * values.shape[1])


def neighbour_difference_loss(values: Float[Tensor, "b c h w"], valid: Bool[Tensor, "h w"]) -> Float[Tensor, ""]:
    """Mean squared difference to the neighbour: right plus below, plus both diagonals (Chen et al., TIP 2020, 2.6 UV
    term)."""
    total = values.new_zeros(())
    height, width = valid.shape
    for rows, columns in ((0, 1), (1, 0), (1, 1), (1, -1)):
        first = (slice(0, height - rows), slice(max(0, -columns), width - max(0, columns)))
        second = (slice(rows, height), slice(max(0, columns), width - max(0, -columns)))
        both = (valid[first] & valid[second]).to(values)
        total = total + masked_mean((values[..., *second] - values[..., *first]).square(), both[None])
    return total


def thresholded_laplacian_loss(
    values: Float[Tensor, "b c h w"], valid: Bool[Tensor, "h w"], threshold: float
) -> Float[Tensor, ""]:
    """Mean of max((mean of the four neighbours − value)², threshold) over texels whose neighbours are all valid.

    Below the threshold there is no gradient: small roughness is free, spikes are not. The neighbours' mean is a fixed
    target, as in the authors' code, where the gather is not differentiable (Chen et al., TIP 2020).
    """
    inside = valid[1:-1, 1:-1] & valid[:-2, 1:-1] & valid[2:, 1:-1] & valid[1:-1, :-2] & valid[1:-1, 2:]
    fixed = values.detach()
    neighbours = (fixed[..., :-2, 1:-1] + fixed[..., 2:, 1:-1] + fixed[..., 1:-1, :-2] + fixed[..., 1:-1, 2:]) / 4
    square = (neighbours - values[..., 1:-1, 1:-1]).square()
    return masked_mean(torch.where(square > threshold, square, square.new_tensor(threshold)), inside.to(values)[None])


def thresholded_bend_loss(
    normals: Float[Tensor, "b 3 h w"], valid: Bool[Tensor, "h w"], threshold: float
) -> Float[Tensor, ""]:
    """Mean of max((n − neighbour's n)², threshold) over pairs to the right and below: the adjacent-triangle term on a
    grid."""
    total = normals.new_zeros(())
    for axis, width in ((-1, normals.shape[-1]), (-2, normals.shape[-2])):
        first, second = normals.narrow(axis, 0, width - 1), normals.narrow(axis, 1, width - 1)
        both = (valid.narrow(axis, 0, width - 1) & valid.narrow(axis, 1, width - 1)).to(normals)
        square = (second - first).square()
        total = total + masked_mean(torch.where(square > threshold, square, square.new_tensor(threshold)), both[None])
    return total / 2
