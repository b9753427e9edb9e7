"""Features for Fréchet distances where the weights of Inception cannot be had: random filters, the same everywhere.

Their distances order renderings by colour, by texture and by where things are, coarsely; they know no objects. They
carry the name `fid_stand_in`, and may be compared with each other only, never with a published FID.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, conv2d, interpolate

SIDE = 64
"""Pixels; every picture is resized to this square."""
WIDTHS = (16, 32, 32)
CELLS = (3, 2)
"""Rows and columns in which the last stage is averaged: upside down is not the same, nor is left right."""


class StandInFeatures(nn.Module):
    """RGB picture in [0, 1] -> 240 numbers. No weights are read, none are trained; the seed is part of the measure.

    Three stages of 3 x 3 filters with orthonormal rows (or columns, where there are more filters than inputs), ReLU and
    pooling by two. Means over the picture of the first two stages (16 and 32) and over 3 x 2 cells of the third
    (192).
    """

    features = WIDTHS[0] + WIDTHS[1] + WIDTHS[2] * CELLS[0] * CELLS[1]
    score_name = "fid_stand_in"

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        incoming = 3
        for stage, width in enumerate(WIDTHS):
            filters = orthonormal(width, 9 * incoming, generator).reshape(width, incoming, 3, 3)
            # not in checkpoints: the constructor makes the same filters again
            self.register_buffer(f"filters_{stage}", filters, persistent=False)
            incoming = width

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k"]:
        x = interpolate(images.float(), size=(SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
        x = 2 * x - 1
        described = []
        for stage in range(len(WIDTHS)):
            # twice the response keeps the size of the values from stage to stage
            x = 2 * conv2d(x, self.get_buffer(f"filters_{stage}"), padding=1).relu()
            last = stage == len(WIDTHS) - 1
            described.append(adaptive_avg_pool2d(x, CELLS if last else 1).flatten(1))
            x = avg_pool2d(x, 2)
        return torch.cat(described, 1)


def orthonormal(rows: int, columns: int, generator: torch.Generator) -> Float[Tensor, "r s"]:
    """A random matrix whose shorter side is orthonormal; the signs are fixed, so that every LAPACK gives the same."""
    drawn = torch.randn(max(rows, columns), min(rows, columns), generator=generator, dtype=torch.float64)
    q, r = torch.linalg.qr(drawn)
    q = q * r.diagonal().sign()
    return (q if rows >= columns else q.T).float().contiguous()
