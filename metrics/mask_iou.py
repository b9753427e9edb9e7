"""Overlap of a predicted silhouette with the true mask, by three conventions whose numbers may not stand in one column.

Higher is better, 1 is perfect. All three are means over pictures, never over pooled pixels. NaN where the true mask is
empty: there is nothing to find. A prediction that is no number overlaps nothing.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

CMR_SIZE = 256
"""Side of CMR's pictures."""
CMR_PADDING = 0.05
"""Of the box's width and height, on every side."""


def mask_iou_soft(predicted: Float[Tensor, "b 1 h w"], truth: Float[Tensor, "b 1 h w"]) -> Float[Tensor, " b"]:
    """Σ p t / (Σ (p + t − p t) + 1e-10), p the soft mask: the paper's MaskIoU (3D Magic Mirror).

    The fringe of p outside the outline counts by its opacity, so a perfect outline scores a little below 1. A mask of
    1/2 everywhere over a true mask of ones scores 1/2.
    """
    return _soft_overlap(predicted, truth, 1e-10)


def mask_iou(
    predicted: Float[Tensor, "b 1 h w"], truth: Float[Tensor, "b 1 h w"], threshold: int | float = 0.5
) -> Float[Tensor, " b"]:
    """Intersection over union of the pixels above the threshold, which asks the same of every renderer.

    Two squares of side s, one moved aside by s / 2: 1/3.
    """
    return _soft_overlap(predicted > threshold, truth > threshold)


def mask_iou_cmr(predicted: Float[Tensor, "b 1 h w"], truth: Float[Tensor, "b 1 h w"]) -> Float[Tensor, " b"]:
    """The soft overlap at 256 x 256 in the square around the object: the convention of CMR and UMR on CUB.

    The box of the true mask, 5 % wider on each side, is completed to a square around its middle; both masks are read
    there at the nearest pixel, 0 outside the picture, so that what leaves the square does not count. CMR renders at 256
    x 256 and takes the annotated box of the bird in place of its mask's: these numbers are near theirs, not equal.
    """
    boxes = cmr_boxes(truth)
    return _soft_overlap(_crop(predicted, boxes), _crop(truth > 0.5, boxes))


def cmr_boxes(truth: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3"]:
    """Middle (x, y) and side of each mask's square, in pixels; the whole picture where the mask is empty."""
    h, w = truth.shape[-2:]
    boxes = []
    for mask in truth[:, 0] > 0.5:
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        if not len(rows):
            boxes.append((w / 2, h / 2, float(max(h, w))))
            continue
        top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
        side = (1 + 2 * CMR_PADDING) * max(bottom - top, right - left)
        boxes.append(((left + right) / 2, (top + bottom) / 2, side))
    return torch.tensor(boxes, dtype=torch.float64, device=truth.device)


def _crop(masks: Tensor, boxes: Tensor) -> Tensor:
    masks = masks.double()
    h, w = masks.shape[-2:]
    share = (torch.arange(CMR_SIZE, dtype=masks.dtype, device=masks.device) + 0.5) / CMR_SIZE - 0.5
    x = boxes[:, :1] + share * boxes[:, 2:]
    y = boxes[:, 1:2] + share * boxes[:, 2:]
    grid_x = (2 * x / w - 1)[:, None, :].expand(-1, CMR_SIZE, -1)
    grid_y = (2 * y / h - 1)[:, :, None].expand(-1, -1, CMR_SIZE)
    grid = torch.stack([grid_x, grid_y], -1)
    return grid_sample(masks, grid, mode="nearest", align_corners=False, padding_mode="zeros")


def _soft_overlap(predicted: Tensor, truth: Tensor, extra: float = 0.0) -> Tensor:
    p, t = predicted.double().nan_to_num(nan=0.0), truth.double()
    both = (p * t).sum((1, 2, 3))
    either = (p + t - p * t).sum((1, 2, 3))
    return torch.where(t.sum((1, 2, 3)) > 0, both / (either + extra), torch.nan)
