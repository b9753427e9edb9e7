"""Fine stage: a network learns to read wrinkles from the shading that the coarse face leaves unexplained.

picture -> frozen coarse face -> UV maps -> displacement -> normals -> rendering -> losses. Source: Chen et al., TIP
2020. Where a default differs from the published choice the constructor says so;
`experiments/configs/faces/detail_paper.yaml` has the published ones.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import lightning
import torch
from torch import Tensor

from datamodules.samples import FaceSample, FaceTruthSample
from lightning_modules.face_checkpoints import leave_out_training_files, name_face_model, with_face_model, without_judge
from lightning_modules.face_coarse import FaceCoarse
from lightning_modules.face_scores import DetailScores
from lightning_modules.schedules import cosine_schedule, staircase_schedule
from lightning_modules.shared_samples import without_repetitions
from models.faces.dense_mesh import dense_mesh
from models.faces.detail import DetailedRendering, DetailedSurface, FaceDetailer, UvObservation, broad_difference
from models.faces.parameters import FaceParameters
from models.faces.portraits import detail_panel
from models.faces.reconstructor import FaceGeometry, FaceRendering
from models.faces.skin import skin_or_everything
from models.geometry.mesh import Mesh
from models.losses.photometric import photometric_loss
from models.losses.smoothness import (
    masked_mean,
    neighbour_difference_loss,
    thresholded_bend_loss,
    thresholded_laplacian_loss,
)
from models.networks.weight_files import loadable, read_weight_file

SKIN_CLASS = 1


@dataclass(frozen=True)
class DetailWeights:
    """Weights of the terms; colours in grey levels 0 to 255, displacements in millimetres."""

    photometric: float = 1.0
    size: float = 100.0
    """Mean squared displacement (the paper: 0.001). Wrinkles are a tenth of a millimetre and change a grey value by a
    few levels: with less weight the network explains noise and colours by relief."""
    normal_change: float = 0.001
    """Mean squared change of the normals."""
    keep_out: float = 0.002
    """Squared displacement where the face must stay smooth; the network's output is masked there as well."""
    position_laplacian: float = 1.0
    normal_laplacian: float = 1.0
    normal_bend: float = 1.0
    map_smoothness: float = 1.0
    """Squared differences of neighbouring texels (the paper: 0.01)."""


class DetailedFaces(NamedTuple):
    """Everything that the two stages make of a batch of pictures, at the pictures' own size."""

    parameters: FaceParameters
    geometry: FaceGeometry
    coarse: FaceRendering
    observation: UvObservation
    surface: DetailedSurface
    detailed: DetailedRendering


