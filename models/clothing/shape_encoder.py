"""Picture and template -> how the garment differs from the template."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d

from models.clothing.template import ellipsoid_template
from models.clothing.template_features import Lookup, vertices_from_map
from models.networks.convolution_blocks import (
    SLOPE,
    Norm,
    initialize_head,
    initialize_kaiming,
    vector_normalisation,
)
from models.networks.feature_pyramid import StridedTrunk
from models.networks.hrnet import HRNet
from models.networks.pooling import MixedPool, SqueezeExcitation
from models.networks.precision import Precision, at_least_float32, network_autocast


class ShapeEncoder(nn.Module):
    """A trunk, a feature for every vertex of the template, and one dense layer that sees all vertices.

    A vertex's feature is what the map shows at its place, what the whole picture shows, how its place differs from its
    neighbours' places (the mesh Laplacian of the first), and where it is on the template. At the start the garment is
    the template.

    Args:
        trunk: normalised pictures with masks -> maps, of which the coarsest is used.
        hidden: features of a vertex after the first layer.
        subdivisions: of the template's icosphere.
        largest_offset: of a coordinate before centring, in model units.
        centred: subtracts the mean offset, which is the camera's business.
        conditioned: whether the template is looked at; False is the paper's ablation, one dense layer from the pooled
            map.
        smoothing: passes in which every vertex's offset goes halfway to the mean of its neighbours', before the limit.
            0 is the paper's. Only outlines tell vertices where to go, and each pass hands that on to a neighbour more.
        dropout: of the vertex features.
        norm: outside the trunk.
        lookup: where the template lies on the map. The paper's also puts ±1 on the centres of the outermost cells.
        precision: of the trunk.

    Source: Zheng et al., "3D Magic Mirror". The neighbours are weighed as D⁻¹A - I does in rows; the authors multiply
    by it from the right, which differs at the neighbours of the twelve vertices with five edges.
    """

    laplacian: Tensor
    smoother: Tensor

    def __init__(
        self,
        trunk: HRNet | StridedTrunk,
        hidden: int = 256,
        subdivisions: int = 3,
        largest_offset: int | float = 0.5,
        centred: bool = True,
        conditioned: bool = True,
        smoothing: int = 0,
        dropout: int | float = 0.2,
        norm: Norm = "batch",
        lookup: Lookup = "paper",
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        self.largest_offset, self.centred, self.conditioned = largest_offset, centred, conditioned
        self.lookup: Lookup = lookup
        self.precision: Precision = precision
        laplacian = ellipsoid_template(subdivisions=subdivisions).laplacian
        self.register_buffer("laplacian", laplacian, persistent=False)
        halfway = torch.eye(len(laplacian)) + laplacian / 2
        self.register_buffer("smoother", torch.linalg.matrix_power(halfway, smoothing), persistent=False)
        self.smoothing = smoothing
        channels, outputs = trunk.map_widths[-1], 3 * len(laplacian)
        self.gate = SqueezeExcitation(channels)
        self.pool = MixedPool(1)
        if conditioned:
            self.of_vertex = nn.Conv1d(3 * channels + 3, hidden, 1, bias=False)
            self.after_vertex = nn.Sequential(
                vector_normalisation(norm, hidden), nn.LeakyReLU(SLOPE, inplace=True), nn.Dropout(dropout)
            )
            self.to_space = nn.Sequential(nn.Conv1d(hidden, 3, 1, bias=False), vector_normalisation(norm, 3))
            self.dense = nn.Linear(outputs, outputs)
        else:
            self.norm = vector_normalisation(norm, channels)
            self.dense = nn.Linear(channels, outputs)
        initialize_kaiming(self)
        initialize_head(self.dense)
        # after the initialisation, which is not for weights that were read from a file
        self.trunk = trunk

    def forward(
        self, pictures: Float[Tensor, "b 4 h w"], template_vertices: Float[Tensor, "v 3"]
    ) -> Float[Tensor, "b v 3"]:
        """Offsets Δv from the template, of normalised pictures. Differentiable in the pictures, not in the template."""
        if len(template_vertices) != len(self.laplacian):
            raise ValueError(
                f"The template has {len(template_vertices)} vertices, but this shape encoder was built for "
                f"{len(self.laplacian)}: use the template that it was trained with."
            )
        with network_autocast(self.precision, pictures.device):
            features = self.trunk.maps(pictures)[-1]
        features = self.gate(at_least_float32(features))
        overall = self.pool(features).flatten(1)
        if self.conditioned:
            spatial = self.to_space(self.after_vertex(self.vertex_features(features, overall, template_vertices)))
            offsets = self.dense(spatial.transpose(1, 2).flatten(1))
        else:
            offsets = self.dense(self.norm(overall))
        offsets = offsets.unflatten(1, (-1, 3))
        if self.smoothing:
            offsets = self.smoother @ offsets
        offsets = self.largest_offset * offsets.tanh()
        return offsets - offsets.mean(1, keepdim=True) if self.centred else offsets

    def vertex_features(
        self,
        features: Float[Tensor, "b c i j"],
        overall: Float[Tensor, "b c"],
        template_vertices: Float[Tensor, "v 3"],
    ) -> Float[Tensor, "b k v"]:
        """The first layer over [local; overall; Laplacian of local; place], 6147 numbers a vertex in the paper.

        Looking up and smoothing are linear and the same for the whole batch, so the layer goes first, over the few
        cells of the map, and the 6147 are never made.
        """
        channels = features.shape[1]
        local, whole, curved, place = self.of_vertex.weight.split([channels, channels, channels, 3], dim=1)
        cells = conv2d(features, torch.cat([local, curved])[..., None]).flatten(2)
        here, around = cells.chunk(2, dim=1)
        size = (features.shape[2], features.shape[3])
        weights = vertices_from_map(template_vertices, size, self.lookup, self.lookup == "paper")
        result = here @ weights.T + around @ (self.laplacian @ weights).T
        same_for_batch = place[:, :, 0] @ template_vertices.detach().T
        return result + (overall @ whole[:, :, 0].T)[:, :, None] + same_for_batch
