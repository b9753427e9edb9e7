"""Bodies as implicit functions: a network learns to say of points whether they are inside a person.

pictures -> feature maps -> inside or outside at labelled points -> loss; at the test: -> mesh -> scores. One stage for
PIFu, for the multi-scale network and for both levels of PIFuHD, which differ in `network` alone. Where a default
differs from a published choice the constructor says so; `experiments/configs/bodies/*_paper.yaml` have the published
ones.
"""

from typing import Literal

import lightning
import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from datamodules.samples import BodySample, BodyTruthSample
from lightning_modules.body_scores import OccupancyScores, mesh_or_none, true_mesh_of
from lightning_modules.gradient_exchange import mean_over_processes
from lightning_modules.hyper_parameters import save_plain_hyperparameters
from lightning_modules.schedules import cosine_schedule
from lightning_modules.shared_samples import without_repetitions
from models.bodies.body_mesh import body_field, body_mesh
from models.bodies.features import BodyFeatures, OccupancyNetwork
from models.bodies.portraits import body_panel
from models.geometry.grids import Query
from models.geometry.mesh import Mesh
from models.geometry.view_cameras import HALF_EXTENT_CM
from models.losses.occupancy import OccupancyLoss, occupancy_loss
from models.networks.precision import Precision, at_least_float32, network_autocast

PREDICTION_CELLS = 64
PANEL_RESOLUTION = 128


