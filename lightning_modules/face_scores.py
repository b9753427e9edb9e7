"""How good reconstructed faces are, on pictures with and without 3D truth."""

import warnings

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from datamodules.samples import FaceSample, FaceTruthSample
from metrics.coefficients import CoefficientCorrelation
from metrics.images import SkinErrorGreyLevels
from metrics.landmarks import LandmarkNmePercent
from metrics.normals import NormalErrorDegrees, ReliefGainPercent
from metrics.surfaces import VertexErrorMm, VertexErrorReductionPercent, error_reduction_percent
from models.faces.detail import DetailedRendering
from models.faces.parameters import FaceParameters
from models.faces.reconstructor import FaceGeometry, FaceRendering
from models.faces.skin import skin_mask
from models.geometry.rotations import rotation_difference, rotation_from_face_angles
from models.morphable.linear import MorphableModel

REPORTED_MODES = 8
"""Correlations are reported for the first identity modes, which hold most of the shape."""


class CoarseScores(nn.Module):
    """Landmarks and colours on every picture; shape, coefficients, pose and normals where there is truth.

    Truth counts only where it belongs to the same morphable model, told by the number of coefficients.
    """

    def __init__(self, face_model: MorphableModel) -> None:
        super().__init__()
        self.model_sizes = (face_model.identity_size, face_model.expression_size)
        self.landmarks = LandmarkNmePercent()
        self.skin = SkinErrorGreyLevels()
        self.shape = VertexErrorMm("similarity")
        self.neutral = VertexErrorMm("similarity")
        self.shape_gain = VertexErrorReductionPercent("similarity")
        self.neutral_gain = VertexErrorReductionPercent("similarity")
        self.identity = CoefficientCorrelation(face_model.identity_size)
        self.normals = NormalErrorDegrees()
        self.turn_degrees = MeanMetric(nan_strategy="disable")
        # the model belongs to the stage: kept in a list so that its weights are not registered twice
        self._face_model = [face_model]

    @torch.no_grad()
    def update(
        self,
        batch: FaceSample | FaceTruthSample,
        parameters: FaceParameters,
        geometry: FaceGeometry,
        rendering: FaceRendering,
    ) -> None:
        """Add a batch reconstructed at its pictures' size."""
        photo = batch.photo if isinstance(batch, FaceTruthSample) else batch
        known = photo.landmark_weights
        self.landmarks.update(geometry.landmarks, photo.landmarks, known)
        covered = rendering.fragments.face_index >= 0
        self.skin.update(rendering.image, covered, photo.image, skin_mask(photo.segmentation, photo.landmarks, known))
        if isinstance(batch, FaceTruthSample):
            self.update_truth(batch, parameters, geometry, rendering)

    def update_truth(
        self, batch: FaceTruthSample, parameters: FaceParameters, geometry: FaceGeometry, rendering: FaceRendering
    ) -> None:
        """The part that needs 3D truth."""
        if (batch.identity.shape[1], batch.expression.shape[1]) != self.model_sizes:
            return
        model = self._face_model[0]
        rest = torch.zeros_like(batch.expression)
        truth = model.vertices_mm(batch.identity, batch.expression)
        neutral_truth = model.vertices_mm(batch.identity, rest)
        neutral = model.vertices_mm(parameters.identity, rest)
        self.shape.update(geometry.vertices_mm, truth)
        self.neutral.update(neutral, neutral_truth)
        self.shape_gain.update(geometry.vertices_mm, truth, model.mean_mm)
        self.neutral_gain.update(neutral, neutral_truth, model.mean_mm)
        self.identity.update(parameters.identity, batch.identity)
        turn = rotation_difference(geometry.rotation, rotation_from_face_angles(batch.pose[:, :3]))
        self.turn_degrees.update(turn.rad2deg())
        both = (batch.normals.square().sum(1) > 0) & (rendering.fragments.face_index >= 0)
        self.normals.update(rendering.normals, batch.normals, both)

    def report(self, phase: str) -> dict[str, Tensor]:
        """All figures since the last report, with the phase before their names; what was not measured is left out.

        Under several processes each asks for every figure, whatever it has seen itself: they wait for each other.
        """
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*was called before the ``update`` method")
            figures = self.figures()
        self.forget()
        return {f"{phase}/{name}": value for name, value in figures.items() if not bool(value.isnan())}

    def figures(self) -> dict[str, Tensor]:
        """Every figure by its name, NaN for what was not measured."""
        skin = self.skin.compute()
        correlations = self.identity.compute()[:REPORTED_MODES]
        return {
            "landmark_nme_percent": self.landmarks.compute(),
            "photometric_error_grey": skin["error"],
            "photometric_error_covered_grey": skin["covered_error"],
            "skin_coverage_percent": skin["coverage_percent"],
            "shape_error_mm": self.shape.compute()["mean_mm"],
            "shape_gain_percent": self.shape_gain.compute(),
            "neutral_shape_error_mm": self.neutral.compute()["mean_mm"],
            "neutral_shape_gain_percent": self.neutral_gain.compute(),
            "rotation_error_degrees": self.turn_degrees.compute(),
            "normal_error_degrees": self.normals.compute(),
            **{f"identity_correlation_{mode}": value for mode, value in enumerate(correlations, start=1)},
        }

    def forget(self) -> None:
        """Start anew."""
        for metric in self.children():
            metric.reset()  # type: ignore[operator]


