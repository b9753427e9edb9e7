"""Coarse stage: a network learns to explain pictures of faces by a morphable model, without 3D truth.

picture -> parameters -> vertices -> rendering -> losses. Source: Chen et al., TIP 2020. Where a default differs from
the published choice the constructor says so; `experiments/configs/faces/coarse_paper.yaml` has the published ones.
"""

from dataclasses import dataclass
from typing import Any, Literal

import lightning
import torch
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn

from datamodules.samples import FaceSample, FaceTruthSample
from lightning_modules.face_checkpoints import (
    leave_out_training_files,
    name_face_model,
    require_named_face_model,
    with_face_model,
    without_judge,
)
from lightning_modules.face_scores import CoarseScores
from lightning_modules.gradient_exchange import mean_over_processes, share_of
from lightning_modules.hyper_parameters import save_plain_hyperparameters
from lightning_modules.schedules import cosine_schedule, staircase_schedule
from lightning_modules.shared_samples import first_rows, without_repetitions
from models.faces.encoder import POSE_SCALES, FaceEncoder
from models.faces.landmark_encoder import LandmarkEncoder
from models.faces.landmark_fit import UNKNOWN, LandmarkFit
from models.faces.parameters import FaceParameters
from models.faces.portraits import coarse_panel, face_mesh
from models.faces.reconstructor import FaceGeometry, FaceReconstructor, FaceRendering, paste, screen_normals
from models.faces.refinement import refine
from models.faces.skin import skin_or_everything
from models.geometry.mesh import Mesh
from models.geometry.normals import face_area_vectors
from models.losses.landmarks import (
    JAW,
    landmark_loss,
    landmark_weights,
    outline_loss,
    point_loss,
    robust_landmark_loss,
    silhouette_vertices,
)
from models.losses.perceptual import PerceptualLoss
from models.losses.photometric import photometric_loss
from models.morphable.linear import MorphableModel
from models.networks.pictures import resized
from models.networks.point_network import PointNetwork, PointObservation
from models.networks.precision import Precision
from models.networks.weight_files import read_weight_file


@dataclass(frozen=True)
class CoarseWeights:
    """Weights of the terms; landmarks in squared pixels of a 300 px picture, colours in grey levels 0 to 255."""

    points: float = 1.0
    """Errors of the points that a `PointNetwork` finds, against its own certainty; other backbones have none."""
    landmarks: float = 0.0
    outline: float = 0.0
    """Chen et al.'s term for jaw points on the visible outline; the default slides the jaw's landmarks instead."""
    fit: float = 0.1
    """Squared millimetres between the face and what its landmarks alone say (`LandmarkFit`)."""
    photometric: float = 0.1
    perceptual: float = 0.0
    identity: float = 0.02
    expression: float = 0.02
    albedo: float = 0.2


