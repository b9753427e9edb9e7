"""Picture -> parameters: a backbone and one linear head for each kind of parameter."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.faces.parameters import FaceParameters
from models.networks.pictures import resized
from models.networks.precision import Precision, at_least_float32, network_autocast

POSE_SIZE = 6
LIGHT_SHAPE = (9, 3)
POSE_SCALES = (0.5, 1.0, 0.5, 0.1, 0.1, 0.2)


class FaceEncoder(nn.Module):
    """Heads over any backbone that has a `features` count (Chen et al., TIP 2020, coarse network).

    Args:
        backbone: pictures in [0, 1] -> features.
        identity_size, expression_size, albedo_size: of the morphable model.
        image_size: side to which pictures are resized for the backbone; None leaves them as they come.
        initial_light: first two light coefficients where training starts, ambient and towards the camera. The paper's
            (0.3, 0.3) is dark; (2.6, 0.3) gives skin its own colour.
        initial_deviation: of the identity and albedo weights; the other heads start at zero, which puts a neutral
            frontal face in the middle of the picture.
        pose_scales: factors on the six pose outputs, so that one unit of each moves the picture by a like amount.
        bias: whether heads have a bias (the paper's have none).
        precision: of the backbone's arithmetic.
    """

    def __init__(
        self,
        backbone: nn.Module,
        identity_size: int,
        expression_size: int,
        albedo_size: int,
        image_size: int | None = None,
        initial_light: tuple[float, float] = (2.6, 0.3),
        initial_deviation: float = 0.002,
        pose_scales: Sequence[float] = POSE_SCALES,
        bias: bool = True,
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        features = getattr(backbone, "features", None)
        if not isinstance(features, int):
            raise ValueError(f"The backbone {type(backbone).__name__} does not say how many `features` it makes.")
        self.backbone = backbone
        self.precision: Precision = precision
        self.image_size = image_size
        sizes = (identity_size, expression_size, albedo_size, POSE_SIZE, LIGHT_SHAPE[0] * LIGHT_SHAPE[1])
        heads = [nn.Linear(features, size, bias=bias) for size in sizes]
        for index, head in enumerate(heads):
            nn.init.zeros_(head.weight)
            if bias:
                nn.init.zeros_(head.bias)
            if index in (0, 2):
                nn.init.trunc_normal_(
                    head.weight, std=initial_deviation, a=-2 * initial_deviation, b=2 * initial_deviation
                )
        self.heads = nn.ModuleList(heads)
        self.register_buffer("pose_scales", torch.tensor(list(pose_scales)))
        light = torch.zeros(LIGHT_SHAPE)
        light[:2] = torch.tensor(initial_light)[:, None]
        self.register_buffer("initial_light", light)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> FaceParameters:
        """Parameters of the faces in RGB pictures in [0, 1]. Differentiable."""
        if self.image_size is not None and images.shape[-1] != self.image_size:
            images = resized(images, self.image_size)
        with network_autocast(self.precision, images.device):
            features = self.backbone(images)
        identity, expression, albedo, pose, light = (head(at_least_float32(features)) for head in self.heads)
        return FaceParameters(
            identity, expression, albedo, pose * self.pose_scales, light.unflatten(1, LIGHT_SHAPE) + self.initial_light
        )
