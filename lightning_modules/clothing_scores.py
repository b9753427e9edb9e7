"""How good reconstructed clothing is: against the photograph, from other sides, and against 3D truth where there is."""

import math
import warnings

import torch
from torch import Tensor, nn

from datamodules.samples import ClothingSample, ClothingTruthSample
from metrics.clothing_cameras import camera_errors
from metrics.clothing_shapes import FAILED, align_shape, shape_errors
from metrics.clothing_views import SETS, TWELVE_VIEWS, evaluation_azimuths
from metrics.distributions import FrechetDistances
from metrics.hidden_texture import texture_errors
from metrics.image_similarity import lpips, on_white, ssim
from metrics.mask_iou import mask_iou, mask_iou_cmr, mask_iou_soft
from metrics.picture_rows import PictureRows
from metrics.soundness import is_measurable
from models.clothing.attributes import ClothingAttributes, ClothingCamera, with_azimuth
from models.clothing.renderer import ClothingRendering
from models.clothing.template import ClothingTemplate
from models.geometry.mesh import Mesh

PHOTO_COLUMNS = ("mask_iou_soft", "mask_iou", "mask_iou_cmr", "ssim", "lpips")
SHAPE_COLUMNS = (
    "iou_volume",
    "chamfer_percent",
    "volume_ratio",
    "shape_failed",
    "hidden_colour_error_grey",
    "visible_colour_error_grey",
    "hidden_plain_colour_error_grey",
)
CAMERA_COLUMNS = (
    "predicted_azimuth",
    "true_azimuth",
    "predicted_elevation",
    "true_elevation",
    "predicted_distance",
    "true_distance",
)


