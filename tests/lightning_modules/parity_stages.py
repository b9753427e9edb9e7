"""Every training stage at its smallest, with batches of four samples, for comparing two processes with one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest import mock

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from datamodules.samples import BodyGridSample, BodyNormalSample, BodySample, FaceSample
from lightning_modules.body_normals import BodyNormals
from lightning_modules.body_occupancy import BodyOccupancy
from lightning_modules.body_superresolution import BodySuperResolution
from lightning_modules.face_coarse import CoarseWeights, FaceCoarse
from lightning_modules.face_detail import FaceDetail
from models.bodies.multiscale import MultiScale
from models.bodies.normal_maps import NormalMaps
from models.bodies.pifu import Pifu
from models.bodies.pifuhd import PifuHdCoarse, PifuHdFine
from models.bodies.superresolution import VoxelSuperResolution
from models.geometry.voxel_cube import voxel_centres
from models.morphable.procedural_face import procedural_face
from models.networks.hourglass import HourglassEncoder, PyramidEncoder
from models.networks.point_mlp import PointMlp
from models.networks.point_network import PointNetwork
from models.networks.unet import AddingUNet
from tests.lightning_modules.body_scenes import RADII_CM, ellipsoid_sample
from tests.lightning_modules.clothing_scenes import moving_prototype, photographs, tiny_clothing
from tests.lightning_modules.conftest import four_faces, tiny_coarse

ROWS, BATCHES = 4, 3
VOXELS = 16


class Stage(NamedTuple):
    module: lightning.LightningModule
    batches: list[Any]
    """Of four samples each."""
    clean: list[Any]
    """Of clothing: what the template learns from."""


def face_coarse() -> Stage:
    """A part of each batch is explained and rendered; of some faces many landmarks are unknown."""
    network = PointNetwork(64, width=4, map_width=16, features=32)
    weights = CoarseWeights(landmarks=1.0, outline=0.5)
    module = FaceCoarse(
        procedural_face("tiny"), network, 64, 32, weights=weights, shape_start=0, colour_start=0, colour_shape_start=0,
        explained_pictures=2, precision="float32",
    )  # fmt: skip
    return Stage(module, [faces(seed) for seed in range(BATCHES)], [])


def faces(seed: int) -> FaceSample:
    photo = four_faces(tiny_coarse()).photo
    known = torch.rand(4, 68, generator=torch.Generator().manual_seed(seed)) < torch.tensor([[1.0], [0.4], [0.7], [1]])
    return photo._replace(landmark_weights=known.float(), landmarks=photo.landmarks * known[..., None])


def face_detail() -> Stage:
    coarse = face_coarse().module
    with mock.patch("lightning_modules.face_detail.coarse_stage", return_value=(coarse, {})):
        module = FaceDetail("none", uv_size=64, widths=(4, 8, 8, 8, 8, 8), learning_rate=1e-4)
    return Stage(module, [faces(seed) for seed in range(BATCHES)], [])


def bodies(seed: int, views: int, size: int = 32) -> BodySample:
    each = [ellipsoid_sample(views, size, points=200, seed=4 * seed + row) for row in range(ROWS)]
    return BodySample(*(torch.cat(parts) for parts in zip(*each, strict=True)))


def pifu_network() -> Pifu:
    encoder = HourglassEncoder(channels=16, stacks=2, depth=1, feature_channels=15)
    return Pifu(encoder, PointMlp((16, 64, 32, 1), (1, 2), 1), depth_scale=4.0)


def pifu() -> Stage:
    module = BodyOccupancy(pifu_network(), "mse", optimizer="rmsprop", schedule="published", precision="float32")
    return Stage(module, [bodies(seed, 2) for seed in range(BATCHES)], [])


def multiscale() -> Stage:
    encoder = PyramidEncoder(channels=16, depths=(1, 1, 1), feature_channels=(5, 5, 5))
    network = MultiScale(encoder, PointMlp((16, 64, 32, 1), (1, 2), 1), depth_scale=4.0)
    module = BodyOccupancy(network, per_view_weight=1.0, precision="float32")
    return Stage(module, [bodies(seed, 2) for seed in range(BATCHES)], [])


def coarse_level() -> PifuHdCoarse:
    encoder = HourglassEncoder(9, 16, stacks=2, depth=1, feature_channels=15)
    normals = NormalMaps(AddingUNet(3, (8, 8), 6))
    return PifuHdCoarse(encoder, PointMlp((16, 64, 32, 16, 1), (2, 3), 2), normals, 32, depth_scale=4.0)


def pifuhd_coarse() -> Stage:
    module = BodyOccupancy(coarse_level(), "extended_bce", precision="float32")
    return Stage(module, [bodies(seed, 1, 64) for seed in range(BATCHES)], [])


def pifuhd_fine() -> Stage:
    """On windows: of each body another number of points counts."""
    encoder = HourglassEncoder(9, 16, stacks=1, depth=1, feature_channels=8, down="none")
    network = PifuHdFine(coarse_level(), encoder, PointMlp((24, 32, 16, 1), (1, 2), 1), window=32)
    module = BodyOccupancy(network, "extended_bce", precision="float32")
    return Stage(module, [bodies(seed, 1, 64) for seed in range(BATCHES)], [])


def body_normals() -> Stage:
    """Of each picture another number of pixels counts."""
    module = BodyNormals(NormalMaps(AddingUNet(3, (8, 16), 3), AddingUNet(3, (8, 16), 3)), precision="float32")
    batches = []
    for seed in range(BATCHES):
        images, masks = bodies(seed, 1).images[:, 0], bodies(seed, 1).masks[:, 0]
        masks = masks * (torch.arange(32) < torch.tensor([32, 16, 20, 24])[:, None, None, None])
        front = torch.nn.functional.normalize(images - 0.5, dim=1) * masks
        batches.append(BodyNormalSample(images, masks, front, front.flip(1), torch.arange(ROWS)))
    return Stage(module, batches, [])


def body_superresolution() -> Stage:
    """Over a first stage that is not trained; its voxels are kept."""
    network = VoxelSuperResolution(VOXELS, ((8,), (16, 16)), (32, 32), reach=0.1, norm="group")
    module = BodySuperResolution(
        pifu_network(), network, corrupted_share=0, coarse=VOXELS, kept_grids=1, precision="float32"
    )  # fmt: skip
    grid = ((voxel_centres(VOXELS) / RADII_CM).square().sum(1) < 1).to(torch.uint8)
    grids = grid.reshape(1, 1, VOXELS, VOXELS, VOXELS).expand(ROWS, -1, -1, -1, -1)
    return Stage(module, [BodyGridSample(bodies(seed, 2), grids) for seed in range(BATCHES)], [])


def clothing() -> Stage:
    """Both optimizers and the template's steps."""
    module = tiny_clothing(prototype=moving_prototype(), learning_rate=1e-4, warmup_epochs=0)
    with torch.no_grad():
        module.reconstructor.encoder.shape.dense.weight.normal_(0, 0.01)
    clean = [photographs(ROWS, 9 + seed) for seed in range(BATCHES)]
    return Stage(module, [photographs(ROWS, seed) for seed in range(BATCHES)], clean)


