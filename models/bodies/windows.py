"""Parts of pictures, cut at whole pixels, so that a crop is a slice and its view one affine map more."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.geometry.view_cameras import crop_views


def draw_windows(
    batch: int, views: int, size: tuple[int, int], side: int, generator: torch.Generator | None = None
) -> Int[Tensor, "b n 2"]:
    """The left and top pixel edges of random square windows inside pictures of `size` = (h, w), uniformly.

    Windows of several views of one body begin at the same row and show the middle column, around which bodies stand:
    else hardly a point of the body would lie in all of them.

    Raises ValueError when the pictures are smaller than the window.
    """
    height, width = size
    if side > min(size):
        raise ValueError(
            f"The windows have {side} pixels a side, but the pictures {width} x {height}: give larger pictures to the "
            "fine level, or a smaller window."
        )
    first, last = 0, width - side
    if views > 1:
        first, last = max(first, width // 2 - side + 1), min(last, width // 2)
    left = torch.randint(first, last + 1, (batch, views), generator=generator)
    top = torch.randint(height - side + 1, (batch, 1), generator=generator)
    return torch.stack([left, top.expand(-1, views)], dim=-1)


def cut_windows(
    pictures: Float[Tensor, "b n c h w"], corners: Int[Tensor, "b n 2"], side: int
) -> Float[Tensor, "b n c side side"]:
    """The windows' own pixels. Differentiable."""
    rows = []
    for some, places in zip(pictures, corners.tolist(), strict=True):
        cuts = [
            picture[:, top : top + side, left : left + side] for picture, (left, top) in zip(some, places, strict=True)
        ]
        rows.append(torch.stack(cuts))
    return torch.stack(rows)


def window_frames(
    corners: Int[Tensor, "b n 2"], side: int, size: tuple[int, int], like: Tensor
) -> Float[Tensor, "b n 4 4"]:
    """What takes the view frame of the whole picture to that of each window: local view = window frame @ view."""
    whole = torch.eye(4, dtype=like.dtype, device=like.device)
    with torch.autocast(like.device.type, enabled=False):  # a pixel is less than half precision resolves
        frames = [crop_views(whole, left, top, side, side, size) for left, top in corners.flatten(0, 1).tolist()]
    return torch.stack(frames).unflatten(0, corners.shape[:2])
