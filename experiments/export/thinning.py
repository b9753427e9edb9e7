"""A matrix as the product of two thinner ones, where a file would be too large otherwise."""

import torch
from torch import Tensor

from models.networks.half_precision_files import first_of_equals

HEADER_BYTES = 60_000
"""More than a file's header takes."""


def ranks_that_fit(tensors: dict[str, Tensor], largest_bytes: int) -> dict[str, int]:
    """How thin the largest matrix must become for a file of `largest_bytes` in half precision; nothing where all fits
    as it is, or thinning one matrix is not enough."""
    distinct = {first: tensors[first] for first in first_of_equals(tensors).values()}
    halved = sum(value.numel() * min(value.element_size(), 2) for value in distinct.values()) + HEADER_BYTES
    matrices = [name for name, value in distinct.items() if value.ndim == 2]
    if halved <= largest_bytes or not matrices:
        return {}
    name = max(matrices, key=lambda each: distinct[each].numel())
    room = largest_bytes - (halved - 2 * distinct[name].numel())
    rank = room // (2 * sum(distinct[name].shape))
    return {name: rank} if rank > 0 else {}


def thinning(ranks: dict[str, int], tensors: dict[str, Tensor]) -> str:
    """What was thinned, and what share of it is lost, in words."""
    lines = []
    for name, rank in ranks.items():
        values = torch.linalg.svdvals(tensors[name])
        lost = float(values[rank:].norm() / values.norm())
        shape = " x ".join(str(side) for side in tensors[name].shape)
        lines.append(
            f"{name} ({shape}) is stored as a product of rank {rank}, which loses {100 * lost:.2g} % of its norm"
        )
    return "; ".join(lines)
