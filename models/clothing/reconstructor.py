"""Encode, deform, render: a photograph of a garment explained by a template that is learned along with the encoders
(Zheng et al., "3D Magic Mirror")."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.clothing.attributes import ClothingAttributes
from models.clothing.encoder import ClothingEncoder, Intervention
from models.clothing.renderer import ClothingRendering, Convention, OutlineGradients, render_attributes
from models.clothing.template import PERSON_HALF_EXTENTS, ClothingTemplate, ellipsoid_template


class ClothingReconstructor(nn.Module):
    """The encoders, the template and the renderer between them.

    `template` is where training starts and never changes; `template_vertices` is the template of the moment: the
    encoders read it, and it lies in the state dict with their weights.

    Args:
        encoder: turns photographs and the template into attributes.
        half_extents: of the first template, an ellipsoid, in model units.
        convention, outline_gradients: of the pictures, see `render_attributes`.
    """

    template_vertices: Tensor

    def __init__(
        self,
        encoder: ClothingEncoder,
        half_extents: tuple[float, float, float] = PERSON_HALF_EXTENTS,
        convention: Convention = "paper",
        outline_gradients: OutlineGradients = "fringe",
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.convention: Convention = convention
        self.outline_gradients: OutlineGradients = outline_gradients
        template = ellipsoid_template(half_extents)
        for name, part in template._asdict().items():
            self.register_buffer(f"initial_{name}", part, persistent=False)  # the half extents say it all
        self.register_buffer("template_vertices", template.vertices.clone())

    @property
    def template(self) -> ClothingTemplate:
        """The first template, on the device of the module."""
        return ClothingTemplate(*(self.get_buffer(f"initial_{name}") for name in ClothingTemplate._fields))

    def forward(
        self,
        images: Float[Tensor, "b 3 h w"],
        masks: Float[Tensor, "b 1 h w"],
        intervention: Intervention = "all",
    ) -> ClothingAttributes:
        """Encode and deform: the causes of photographs, among them the template moved by each one's offsets."""
        return self.encoder(images, masks, self.template_vertices, intervention)

    def render(
        self, attributes: ClothingAttributes, size: tuple[int, int], *, background: bool = False
    ) -> ClothingRendering:
        """Render: the picture of (h, w) pixels of attributes, over their lit background or over white."""
        return render_attributes(
            attributes,
            self.template,
            size,
            background=background,
            convention=self.convention,
            outline_gradients=self.outline_gradients,
        )

    @torch.no_grad()
    def move_template(self, vertices: Float[Tensor, "v 3"]) -> None:
        """Make these the template of the moment, in place."""
        self.template_vertices.copy_(vertices)
