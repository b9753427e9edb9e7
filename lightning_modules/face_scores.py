"""How good reconstructed faces are, on pictures with and without 3D truth."""

import warnings

import torch
from torch import Tensor, nn

from datamodules.samples import FaceSample, FaceTruthSample
from metrics.coefficients import CoefficientCorrelation
from metrics.images import skin_error_grey_levels
from metrics.landmarks import landmark_nme_percent
from metrics.normals import NormalErrorDegrees, ReliefGainPercent, normal_error_degrees
from metrics.picture_rows import PictureRows
from metrics.surfaces import error_reduction_percent, vertex_error_mm
from models.faces.detail import DetailedRendering
from models.faces.parameters import FaceParameters
from models.faces.reconstructor import FaceGeometry, FaceRendering
from models.faces.skin import skin_mask
from models.geometry.rotations import rotation_difference, rotation_from_face_angles
from models.morphable.linear import MorphableModel

REPORTED_MODES = 8
"""Correlations are reported for the first identity modes, which hold most of the shape."""

PHOTO_COLUMNS = (
    "landmark_nme_percent",
    "photometric_error_grey",
    "photometric_error_covered_grey",
    "skin_coverage_percent",
)
TRUTH_COLUMNS = (
    "shape_error_mm",
    "mean_face_shape_error_mm",
    "neutral_shape_error_mm",
    "mean_face_neutral_shape_error_mm",
    "rotation_error_degrees",
    "normal_error_degrees",
)
FINE_COLUMNS = ("skin_error_coarse_grey", "skin_error_fine_grey")
WRINKLE_COLUMNS = (
    "wrinkle_normal_error_coarse_degrees",
    "wrinkle_normal_error_fine_degrees",
    "normal_error_fine_degrees",
)


class CoarseScores(nn.Module):
    """Landmarks and colours on every picture; shape, coefficients, pose and normals where there is truth.

    Truth counts only where it belongs to the same morphable model, told by the number of coefficients.
    """

    def __init__(self, face_model: MorphableModel) -> None:
        super().__init__()
        self.model_sizes = (face_model.identity_size, face_model.expression_size)
        self.photos = PictureRows(PHOTO_COLUMNS)
        self.truths = PictureRows(TRUTH_COLUMNS)
        self.identity = CoefficientCorrelation(face_model.identity_size)
        self.normals = NormalErrorDegrees()
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
        covered = rendering.fragments.face_index >= 0
        skin = skin_mask(photo.segmentation, photo.landmarks, known)
        colours = skin_error_grey_levels(rendering.image, covered, photo.image, skin)
        figures = (landmark_nme_percent(geometry.landmarks, photo.landmarks, known), *colours)
        self.photos.update(photo.index, dict(zip(PHOTO_COLUMNS, figures, strict=True)))
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
        mean_face = model.mean_mm.expand_as(truth)
        pairs = (
            (geometry.vertices_mm, truth),
            (mean_face, truth),
            (neutral, neutral_truth),
            (mean_face, neutral_truth),
        )
        shapes = [vertex_error_mm(found, wanted, alignment="similarity").mean_mm for found, wanted in pairs]
        turn = rotation_difference(geometry.rotation, rotation_from_face_angles(batch.pose[:, :3]))
        both = (batch.normals.square().sum(1) > 0) & (rendering.fragments.face_index >= 0)
        self.identity.update(parameters.identity, batch.identity)
        self.normals.update(rendering.normals, batch.normals, both)
        figures = (*shapes, turn.rad2deg(), normal_error_degrees(rendering.normals, batch.normals, both))
        self.truths.update(batch.photo.index, dict(zip(TRUTH_COLUMNS, figures, strict=True)))

    def report(self, phase: str) -> dict[str, Tensor]:
        """All figures since the last report, with the phase before their names; what was not measured is left out.

        Under several processes each asks for every figure, whatever it has seen itself: they wait for each other.
        """
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*was called before the ``update`` method")
            figures = self.figures()
        self.forget()
        return {f"{phase}/{name}": value.float() for name, value in figures.items() if not bool(value.isnan())}

    def figures(self) -> dict[str, Tensor]:
        """Every figure by its name, NaN for what was not measured."""
        photos, truths = self.photos.figures(), self.truths.figures()
        shape, mean_face, neutral, mean_neutral, turn, _ = (truths[name] for name in TRUTH_COLUMNS)
        correlations = self.identity.compute()[:REPORTED_MODES]
        return {
            # pictures without eye corners, or without skin, cannot be measured
            **{name: photos[name].nanmean() for name in PHOTO_COLUMNS},
            "shape_error_mm": shape.mean(),
            "shape_gain_percent": error_reduction_percent(shape, mean_face),
            "neutral_shape_error_mm": neutral.mean(),
            "neutral_shape_gain_percent": error_reduction_percent(neutral, mean_neutral),
            "rotation_error_degrees": turn.mean(),
            "normal_error_degrees": self.normals.compute(),
            **{f"identity_correlation_{mode}": value for mode, value in enumerate(correlations, start=1)},
        }

    def samples(self) -> dict[str, list[float]]:
        """The figures of every picture of all processes by its index, NaN for what was not measured: normals and
        wrinkles as means over each picture's own pixels. Every process must ask."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*was called before the ``update`` method")
            tables = [table.figures() for table in self.tables()]
        pictures = len(tables[0]["index"])
        whole = [table for table in tables if len(table["index"]) == pictures]
        return {name: column.tolist() for table in whole for name, column in table.items()}

    def tables(self) -> list[PictureRows]:
        """What is kept of every picture."""
        return [self.photos, self.truths]

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
        self.fine_photos = PictureRows(FINE_COLUMNS)
        self.wrinkles = PictureRows(WRINKLE_COLUMNS)

    def tables(self) -> list[PictureRows]:
        return [*super().tables(), self.fine_photos, self.wrinkles]

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
        images = (coarse.image, detailed.image)
        colours = [skin_error_grey_levels(image, covered, photo.image, skin).error_grey_levels for image in images]
        self.fine_photos.update(photo.index, dict(zip(FINE_COLUMNS, colours, strict=True)))
        if isinstance(batch, FaceTruthSample):
            both = (batch.normals.square().sum(1) > 0) & covered
            wrinkles = batch.wrinkles & both
            seen = ((coarse.normals, wrinkles), (detailed.normals, wrinkles), (detailed.normals, both))
            metrics = (self.coarse_wrinkles, self.fine_wrinkles, self.fine_normals)
            for metric, (normals, mask) in zip(metrics, seen, strict=True):
                metric.update(normals, batch.normals, mask)
            errors = [normal_error_degrees(normals, batch.normals, mask) for normals, mask in seen]
            self.wrinkles.update(photo.index, dict(zip(WRINKLE_COLUMNS, errors, strict=True)))
            self.relief_gain.update(coarse.normals, detailed.normals, batch.normals, both, wrinkles)

    def figures(self) -> dict[str, Tensor]:
        coarse, fine = self.coarse_wrinkles.compute(), self.fine_wrinkles.compute()
        photos = self.fine_photos.figures()
        return super().figures() | {
            **{name: photos[name].nanmean() for name in FINE_COLUMNS},
            "detail_gain_percent": error_reduction_percent(fine[None], coarse[None]),  # over the same pixels
            "relief_gain_percent": self.relief_gain.compute(),
            "wrinkle_normal_error_coarse_degrees": coarse,
            "wrinkle_normal_error_fine_degrees": fine,
            "normal_error_fine_degrees": self.fine_normals.compute(),
        }