STAGES: dict[str, Callable[[], Stage]] = {
    "clothing": clothing,
    "face_coarse": face_coarse,
    "face_detail": face_detail,
    "body_occupancy_pifu": pifu,
    "body_occupancy_multiscale": multiscale,
    "body_occupancy_pifuhd_coarse": pifuhd_coarse,
    "body_occupancy_pifuhd_fine": pifuhd_fine,
    "body_normals": body_normals,
    "body_superresolution": body_superresolution,
}


class Shares(lightning.LightningDataModule):
    """Whole batches, of which each process gets every so-many-th row, as the samplers of the data modules give them."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage

    def share(self, batches: list[Any]) -> DataLoader:
        trainer = self.trainer
        assert trainer is not None
        rows = slice(trainer.global_rank, None, trainer.world_size)
        return DataLoader([of_rows(batch, rows) for batch in batches], batch_size=None)  # type: ignore[arg-type]

    def train_dataloader(self) -> DataLoader:
        return self.share(self.stage.batches)

    def clean_dataloader(self) -> DataLoader:
        return self.share(self.stage.clean)


def of_rows(batch: Any, rows: slice) -> Any:
    return type(batch)(*(part[rows] if isinstance(part, Tensor) else of_rows(part, rows) for part in batch))


@contextmanager
def draws_that_halves_share() -> Iterator[None]:
    """Random numbers by which every second sample of four gets what the first or the second of its two gets."""
    random, values = torch.rand, torch.tensor([0.25, 0.7])

    def halves(number: int) -> Tensor:
        return torch.arange(number) // (number // 2)

    def same_numbers(number: int, like: Tensor, generator: object = None) -> Tensor:
        return values[halves(number)].to(like)

    def neighbours(usable: Tensor, generator: object = None) -> Tensor:
        return torch.arange(len(usable)).roll(len(usable) // 2)

    def shares(*size: Any, **options: Any) -> Tensor:
        """Of the gradient penalty: the only numbers in a row."""
        return values[halves(size[0])] if len(size) == 1 and size[0] in (2, ROWS) else random(*size, **options)

    def windows(number: int, views: int, size: tuple[int, int], window: int) -> Tensor:
        return torch.tensor([[4, 20], [28, 8]])[halves(number), None].expand(-1, views, -1)

    with (
        mock.patch("models.clothing.attributes._uniform", same_numbers),
        mock.patch("models.clothing.attributes._permutation_of", neighbours),
        mock.patch("models.bodies.pifuhd.draw_windows", windows),
        mock.patch("torch.rand", shares),
    ):
        yield


class PlainDescent(torch.optim.SGD):
    """In the place of any optimizer: steps in proportion to gradients, so that single precision's rounding stays in
    proportion too. The optimizers of the stages divide a gradient by its own size, and one that is nothing but rounding
    becomes a whole step. The largest of the first step is 1e-4."""

    def __init__(self, groups: Any, **_: Any) -> None:
        super().__init__(groups, lr=0.01)
        self.unit: float | None = None

    def step(self, closure: Any = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        weights = [weight for group in self.param_groups for weight in group["params"] if weight.grad is not None]
        if self.unit is None:
            self.unit = max(float(weight.grad.abs().max()) for weight in weights)
        with torch.no_grad():
            for weight in weights:
                weight -= 1e-4 * weight.grad / self.unit
        return loss


def fitted(name: str, precision: Any, processes: int) -> dict[str, Tensor]:
    """What was learned from three batches, clothing from nine in three epochs, in this process, one of `processes`."""
    torch.manual_seed(0)
    stage = STAGES[name]()
    learned = {weight for weight, value in stage.module.named_parameters() if value.requires_grad}
    trainer = lightning.Trainer(
        max_epochs=3 if name == "clothing" else 1, accelerator="cpu", devices=processes,
        strategy="ddp" if processes > 1 else "auto",
        precision=precision, use_distributed_sampler=False, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    with ExitStack() as stack:
        stack.enter_context(draws_that_halves_share())
        for optimizer in ("Adam", "AdamW", "RMSprop") if precision == "32-true" else ():
            stack.enter_context(mock.patch(f"torch.optim.{optimizer}", PlainDescent))
        trainer.fit(stage.module, datamodule=Shares(stage))
    found = stage.module.state_dict()
    return {weight: found[weight].detach().clone() for weight in found if weight in learned or "template" in weight}
