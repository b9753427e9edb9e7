"""How alike a rendering and a photograph are, picture by picture: SSIM, and LPIPS where its weights are present."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchmetrics.functional.image import structural_similarity_index_measure

WINDOW = 11
"""Side of SSIM's Gaussian window, of deviation 1.5 px."""


def on_white(image: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
    """The object on white paper, as both sides of every comparison with a photograph are shown."""
    return image * mask + (1 - mask)


def ssim(
    predicted: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"], magnification: int = 1
) -> Float[Tensor, " b"]:
    """Structural similarity of pictures in [0, 1], where the window lies whole inside; higher is better, 1 for equal.

    Window 11 x 11 of deviation 1.5, k1 = 0.01, k2 = 0.03 (Wang et al., TIP 2004). `magnification` = 2 enlarges both
    bilinearly first, as the paper's test of CUB does (its training does not); smooth pictures score higher that way,
    so the two may not stand in one column. In float32 whatever the training's precision.

    Raises ValueError for pictures smaller than the window.
    """
    if min(truth.shape[-2:]) * magnification < WINDOW:
        raise ValueError(
            f"SSIM of pictures of {truth.shape[-2]} x {truth.shape[-1]} px was asked for, but its window has "
            f"{WINDOW} x {WINDOW}: give larger pictures."
        )
    a, b = predicted.float(), truth.float()
    if magnification != 1:
        a, b = (interpolate(x, scale_factor=magnification, mode="bilinear", align_corners=False) for x in (a, b))
    with torch.autocast(a.device.type, enabled=False):  # variances are differences of large numbers
        # torchmetrics reflects the pictures at their borders; the definition has no such windows
        _, at_pixels = structural_similarity_index_measure(
            a, b, data_range=1.0, return_full_image=True, reduction="none"
        )
    margin = WINDOW // 2
    return at_pixels[..., margin:-margin, margin:-margin].mean((1, 2, 3)).nan_to_num(nan=-1.0)


def lpips(
    network: nn.Module, predicted: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]
) -> Float[Tensor, " b"]:
    """Learned perceptual distance of pictures in [0, 1] (Zhang et al., CVPR 2018); lower is better, 0 for equal.

    `network` is a `models.networks.lpips.LPIPS` with its weights; it is asked in evaluation mode, in float32.
    """
    with torch.no_grad(), torch.autocast(truth.device.type, enabled=False):
        return network.to(truth.device).eval()(predicted.float().clamp(0, 1), truth.float().clamp(0, 1))