class FaceCoarse(lightning.LightningModule):
    """One training stage: an encoder for identity, expression, albedo, pose and light.

    Args:
        face_model: the morphable model.
        backbone: a `PointNetwork` (default of the configurations: finds points, which the morphable model explains, see
            `LandmarkEncoder`), or any network from pictures to features (the paper: coefficients are linear in them).
        image_size: side to which pictures are resized for a network of features.
        rendering_size: side at which training renders; photographs are reduced to it.
        landmarks: "sliding" holds all 68 points, those of the jaw on the visible outline; "published" holds the 51
            inner points and leaves the jaw to the `outline` term; "none" trains without landmarks.
        robust_landmarks: distance instead of squared distance beyond one pixel (the paper: squared).
        landmark_noise_share: deviation of a landmark's coordinates as a share of the picture, for the landmark fit.
        weights: of the losses.
        shape_start: share of the training after which faces are fitted to a `PointNetwork`'s points; before, the
            network learns its points alone, which is what takes longest.
        colour_start, colour_shape_start: shares of the training after which colours are compared, and after which their
            gradient reaches pose and shape too; before, only albedo and light learn from them. The paper has 0 and 0.
        explained_pictures: how many pictures of each batch, all processes' together, are explained by the morphable
            model and rendered; None takes all. A `PointNetwork` learns its points from every picture, at a fraction of
            the cost.
        perceptual: a face-recognition network's view, or None.
        initial_light, head_bias: see `FaceEncoder`.
        precision: of the backbone's arithmetic, see `models.networks.precision`.
        learning_rate, schedule: "cosine" warms up for 2 % and decays to 2 %; "published" is the paper's 0.98 every 2000
            steps down to a tenth.
        weight_decay: of AdamW; 0 is Adam.
        refinement_steps: with more than 0, validation and test measure parameters after that many steps of `refine`.
        refine_with_landmarks: whether `refine` is given the data's landmarks.
        initial_checkpoint: a run's checkpoint of this stage to start from (training on photographs after synthetic
            data).
    """

    pose_scales: Tensor
    point_weights: Tensor
    mode_products: Tensor

    def __init__(
        self,
        face_model: MorphableModel,
        backbone: nn.Module,
        image_size: int = 128,
        rendering_size: int = 64,
        landmarks: Literal["sliding", "published", "none"] = "sliding",
        robust_landmarks: bool = True,
        landmark_noise_share: float = 0.003,
        weights: CoarseWeights = CoarseWeights(),
        shape_start: float = 0.4,
        colour_start: float = 0.4,
        colour_shape_start: float = 0.7,
        explained_pictures: int | None = None,
        perceptual: PerceptualLoss | None = None,
        initial_light: tuple[float, float] = (2.6, 0.3),
        head_bias: bool = True,
        precision: Precision = "auto",
        learning_rate: float = 1e-3,
        schedule: Literal["cosine", "published"] = "cosine",
        weight_decay: float = 0.0,
        refinement_steps: int = 0,
        refine_with_landmarks: bool = False,
        initial_checkpoint: str | None = None,
    ) -> None:
        super().__init__()
        save_plain_hyperparameters(self)
        sizes = (face_model.identity_size, face_model.expression_size, face_model.albedo_size)
        encoder: FaceEncoder | LandmarkEncoder
        if isinstance(backbone, PointNetwork):
            encoder = LandmarkEncoder(backbone, face_model, initial_light, precision)
        else:
            encoder = FaceEncoder(backbone, *sizes, image_size, initial_light, bias=head_bias, precision=precision)
        self.reconstructor = FaceReconstructor(face_model, encoder)
        self.landmark_fit = LandmarkFit(face_model, iterations=4)
        self.landmark_noise_share = landmark_noise_share
        self.rendering_size = rendering_size
        self.landmarks = landmarks
        self.robust_landmarks = robust_landmarks
        self.weights = weights
        self.shape_start, self.colour_start, self.colour_shape_start = shape_start, colour_start, colour_shape_start
        self.explained_pictures = explained_pictures
        self.perceptual = perceptual
        self.learning_rate, self.schedule, self.weight_decay = learning_rate, schedule, weight_decay
        self.refinement_steps, self.refine_with_landmarks = refinement_steps, refine_with_landmarks
        self.initial_checkpoint = initial_checkpoint
        self.register_buffer("pose_scales", torch.tensor(POSE_SCALES), persistent=False)
        point_weights = landmark_weights()
        if landmarks == "published":
            point_weights[JAW] = 0
        self.register_buffer("point_weights", point_weights, persistent=False)
        modes = face_model.modes_at(torch.arange(face_model.number_of_vertices)).flatten(1)
        # mean squared millimetres between two faces is this quadratic form of their coefficients' difference
        self.register_buffer("mode_products", modes @ modes.T / face_model.number_of_vertices, persistent=False)
        self.scores = CoarseScores(face_model)

    @property
    def face_model(self) -> MorphableModel:
        return self.reconstructor.face_model

    def forward(self, images: Tensor) -> FaceParameters:
        """Parameters of the faces in pictures in [0, 1]."""
        return self.reconstructor(images)

    def setup(self, stage: str) -> None:
        """Start from another run's weights when asked to."""
        if isinstance(self.trainer.strategy, DDPStrategy):
            # before `shape_start` and `colour_start` some heads take no part in the loss, which DDP must be told
            self.trainer.strategy._ddp_kwargs.setdefault("find_unused_parameters", True)
        if stage == "fit" and self.initial_checkpoint is not None and self.global_step == 0:
            stored = read_weight_file(self.initial_checkpoint)
            self.on_load_checkpoint(stored)
            self.load_state_dict(stored["state_dict"])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out what only training needs, and name the face model."""
        leave_out_training_files(checkpoint)
        name_face_model(checkpoint, self.face_model)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse another face model, and keep the own perceptual network: checkpoints hold none."""
        require_named_face_model(checkpoint, self.face_model)
        own = self.state_dict()
        judge = {name: own[name] for name in own.keys() - without_judge(own).keys()}
        checkpoint["state_dict"] = with_face_model(without_judge(checkpoint["state_dict"]), own) | judge

    def training_step(self, batch: FaceSample, batch_index: int) -> Tensor:
        encoder = self.reconstructor.encoder
        losses: dict[str, Tensor] = {}
        parameters, explained = None, share_of(self.explained_pictures)
        if isinstance(encoder, LandmarkEncoder):
            observation = encoder.observe(batch.image)
            losses |= self.point_losses(observation, batch)
            if self.progress >= self.shape_start:
                parameters = encoder.explain(first_rows(observation, explained))
        else:
            parameters = first_rows(encoder(batch.image), explained)
        if parameters is not None:
            few = first_rows(batch, explained)
            losses |= self.landmark_losses(parameters, few) | self.prior_losses(parameters)
            if self.progress >= self.colour_start:
                losses |= self.colour_losses(parameters, few)
        total = torch.stack([getattr(self.weights, name) * loss for name, loss in losses.items()]).sum()
        self.log_dict({f"train/{name}": loss.detach() for name, loss in losses.items()})
        self.log("train/loss", total.detach(), prog_bar=True)
        return total

    @property
    def progress(self) -> float:
        """Share of the training that is done, 0 to 1."""
        return self.global_step / max(1, int(self.trainer.estimated_stepping_batches))

    def point_losses(self, observation: PointObservation, batch: FaceSample) -> dict[str, Tensor]:
        """What the 68 points say to the network that looks for them."""
        if self.landmarks == "none":
            return {}
        target = batch.landmarks / batch.image.shape[-1]
        known = batch.landmark_weights
        count = mean_over_processes(known.sum())
        return {"points": point_loss(observation.points, observation.log_deviation, target, known, count)}

    def landmark_losses(self, parameters: FaceParameters, batch: FaceSample) -> dict[str, Tensor]:
        """What the 68 points say: distances on the screen, and to the face that they alone would give."""
        if self.landmarks == "none":
            return {}
        side = batch.image.shape[-1]
        losses = {}
        if self.weights.landmarks > 0 or self.weights.outline > 0:
            geometry = self.reconstructor.deform(parameters, side)
            distance = robust_landmark_loss if self.robust_landmarks else landmark_loss
            weights = self.point_weights * batch.landmark_weights
            count = mean_over_processes((weights > 0).to(weights).sum())
            losses["landmarks"] = distance(geometry.landmarks, batch.landmarks, weights, side, count)
            if self.weights.outline > 0:
                losses["outline"] = self.outline(geometry, batch, side)
        if self.weights.fit > 0:
            losses["fit"] = self.fit(parameters, batch, side)
        return losses

    def fit(self, parameters: FaceParameters, batch: FaceSample, side: int) -> Tensor:
        """Squared millimetres to the landmark fit, with and without expression, plus its pose in picture terms."""
        known = batch.landmark_weights
        with torch.no_grad():
            deviation = torch.where(known > 0, self.landmark_noise_share, UNKNOWN)
            identity, expression, pose = self.landmark_fit(batch.landmarks / side, deviation)
        shape = torch.cat([parameters.identity - identity, parameters.expression - expression], 1)
        neutral, identities = shape[:, : identity.shape[1]], slice(0, identity.shape[1])
        distance = ((shape @ self.mode_products) * shape).sum(1)
        distance = distance + ((neutral @ self.mode_products[identities, identities]) * neutral).sum(1)
        turned = ((parameters.pose - pose) / self.pose_scales).square().mean(1)
        enough = (known.sum(1) >= 34).to(distance)  # half of the points
        return ((distance + 100 * turned) * enough).mean()

    def outline(self, geometry: FaceGeometry, batch: FaceSample, side: int) -> Tensor:
        """Chen et al.'s outline term, with the silhouette it meant."""
        model = self.face_model
        jaw = model.contour_candidates[:, 0]
        with torch.no_grad():
            towards_camera = face_area_vectors(geometry.vertices_screen, model.faces)[..., 2] < 0
            on_silhouette = silhouette_vertices(towards_camera, model.faces, model.number_of_vertices)
            faces_camera = screen_normals(geometry.vertices_screen, model.faces)[:, jaw, 2] > 0
        vertices = geometry.vertices_screen[..., :2]
        target, known = batch.landmarks[:, JAW], batch.landmark_weights[:, JAW]
        count = mean_over_processes(known.sum())
        return outline_loss(vertices, on_silhouette, jaw, faces_camera, target, known, side, count)

    def prior_losses(self, parameters: FaceParameters) -> dict[str, Tensor]:
        """How improbable the coefficients are."""
        names = ("identity", "expression", "albedo")
        return {name: getattr(parameters, name).square().mean() for name in names}

    def colour_losses(self, parameters: FaceParameters, batch: FaceSample) -> dict[str, Tensor]:
        """What the pixels say, where the photograph shows skin and the model draws it."""
        if self.weights.photometric == 0 and self.weights.perceptual == 0:
            return {}
        if self.progress < self.colour_shape_start:
            fixed = parameters.detached()
            parameters = fixed._replace(albedo=parameters.albedo, light=parameters.light)
        side = self.rendering_size
        image = resized(batch.image, side)
        rendering = self.reconstructor.render(parameters, self.reconstructor.deform(parameters, side), side)
        skin = skin_or_everything(batch.segmentation, batch.landmarks, batch.landmark_weights)
        # a reduced pixel counts when all of it is skin
        mask = rendering.skin * (resized(skin[:, None].float(), side) > 0.99)
        losses = {"photometric": photometric_loss(image, rendering.image, mask)}
        if self.perceptual is not None and self.weights.perceptual > 0:
            losses["perceptual"] = self.perceptual(image, paste(rendering, image))
        return losses

    def validation_step(self, batch: FaceSample | FaceTruthSample, batch_index: int) -> None:
        self.score(without_repetitions(self, batch, batch_index))

    def test_step(self, batch: FaceSample | FaceTruthSample, batch_index: int) -> None:
        self.score(without_repetitions(self, batch, batch_index))

    def score(self, batch: FaceSample | FaceTruthSample | None) -> None:
        """Measure one batch; `on_*_epoch_end` reports."""
        if batch is None:
            return
        photo = batch.photo if isinstance(batch, FaceTruthSample) else batch
        self.scores.update(batch, *self.explain(photo))

    def explain(self, photo: FaceSample) -> tuple[FaceParameters, FaceGeometry, FaceRendering]:
        """As `reconstruct`, after `refinement_steps` of test-time refinement."""
        parameters, geometry, rendering = self.reconstruct(photo.image)
        if self.refinement_steps > 0:
            parameters = self.refined(photo, parameters)
            geometry = self.reconstructor.deform(parameters, photo.image.shape[-1])
            rendering = self.reconstructor.render(parameters, geometry, photo.image.shape[-1])
        return parameters, geometry, rendering

    def refined(self, photo: FaceSample, parameters: FaceParameters) -> FaceParameters:
        """Parameters after test-time refinement, without the pictures' masks: a user's picture has none."""
        # validation runs in inference mode, whose tensors no gradient may pass: copies made outside it are ordinary
        with torch.inference_mode(False):
            image, start = photo.image.clone(), FaceParameters(*(part.clone() for part in parameters))
            landmarks, known = None, None
            if self.refine_with_landmarks:
                landmarks, known = photo.landmarks.clone(), photo.landmark_weights.clone()
            return refine(
                self.reconstructor, image, start, self.refinement_steps, landmarks=landmarks, landmark_weights=known
            )

    def on_validation_epoch_end(self) -> None:
        self.log_dict(self.scores.report("val"))

    def test_samples(self) -> dict[str, list[float]]:
        """The scores of every test picture, before they are reported."""
        return self.scores.samples()

    def on_test_epoch_end(self) -> None:
        self.log_dict(self.scores.report("test"))

    def reconstruct(self, images: Tensor) -> tuple[FaceParameters, FaceGeometry, FaceRendering]:
        """Parameters, geometry and rendering at the pictures' own size."""
        side = images.shape[-1]
        parameters = self.reconstructor(images)
        geometry = self.reconstructor.deform(parameters, side)
        return parameters, geometry, self.reconstructor.render(parameters, geometry, side)

    def predict_step(self, batch: FaceSample, batch_index: int) -> dict[str, Tensor]:
        """Every parameter by its name and the 68 points in pixels of the crop, one row a picture."""
        parameters, geometry, _ = self.reconstruct(batch.image)
        return {**parameters._asdict(), "landmarks": geometry.landmarks, "index": batch.index}

    def panel(self, batch: FaceSample | FaceTruthSample) -> Tensor:
        """Input, landmarks, rendering over the picture, grey shape: one row for each face."""
        photo = batch.photo if isinstance(batch, FaceTruthSample) else batch
        _, geometry, rendering = self.reconstruct(photo.image)
        return coarse_panel(photo.image, photo.landmarks, geometry, rendering)

    def meshes(self, batch: FaceSample | FaceTruthSample) -> dict[str, Mesh]:
        """The faces of a batch with their albedo, in metres."""
        photo = batch.photo if isinstance(batch, FaceTruthSample) else batch
        parameters, geometry, _ = self.reconstruct(photo.image)
        albedo = self.face_model.albedo(parameters.albedo)
        return {
            f"face-{int(index):04d}": face_mesh(self.face_model, geometry.vertices_mm[row], albedo[row])
            for row, index in enumerate(photo.index)
        }

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=self.learning_rate, betas=(0.9, 0.99), weight_decay=self.weight_decay
        )
        steps = int(self.trainer.estimated_stepping_batches)
        factor = cosine_schedule(steps) if self.schedule == "cosine" else staircase_schedule(0.98, 2000, 0.1)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
