"""Wrinkles from shading: unwrap the photograph and its coarse rendering, and read a displacement map off their
difference.

Chen et al., TIP 2020, fine stage. The published choices are options; the defaults mend five of them: texels are read
bilinearly at their own place instead of at the nearest pixel of a vertex, texels that the camera does not see are known
and masked, the displacement follows the normal instead of the forward axis, so that it works on the sides as well, and
the network is told how brightness answers to a tilt: a bright stripe is a ridge's left side or its right side depending
on where the light comes from, which the difference of two pictures does not say. And what the coarse stage got wrong in
colour over whole parts of the face is taken out first (`broad_difference`), lest the network bend the face to mend it.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from kornia.filters import gaussian_blur2d
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from models.faces.parameters import FaceParameters
from models.faces.reconstructor import FaceGeometry, FaceRendering
from models.geometry.normals import grid_normals, vertex_normals
from models.morphable.linear import MorphableModel
from models.networks.precision import at_least_float32
from models.networks.unet import AddingUNet
from models.rendering.interpolate import interpolate_corners
from models.rendering.lighting import shade_chen2020, unit_normals
from models.rendering.textures import UvGrid, sample_texture, to_uv, uv_rasterization
from models.rendering.unwrapping import unwrap, unwrap_chen2020


class UvObservation(NamedTuple):
    """What the camera saw, laid out in UV. Not differentiable."""

    photo: Float[Tensor, "b 3 u u"]
    rendering: Float[Tensor, "b 3 u u"]
    visible: Float[Tensor, "b 1 u u"]
    tilt_response: Float[Tensor, "b 2 u u"]
    """Change of the rendering's grey value for each radian by which the normal tilts along u and along v."""


class DetailedSurface(NamedTuple):
    """The coarse surface and what the displacement makes of it, laid out in UV, in the model's frame."""

    displacement_mm: Float[Tensor, "b 1 u u"]
    """Along the normal (or forwards); differentiable."""
    positions_mm: Float[Tensor, "b 3 u u"]
    """Displaced; differentiable in the displacement."""
    coarse_normals: Float[Tensor, "b 3 u u"]
    normals: Float[Tensor, "b 3 u u"]
    """Of the displaced surface; equal to the coarse ones where nothing is displaced. Differentiable."""


class DetailedRendering(NamedTuple):
    image: Float[Tensor, "b 3 h w"]
    normals: Float[Tensor, "b 3 h w"]
    """Unit normals in the camera frame, 0 outside the face."""


