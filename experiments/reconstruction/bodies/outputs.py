"""Everything that the reconstruction of a body hands to its user, computed; `saving` writes it."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from experiments.reconstruction.bodies import pictures
from experiments.reconstruction.bodies.body_frame import BodyFrame
from experiments.reconstruction.bodies.colours import coloured
from experiments.reconstruction.bodies.occupancy import BodyRun, BodySurface
from experiments.reconstruction.bodies.strip import strip
from experiments.reconstruction.bodies.values import body_values
from experiments.reconstruction.bodies.views import BODY_HEIGHT_CM, BodyView
from experiments.reconstruction.overlay import overlap
from models.geometry.mesh import Mesh


@dataclass(frozen=True)
class BodyOutputs:
    """One body's meshes, maps, pictures and numbers."""

    mesh: Mesh
    """Metres in the body frame, with vertex colours."""
    mesh_picture: Mesh
    """Pixels of the first picture."""
    mesh_world: Mesh | None
    """In the world of calibrated cameras, where there are such."""
    pictures: dict[str, Image.Image]
    """File name without suffix -> picture."""
    normals: dict[str, Float[Tensor, "3 h w"]]
    """File name without suffix -> unit normals in camera axes, of the mesh and predicted ones."""
    depth: tuple[Float[Tensor, "1 s s"], Float[Tensor, "1 s s"]]
    turntable: list[Image.Image]
    values: dict[str, Any]


@torch.no_grad()
def body_outputs(
    run: BodyRun,
    views: list[BodyView],
    surface: BodySurface,
    resolution: int,
    *,
    height_cm: float | None = None,
    frame: BodyFrame | None = None,
) -> BodyOutputs:
    """Composes colours, meshes in every frame, pictures and numbers of one extracted surface."""
    mesh_cm, share_seen = coloured(surface.mesh_cm, views)
    silhouettes = [pictures.silhouette(mesh_cm, view) for view in views]
    overlays = [pictures.overlay(view, each) for view, each in zip(views, silhouettes)]
    normals = normal_maps(mesh_cm, surface)
    shown = {"strip": strip(views, mesh_cm, overlays, normals["normals_front"])}
    for number, view in enumerate(views):
        suffix = "" if number == 0 else f"_{number + 1}"
        shown[f"overlay{suffix}"] = overlays[number]
        shown[f"overlay_shape{suffix}"] = pictures.overlay_shape(view, mesh_cm)
        shown[f"mask{suffix}"] = Image.fromarray(view.person.mask)
        shown[f"crop{suffix}"] = pictures.picture_of(view.image(run.image_size))
    fits = [overlap(each, view.person.mask) for each, view in zip(silhouettes, views)]
    metres = (height_cm or BODY_HEIGHT_CM) / BODY_HEIGHT_CM / 100
    return BodyOutputs(
        mesh_cm.with_vertices(mesh_cm.vertices * metres),
        mesh_cm.with_vertices(pictures.in_picture(mesh_cm, views[0])),
        None if frame is None else mesh_cm.with_vertices(frame.in_world(mesh_cm.vertices)),
        shown,
        normals,
        pictures.depth_of_front(mesh_cm),
        pictures.turntable(mesh_cm),
        body_values(run, views, surface, resolution, height_cm, frame, fits, share_seen),
    )


def normal_maps(mesh_cm: Mesh, surface: BodySurface) -> dict[str, Float[Tensor, "3 h w"]]:
    maps = {f"normals_{side}": each for side, each in pictures.normal_pictures(mesh_cm).items()}
    if surface.normals is not None:
        for number, (front, back) in enumerate(zip(surface.normals.front, surface.normals.back)):
            suffix = "" if number == 0 else f"_{number + 1}"
            maps[f"normals_predicted_front{suffix}"] = front
            maps[f"normals_predicted_back{suffix}"] = back
    return maps
