"""Second stage: a network that reads the first stage's body as voxels takes away what is false and keeps the rest.

pictures -> frozen first stage -> occupied voxels -> 3D features -> inside or outside at labelled points -> loss.
Source: Li, Oskarsson and Heyden, arXiv 2012.06178 (Applied Intelligence 2021); see `models.bodies.superresolution`.
"""

from typing import Any, Literal

import lightning
import numpy as np
import torch
from torch import Tensor, distributed
from torchmetrics import MeanMetric

from datamodules.samples import BodyGridSample, BodySample, BodyTruthSample
from lightning_modules.body_occupancy import occupied_grid
from lightning_modules.body_scores import OccupancyScores, mesh_or_none, true_mesh_of
from lightning_modules.hyper_parameters import save_plain_hyperparameters
from lightning_modules.schedules import cosine_schedule
from lightning_modules.shared_samples import without_repetitions
from models.bodies.body_mesh import body_field, body_mesh
from models.bodies.features import BodyFeatures, OccupancyNetwork
from models.bodies.portraits import body_panel
from models.bodies.superresolution import VoxelSuperResolution
from models.bodies.visual_hull import within_outlines
from models.bodies.voxels import corrupted, occupied_voxels
from models.geometry.grids import Query
from models.geometry.mesh import Mesh
from models.losses.occupancy import occupancy_loss
from models.networks.precision import Precision, at_least_float32, network_autocast

PANEL_RESOLUTION = 96


