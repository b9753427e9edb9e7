"""Faces on the page: overlays first, then the mesh, then what the sliders change."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from experiments.demo.work.telling import Slider, Teller
from experiments.reconstruction.drawing import draw
from experiments.reconstruction.faces.camera import parameter_values
from experiments.reconstruction.faces.displacement import displacement_map, tangent_normals
from experiments.reconstruction.faces.editing import posed, relit_texture, turned_light, with_weights
from experiments.reconstruction.faces.explanation import (
    ExplainedFace,
    FaceNetworks,
    explain,
    load_networks,
    with_parameters,
)
from experiments.reconstruction.faces.outputs import coarse_mesh, fine_mesh, on_screen
from experiments.reconstruction.faces.overlay import draw_on_photo, with_landmarks
from experiments.reconstruction.faces.photos import FaceInPhoto, Hints, face_in_photo
from experiments.reconstruction.faces.reading import read_face
from experiments.reconstruction.faces.texture import photo_texture
from experiments.reconstruction.overlay import normal_picture, picture_of
from experiments.reconstruction.saving import MARK, write_json
from models.geometry.mesh import Mesh
from models.morphable.linear import MorphableModel

MOVEMENTS = {
    "open": ("Open the mouth", ("jawOpen",)),
    "smile": ("Smile", ("smileLeft", "smileRight")),
    "brows": ("Raise the brows", ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")),
    "blink": ("Close the eyes", ("blinkLeft", "blinkRight")),
}
"""Sliders for face models that know these blendshapes."""
SIDE = 512
BACKGROUND = 0.12
FILLS = 0.72
"""How much of the picture's side a turned face is fitted into."""


class LoadedFaces(NamedTuple):
    networks: FaceNetworks
    run: Path


def load(run: Path) -> LoadedFaces:
    return LoadedFaces(load_networks(run), run)


def reconstruct(loaded: LoadedFaces, picture: Path, options: Mapping[str, Any], tell: Teller) -> None:
    """Tells pictures, mesh and sliders of the face in a picture.

    Raises ValueError with a sentence as `face_in_photo` does.
    """
    tell.doing(0.05, "looking for the face")
    found = face_in_photo(picture, Hints(person=options.get("person")))
    tell.note(f"{found.found}.")
    tell.doing(0.2, "the network explains it")
    face = explain(loaded.networks, found)
    tell.doing(0.4, "drawing")
    tell_pictures(face, found, tell)
    tell.doing(0.7, "the photograph becomes a texture")
    texture = photo_texture(face, found).image
    tell.doing(0.85, "writing the mesh")
    tell.mesh(best_mesh(face, texture))
    picture_of(texture).save(tell.folder / "texture.png", compress_level=1)
    displacement = displacement_map(face)
    if displacement is not None:
        np.save(tell.folder / "displacement_mm.npy", displacement.millimetres.cpu().numpy())
    write_json({**parameter_values(face, found), "run": str(loaded.run.resolve())}, tell.folder / MARK)
    tell.sliders(sliders_of(face.face_model))


@torch.no_grad()
def tell_pictures(face: ExplainedFace, found: FaceInPhoto, tell: Teller) -> None:
    """Each as soon as it is drawn, what a visitor waits for first."""
    photo, coarse, best = found.photo, coarse_mesh(face, None), best_mesh(face, None)
    albedo = face.face_model.albedo(face.parameters.albedo)[0].clamp(0, 1)
    painted = Mesh(coarse.vertices, coarse.faces, vertex_colors=albedo)
    colours = draw_on_photo(photo, face, painted, on_screen(face, coarse), light=face.parameters.light[0])
    tell.picture("overlay", "Colours on the photograph", colours)
    grey, screen = Mesh(best.vertices, best.faces), on_screen(face, best)
    tell.picture("overlay_shape", "Shape on the photograph", draw_on_photo(photo, face, grey, screen))
    normals = draw(grey, screen * (SIDE / face.size), (SIDE, SIDE)).normals
    tell.picture("normals_camera", "Normals", picture_of(normal_picture(normals)))
    landmarks = face.in_photo(face.geometry.landmarks[0])
    tell.picture("landmarks", "Landmarks", with_landmarks(photo, landmarks, None))
    wrinkles = tangent_normals(face)
    if wrinkles is not None:
        tell.picture("normal_map_tangent", "Wrinkles, as normals in UV", picture_of((wrinkles + 1) / 2))


def best_mesh(face: ExplainedFace, texture: Float[Tensor, "3 t t"] | None) -> Mesh:
    return fine_mesh(face, texture) or coarse_mesh(face, texture)


def sliders_of(model: MorphableModel) -> list[Slider]:
    known = {name: label for name, (label, shapes) in MOVEMENTS.items() if set(shapes) <= set(model.blendshape_names)}
    return [
        Slider("expression", "Expression", 0, 2, 0.05, 1, "×"),
        *(Slider(name, label, 0, 1, 0.05, 0) for name, label in known.items()),
        Slider("yaw", "Turn the head", -60, 60, 1, 0, "°"),
        Slider("pitch", "Nod", -30, 30, 1, 0, "°"),
        Slider("light", "Turn the light", -180, 180, 5, 0, "°"),
        Slider("brightness", "Brightness", 0.4, 1.6, 0.05, 1, "×"),
    ]


@torch.no_grad()
def edit(loaded: LoadedFaces, base: Path, worn: Path | None, changes: Mapping[str, float], tell: Teller) -> None:
    """Tells picture and mesh of the face in `base` after the sliders were moved; faces wear nothing."""
    tell.doing(0.1, "reading the face")
    saved = read_face(base, networks=loaded.networks)
    model, kept = saved.face.face_model, saved.face.parameters
    weights = {
        shape: changes[name] for name, (_, shapes) in MOVEMENTS.items() if changes.get(name, 0) for shape in shapes
    }
    expression = with_weights(model, kept.expression * changes.get("expression", 1.0), weights)
    light = turned_light(kept.light, changes.get("light", 0.0)) * changes.get("brightness", 1.0)
    yaw, pitch = changes.get("yaw", 0.0), changes.get("pitch", 0.0)
    moved = posed(kept._replace(expression=expression), yaw, pitch)
    face = with_parameters(saved.face, moved)
    unlit = torch.equal(light, kept.light)
    texture = saved.texture if unlit else relit_texture(saved.face, saved.texture, light)
    mesh = best_mesh(face, texture)
    tell.doing(0.5, "drawing")
    turned = bool(yaw or pitch)
    tell.picture("edited", "Changed", in_the_middle(face, mesh) if turned else over_photo(saved.photo, face, mesh))
    tell.doing(0.7, "writing the mesh")
    tell.mesh(mesh)


def over_photo(photo: Image.Image, face: ExplainedFace, mesh: Mesh) -> Image.Image:
    return draw_on_photo(photo, face, mesh, on_screen(face, mesh))


def in_the_middle(face: ExplainedFace, mesh: Mesh) -> Image.Image:
    """A turned face does not cover the photograph's own, so that it stands alone."""
    screen = on_screen(face, mesh)
    low, high = screen.amin(0), screen.amax(0)
    scale = FILLS * SIDE / float((high - low)[:2].max())
    screen = (screen - (low + high) / 2) * scale + screen.new_tensor([SIDE / 2, SIDE / 2, 2 * SIDE])
    background = torch.full((3, SIDE, SIDE), BACKGROUND)
    return picture_of(draw(mesh, screen, (SIDE, SIDE)).over(background))
