"""Bodies on the page: where the person is, then the surface, in the colours of the picture."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from experiments.demo.work.bodies_options import RESOLUTION, RESOLUTIONS
from experiments.demo.work.pictures import PICTURE
from experiments.demo.work.telling import Slider, Teller
from experiments.reconstruction.bodies import pictures
from experiments.reconstruction.bodies.colours import coloured
from experiments.reconstruction.bodies.occupancy import BodyRun, body_surface, load_body_run
from experiments.reconstruction.bodies.people import Hints, person_in_picture
from experiments.reconstruction.bodies.reconstruct import refuse_cut_people
from experiments.reconstruction.bodies.views import BODY_HEIGHT_CM, BodyView, parallel_view, warnings_of
from experiments.reconstruction.overlay import normal_picture, outlined, picture_of

OPTIONS = "options.json"
"""Which person, for when the cells are changed."""


def load(run: Path) -> BodyRun:
    return load_body_run(run)


@torch.no_grad()
def reconstruct(run: BodyRun, picture: Path, options: Mapping[str, Any], tell: Teller) -> None:
    """Tells pictures and mesh of the person in a picture.

    Raises ValueError with a sentence as `person_in_picture` and `body_surface` do.
    """
    (tell.folder / OPTIONS).write_text(json.dumps(dict(options)))
    tell.doing(0.05, "looking for the person")
    view = parallel_view(person_in_picture(picture, Hints(person=options.get("person"))))
    refuse_cut_people([view])
    tell.note(f"{view.person.found}; by {view.person.how}.")
    for warning in warnings_of(view):
        tell.note(warning)
    tell.picture("found", "Where the person is", outlined(view.person.picture, view.person.mask, view.person.mask))
    tell_surface(run, view, round(options.get("resolution", RESOLUTION)), tell)


def tell_surface(run: BodyRun, view: BodyView, resolution: int, tell: Teller) -> None:
    tell.doing(0.2, f"asking where inside is, {resolution} cells along each side")
    surface = body_surface(run, [view], resolution)
    tell.doing(0.6, "drawing")
    tell.picture("overlay_shape", "Shape on the picture", pictures.overlay_shape(view, surface.mesh_cm))
    mesh_cm, _ = coloured(surface.mesh_cm, [view])
    silhouette = pictures.silhouette(mesh_cm, view)
    tell.picture("overlay", "Outlines: mesh green, mask red", pictures.overlay(view, silhouette))
    for side, normals in pictures.normal_pictures(mesh_cm).items():
        if side in ("front", "back"):
            tell.picture(f"normals_{side}", f"Normals, {side}", picture_of(normal_picture(normals)))
    tell.doing(0.85, "writing the mesh")
    tell.mesh(mesh_cm.with_vertices(mesh_cm.vertices / 100))
    closed = "closed" if surface.closed else "not closed"
    tell.note(
        f"{mesh_cm.number_of_vertices} vertices, {closed}; {BODY_HEIGHT_CM:.0f} cm are laid along the height of the "
        "person."
    )
    least, greatest = RESOLUTIONS
    tell.sliders([Slider("resolution", "Cells along each side", least, greatest, 16, resolution)])


def edit(run: BodyRun, base: Path, worn: Path | None, changes: Mapping[str, float], tell: Teller) -> None:
    """Tells the person of `base` once more, with other cells; bodies wear nothing else."""
    options = json.loads((base / OPTIONS).read_text())
    reconstruct(run, base / PICTURE, {**options, **changes}, tell)
