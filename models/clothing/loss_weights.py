"""The weights of every term, for each data set of the paper."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ClothingLossWeights:
    """What each term of the objective counts, products of nested weights multiplied out. Those without a default
    differ between the data sets.

    Source: the commands that Zheng et al. ("3D Magic Mirror") published for each data set and the defaults of their
    scripts. Sums stand in some terms and means in others (`models/losses`): a weight means nothing without its term.
    """

    flatness: float
    depth: float
    depth_falloff: Literal["exponential", "quadratic"]
    contour: float
    image: float = 2.0
    silhouette: float = 2.0
    adversarial: float = 1e-4
    """Of the encoders' term and of all of the critic's loss."""
    gradient_penalty: float = 10.0
    """Within the critic's loss."""
    laplacian: float = 0.1 * 0.1
    edge_length: float = 0.001 * 0.1
    deformation: float = 0.1
    mirror: float = 0.1
    cycle_camera: float = 1.0
    """Of azimuth, elevation, distance and look-at offset each."""
    cycle_shape: float = 1.0
    cycle_texture: float = 1.0
    cycle_light: float = 0.1

    @classmethod
    def market_hq(cls) -> "ClothingLossWeights":
        """People of 128 x 64 pixels."""
        return cls(flatness=0.1 * 0.02, depth=0.15, depth_falloff="exponential", contour=0.0)

    @classmethod
    def atr(cls) -> "ClothingLossWeights":
        """People of 160 x 96 pixels: half of Market-HQ's flatness."""
        return cls(flatness=0.1 * 0.01, depth=0.15, depth_falloff="exponential", contour=0.0)

    @classmethod
    def cub(cls) -> "ClothingLossWeights":
        """Birds of 128 x 128 pixels: another depth prior, and the contour."""
        return cls(flatness=0.1 * 0.01, depth=0.1, depth_falloff="quadratic", contour=2 * 0.1)
