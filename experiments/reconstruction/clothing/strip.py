"""One row that shows the reconstruction of clothing at a glance: photograph, window, mask, overlay, normals and other
views."""

from PIL import Image
from torch.nn.functional import interpolate

from experiments.reconstruction.clothing import placement, views
from experiments.reconstruction.clothing.explanation import ExplainedGarment
from experiments.reconstruction.overlay import picture_of
from experiments.reconstruction.panel import Part, panel, with_frame

COLOURS = ("this view", "quarter turn", "half turn", "three quarters")


def strip(garment: ExplainedGarment, outlines: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The photograph with a frame around what was found; the window of it that the network sees, of its mask and of
    its overlay; normals; colours from the photograph's view and from a quarter, a half and three quarters of a turn
    farther round; the shape from the photograph's view and from behind; the texture, at half its height."""
    person, template = garment.photo.person, garment.run.template
    quarters = views.turned(garment.attributes, [0, 90, 180, 270])
    both = views.turned(garment.attributes, [0, 180])
    shapes = views.grey(both.camera, both.vertices, template.faces, size)
    texture = interpolate(garment.attributes.texture[:1].clamp(0, 1), size=size, mode="bilinear", antialias=True)[0]

    def window(picture: Image.Image) -> Image.Image:
        return picture_of(placement.crop_of(garment, picture, size))

    parts = [
        Part("picture", with_frame(person.picture, person.box, size[0])),
        Part("window", window(person.picture)),
        Part("mask", window(Image.fromarray(person.mask).convert("RGB"))),
        Part("mesh green, mask red", window(outlines)),
        Part("normals", picture_of(views.normals(garment.attributes, template.faces, size))),
    ]
    coloured = views.coloured(quarters, template, size)
    parts += [Part(name, picture_of(picture)) for name, picture in zip(COLOURS, coloured)]
    parts += [Part(name, picture_of(picture)) for name, picture in zip(("shape", "shape, behind"), shapes)]
    parts.append(Part("texture", picture_of(texture)))
    return panel(parts, size[0])
