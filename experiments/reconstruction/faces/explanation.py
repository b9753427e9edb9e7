"""A face in a photograph, explained by a trained run: parameters, surface and displacement."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.crops import Crop, crop_photo, crop_segmentation, move_points
from experiments.errors import UserError
from experiments.reconstruction.faces.photos import FaceInPhoto
from experiments.runs import load_module, trained_crop_size
from lightning_modules.face_coarse import FaceCoarse
from lightning_modules.face_detail import FaceDetail
from models.faces.detail import DetailedSurface, FaceDetailer
from models.faces.parameters import FaceParameters
from models.faces.reconstructor import FaceGeometry, FaceReconstructor
from models.faces.refinement import refine as refine_parameters
from models.morphable.linear import MorphableModel

DEFAULT_CROP = 128


@dataclass(frozen=True)
class FaceNetworks:
    """The parts of a trained run that reconstruction needs."""

    reconstructor: FaceReconstructor
    detail: FaceDetailer | None
    """None for a run of the coarse stage."""
    crop_size: int = DEFAULT_CROP
    """Side of the pictures that the run was trained on."""

    @property
    def face_model(self) -> MorphableModel:
        return self.reconstructor.face_model


@dataclass(frozen=True)
class ExplainedFace:
    """What a run says about one face. Batches of one throughout, as the models take them."""

    networks: FaceNetworks
    crop: Crop
    size: int
    """Side of the crop in the pixels of `geometry.vertices_screen`."""
    parameters: FaceParameters
    geometry: FaceGeometry
    surface: DetailedSurface | None

    @property
    def face_model(self) -> MorphableModel:
        return self.networks.face_model

    def in_photo(self, points_screen: Float[Tensor, "p c"]) -> Float[Tensor, "p c"]:
        """Points of the crop's screen in pixels of the photograph; a third coordinate, the depth, is scaled alike."""
        scale = self.crop.side / self.size
        corner = points_screen.new_tensor(
            [self.crop.center_x - self.crop.side / 2, self.crop.center_y - self.crop.side / 2]
        )
        scaled = points_screen * scale
        return torch.cat([scaled[:, :2] + corner, scaled[:, 2:]], dim=1)


def load_networks(run: Path) -> FaceNetworks:
    """The reconstructor of a coarse run, and the displacement network too of a detailed one.

    Raises:
        UserError: as `experiments.runs.load_module`, or the run trained something else than faces.
    """
    module = load_module(run)
    if not isinstance(module, (FaceCoarse, FaceDetail)):
        raise UserError(f"{run} trained {type(module).__name__}, not faces; give a run of face_coarse or face_detail")
    coarse, detailer = (module, None) if isinstance(module, FaceCoarse) else (module.coarse, module.detailer)
    reconstructor = coarse.reconstructor
    crop_size = trained_crop_size(run) or DEFAULT_CROP
    return FaceNetworks(reconstructor, detailer, crop_size)


def explain(networks: FaceNetworks, face: FaceInPhoto, *, refine: int = 0) -> ExplainedFace:
    """Encode, optionally refine on this very picture for `refine` steps, deform, and read the displacement."""
    size = networks.crop_size
    image, image_from_photo = crop_photo(face.photo, face.crop, size)
    images = image[None]
    with torch.no_grad():
        parameters = networks.reconstructor(images)
    if refine > 0:
        landmarks = segmentation = None
        if face.landmarks is not None:
            landmarks = torch.from_numpy(move_points(face.landmarks, image_from_photo))[None]
        if face.segmentation is not None:
            segmentation = torch.from_numpy(crop_segmentation(face.segmentation, face.crop, size)).long()[None]
        parameters = refine_parameters(
            networks.reconstructor, images, parameters, refine, landmarks=landmarks, segmentation=segmentation
        )
    return explained(networks, face.crop, parameters, images)


@torch.no_grad()
def explained(
    networks: FaceNetworks, crop: Crop, parameters: FaceParameters, images: Float[Tensor, "1 3 s s"]
) -> ExplainedFace:
    """The surface that belongs to the parameters of the face in a crop."""
    size = images.shape[-1]
    reconstructor, detail = networks.reconstructor, networks.detail
    geometry = reconstructor.deform(parameters, size)
    surface = None
    if detail is not None:
        rendering = reconstructor.render(parameters, geometry, size)
        observation = detail.observe(images, reconstructor.face_model, parameters, geometry, rendering)
        surface = detail.displace(reconstructor.face_model, geometry, detail.displacement(observation))
    return ExplainedFace(networks, crop, size, parameters, geometry, surface)


@torch.no_grad()
def with_parameters(face: ExplainedFace, parameters: FaceParameters) -> ExplainedFace:
    """The same person and wrinkles with other parameters: expression transfer and relighting."""
    geometry = face.networks.reconstructor.deform(parameters, face.size)
    surface = None
    if face.surface is not None and face.networks.detail is not None:
        surface = face.networks.detail.displace(face.face_model, geometry, face.surface.displacement_mm)
    return replace(face, parameters=parameters, geometry=geometry, surface=surface)