class BodySuperResolution(lightning.LightningModule):
    """One training stage over a frozen one.

    Half of the inputs are what the first stage makes of the pictures, since only they have its mistakes; the rest are
    true bodies with mistakes put in, so that the network does not learn one first stage by heart.

    Args:
        stage_one: a trained occupancy network; it stays as it is.
        network: from voxels to points.
        corrupted_share: of inputs that are spoilt truth (0.5) and not the first stage's.
        coarse: cells along the side of the grid on which the first stage is asked first.
        kept_grids: how many voxel grids of the first stage are kept a body; when there are as many, one of them is
            drawn instead of asking it again. 0 asks anew every time, which on a CPU takes longer than the rest.
        loss: "bce" as IF-Net, or "mse".
        learning_rate: of Adam; IF-Net: 1e-4.
        schedule: "cosine", or "constant" as IF-Net.
        answer: "second" is the paper's: what the second stage says; "mean_of_both" averages its log-odds with those of
            the first stage, which knows what is finer than voxels.
        precision: of the first stage's encoder, see `models.networks.precision`.
        test_resolution: cells along the side of the cube in which test meshes are extracted.
    """

    def __init__(
        self,
        stage_one: OccupancyNetwork,
        network: VoxelSuperResolution,
        corrupted_share: float = 0.5,
        coarse: int = 32,
        kept_grids: int = 0,
        loss: Literal["bce", "mse"] = "bce",
        learning_rate: float = 1e-3,
        schedule: Literal["cosine", "constant"] = "cosine",
        answer: Literal["second", "mean_of_both"] = "second",
        precision: Precision = "auto",
        test_resolution: int = 256,
    ) -> None:
        super().__init__()
        save_plain_hyperparameters(self)
        self.stage_one = stage_one.eval().requires_grad_(False)
        self.network = network
        self.corrupted_share, self.coarse, self.kept_grids = corrupted_share, coarse, kept_grids
        self.loss: Literal["bce", "mse"] = loss
        self.learning_rate, self.schedule = learning_rate, schedule
        self.answer: Literal["second", "mean_of_both"] = answer
        self.precision: Precision = precision
        self.test_resolution = test_resolution
        self.kept: dict[int, list[Tensor]] = {}
        self.validation_loss = MeanMetric()
        self.before, self.after = OccupancyScores(hull=False), OccupancyScores(hull=False)

    def train(self, mode: bool = True) -> "BodySuperResolution":
        """The first stage never leaves evaluation mode."""
        super().train(mode)
        self.stage_one.eval()
        return self

    def training_step(self, batch: BodyGridSample, batch_index: int) -> Tensor:
        features = self.network.encode(self.inputs(batch))
        logits = self.network.query(features, batch.body.points_cm)
        loss = occupancy_loss(logits, batch.body.occupancy, kind=self.loss)
        self.log("train/loss", loss.detach(), prog_bar=True)
        return loss

    def inputs(self, batch: BodyGridSample) -> Tensor:
        """[b, 1, r, r, r]: of each body either what the first stage makes of it or the spoilt truth.

        Raises ValueError when the batch has no grids of the network's resolution.
        """
        resolution = self.network.resolution
        if not isinstance(batch, BodyGridSample) or batch.grid.shape[-1] != resolution:
            found = f"{batch.grid.shape[-1]} voxels a side" if isinstance(batch, BodyGridSample) else "no voxels"
            raise ValueError(
                f"The training data have {found}, but the network reads {resolution}: set the data's `voxels` to "
                f"{resolution}."
            )
        spoilt = torch.rand(len(batch.grid)) < self.corrupted_share
        grids = corrupted(batch.grid.float().cpu())
        for row in (~spoilt).nonzero()[:, 0].tolist():
            grids[row] = self.kept_or_asked(BodySample(*(part[row : row + 1] for part in batch.body)))
        return grids.to(batch.body.points_cm)

    def kept_or_asked(self, body: BodySample) -> Tensor:
        """[1, r, r, r] voxels of the first stage for a batch of one, on the CPU."""
        kept = self.kept.setdefault(int(body.index[0]), [])
        if self.kept_grids and len(kept) >= self.kept_grids:
            return kept[int(torch.randint(len(kept), ()))].float()
        grid = self.voxels(self.encode(body.images, body.masks), body)
        if self.kept_grids:
            kept.append(grid.to(torch.uint8))
        return grid

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The kept grids go with it, a bit a voxel, of each process: they decide what is learned next."""
        if self.kept_grids:
            own = {body: [packed(grid) for grid in grids] for body, grids in self.kept.items()}
            checkpoint["kept_grids"] = of_all_processes(own)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Only a training that goes on wants the kept grids, as many processes as there were."""
        everybodys = checkpoint.pop("kept_grids", [])
        if self._trainer is None or len(everybodys) != self._trainer.world_size:
            return
        side = self.network.resolution
        own = everybodys[self._trainer.global_rank]
        self.kept = {body: [unpacked(grid, side) for grid in grids] for body, grids in own.items()}

    def encode(self, images: Tensor, masks: Tensor) -> BodyFeatures:
        """What the first stage sees in pictures [b, n, 3, h, w] in [0, 1], in float32."""
        with torch.no_grad(), network_autocast(self.precision, images.device):
            features = self.stage_one.encode(images, masks).last()
        return features._replace(stages=[[at_least_float32(each) for each in stage] for stage in features.stages])

    def stage_one_query(self, features: BodyFeatures, body: BodySample) -> Query:
        """The first stage's field of one body (a batch of one), with nothing outside the outlines."""
        return body_field(self.stage_one, features, body.masks, body.view_from_body)

    @torch.no_grad()
    def voxels(self, features: BodyFeatures, body: BodySample) -> Tensor:
        """[1, r, r, r] voxels that the first stage has inside, for a batch of one, on the CPU."""
        query, device = self.stage_one_query(features, body), body.images.device
        return occupied_voxels(query, self.network.resolution, coarse=self.coarse, device=device)

    @torch.no_grad()
    def query_of(self, features: BodyFeatures, body: BodySample) -> Query:
        """The mended field of one body (a batch of one) as a function of points [p, 3] in centimetres."""
        volumes = self.network.encode(self.voxels(features, body)[None].to(body.images))
        before = self.stage_one_query(features, body)

        def query(points_cm: Tensor) -> Tensor:
            mended = self.network.query(volumes, points_cm[None].to(body.images))[0]
            return mended if self.answer == "second" else (mended + before(points_cm).to(mended)) / 2

        return within_outlines(query, body.masks, body.view_from_body)

    def both_queries(self, body: BodySample) -> tuple[Query, Query]:
        """The first stage's field of one body, and the mended one."""
        features = self.encode(body.images, body.masks)
        return self.stage_one_query(features, body), self.query_of(features, body)

    def validation_step(self, batch: BodySample | BodyTruthSample, batch_index: int) -> None:
        """Points only, before and after; meshes are for the test."""
        body = without_repetitions(self, batch.body if isinstance(batch, BodyTruthSample) else batch, batch_index)
        if body is None:
            return
        self.score_points(body, *self.both_queries(body))

    def score_points(self, body: BodySample, before: Query, after: Query) -> None:
        """Adds the labelled points of one body."""
        logits = after(body.points_cm[0])[None]
        self.validation_loss.update(occupancy_loss(logits, body.occupancy))
        self.after.points.update(logits, body.occupancy)
        self.before.points.update(before(body.points_cm[0])[None], body.occupancy)

    def on_validation_epoch_end(self) -> None:
        self.log("val/bce", self.validation_loss.compute())
        self.validation_loss.reset()
        for prefix, scores in (("", self.after), ("stage_one_", self.before)):
            found = {f"val/{prefix}{name}": value for name, value in scores.points.compute().items()}
            self.log_dict(found, prog_bar=True)
            scores.points.reset()

    def test_step(self, batch: BodyTruthSample, batch_index: int) -> None:
        if without_repetitions(self, batch, batch_index) is None:
            return
        before, after = self.both_queries(batch.body)
        self.score_points(batch.body, before, after)
        self.before.update(batch, before, self.test_resolution)
        self.after.update(batch, after, self.test_resolution)

    def test_samples(self) -> dict[str, list[float]]:
        """The scores of every test body after both stages, before they are reported."""
        return self.after.samples()

    def on_test_epoch_end(self) -> None:
        """The first stage's numbers stand beside, under `stage_one_…`."""
        self.validation_loss.reset()
        for prefix, scores in (("", self.after), ("stage_one_", self.before)):
            self.log_dict({f"test/{prefix}{name}": value for name, value in scores.compute().items()})
            scores.reset()

    def reconstruct(self, body: BodySample, resolution: int) -> Mesh:
        """The mesh of one body (a batch of one), in centimetres of the body frame.

        Raises `EmptySurfaceError` when the network says that nothing is inside.
        """
        query = self.query_of(self.encode(body.images, body.masks), body)
        return body_mesh(query, resolution, device=body.images.device)

    def predict_step(self, batch: BodySample, batch_index: int) -> dict[str, Tensor]:
        """Which points of one body (a batch of one) are inside, as `BodyOccupancy.predict_step` says it."""
        query = self.query_of(self.encode(batch.images, batch.masks), batch)
        return {"occupancy": occupied_grid(query, batch.images.device)[None], "index": batch.index}

    def panel(self, batch: BodyTruthSample) -> Tensor:
        """Picture, the first stage's shape and the truth; below, the mended shape and the truth."""
        device, truth = batch.body.images.device, true_mesh_of(batch)
        meshes = [mesh_or_none(query, PANEL_RESOLUTION, device) for query in self.both_queries(batch.body)]
        return torch.stack([body_panel(batch.body.images[0], mesh, truth) for mesh in meshes])

    def meshes(self, batch: BodyTruthSample) -> dict[str, Mesh]:
        """Both stages' meshes in metres; nothing where nothing is inside."""
        name, device = f"body-{int(batch.body.index[0]):04d}", batch.body.images.device
        queries = zip((f"{name}-stage-one", name), self.both_queries(batch.body), strict=True)
        found = {each: mesh_or_none(query, self.test_resolution, device) for each, query in queries}
        return {each: mesh.with_vertices(mesh.vertices / 100) for each, mesh in found.items() if mesh is not None}

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self.learning_rate, fused=True)
        if self.schedule == "constant":
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, cosine_schedule(steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def packed(grid: Tensor) -> Tensor:
    """[1, r, r, r] of zeros and ones, eight a byte."""
    return torch.from_numpy(np.packbits(grid.numpy()))


def unpacked(bits: Tensor, side: int) -> Tensor:
    """[1, r, r, r] again."""
    return torch.from_numpy(np.unpackbits(bits.numpy(), count=side**3).reshape(1, side, side, side))


def of_all_processes(own: Any) -> list[Any]:
    """What each process of a training has, in their order; all must ask."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return [own]
    gathered: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(gathered, own)
    return gathered
