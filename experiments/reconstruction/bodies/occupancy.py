"""A trained run and pictures of a person: the surface that it says is there."""

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from datamodules.samples import BodySample
from experiments.errors import UserError, one_line
from experiments.reconstruction.bodies.views import BodyView
from experiments.runs import data_argument, load_module
from lightning_modules.body_occupancy import BodyOccupancy
from lightning_modules.body_superresolution import BodySuperResolution
from models.bodies.body_mesh import BODY_BOUNDS
from models.bodies.normal_maps import FrontBackNormals
from models.bodies.pifuhd import PifuHdCoarse, averaged_down
from models.geometry.components import connected_components, without_floating_parts
from models.geometry.extraction import EmptySurfaceError, extract
from models.geometry.mesh import Mesh
from models.geometry.topology import is_watertight

DEFAULT_IMAGE_SIZE = 256
SMALLEST_RESOLUTION, LARGEST_RESOLUTION = 16, 4096
POINTS_AT_ONCE = 65536


@dataclass(frozen=True)
class BodyRun:
    """The part of a run that reconstruction needs."""

    path: Path
    module: BodyOccupancy | BodySuperResolution
    image_size: int
    """Side of the pictures that it was trained on."""
    views: int
    """Pictures of one person that it was trained with."""

    @property
    def device(self) -> torch.device:
        return next(self.module.parameters()).device


@dataclass(frozen=True)
class BodySurface:
    """The extracted surface, and how it came about."""

    mesh_cm: Mesh
    """In the body frame, without floating parts."""
    parts: int
    parts_removed: int
    closed: bool
    """Whether every edge belongs to two triangles: printable."""
    queries: int
    seconds_encoding: float
    seconds_extracting: float
    normals: FrontBackNormals | None
    """What the run predicts of the normals of the views' crops [n 3 h w], where it does."""


def load_body_run(run: Path) -> BodyRun:
    """On the GPU when there is one.

    Raises:
        UserError: as `experiments.runs.load_module`, or the run trained something else than the occupancy of bodies.
    """
    module = load_module(run)
    if not isinstance(module, (BodyOccupancy, BodySuperResolution)):
        raise UserError(
            f"{run} trained {type(module).__name__}, from which no body can be made; give a run of body_occupancy or "
            "body_superresolution"
        )
    module.to("cuda" if torch.cuda.is_available() else "cpu")
    size, views = data_argument(run, "image_size"), data_argument(run, "views")
    return BodyRun(
        run,
        module,
        size if isinstance(size, int) else DEFAULT_IMAGE_SIZE,
        views if isinstance(views, int) else 1,
    )


@torch.no_grad()
def body_surface(run: BodyRun, views: list[BodyView], resolution: int) -> BodySurface:
    """Encodes the crops, asks where the person is, and takes the surface without what floats beside it.

    Raises:
        UserError: the network finds nobody; the resolution takes more memory than there is.
    """
    body = body_sample(views, run.image_size, run.device)
    started = time.perf_counter()
    features = run.module.encode(body.images, body.masks).last()
    encoded = time.perf_counter()
    try:
        query = run.module.query_of(features, body)
        extraction = extract(query, BODY_BOUNDS, resolution, chunk=POINTS_AT_ONCE, device=run.device)
    except EmptySurfaceError:
        raise UserError(
            f"{views[0].person.path}: the run {run.path} says that nothing is inside the person's outline; train it "
            "longer, give another run, or check the mask"
        ) from None
    except ValueError as error:
        raise UserError(f"--resolution {resolution}: {one_line(str(error))}") from None
    before = len(connected_components(extraction.mesh).volume)
    mesh = without_floating_parts(extraction.mesh)
    parts = len(connected_components(mesh).volume)
    return BodySurface(
        mesh,
        parts,
        before - parts,
        is_watertight(mesh.faces),
        extraction.queries,
        encoded - started,
        time.perf_counter() - encoded,
        predicted_normals(run.module, body),
    )


def body_sample(views: list[BodyView], size: int, device: torch.device) -> BodySample:
    """A batch of one body without points."""
    return BodySample(
        torch.stack([view.image(size) for view in views])[None].to(device),
        torch.stack([view.mask(size) for view in views])[None].to(device),
        torch.stack([view.crop_from_body for view in views])[None].to(device),
        torch.zeros(1, 0, 3, device=device),
        torch.zeros(1, 0, device=device),
        torch.zeros(1, dtype=torch.long, device=device),
    )


def predicted_normals(module: torch.nn.Module, body: BodySample) -> FrontBackNormals | None:
    """The normals of every crop, by PIFuHD's network for them; None for networks without one."""
    for part in module.modules():
        if isinstance(part, PifuHdCoarse) and part.normals is not None:
            images, masks = (averaged_down(each[0], part.image_size) for each in (body.images, body.masks))
            return FrontBackNormals(*(each.float().cpu() for each in part.normals(images, (masks > 0.5).to(images))))
    return None


def refuse_resolution(resolution: int) -> None:
    """Raises UserError for a number of cells that no body is extracted with."""
    if not SMALLEST_RESOLUTION <= resolution <= LARGEST_RESOLUTION:
        raise UserError(
            f"--resolution {resolution} is not between {SMALLEST_RESOLUTION} and {LARGEST_RESOLUTION}; 256 cells are "
            "8 mm wide, 512 are 4 mm"
        )
