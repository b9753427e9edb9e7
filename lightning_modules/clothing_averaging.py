"""Weights averaged over the end of training, and statistics of normalisations estimated anew on photographs."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from datamodules.samples import ClothingSample
from models.clothing.encoder import ClothingEncoder

REFRESHING_BATCHES = 100
"""How many batches of photographs the statistics of normalisations are estimated on."""


def averaged_encoder(encoder: ClothingEncoder) -> AveragedModel:
    """A copy that takes no part in training; `update_parameters` adds the encoder of the moment to an equal-weight mean
    (Izmailov et al. 2018)."""
    return AveragedModel(encoder, use_buffers=False).requires_grad_(False)


def batch_norms(module: nn.Module) -> list[_BatchNorm]:
    """Those with running statistics."""
    return [part for part in module.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]


@torch.no_grad()
def refresh_statistics(
    encoder: ClothingEncoder,
    template_vertices: Tensor,
    batches: Iterable[ClothingSample],
    mean_over_processes: Callable[[Tensor], Tensor],
) -> None:
    """Replaces running statistics by means over batches of photographs, without dropout.

    In training the encoders see one batch of photographs for every batch of renderings, and under an intervention only
    renderings: the running statistics belong to a mixture that is never evaluated. Nothing happens without batch norms.
    """
    norms = batch_norms(encoder)
    if not norms:
        return
    was_training, momenta = encoder.training, [norm.momentum for norm in norms]
    encoder.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
        norm.train()
    for batch in batches:
        encoder(batch.image, batch.mask, template_vertices)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    share_statistics(encoder, mean_over_processes)
    encoder.train(was_training)


@torch.no_grad()
def share_statistics(encoder: ClothingEncoder, mean_over_processes: Callable[[Tensor], Tensor]) -> None:
    """Replaces the running statistics of batch norms by their means over all processes, each of which saw its own part
    of every batch."""
    for norm in batch_norms(encoder):
        for statistic in (norm.running_mean, norm.running_var):
            assert statistic is not None
            statistic.copy_(mean_over_processes(statistic))


def some_photographs(trainer: Trainer, seed: int) -> Iterator[ClothingSample]:
    """A random part of the training data, this process's share of it, by a loader that leaves the trainer's alone."""
    loader = trainer.train_dataloader
    assert isinstance(loader, DataLoader)
    batch = loader.batch_size or 1
    order = np.random.default_rng((seed, trainer.current_epoch)).permutation(len(loader.dataset))  # type: ignore[arg-type]
    together = batch * trainer.world_size
    kept = min(len(order) // together, REFRESHING_BATCHES) * together or len(order)
    rows = [int(row) for row in order[:kept][trainer.global_rank :: trainer.world_size]]
    fresh = DataLoader(
        loader.dataset, batch, sampler=rows, num_workers=loader.num_workers, collate_fn=loader.collate_fn
    )
    return at_hand(trainer, fresh)


def at_hand(trainer: Trainer, batches: Iterable[ClothingSample]) -> Iterator[ClothingSample]:
    """On the module's device and in its precision, as the trainer's own batches are."""
    device = trainer.lightning_module.device
    for batch in batches:
        yield trainer.strategy.batch_to_device(trainer.precision_plugin.convert_input(batch), device)