class FaceDetailer(nn.Module):
    """The displacement network and the two ways its output meets the picture.

    Args:
        face_model: gives the UV layout and the regions that stay smooth.
        uv_size: side of the UV maps in texels.
        maximum_mm: largest displacement (the paper: 1 mm).
        direction: "normal", or the paper's "forward": the model's z axis.
        inputs: "shading" shows the network photograph minus rendering, visibility and the response to tilts;
            "difference" is the paper's, photograph minus rendering alone.
        broad_share: differences broader than this share of the picture's (or map's) side are not wrinkles and are taken
            out; 0 keeps them, as the paper does.
        unwrapping: "texel" reads every texel at its own place and tests visibility; "vertex" is the paper's.
        smooth_parts: regions without displacement; the paper keeps eyes, brows and nose smooth.
        widths: channels of the network (see `AddingUNet`).
    """

    grid_face_index: Tensor
    grid_barycentrics: Tensor
    valid: Tensor
    freedom: Tensor

    def __init__(
        self,
        face_model: MorphableModel,
        uv_size: int = 192,
        maximum_mm: float = 1.5,
        direction: Literal["normal", "forward"] = "normal",
        inputs: Literal["shading", "difference"] = "shading",
        broad_share: float = 0.02,
        unwrapping: Literal["texel", "vertex"] = "texel",
        smooth_parts: tuple[Literal["eyes", "brows", "nose", "mouth"], ...] = ("eyes", "mouth"),
        widths: tuple[int, ...] = (16, 32, 64, 64, 64, 64),
    ) -> None:
        super().__init__()
        self.network = AddingUNet(6 if inputs == "shading" else 3, widths, 1, last_scale=0.1)
        self.inputs = inputs
        self.broad_share = broad_share
        self.maximum_mm = maximum_mm
        self.direction = direction
        self.unwrapping = unwrapping
        grid = uv_rasterization(face_model.uv, face_model.face_uv, (uv_size, uv_size))
        self.register_buffer("grid_face_index", grid.face_index, persistent=False)
        self.register_buffer("grid_barycentrics", grid.barycentrics, persistent=False)
        self.register_buffer("valid", grid.valid, persistent=False)
        regions = face_model.regions
        allowed = regions.face
        for part in smooth_parts:
            allowed = allowed * (1 - getattr(regions, part))
        freedom = to_uv(allowed[None, :, None], face_model.faces, grid)
        # a soft rim: the displacement fades out instead of ending in a step
        self.register_buffer("freedom", avg_pool2d(freedom, 5, 1, 2) * grid.valid, persistent=False)

    @property
    def grid(self) -> UvGrid:
        """Which point of the mesh lies under each texel."""
        return UvGrid(self.grid_face_index, self.grid_barycentrics, self.valid)

    def corner_ids(self, face_model: MorphableModel) -> Int[Tensor, "u u 3"]:
        """The vertices of the coarse triangle under each texel; those of the first one where there is none."""
        return face_model.faces[self.grid_face_index.clamp_min(0)]

    @torch.no_grad()
    def observe(
        self,
        image: Float[Tensor, "b 3 h w"],
        face_model: MorphableModel,
        parameters: FaceParameters,
        geometry: FaceGeometry,
        rendering: FaceRendering,
    ) -> UvObservation:
        """Unwrap the photograph and its coarse rendering, pasted over the photograph where the face is."""
        drawn = rendering.fragments.face_index[:, None] >= 0
        both = torch.cat([image, torch.where(drawn, rendering.image, image)], 1)
        screen, faces = geometry.vertices_screen, face_model.faces
        seen, visible = unwrap(both, screen, faces, self.grid, rendering.fragments, perspective=False)
        if self.unwrapping == "vertex":
            seen = unwrap_chen2020(both, screen, faces, self.grid)
        response = self.tilt_response(face_model, parameters, geometry)
        return UvObservation(seen[:, :3], seen[:, 3:], visible[:, None].to(image), response)

    def tilt_response(
        self, face_model: MorphableModel, parameters: FaceParameters, geometry: FaceGeometry
    ) -> Float[Tensor, "b 2 u u"]:
        """Central differences of the shading as the normal tilts along the surface's u and v directions."""
        vertices, faces = geometry.vertices_mm @ geometry.rotation.mT, face_model.faces
        attributes = torch.cat([vertices, vertex_normals(vertices, faces), face_model.albedo(parameters.albedo)], -1)
        positions, normals, albedo = to_uv(attributes, faces, self.grid).split(3, 1)
        normals = unit_normals(normals)
        responses = []
        for axis, sign in ((-1, 1.0), (-2, -1.0)):  # rows run against v
            along = sign * torch.gradient(positions, dim=axis)[0]
            tangent = unit_normals(along - (along * normals).sum(1, keepdim=True) * normals)
            shaded = [
                shade_chen2020(albedo, unit_normals(normals + step * tangent), parameters.light) for step in (0.1, -0.1)
            ]
            responses.append((shaded[0] - shaded[1]).mean(1, keepdim=True) / 0.2)
        return torch.cat(responses, 1) * self.valid

    def displacement(self, observation: UvObservation) -> Float[Tensor, "b 1 u u"]:
        """Millimetres, at most `maximum_mm`, 0 where the face must stay smooth.

        Differentiable in the network's weights.
        """
        difference = observation.photo - observation.rendering
        difference = difference - broad_difference(difference, observation.visible, self.broad_share)
        seen = 2 * difference
        if self.inputs == "shading":
            # wrinkles change the grey value by a tenth: scaled to the size that the network's other inputs have
            seen = torch.cat([10 * difference * observation.visible, observation.visible, observation.tilt_response], 1)
        return self.maximum_mm * at_least_float32(torch.tanh(self.network(seen))) * self.freedom

    def displace(
        self, face_model: MorphableModel, geometry: FaceGeometry, displacement_mm: Float[Tensor, "b 1 u u"]
    ) -> DetailedSurface:
        """Move the coarse surface, laid out in UV, and take its normals by finite differences.

        The change that the displacement makes to the finite-difference normals is added to the smooth coarse ones, so
        no displacement means no change, and the slit between the lips, where neighbours in UV lie apart in space,
        stays quiet. Differentiable in the displacement only: the coarse stage is frozen.
        """
        with torch.no_grad():
            vertices, faces = geometry.vertices_mm, face_model.faces
            both = torch.cat([vertices, vertex_normals(vertices, faces)], -1)
            maps = to_uv(both, faces, self.grid)
            positions, coarse_normals = maps[:, :3], unit_normals(maps[:, 3:])
            undisplaced = grid_normals(positions, self.valid)
            forward = torch.zeros_like(positions)
            forward[:, 2] = self.valid.to(positions)
        along = coarse_normals if self.direction == "normal" else forward
        displaced = positions + displacement_mm * along
        normals = unit_normals(coarse_normals + grid_normals(displaced, self.valid) - undisplaced)
        return DetailedSurface(displacement_mm, displaced, coarse_normals, normals)

    def render(
        self,
        face_model: MorphableModel,
        parameters: FaceParameters,
        geometry: FaceGeometry,
        rendering: FaceRendering,
        normals: Float[Tensor, "b 3 u u"],
    ) -> DetailedRendering:
        """Light the detailed normals through the coarse rasterization, as DECA does (Feng et al. 2021).

        Displacements are below a pixel, so what a pixel sees does not change; the true displaced mesh is
        `models.faces.dense_mesh`. Differentiable in the normals.
        """
        covered = rendering.fragments.face_index[:, None] >= 0
        uv = interpolate_corners(face_model.uv[face_model.face_uv], rendering.fragments)
        sampled = sample_texture(normals, uv)
        turned = torch.einsum("bij,bjhw->bihw", geometry.rotation, sampled)
        normals_camera = unit_normals(turned * covered)
        return DetailedRendering(shade_chen2020(rendering.albedo, normals_camera, parameters.light), normals_camera)


@torch.no_grad()
def broad_difference(
    difference: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"], share: float
) -> Float[Tensor, "b 3 h w"]:
    """The part of a difference of two pictures broader than `share` of their side: a Gaussian mean under a mask.

    0 for a share of 0, and outside the mask. Not differentiable.
    """
    if share == 0:
        return torch.zeros_like(difference)
    deviation = share * difference.shape[-1]
    size = 2 * int(3 * deviation) + 1
    blurred = gaussian_blur2d(torch.cat([difference * mask, mask], 1), (size, size), (deviation, deviation), "constant")
    return blurred[:, :3] / blurred[:, 3:].clamp_min(1e-3) * mask