class BodyOccupancy(lightning.LightningModule):
    """One training stage: a network of `models.bodies` and labelled points.

    Args:
        network: `Pifu`, `MultiScale` or a level of PIFuHD.
        loss: "bce" (default), "mse" (PIFu), "extended_bce" (PIFuHD, balanced by the share of points outside).
        gamma: weight of the points inside for "extended_bce"; None takes the share of points outside.
        per_view_weight: weight of the loss on what every view says by itself; one reading of the loss of the
            multi-scale paper, which sums over views.
        optimizer: "adam", or "rmsprop" (PIFu, PIFuHD).
        learning_rate: the papers' 1e-3.
        schedule: "cosine" warms up for 2 % and decays to 2 %; "published" divides by ten at the shares `drops` of the
            training.
        drops: shares of the training after which the published schedule divides the learning rate.
        precision: of the encoder's arithmetic, see `models.networks.precision`.
        test_resolution: cells along the side of the cube in which test meshes are extracted.
        test_hull: whether the test also measures the visual hull of the same masks.
    """

    def __init__(
        self,
        network: OccupancyNetwork,
        loss: OccupancyLoss = "bce",
        gamma: float | None = None,
        per_view_weight: float = 0.0,
        optimizer: Literal["adam", "rmsprop"] = "adam",
        learning_rate: float = 1e-3,
        schedule: Literal["cosine", "published"] = "cosine",
        drops: tuple[float, ...] = (0.8,),
        precision: Precision = "auto",
        test_resolution: int = 256,
        test_hull: bool = True,
    ) -> None:
        super().__init__()
        save_plain_hyperparameters(self)
        self.network = network
        self.loss: OccupancyLoss = loss
        self.gamma, self.per_view_weight = gamma, per_view_weight
        self.optimizer, self.learning_rate = optimizer, learning_rate
        self.schedule, self.drops = schedule, tuple(drops)
        self.precision: Precision = precision
        self.test_resolution = test_resolution
        self.validation_loss = MeanMetric()
        self.scores = OccupancyScores(hull=test_hull)

    def encode(self, images: Tensor, masks: Tensor) -> BodyFeatures:
        """Feature maps of pictures [b, n, 3, h, w] in [0, 1], in float32."""
        with network_autocast(self.precision, images.device):
            features = self.network.encode(images, masks)
        return features._replace(stages=[[at_least_float32(each) for each in stage] for stage in features.stages])

    def training_step(self, batch: BodySample, batch_index: int) -> Tensor:
        features = self.encode(batch.images, batch.masks)
        query = self.network.query(features, batch.view_from_body, batch.points_cm, per_view=self.per_view_weight > 0)
        weights = query.weights
        count = None if weights is None else mean_over_processes(weights.sum())
        stages = [
            occupancy_loss(logits, batch.occupancy, weights, self.loss, self.gamma, count) for logits in query.logits
        ]
        total = torch.stack(stages).mean()
        if query.per_view is not None:
            labels = batch.occupancy[:, None].expand_as(query.per_view)
            if weights is not None and count is not None:
                weights = weights[:, None].expand_as(query.per_view)
                count = count * query.per_view.shape[1]
            alone = occupancy_loss(query.per_view, labels, weights, self.loss, self.gamma, count)
            self.log("train/per_view", alone.detach())
            total = total + self.per_view_weight * alone
        self.log("train/occupancy", stages[-1].detach())
        self.log("train/loss", total.detach(), prog_bar=True)
        return total

    def validation_step(self, batch: BodySample | BodyTruthSample, batch_index: int) -> None:
        """Points only: the loss, and how well the labels are met; meshes are for the test."""
        body = without_repetitions(self, batch.body if isinstance(batch, BodyTruthSample) else batch, batch_index)
        if body is None:
            return
        features = self.encode(body.images, body.masks).last()
        logits = self.network.query(features, body.view_from_body, body.points_cm).logits[-1]
        self.validation_loss.update(occupancy_loss(logits, body.occupancy, kind="bce"))
        self.scores.points.update(logits, body.occupancy)

    def on_validation_epoch_end(self) -> None:
        self.log("val/bce", self.validation_loss.compute())
        self.log_dict({f"val/{name}": value for name, value in self.scores.points.compute().items()}, prog_bar=True)
        self.validation_loss.reset()
        self.scores.points.reset()

    def test_step(self, batch: BodyTruthSample, batch_index: int) -> None:
        if without_repetitions(self, batch, batch_index) is None:
            return
        features = self.encode(batch.body.images, batch.body.masks).last()
        logits = self.network.query(features, batch.body.view_from_body, batch.body.points_cm).logits[-1]
        self.scores.points.update(logits, batch.body.occupancy)
        self.scores.update(batch, self.query_of(features, batch.body), self.test_resolution)

    def test_samples(self) -> dict[str, list[float]]:
        """The scores of every test body, before they are reported."""
        return self.scores.samples()

    def on_test_epoch_end(self) -> None:
        self.log_dict({f"test/{name}": value for name, value in self.scores.compute().items()})
        self.scores.reset()

    def query_of(self, features: BodyFeatures, body: BodySample) -> Query:
        """The occupancy of one body (a batch of one) as a function of points [p, 3] in centimetres; nothing is outside
        the outlines."""
        return body_field(self.network, features, body.masks, body.view_from_body)

    def reconstruct(self, body: BodySample, resolution: int) -> Mesh:
        """The mesh of one body (a batch of one), in centimetres of the body frame.

        Raises `EmptySurfaceError` when the network says that nothing is inside.
        """
        features = self.encode(body.images, body.masks).last()
        return body_mesh(self.query_of(features, body), resolution, device=body.images.device)

    def predict_step(self, batch: BodySample, batch_index: int) -> dict[str, Tensor]:
        """Which of 64 x 64 x 64 points are inside, along x, y and z of the body frame from -102.4 to 102.4 cm."""
        grids = []
        for row in range(len(batch.images)):
            body = BodySample(*(part[row : row + 1] for part in batch))
            query = self.query_of(self.encode(body.images, body.masks).last(), body)
            grids.append(occupied_grid(query, batch.images.device))
        return {"occupancy": torch.stack(grids), "index": batch.index}

    def panel(self, batch: BodySample | BodyTruthSample) -> Tensor:
        """The first body: picture, predicted shape from four sides, true shape from four sides."""
        body = first_body(batch.body if isinstance(batch, BodyTruthSample) else batch)
        truth = true_mesh_of(batch) if isinstance(batch, BodyTruthSample) else None
        features = self.encode(body.images, body.masks).last()
        predicted = mesh_or_none(self.query_of(features, body), PANEL_RESOLUTION, body.images.device)
        return body_panel(body.images[0], predicted, truth)[None]

    def meshes(self, batch: BodySample | BodyTruthSample) -> dict[str, Mesh]:
        """The first body of a batch, in metres; nothing where nothing is inside."""
        body = first_body(batch.body if isinstance(batch, BodyTruthSample) else batch)
        features = self.encode(body.images, body.masks).last()
        mesh = mesh_or_none(self.query_of(features, body), self.test_resolution, body.images.device)
        if mesh is None:
            return {}
        return {f"body-{int(body.index[0]):04d}": mesh.with_vertices(mesh.vertices / 100)}

    def configure_optimizers(self):
        if self.optimizer == "rmsprop":
            optimizer: torch.optim.Optimizer = torch.optim.RMSprop(self.trained(), lr=self.learning_rate)
        else:
            optimizer = torch.optim.Adam(self.trained(), lr=self.learning_rate, fused=True)
        steps = int(self.trainer.estimated_stepping_batches)
        factor = cosine_schedule(steps)
        if self.schedule == "published":
            factor = lambda step: 0.1 ** sum(step >= share * steps for share in self.drops)  # noqa: E731
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def trained(self) -> list[nn.Parameter]:
        """The parameters that are not frozen."""
        return [parameter for parameter in self.network.parameters() if parameter.requires_grad]


def first_body(body: BodySample) -> BodySample:
    """The first of a batch, as a batch of one."""
    return BodySample(*(part[:1] for part in body))


def node_positions(cells: int, device: torch.device) -> Tensor:
    """[cells ** 3, 3] centres of the cells of the body's box, x slowest."""
    centre = ((torch.arange(cells, device=device) + 0.5) / cells * 2 - 1) * HALF_EXTENT_CM
    return torch.cartesian_prod(centre, centre, centre)


def occupied_grid(query: Query, device: torch.device) -> Tensor:
    """[64, 64, 64] bool along x, y, z: which centres of the cells of the body's box a field has inside."""
    logits = [query(part) for part in node_positions(PREDICTION_CELLS, device).split(65536)]
    return (torch.cat(logits) > 0).reshape((PREDICTION_CELLS,) * 3)