class ClothingScores(nn.Module):
    """Everything that a test says of the method; every picture counts once, over all processes.

    For each batch: `update` with the rendering under the predicted camera; for every (name, attributes) of `views`,
    `update_view` with its rendering; `update_truth` where the batch has truth. All renderings are over white, in
    evaluation mode.

    Args:
        feature_network: of the Fréchet distances: `FidInception` for FID, `StandInFeatures` for figures named
            `fid_stand_in_…`; None leaves them out.
        lpips_network: `LPIPS` with its weights; None leaves it out.
        ssim_magnification: 2 for CUB as the paper's test has it (`metrics.image_similarity.ssim`).
        twelve_views: also distances of the twelve fixed views, which cost three quarters of the renderings.
    """

    def __init__(
        self,
        feature_network: nn.Module | None = None,
        lpips_network: nn.Module | None = None,
        ssim_magnification: int = 1,
        twelve_views: bool = True,
    ) -> None:
        super().__init__()
        self.ssim_magnification, self.twelve_views = ssim_magnification, twelve_views
        self.photos = PictureRows(PHOTO_COLUMNS)
        self.shapes = PictureRows(SHAPE_COLUMNS)
        self.cameras = PictureRows(CAMERA_COLUMNS)
        names = SETS if twelve_views else tuple(name for name in SETS if name not in TWELVE_VIEWS)
        self.distances = None if feature_network is None else FrechetDistances(feature_network, names)
        # kept in a list: its weights belong to the measure, not to a checkpoint
        self._lpips = [lpips_network]

    @torch.no_grad()
    def update(self, photo: ClothingSample, rendering: ClothingRendering) -> None:
        """Adds a batch seen by its predicted cameras, over white, in the photographs' size."""
        truth = on_white(photo.image, photo.mask)
        figures = {
            "mask_iou_soft": mask_iou_soft(rendering.soft_mask, photo.mask),
            "mask_iou": mask_iou(rendering.hard_mask, photo.mask),
            "mask_iou_cmr": mask_iou_cmr(rendering.soft_mask, photo.mask),
            "ssim": ssim(rendering.image, truth, self.ssim_magnification),
        }
        if self._lpips[0] is not None:
            figures["lpips"] = lpips(self._lpips[0], rendering.image, truth)
        self.photos.update(photo.index, figures)
        if self.distances is not None:
            self.distances.update_real(truth, photo.index)
            self.distances.update("reconstruction", rendering.image, photo.index)

    def views(self, photo: ClothingSample, attributes: ClothingAttributes) -> list[tuple[str, ClothingAttributes]]:
        """What must be rendered for `update_view`; nothing without Fréchet distances."""
        if self.distances is None:
            return []
        azimuths = evaluation_azimuths(attributes.camera.azimuth, photo.index, twelve=self.twelve_views)
        return [(name, with_azimuth(attributes, azimuth)) for name, azimuth in azimuths]

    @torch.no_grad()
    def update_view(self, name: str, rendering: ClothingRendering, photo: ClothingSample) -> None:
        """Adds a batch seen from another side, over white."""
        if self.distances is not None:
            self.distances.update(name, rendering.image, photo.index)

    @torch.no_grad()
    def update_truth(
        self,
        batch: ClothingTruthSample,
        attributes: ClothingAttributes,
        template: ClothingTemplate,
        *,
        shapes: bool = True,
    ) -> None:
        """Adds what needs 3D truth. `shapes` = False measures the cameras alone: up to a second a picture saved."""
        index, true = batch.photo.index, true_camera(batch)
        camera = attributes.camera
        # what is no number counts as the worst: the opposite side, a right angle, no distance
        predicted = {
            "predicted_azimuth": _number_or(camera.azimuth, true.azimuth + math.pi),
            "predicted_elevation": _number_or(camera.elevation, true.elevation + math.pi / 2),
            "predicted_distance": _number_or(camera.distance, torch.zeros_like(true.distance)),
        }
        truth = {
            "true_azimuth": true.azimuth,
            "true_elevation": true.elevation,
            "true_distance": true.distance,
        }
        self.cameras.update(index, predicted | truth)
        if shapes:
            rows = [self._shape_row(batch, attributes, template, row) for row in range(len(index))]
            columns = torch.tensor(rows, device=index.device).reshape(-1, len(SHAPE_COLUMNS)).unbind(1)
            self.shapes.update(index, dict(zip(SHAPE_COLUMNS, columns, strict=True)))

    def _shape_row(
        self, batch: ClothingTruthSample, attributes: ClothingAttributes, template: ClothingTemplate, row: int
    ) -> list[float]:
        truth = true_shape(batch, row)
        texture = attributes.texture[row].detach().float().cpu()
        predicted = template.to("cpu").mesh(attributes.vertices[row].detach().float().cpu(), texture)
        if not is_measurable(predicted) or not bool(torch.isfinite(texture).all()):
            return [FAILED.iou_volume, FAILED.chamfer_percent, FAILED.volume_ratio, 1.0, 255.0, 255.0, math.nan]
        turn = _number_or(batch.azimuth[row] - attributes.camera.azimuth[row], batch.azimuth.new_zeros(()))
        shape = shape_errors(align_shape(predicted, truth, turn=float(turn)), truth)
        centre = camera_centre(true_camera(batch))[row].cpu()
        colour = texture_errors(align_shape(predicted, truth, turn=float(turn), search=False), truth, centre)
        return [shape.iou_volume, shape.chamfer_percent, shape.volume_ratio, shape.failed, *colour]

    def compute(self) -> dict[str, float]:
        """Every figure by its name; what was not measured is left out. Every process must ask.

        Means over pictures, `pictures` their number. `fid_twelve_views` is the mean of the twelve distances.
        """
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*was called before the ``update`` method")
            figures = self.figures()
        return {name: value for name, value in figures.items() if not math.isnan(value)}

    def figures(self) -> dict[str, float]:
        """Every figure by its name, NaN for what was not measured."""
        figures: dict[str, float] = {}
        for rows in (self.photos, self.shapes):
            table = rows.figures()
            figures |= {name: float(table[name].nanmean()) for name in rows.columns}
        figures["pictures"] = float(len(self.photos.figures()["index"]))
        cameras = self.cameras.figures()
        figures |= camera_errors(*(cameras[name] for name in CAMERA_COLUMNS))
        if self.distances is not None:
            distances = self.distances.compute()
            views = [distances.pop(f"{self.distances.score_name}_{name}") for name in TWELVE_VIEWS if self.twelve_views]
            if views:
                distances[f"{self.distances.score_name}_twelve_views"] = sum(views) / len(views)
            figures |= distances
        return figures

    def samples(self) -> dict[str, list[float]]:
        """The figures of every picture by its index, NaN for what was not measured. Every process must ask."""
        photos, shapes = self.photos.figures(), self.shapes.figures()
        if len(shapes["index"]) != len(photos["index"]):
            shapes = {}
        return {name: column.tolist() for name, column in {**shapes, **photos}.items()}

    def reset(self) -> None:
        """Forgets all pictures."""
        for metric in (self.photos, self.shapes, self.cameras, self.distances):
            if metric is not None:
                metric.reset()


def true_camera(batch: ClothingTruthSample) -> ClothingCamera:
    """The camera that took each photograph."""
    middle = torch.zeros_like(batch.offset)
    return ClothingCamera(batch.azimuth, batch.elevation, batch.distance, batch.offset, middle)


def true_shape(batch: ClothingTruthSample, row: int) -> Mesh:
    """One true surface with its colours, without the batch's padding; on the CPU."""
    vertices, faces = (int(count) for count in batch.counts[row])
    return Mesh(
        batch.vertices[row, :vertices].cpu(),
        batch.faces[row, :faces].cpu(),
        vertex_colors=batch.colours[row, :vertices].cpu(),
    )


def camera_centre(camera: ClothingCamera) -> Tensor:
    """[b, 3]: where the cameras stand."""
    a, e, d = camera.azimuth, camera.elevation, camera.distance
    return torch.stack([d * e.cos() * a.sin(), d * e.sin(), d * e.cos() * a.cos()], -1)


def _number_or(value: Tensor, instead: Tensor) -> Tensor:
    return torch.where(value.isfinite(), value, instead.to(value))
