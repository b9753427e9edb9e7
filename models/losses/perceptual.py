"""Differences that a face-recognition network sees."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity


class PerceptualLoss(nn.Module):
    """Distance of a photograph and its rendering in the features of a frozen network.

    Args:
        network: pictures in [0, 1] -> feature vectors; it is frozen and stays in evaluation mode.
        distance: "squared" is Chen et al.'s mean squared difference of fc7; "cosine" is 1 − cos (Deep3D, ArcFace).
    """

    def __init__(self, network: nn.Module, distance: str = "cosine") -> None:
        super().__init__()
        if distance not in ("squared", "cosine"):
            raise ValueError(f'The perceptual distance is "{distance}", but it must be "squared" or "cosine".')
        self.network = network.eval().requires_grad_(False)
        self.distance = distance

    def train(self, mode: bool = True) -> "PerceptualLoss":
        """The network inside never leaves evaluation mode."""
        super().train(mode)
        self.network.eval()
        return self

    def forward(self, image: Float[Tensor, "b 3 h w"], rendering: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
        """Mean distance over the batch. Differentiable in the rendering."""
        wanted, found = self.network(image).detach(), self.network(rendering)
        if self.distance == "squared":
            return (wanted - found).square().mean()
        return (1 - cosine_similarity(wanted, found, dim=1)).mean()


class FeatureMapLoss(nn.Module):
    """Weighted mean absolute differences of a frozen network's maps (Johnson et al. 2016; weights of pix2pixHD).

    Args:
        network: pictures in [0, 1] -> list of maps, from local to global; it is frozen and stays in evaluation mode.
        weights: of the maps.
    """

    def __init__(self, network: nn.Module, weights: Sequence[float] = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.weights = tuple(weights)

    def train(self, mode: bool = True) -> "FeatureMapLoss":
        """The network inside never leaves evaluation mode."""
        super().train(mode)
        self.network.eval()
        return self

    def forward(self, picture: Float[Tensor, "b 3 h w"], wanted: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
        """Loss of pictures in [0, 1]. Differentiable in the first."""
        with torch.no_grad():
            targets = self.network(wanted)
        differences = [
            weight * (found - target).abs().mean()
            for weight, found, target in zip(self.weights, self.network(picture), targets, strict=True)
        ]
        return torch.stack(differences).sum()