class FaceDetail(lightning.LightningModule):
    """One training stage: the displacement network over a frozen coarse stage.

    Args:
        coarse_checkpoint: a checkpoint of `FaceCoarse` or of this stage (which carries its coarse stage inside).
        uv_size: side of the UV maps in texels.
        maximum_mm, direction, inputs, broad_share, unwrapping, smooth_parts, widths: see `FaceDetailer`.
        weights: of the losses.
        laplacian_threshold_mm2, normal_threshold, bend_threshold: squared roughness below which smoothing has no
            gradient (the paper at 512 texels: 0.2, 1e-3, 1e-4; a finer grid has smaller steps).
        refinement_steps, refine_with_landmarks: see `FaceCoarse`; the fine stage is then measured on refined faces.
        learning_rate, schedule: "cosine", or "published": 0.99 every 5000 steps down to a hundredth.
    """

    def __init__(
        self,
        coarse_checkpoint: str,
        uv_size: int = 192,
        maximum_mm: float = 1.5,
        direction: Literal["normal", "forward"] = "normal",
        inputs: Literal["shading", "difference"] = "shading",
        broad_share: float = 0.02,
        unwrapping: Literal["texel", "vertex"] = "texel",
        smooth_parts: tuple[Literal["eyes", "brows", "nose", "mouth"], ...] = ("eyes", "mouth"),
        widths: tuple[int, ...] = (16, 32, 64, 64, 64, 64),
        weights: DetailWeights = DetailWeights(),
        laplacian_threshold_mm2: float = 0.2,
        normal_threshold: float = 1e-3,
        bend_threshold: float = 1e-2,
        refinement_steps: int = 0,
        refine_with_landmarks: bool = False,
        learning_rate: float = 1e-3,
        schedule: Literal["cosine", "published"] = "cosine",
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        coarse, self.coarse_hyper_parameters = coarse_stage(coarse_checkpoint)
        self.coarse = coarse.eval().requires_grad_(False)
        parts = tuple(smooth_parts)
        self.coarse.refinement_steps, self.coarse.refine_with_landmarks = refinement_steps, refine_with_landmarks
        self.detailer = FaceDetailer(
            self.coarse.face_model,
            uv_size,
            maximum_mm,
            direction,
            inputs,
            broad_share,
            unwrapping,
            parts,
            tuple(widths),
        )
        self.weights = weights
        self.laplacian_threshold_mm2 = laplacian_threshold_mm2
        self.normal_threshold, self.bend_threshold = normal_threshold, bend_threshold
        self.learning_rate, self.schedule = learning_rate, schedule
        self.scores = DetailScores(self.coarse.face_model)

    @classmethod
    def load(cls, checkpoint: str | Path) -> "FaceDetail":
        """A trained stage from its checkpoint alone: the coarse stage inside is used, not the file it came from."""
        return cls.load_from_checkpoint(
            loadable(checkpoint), map_location="cpu", weights_only=True, coarse_checkpoint=str(checkpoint)
        )

    def train(self, mode: bool = True) -> "FaceDetail":
        """The coarse stage never leaves evaluation mode."""
        super().train(mode)
        self.coarse.eval()
        return self

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Carry what is needed to build the coarse stage again."""
        checkpoint["coarse_hyper_parameters"] = self.coarse_hyper_parameters
        name_face_model(checkpoint, self.coarse.face_model)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Older checkpoints hold the network of the coarse stage's perceptual loss, which is not needed; exported ones
        lack the face model that the program makes."""
        checkpoint["state_dict"] = with_face_model(
            without_judge(checkpoint["state_dict"], "coarse."), self.state_dict()
        )

    def training_step(self, batch: FaceSample, batch_index: int) -> Tensor:
        faces = self.reconstruct(batch.image)
        losses = self.losses(batch, faces)
        total = torch.stack([getattr(self.weights, name) * loss for name, loss in losses.items()]).sum()
        self.log_dict({f"train/{name}": loss.detach() for name, loss in losses.items()})
        self.log("train/loss", total.detach(), prog_bar=True)
        return total

    def reconstruct(self, images: Tensor) -> DetailedFaces:
        """Coarse face, observation in UV, displacement, detailed surface and rendering."""
        with torch.no_grad():
            explained = self.coarse.reconstruct(images)
        return self.detail(images, *explained)

    def detail(
        self, images: Tensor, parameters: FaceParameters, geometry: FaceGeometry, coarse: FaceRendering
    ) -> DetailedFaces:
        """What the fine stage makes of pictures that the coarse stage has explained."""
        model, detailer = self.coarse.face_model, self.detailer
        observation = detailer.observe(images, model, parameters, geometry, coarse)
        surface = detailer.displace(model, geometry, detailer.displacement(observation))
        detailed = detailer.render(model, parameters, geometry, coarse, surface.normals)
        return DetailedFaces(parameters, geometry, coarse, observation, surface, detailed)

    def losses(self, batch: FaceSample, faces: DetailedFaces) -> dict[str, Tensor]:
        """The terms of Chen et al. 2020, section 2.6 of their release, on the UV grid."""
        valid, surface = self.detailer.valid, faces.surface
        skin = skin_or_everything(batch.segmentation, batch.landmarks, batch.landmark_weights)
        skin = skin & ((batch.segmentation == SKIN_CLASS) | (batch.segmentation < 0))
        compared = skin[:, None].float() * faces.coarse.skin
        broad = broad_difference(batch.image - faces.coarse.image, compared, self.detailer.broad_share)
        free = self.detailer.freedom
        return {
            "photometric": photometric_loss(batch.image - broad, faces.detailed.image, compared),
            "size": masked_mean(surface.displacement_mm.square().clamp(max=10), valid[None].float()),
            "normal_change": masked_mean((surface.normals - surface.coarse_normals).square(), valid[None].float()),
            "keep_out": masked_mean(surface.displacement_mm.square().clamp(max=10), (1 - free[0]) * valid),
            "position_laplacian": thresholded_laplacian_loss(surface.positions_mm, valid, self.laplacian_threshold_mm2),
            "normal_laplacian": thresholded_laplacian_loss(surface.normals, valid, self.normal_threshold),
            "normal_bend": thresholded_bend_loss(surface.normals, valid, self.bend_threshold),
            "map_smoothness": neighbour_difference_loss(surface.displacement_mm, valid),
        }

    def validation_step(self, batch: FaceSample | FaceTruthSample, batch_index: int) -> None:
        self.score(without_repetitions(self, batch, batch_index))

    def test_step(self, batch: FaceSample | FaceTruthSample, batch_index: int) -> None:
        self.score(without_repetitions(self, batch, batch_index))

    def score(self, batch: FaceSample | FaceTruthSample | None) -> None:
        """Measure one batch; `on_*_epoch_end` reports."""
        if batch is None:
            return
        photo = batch.photo if isinstance(batch, FaceTruthSample) else batch
        faces = self.detail(photo.image, *self.coarse.explain(photo))
        self.scores.update(batch, faces.parameters, faces.geometry, faces.coarse)
        self.scores.update_detail(batch, faces.coarse, faces.detailed)

    def on_validation_epoch_end(self) -> None:
        self.log_dict(self.scores.report("val"))

    def test_samples(self) -> dict[str, list[float]]:
        """The scores of every test picture, before they are reported."""
        return self.scores.samples()

    def on_test_epoch_end(self) -> None:
        self.log_dict(self.scores.report("test"))

    def predict_step(self, batch: FaceSample, batch_index: int) -> dict[str, Tensor]:
        """As the coarse stage, and the displacement map."""
        faces = self.reconstruct(batch.image)
        values = {**faces.parameters._asdict(), "landmarks": faces.geometry.landmarks, "index": batch.index}
        return {**values, "displacement_mm": faces.surface.displacement_mm[:, 0]}

    def panel(self, batch: FaceSample | FaceTruthSample) -> Tensor:
        """Picture, coarse and detailed grey shape, detailed rendering: one row for each face."""
        photo = batch.photo if isinstance(batch, FaceTruthSample) else batch
        faces = self.reconstruct(photo.image)
        return detail_panel(photo.image, faces.coarse, faces.detailed)

    def meshes(self, batch: FaceSample | FaceTruthSample) -> dict[str, Mesh]:
        """The displaced surfaces of a batch, textured with what the camera saw, in metres."""
        photo = batch.photo if isinstance(batch, FaceTruthSample) else batch
        faces = self.reconstruct(photo.image)
        valid, corner_ids = self.detailer.valid.cpu(), self.detailer.corner_ids(self.coarse.face_model).cpu()
        positions, textures = faces.surface.positions_mm.cpu(), faces.observation.photo.cpu()
        return {
            f"face-{int(index):04d}": dense_mesh(positions[row], valid, textures[row], corner_ids)
            for row, index in enumerate(photo.index)
        }

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.detailer.parameters(), lr=self.learning_rate)
        steps = int(self.trainer.estimated_stepping_batches)
        factor = cosine_schedule(steps) if self.schedule == "cosine" else staircase_schedule(0.99, 5000, 0.01)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def coarse_stage(checkpoint: str | Path) -> tuple[FaceCoarse, dict[str, Any]]:
    """The coarse stage in a checkpoint of either stage, and the hyper-parameters that build it again.

    They come from the file: while the command line builds this stage, the coarse one's `hparams` would be this one's.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when it holds no coarse stage.
    """
    path = Path(checkpoint)
    if not path.is_file():
        raise FileNotFoundError(f"There is no coarse checkpoint {path}: train the coarse stage first or mend the path.")
    stored = read_weight_file(path)
    if "coarse_hyper_parameters" in stored:
        weights = stored["state_dict"]
        inside = {name.removeprefix("coarse."): weights[name] for name in weights if name.startswith("coarse.")}
        stored |= {"state_dict": inside, "hyper_parameters": stored["coarse_hyper_parameters"]}
    if not any(name.startswith("reconstructor.") for name in stored.get("state_dict", {})):
        raise ValueError(f"The checkpoint {path} holds no coarse face stage: give one of a face-coarse run.")
    leave_out_training_files(stored)
    buffer = io.BytesIO()
    torch.save(stored, buffer)
    buffer.seek(0)
    coarse = FaceCoarse.load_from_checkpoint(buffer, map_location="cpu", weights_only=True)
    return coarse, stored["hyper_parameters"]
