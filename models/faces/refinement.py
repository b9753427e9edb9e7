"""Test-time refinement: the parameters of one picture, improved on that picture."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import interpolate as resize

from models.faces.landmark_fit import UNKNOWN, LandmarkFit
from models.faces.parameters import FaceParameters
from models.faces.reconstructor import FaceGeometry, FaceReconstructor
from models.faces.skin import SKIN_CLASSES

COLOUR_NOISE = 0.06
"""Deviation of a pixel from its rendering that the model does not explain, as a share of white."""
INDEPENDENT_PIXELS = 150.0
"""Neighbouring pixels err together: the whole face counts as this many independent ones."""
LANDMARK_NOISE_SHARE = 0.008
"""Deviation of a landmark's coordinate as a share of the picture's side."""


def refine(
    reconstructor: FaceReconstructor,
    images: Float[Tensor, "b 3 h w"],
    parameters: FaceParameters,
    steps: int,
    *,
    landmarks: Float[Tensor, "b 68 2"] | None = None,
    landmark_weights: Float[Tensor, "b 68"] | None = None,
    segmentation: Int[Tensor, "b h w"] | None = None,
    rendering_size: int = 96,
    learning_rate: float = 0.02,
) -> FaceParameters:
    """Maximum a posteriori parameters: Adam on colours, landmarks and the model's prior, begun at the network's answer.

    With landmarks, the shape that they alone support (`LandmarkFit`) is the starting point; without, the landmarks of
    the network's own answer hold the pose in place, since colours alone let a face slide and turn away.

    Args:
        images: square crops in [0, 1].
        steps: of Adam.
        landmarks: in pixels of the crops.
        landmark_weights: 0 where a landmark is not known; all are when None.
        segmentation: CelebAMask-HQ classes; colours are compared on skin, nose, brows and lips. None compares them on
            all of the rendered skin, robustly.
    """
    side = images.shape[-1]
    start = parameters.detached()
    known = images.new_ones(len(images), 68) if landmark_weights is None or landmarks is None else landmark_weights
    if landmarks is None:
        anchor, noise_share = reconstructor.deform(start, side).landmarks.detach(), 3 * LANDMARK_NOISE_SHARE
    else:
        anchor, noise_share = landmarks.to(images), LANDMARK_NOISE_SHARE
        deviation = torch.where(known > 0, noise_share, UNKNOWN)
        identity, expression, pose = LandmarkFit(reconstructor.face_model)(anchor / side, deviation)
        start = start._replace(identity=identity, expression=expression, pose=pose)
    target = resize(images, (rendering_size, rendering_size), mode="bilinear", align_corners=False, antialias=True)
    allowed = allowed_pixels(segmentation, images, rendering_size)
    free = FaceParameters(*(part.clone().requires_grad_(True) for part in start))
    optimiser = torch.optim.Adam(list(free), lr=learning_rate)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=0.05 * learning_rate)
    with torch.enable_grad():
        for _ in range(steps):
            optimiser.zero_grad()
            geometry = reconstructor.deform(free, rendering_size)
            points = geometry.landmarks * (side / rendering_size)
            loss = colour_cost(reconstructor, free, geometry, target, allowed)
            loss = loss + landmark_cost(points, anchor, known, noise_share * side) + prior_cost(free, start)
            loss.sum().backward()
            optimiser.step()
            decay.step()
    return free.detached()


def allowed_pixels(segmentation: Tensor | None, images: Tensor, size: int) -> Float[Tensor, "b 1 s s"]:
    """1 where colours may be compared."""
    if segmentation is None:
        return images.new_ones(len(images), 1, size, size)
    skin = torch.isin(segmentation, segmentation.new_tensor(SKIN_CLASSES)) | (segmentation < 0)
    share = resize(skin[:, None].float(), (size, size), mode="bilinear", align_corners=False, antialias=True)
    return (share > 0.99).float()


def colour_cost(
    reconstructor: FaceReconstructor,
    parameters: FaceParameters,
    geometry: FaceGeometry,
    target: Float[Tensor, "b 3 s s"],
    allowed: Float[Tensor, "b 1 s s"],
) -> Float[Tensor, " b"]:
    """Negative log likelihood of the colours: a robust mean over the compared pixels.

    A face of half the size gains nothing by it, but one outside the picture costs nothing: the landmarks hold it.
    """
    rendering = reconstructor.render(parameters, geometry, target.shape[-1])
    mask = (rendering.skin * allowed)[:, 0]
    # norm over the colours, eased at zero: linear for large errors such as glasses and hair
    distance = ((rendering.image - target).square().sum(1) + 1e-4).sqrt()
    mean = (distance * mask).sum((1, 2)) / mask.sum((1, 2)).clamp_min(1.0)
    return INDEPENDENT_PIXELS * mean / COLOUR_NOISE


def landmark_cost(
    points: Float[Tensor, "b 68 2"], anchor: Float[Tensor, "b 68 2"], known: Float[Tensor, "b 68"], noise_px: float
) -> Float[Tensor, " b"]:
    """Half the squared distances of the known points in units of their noise."""
    return 0.5 * (((points - anchor) / noise_px).square().sum(2) * known).sum(1)


def prior_cost(parameters: FaceParameters, start: FaceParameters) -> Float[Tensor, " b"]:
    """Half the squared coefficients (they are in standard deviations); light stays near the network's."""
    coefficients = sum(part.square().sum(1) for part in (parameters.identity, parameters.expression, parameters.albedo))
    light = ((parameters.light - start.light) / 0.3).square().sum((1, 2))
    return 0.5 * (coefficients + light)
