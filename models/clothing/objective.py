"""The encoders' objective, term by term: what is logged is what is summed.

The terms come weighted. Which attributes carry gradients is the caller's choice; here nothing is detached but the truth
of the attribute cycle."""

from jaxtyping import Float
from torch import Tensor

from models.clothing.attributes import ClothingAttributes
from models.clothing.loss_weights import ClothingLossWeights
from models.clothing.renderer import ClothingRendering
from models.clothing.template import ClothingTemplate
from models.losses.attribute_cycle import angle_loss, attribute_loss, chamfer_loss
from models.losses.mesh_regularisers import (
    deformation_loss,
    depth_prior_loss,
    edge_length_loss,
    flatness_loss,
    laplacian_loss,
    mirror_loss,
)
from models.losses.photometric import masked_l1_loss
from models.losses.silhouettes import contour_loss, soft_iou_loss


def reconstruction_terms(
    rendering: ClothingRendering,
    images: Float[Tensor, "b 3 h w"],
    masks: Float[Tensor, "b 1 h w"],
    weights: ClothingLossWeights,
) -> dict[str, Float[Tensor, ""]]:
    """How the rendering of the encoded attributes differs from the photographs."""
    terms = {
        "image": weights.image * masked_l1_loss(images, rendering.image, masks),
        "silhouette": weights.silhouette * soft_iou_loss(rendering.soft_mask, masks),
    }
    if weights.contour:
        terms["contour"] = weights.contour * contour_loss(rendering.soft_mask, masks)
    return terms


def shape_terms(
    attributes: ClothingAttributes, template: ClothingTemplate, ratio: int | float, weights: ClothingLossWeights
) -> dict[str, Float[Tensor, ""]]:
    """What a plausible shape is; the paper averages these over the encoded and the mixed attributes.

    `ratio` is height / width of the pictures; `template` the first one, with the faces and edges.
    """
    offsets, vertices = attributes.offsets, attributes.vertices
    depth = depth_prior_loss(vertices, template.vertices[:, 2], ratio, weights.depth_falloff)
    return {
        "laplacian": weights.laplacian * laplacian_loss(offsets, template.laplacian),
        "flatness": weights.flatness * flatness_loss(vertices, template.faces, template.edge_faces),
        "edge_length": weights.edge_length * edge_length_loss(vertices, template.edges),
        "depth": weights.depth * depth,
        "deformation": weights.deformation * deformation_loss(offsets),
    }


def mirror_term(
    attributes: ClothingAttributes, template: ClothingTemplate, weights: ClothingLossWeights
) -> Float[Tensor, ""]:
    """Front against back; the paper averages this over the encoded, the mixed and the recovered attributes."""
    return weights.mirror * mirror_loss(attributes.offsets, template.mirror_z, template.vertices[:, 2])


def cycle_terms(
    recovered: ClothingAttributes, mixed: ClothingAttributes, weights: ClothingLossWeights
) -> dict[str, Float[Tensor, ""]]:
    """How attributes encoded from the rendering of the mixed ones differ from these, which are the fixed truth.

    The background and the offsets from the template take no part. Azimuth and elevation count by (cos, sin), shapes by
    their points regardless of the order.
    """
    camera, known = recovered.camera, mixed.camera
    return {
        "cycle_azimuth": weights.cycle_camera * angle_loss(camera.azimuth, known.azimuth),
        "cycle_elevation": weights.cycle_camera * angle_loss(camera.elevation, known.elevation),
        "cycle_distance": weights.cycle_camera * attribute_loss(camera.distance, known.distance),
        "cycle_offset": weights.cycle_camera * attribute_loss(camera.offset, known.offset),
        "cycle_shape": weights.cycle_shape * chamfer_loss(recovered.vertices, mixed.vertices),
        "cycle_texture": weights.cycle_texture * attribute_loss(recovered.texture, mixed.texture),
        "cycle_light": weights.cycle_light * attribute_loss(recovered.light, mixed.light),
    }


def encoder_terms(
    encoded: ClothingAttributes,
    mixed: ClothingAttributes,
    recovered: ClothingAttributes,
    rendering: ClothingRendering,
    images: Float[Tensor, "b 3 h w"],
    masks: Float[Tensor, "b 1 h w"],
    template: ClothingTemplate,
    weights: ClothingLossWeights,
) -> dict[str, Float[Tensor, ""]]:
    """Every weighted term of the encoders' step but the critic's; their sum is the loss.

    Source: Zheng et al., "3D Magic Mirror", as in the authors' code.
    """
    ratio = images.shape[2] / images.shape[3]
    terms = reconstruction_terms(rendering, images, masks, weights)
    of_mixed = shape_terms(mixed, template, ratio, weights)
    for name, term in shape_terms(encoded, template, ratio, weights).items():
        terms[name] = (term + of_mixed[name]) / 2
    mirror = [mirror_term(one, template, weights) for one in (encoded, mixed, recovered)]
    terms["mirror"] = (mirror[0] + mirror[1] + mirror[2]) / 3
    return terms | cycle_terms(recovered, mixed, weights)
