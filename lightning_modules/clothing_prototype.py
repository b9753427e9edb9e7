"""The prototype loop in training: clean photographs -> offsets -> the template's next step, the same everywhere."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from datamodules.samples import ClothingSample
from models.clothing.prototype import (
    DECAY,
    FIRST_STEP,
    Dilution,
    OffsetSums,
    PrototypeStep,
    Rejection,
    add_offsets,
    no_offsets,
    prototype_step,
)
from models.clothing.reconstructor import ClothingReconstructor


class PrototypeLoop(nn.Module):
    """How far and from what the template learns, and how far it got: the buffers lie in the checkpoint.

    Args:
        every: epochs between two steps, the first after epoch 0.
        first_step, decay: length of the first step as a share of the mean offset, and from a step to the next.
        rejection, largest_offset: which garments do not count, see `models.clothing.prototype.add_offsets`.
        dilution: what the mean offset is divided by; "authors" moves the template two to five times less far.
        smoothing, passes, clip, recentre: see `models.clothing.prototype.prototype_step`.

    Source: Zheng et al., "3D Magic Mirror"; "authors" is what their code does where that is not what it says.
    """

    step: Tensor
    finished_epoch: Tensor

    def __init__(
        self,
        every: int = 2,
        first_step: float = FIRST_STEP,
        decay: float = DECAY,
        rejection: Rejection = "authors",
        largest_offset: float = 0.4,
        dilution: Dilution = "authors",
        smoothing: float = 0.5,
        passes: int = 3,
        clip: float | None = 0.05,
        recentre: bool = True,
    ) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"every is {every}: give the epochs between two steps of the template, 1 or more.")
        self.every, self.decay = every, decay
        self.rejection: Rejection = rejection
        self.largest_offset = largest_offset
        self.dilution: Dilution = dilution
        self.smoothing, self.passes, self.clip, self.recentre = smoothing, passes, clip, recentre
        self.register_buffer("step", torch.tensor(first_step, dtype=torch.float64))
        self.register_buffer("finished_epoch", torch.tensor(-1))

    @torch.no_grad()
    def sums(self, reconstructor: ClothingReconstructor, batches: Iterable[ClothingSample]) -> OffsetSums:
        """What the shape encoder, in evaluation mode, asks of the template in these photographs."""
        encoder, template = reconstructor.encoder, reconstructor.template_vertices
        was_training = encoder.training
        encoder.eval()
        sums = no_offsets(template)
        for batch in batches:
            offsets = encoder.offsets(batch.image, batch.mask, template)
            sums = add_offsets(sums, offsets, self.rejection, self.largest_offset)
        encoder.train(was_training)
        return sums

    @torch.no_grad()
    def move(
        self, reconstructor: ClothingReconstructor, sums: OffsetSums, buffer_rows: int, warm: float
    ) -> PrototypeStep:
        """Moves the template by the sums over all processes, and shortens the next step."""
        made = prototype_step(
            sums,
            buffer_rows,
            reconstructor.template_vertices,
            reconstructor.template.laplacian,
            float(self.step),
            warm,
            self.dilution,
            self.smoothing,
            self.passes,
            self.clip,
            self.decay,
            self.recentre,
        )
        reconstructor.move_template(made.template)
        self.step.fill_(made.next_step)
        return made


def over_processes(sums: OffsetSums, reduce: Callable[[Tensor], Tensor]) -> OffsetSums:
    """The sums of all processes; `reduce` adds a tensor up."""
    return OffsetSums(*(reduce(part) for part in sums))
