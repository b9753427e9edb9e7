"""Clothing on the page: outline and colours on the photograph, the mesh, then other views and other clothes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from experiments.demo.work.telling import Slider, Teller
from experiments.reconstruction.bodies.people import Hints
from experiments.reconstruction.clothing import placement, views
from experiments.reconstruction.clothing.explanation import ClothingRun, explain, load_clothing_run
from experiments.reconstruction.clothing.outputs import garment_mesh
from experiments.reconstruction.clothing.photos import garment_in_picture
from experiments.reconstruction.clothing.reading import SavedGarment, read_garment
from experiments.reconstruction.clothing.tryon import wearing
from experiments.reconstruction.clothing.values import garment_values
from experiments.reconstruction.overlay import normal_picture, outlined, overlap, picture_of
from experiments.reconstruction.saving import MARK, write_json
from models.clothing.attributes import CameraRanges, ClothingAttributes
from models.clothing.renderer import render_attributes
from models.clothing.template import ClothingTemplate

VIEW_HEIGHT = 512


def load(run: Path) -> ClothingRun:
    return load_clothing_run(run)


@torch.no_grad()
def reconstruct(run: ClothingRun, picture: Path, options: Mapping[str, Any], tell: Teller) -> None:
    """Tells pictures, mesh and sliders of the person in a picture.

    Raises ValueError with a sentence as `garment_in_picture` does.
    """
    tell.doing(0.05, "looking for the person")
    photo = garment_in_picture(picture, Hints(person=options.get("person")), run.size)
    person = photo.person
    tell.note(f"{person.found}; by {person.how}.")
    tell.doing(0.3, "the networks explain it")
    garment = explain(run, photo)
    tell.doing(0.5, "drawing")
    colours, silhouette = placement.in_photo(garment)
    tell.picture("overlay_colours", "Colours on the photograph", colours)
    tell.picture("overlay", "Outlines: mesh green, mask red", outlined(person.picture, person.mask, silhouette))
    tell.picture("normals", "Normals", picture_of(normals_of(garment.attributes, run.template, photo.size)))
    size = views.shown_size(photo.size)
    around = views.coloured(views.turned(garment.attributes, views.all_round()), run.template, size)
    tell.picture("rotation_azimuth", "From all around", views.row(around))
    mesh = garment_mesh(garment)
    assert mesh.texture is not None
    tell.picture("texture", "Texture", picture_of(mesh.texture))
    tell.doing(0.8, "writing the mesh")
    tell.mesh(mesh)
    write_json(garment_values(garment, overlap(silhouette, person.mask)), tell.folder / MARK)
    tell.sliders(sliders_of(garment.attributes, run.module.reconstructor.encoder.camera.ranges), wear=True)


def normals_of(attributes: ClothingAttributes, template: ClothingTemplate, size: tuple[int, int]) -> torch.Tensor:
    """[3 h w] as colours, in the photograph's view."""
    rendering = render_attributes(
        attributes, template, views.shown_size(size, VIEW_HEIGHT), background=False, outline_gradients="edge"
    )
    return normal_picture(rendering.normals[0])


def sliders_of(attributes: ClothingAttributes, ranges: CameraRanges) -> list[Slider]:
    near, far = ranges.distance
    elevation = views.degrees(float(attributes.camera.elevation))
    distance = min(max(float(attributes.camera.distance), near), far)
    return [
        Slider("azimuth", "Walk around", -180, 180, 5, 0, "°"),
        Slider("elevation", "Look from above", -60, 60, 1, round(elevation), "°"),
        Slider("distance", "Distance", near, far, 0.05, round(distance, 2)),
    ]


@torch.no_grad()
def edit(run: ClothingRun, base: Path, worn: Path | None, changes: Mapping[str, float], tell: Teller) -> None:
    """Tells the garment in `base` from another side, in the clothes of `worn` where that is given."""
    tell.doing(0.1, "reading the mesh")
    garment = read_garment(base)
    attributes = garment.attributes if worn is None else wearing(garment.attributes, read_garment(worn).attributes)
    tell.doing(0.3, "drawing")
    picture = views.row(views.coloured(seen(attributes, changes), garment.template, shown(garment)))
    tell.picture("edited", "Changed", picture)
    if worn is not None:
        tell.doing(0.7, "writing the mesh")
        tell.mesh(garment.template.mesh(attributes.vertices[0], attributes.texture[0]))


def seen(attributes: ClothingAttributes, changes: Mapping[str, float]) -> ClothingAttributes:
    """From where the sliders say."""
    attributes = views.turned(attributes, [changes.get("azimuth", 0.0)])
    if "elevation" in changes:
        attributes = views.raised(attributes, [changes["elevation"]])
    return views.at_distances(attributes, [changes["distance"]]) if "distance" in changes else attributes


def shown(garment: SavedGarment) -> tuple[int, int]:
    return views.shown_size(garment.size, VIEW_HEIGHT)
