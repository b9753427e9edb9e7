"""Picture -> points -> parameters: the network finds landmarks, the morphable model says whose face they are."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.faces.encoder import LIGHT_SHAPE
from models.faces.landmark_fit import LandmarkFit
from models.faces.parameters import FaceParameters
from models.morphable.linear import MorphableModel
from models.networks.pictures import resized
from models.networks.point_network import PointNetwork, PointObservation
from models.networks.precision import Precision, network_autocast


class LandmarkEncoder(nn.Module):
    """A point network, the closed-form fit of the morphable model to its points, and linear heads for the rest.

    Each point counts by the network's own certainty. Corrections to identity and expression, from what the points do
    not show (shading, outline), are learned on top and start at zero. Differentiable throughout: gradients pass the
    fit as they pass its last, converged Gauss-Newton step.

    Args:
        network: finds the 68 points.
        face_model: whose parameters are sought.
        initial_light: first two light coefficients where training starts.
        precision: of the network.
        iterations: Gauss-Newton steps of the fit.
    """

    def __init__(
        self,
        network: PointNetwork,
        face_model: MorphableModel,
        initial_light: tuple[float, float] = (2.6, 0.3),
        precision: Precision = "auto",
        iterations: int = 4,
    ) -> None:
        super().__init__()
        self.network = network
        self.fit = LandmarkFit(face_model, iterations=iterations)
        self.precision: Precision = precision
        sizes = (face_model.identity_size, face_model.expression_size, face_model.albedo_size, 9 * 3)
        heads = [nn.Linear(network.features, size) for size in sizes]
        for head in heads:
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        self.heads = nn.ModuleList(heads)
        # errors of neighbouring points go together, so 68 of them say less than 68 independent ones would
        self.log_inflation = nn.Parameter(torch.tensor(1.0))
        light = torch.zeros(LIGHT_SHAPE)
        light[:2] = torch.tensor(initial_light)[:, None]
        self.register_buffer("initial_light", light)

    def observe(self, images: Float[Tensor, "b 3 h w"]) -> PointObservation:
        """The points of the faces in pictures in [0, 1]."""
        images = resized(images, self.network.image_size)
        with network_autocast(self.precision, images.device):
            return self.network(images)

    def explain(self, observation: PointObservation) -> FaceParameters:
        """The face that the points and features belong to."""
        deviation = (observation.log_deviation + self.log_inflation).exp()
        identity, expression, pose = self.fit(observation.points, deviation)
        more_identity, more_expression, albedo, light = (head(observation.features) for head in self.heads)
        return FaceParameters(
            identity + more_identity,
            expression + more_expression,
            albedo,
            pose,
            light.unflatten(1, LIGHT_SHAPE) + self.initial_light,
        )

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> FaceParameters:
        """Parameters of the faces in RGB pictures in [0, 1]. Differentiable."""
        return self.explain(self.observe(images))