class DetailScores(CoarseScores):
    """Everything of the coarse stage, and what the displacement added.

    ``detail_gain_percent``: how much lower the normal error of the detailed face is than the coarse one's, inside the
    wrinkles of the truth; it must be above 0 for the fine stage to have worked. ``relief_gain_percent``: the same for
    what is finer than a fiftieth of the picture, without the errors of the coarse shape.
    """

    def __init__(self, face_model: MorphableModel) -> None:
        super().__init__(face_model)
        self.relief_gain = ReliefGainPercent()
        self.coarse_wrinkles = NormalErrorDegrees()
        self.fine_wrinkles = NormalErrorDegrees()
        self.fine_normals = NormalErrorDegrees()
        self.fine_skin = SkinErrorGreyLevels()
        self.coarse_skin = SkinErrorGreyLevels()

    @torch.no_grad()
    def update_detail(
        self,
        batch: FaceSample | FaceTruthSample,
        coarse: FaceRendering,
        detailed: DetailedRendering,
    ) -> None:
        """Add what the fine stage made of a batch that `update` has seen."""
        photo = batch.photo if isinstance(batch, FaceTruthSample) else batch
        covered = coarse.fragments.face_index >= 0
        skin = (photo.segmentation == 1) | (photo.segmentation < 0)
        skin = skin & skin_mask(photo.segmentation, photo.landmarks, photo.landmark_weights)
        self.coarse_skin.update(coarse.image, covered, photo.image, skin)
        self.fine_skin.update(detailed.image, covered, photo.image, skin)
        if isinstance(batch, FaceTruthSample):
            wrinkles = batch.wrinkles & covered & (batch.normals.square().sum(1) > 0)
            self.coarse_wrinkles.update(coarse.normals, batch.normals, wrinkles)
            self.fine_wrinkles.update(detailed.normals, batch.normals, wrinkles)
            both = (batch.normals.square().sum(1) > 0) & covered
            self.fine_normals.update(detailed.normals, batch.normals, both)
            self.relief_gain.update(coarse.normals, detailed.normals, batch.normals, both, wrinkles)

    def figures(self) -> dict[str, Tensor]:
        coarse, fine = self.coarse_wrinkles.compute(), self.fine_wrinkles.compute()
        return super().figures() | {
            "skin_error_coarse_grey": self.coarse_skin.compute()["error"],
            "skin_error_fine_grey": self.fine_skin.compute()["error"],
            "detail_gain_percent": error_reduction_percent(fine[None], coarse[None]),  # over the same pixels
            "relief_gain_percent": self.relief_gain.compute(),
            "wrinkle_normal_error_coarse_degrees": coarse,
            "wrinkle_normal_error_fine_degrees": fine,
            "normal_error_fine_degrees": self.fine_normals.compute(),
        }
