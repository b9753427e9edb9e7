"""Clothing from photographs with outlines alone: a template and the encoders of what deforms, colours, lights and views
it, learned together from renderings.

photograph -> causes -> rendering -> losses; causes mixed -> rendering -> causes again; causes from another side ->
critic. Source: Zheng et al., "3D Magic Mirror" (arXiv 2204.13096), and the authors' code.
"""

from collections.abc import Sequence
from typing import Any, Literal

import lightning
import numpy as np
import torch
from torch import Tensor, nn

from datamodules.samples import ClothingSample, ClothingTruthSample
from lightning_modules.clothing_averaging import (
    at_hand,
    averaged_encoder,
    batch_norms,
    refresh_statistics,
    share_statistics,
    some_photographs,
)
from lightning_modules.clothing_checkpoints import require_first_template
from lightning_modules.clothing_prototype import PrototypeLoop, over_processes
from lightning_modules.clothing_scores import ClothingScores
from lightning_modules.gradient_exchange import average_gradients, without_exchange
from lightning_modules.hyper_parameters import save_plain_hyperparameters
from lightning_modules.schedules import cosine_schedule
from models.clothing.attributes import ClothingAttributes, mix_attributes, sample_azimuths, with_azimuth
from models.clothing.encoder import ClothingEncoder, intervention_of
from models.clothing.loss_weights import ClothingLossWeights
from models.clothing.objective import encoder_terms
from models.clothing.portraits import clothing_panel
from models.clothing.prototype import prototype_moves, warm_factor
from models.clothing.reconstructor import ClothingReconstructor
from models.clothing.renderer import ClothingRendering, Convention, OutlineGradients
from models.clothing.template import PERSON_HALF_EXTENTS
from models.geometry.mesh import Mesh
from models.losses.adversarial import adversarial_loss, critic_loss
from models.networks.discriminators import Critic

PANEL_ROWS = 6


class Clothing(lightning.LightningModule):
    """One training stage; trains by epochs (`trainer.max_epochs`), with two optimizers, so that the trainer's
    `global_step` counts every batch twice.

    Every batch draws its random numbers from a seed of its own, and what belongs to the end of an epoch but moves the
    template happens when the next one begins: a resumed run goes on as if it had never stopped, whenever its checkpoint
    was written.

    Args:
        encoder: of the causes, see `models.clothing.configurations`. Without a background encoder photographs are shown
            on white.
        weights: of the losses.
        critic: of pictures with masks, or None for no adversarial loss.
        half_extents: of the template that training starts from, in model units.
        prototype: how the template learns; None keeps the first one.
        interventions: "encoder_loop" trains shape, then texture and light, then camera on photographs, a batch each;
            "none" trains all at once.
        fakes: what the critic sees: "turned", a photograph's causes from a random side, or "reconstructed_and_mixed",
            as SMR has it.
        learning_rate: of both optimizers.
        trunk_rate: share of it for the shape encoder's trunk, which comes trained.
        camera_rate: share of it for the camera's encoder. A camera that learns slowly leaves it to the shapes at first
            to explain the outlines.
        head_rate: share of it for the last layers of shape and texture, whose many inputs move all offsets and flows at
            once: with 1e-3 they saturate within a few steps.
        betas, amsgrad: of Adam.
        schedule: by epochs, "cosine" down to 0.01, or "restarts": twice from 1 to 0.1 (CUB).
        warmup_epochs: over which all losses and the template's steps grow from a hundredth.
        averaged_epochs: at the end of training, over which weights are averaged while the template stands still; the
            averaged weights are what is evaluated. 0 averages nothing.
        statistics: of batch norms, before evaluating and moving the template: "authors" takes those of training for
            weights that are not averaged, "refreshed" estimates them on photographs. Averaged weights always get fresh
            ones.
        gradient_clip: largest norm of the encoders' gradient; None (the paper's) leaves it.
        convention, outline_gradients: see `models.clothing.renderer.render_attributes`.
        feature_network, lpips_network, ssim_magnification, twelve_views: of the test, see `ClothingScores`.
    """

    def __init__(
        self,
        encoder: ClothingEncoder,
        weights: ClothingLossWeights,
        critic: Critic | None = None,
        half_extents: tuple[float, float, float] = PERSON_HALF_EXTENTS,
        prototype: PrototypeLoop | None = None,
        interventions: Literal["encoder_loop", "none"] = "encoder_loop",
        fakes: Literal["turned", "reconstructed_and_mixed"] = "turned",
        learning_rate: float = 5e-5,
        trunk_rate: float = 0.05,
        camera_rate: float = 1.0,
        head_rate: float = 1.0,
        betas: tuple[float, float] = (0.95, 0.999),
        amsgrad: bool = True,
        schedule: Literal["cosine", "restarts"] = "cosine",
        warmup_epochs: float = 40,
        averaged_epochs: int = 100,
        statistics: Literal["authors", "refreshed"] = "authors",
        gradient_clip: float | None = None,
        convention: Convention = "paper",
        outline_gradients: OutlineGradients = "fringe",
        feature_network: nn.Module | None = None,
        lpips_network: nn.Module | None = None,
        ssim_magnification: int = 1,
        twelve_views: bool = True,
    ) -> None:
        super().__init__()
        save_plain_hyperparameters(self)
        self.automatic_optimization = False
        self.reconstructor = ClothingReconstructor(encoder, half_extents, convention, outline_gradients)
        self.averaged = averaged_encoder(encoder)
        self.critic = critic
        self.prototype = prototype
        self.weights = weights
        self.interventions, self.fakes = interventions, fakes
        self.learning_rate, self.trunk_rate = learning_rate, trunk_rate
        self.camera_rate, self.head_rate = camera_rate, head_rate
        self.betas, self.amsgrad = betas, amsgrad
        self.schedule, self.warmup_epochs, self.averaged_epochs = schedule, warmup_epochs, averaged_epochs
        self.statistics, self.gradient_clip = statistics, gradient_clip
        self.validation_scores = ClothingScores()
        self.test_scores = ClothingScores(feature_network, lpips_network, ssim_magnification, twelve_views)
        self.test_samples = self.test_scores.samples
        self.seed = 0

    # ------------------------------------------------------------------------------------------------- a batch

    def training_step(self, batch: ClothingSample, batch_index: int) -> None:
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(self.seed_of(batch_index))
            self.learn(batch, batch_index)

    def learn(self, batch: ClothingSample, batch_index: int) -> None:
        """The critic's step and the encoders' step on one batch."""
        encoders, critic = self.both_optimizers()
        warm = self.warmth(batch_index)
        intervention = intervention_of(batch_index) if self.interventions == "encoder_loop" else "all"

        encoded = self.reconstructor(batch.image, batch.mask, intervention)
        rendering = self.rendered(encoded)
        mixed = mix_attributes(encoded, self.reconstructor.encoder.camera.ranges)
        with torch.set_grad_enabled(self.fakes == "reconstructed_and_mixed"):
            imagined = self.rendered(mixed)
        recovered = self.reconstructor(imagined.image.detach(), imagined.soft_mask.detach())
        terms = encoder_terms(
            encoded, mixed, recovered, rendering, batch.image, batch.mask, self.reconstructor.template, self.weights
        )
        if critic is not None:
            fake = self.faked(encoded, rendering, imagined)
            self.critic_step(critic, batch, fake, warm)
            terms["adversarial"] = self.weights.adversarial * self.opinion(encoders, fake)
        total = torch.stack(list(terms.values())).sum()
        self.make_step(encoders, warm * total)
        self.log_dict({f"train/{name}": term.detach() for name, term in terms.items()})
        self.log("train/loss", total.detach(), prog_bar=True)

    def rendered(self, attributes: ClothingAttributes) -> ClothingRendering:
        """As the encoders shall see it: over the lit background, where there is one."""
        size = (attributes.background.shape[2], attributes.background.shape[3])
        return self.reconstructor.render(attributes, size, background=self.reconstructor.encoder.background is not None)

    def faked(self, encoded: ClothingAttributes, rendering: ClothingRendering, imagined: ClothingRendering) -> Tensor:
        """Pictures with soft masks that the critic shall tell from photographs, with their gradients."""
        if self.fakes == "reconstructed_and_mixed":
            return torch.cat(
                [with_mask(rendering.image, rendering.soft_mask), with_mask(imagined.image, imagined.soft_mask)]
            )
        turned = self.rendered(with_azimuth(encoded, sample_azimuths(encoded.camera.azimuth)))
        return with_mask(turned.image, turned.soft_mask)

    def critic_step(self, optimizer: Any, batch: ClothingSample, fake: Tensor, warm: float) -> None:
        assert self.critic is not None
        shown = self.reconstructor.encoder.shown(batch.image, batch.mask)
        real = with_mask(shown, batch.mask).repeat(len(fake) // len(shown), 1, 1, 1)
        found = critic_loss(self.critic, real, fake, self.weights.gradient_penalty)
        self.make_step(optimizer, warm * self.weights.adversarial * found.loss)
        self.log_dict({"train/critic_distance": found.distance, "train/critic_penalty": found.penalty})

    def opinion(self, encoders: Any, fake: Tensor) -> Tensor:
        """The adversarial loss; its gradient passes the critic and changes nothing there."""
        assert self.critic is not None
        self.toggle_optimizer(encoders)
        loss = adversarial_loss(self.critic, fake)
        self.untoggle_optimizer(encoders)
        return loss

    def make_step(self, optimizer: Any, loss: Tensor) -> None:
        optimizer.zero_grad()
        with without_exchange(self):
            self.manual_backward(loss)
        average_gradients(parameter for group in optimizer.param_groups for parameter in group["params"])
        if self.gradient_clip is not None:
            for group in optimizer.param_groups:
                nn.utils.clip_grad_norm_(group["params"], self.gradient_clip)
        optimizer.step()

    def both_optimizers(self) -> tuple[Any, Any]:
        """The encoders' and, where there is one, the critic's."""
        optimizers = self.optimizers()
        return (optimizers[0], optimizers[1]) if isinstance(optimizers, Sequence) else (optimizers, None)

    def seed_of(self, batch_index: int) -> int:
        """Of a batch's random numbers: each epoch, batch and process has its own."""
        origin = (self.seed, self.current_epoch, batch_index, self.global_rank)
        return int(np.random.SeedSequence(origin).generate_state(1, np.uint64)[0])

    def warmth(self, batch_index: int = 0) -> float:
        """What all losses are multiplied by."""
        batches = int(self.trainer.num_training_batches)
        return warm_factor(self.current_epoch * batches + batch_index, round(self.warmup_epochs * batches))

    # ------------------------------------------------------------------------------------------------ an epoch

    def on_fit_start(self) -> None:
        if self.trainer.max_epochs is None or self.trainer.max_epochs < 0:
            raise ValueError("The template, the averaging and the learning rate go by epochs: set trainer.max_epochs.")
        if self.prototype is not None:
            if not hasattr(self.clean_source(), "clean_dataloader"):
                raise ValueError(
                    "The template learns from the data module's clean_dataloader, but there is none: train with a data "
                    "module of clothing, or set prototype to null."
                )
            self.clean_source().clean_dataloader()  # which says now, not after an epoch, that nothing is clean
        self.seed = torch.initial_seed()

    def clean_source(self) -> Any:
        return getattr(self.trainer, "datamodule", None)

    @property
    def last_epoch(self) -> int:
        """Counted from 0; the paper trains 0 to 600."""
        assert self.trainer.max_epochs is not None
        return self.trainer.max_epochs - 1

    def on_train_epoch_start(self) -> None:
        """The template's step after the last epoch, and the learning rates of this one."""
        before = self.current_epoch - 1
        if self.prototype is not None and before > int(self.prototype.finished_epoch):
            if prototype_moves(before, self.last_epoch, self.prototype.every, self.averaged_epochs):
                self.move_template(self.prototype)
            self.prototype.finished_epoch.fill_(before)
        for optimizer in self.both_optimizers():
            for group in optimizer.param_groups if optimizer is not None else ():
                group["lr"] = group["initial_lr"] * self.rate_factor(self.current_epoch)

    def rate_factor(self, epoch: int) -> float:
        if self.schedule == "cosine":
            return cosine_schedule(self.last_epoch, warmup_share=0, last=0.01)(epoch)
        period = self.last_epoch // 2 + 1
        return cosine_schedule(period, warmup_share=0, last=0.1)(epoch % period)

    def move_template(self, loop: PrototypeLoop) -> None:
        """One step towards the mean of what all processes' clean photographs ask for."""
        if self.statistics == "refreshed":
            self.refresh(self.reconstructor.encoder)
        clean = at_hand(self.trainer, self.clean_source().clean_dataloader())
        sums = loop.sums(self.reconstructor, clean)
        sums = over_processes(sums, lambda part: self.trainer.strategy.reduce(part, reduce_op="sum"))
        loader: Any = self.trainer.train_dataloader
        rows = loader.batch_size or 1
        trained_on = int(self.trainer.num_training_batches) * rows * self.trainer.world_size
        made = loop.move(self.reconstructor, sums, trained_on, self.warmth())
        figures = {"step": float(loop.step), "garments": float(sums.count), "rejected": float(sums.rejected)}
        figures["offset"] = float(made.mean_offset.norm(dim=1).mean())
        named = {f"prototype/{name}": value for name, value in figures.items()}
        self.log_dict(named, on_step=False, on_epoch=True, sync_dist=True)  # the same everywhere

    def on_train_batch_end(self, outputs: Any, batch: ClothingSample, batch_index: int) -> None:
        """After the last batch of an epoch and before it is validated: averaging, and statistics of photographs."""
        if batch_index + 1 < self.trainer.num_training_batches:
            return
        averaging = self.averaged_epochs > 0 and self.current_epoch >= self.last_epoch - self.averaged_epochs
        share_statistics(self.reconstructor.encoder, self.mean_over_processes)
        if averaging:
            self.averaged.update_parameters(self.reconstructor.encoder)
        every = self.trainer.check_val_every_n_epoch or 1
        if (self.current_epoch + 1) % every == 0 or self.current_epoch == self.last_epoch:
            if averaging:
                self.refresh(self.encoder_in_use)
            elif self.statistics == "refreshed":
                self.refresh(self.reconstructor.encoder)

    def refresh(self, encoder: ClothingEncoder) -> None:
        """Statistics of batch norms from photographs, the same in all processes."""
        if batch_norms(encoder):
            batches = some_photographs(self.trainer, self.seed)
            refresh_statistics(encoder, self.reconstructor.template_vertices, batches, self.mean_over_processes)

    def mean_over_processes(self, part: Tensor) -> Tensor:
        return self.trainer.strategy.reduce(part, reduce_op="mean")

    # ----------------------------------------------------------------------------------------------- evaluation

    @property
    def encoder_in_use(self) -> ClothingEncoder:
        """With averaged weights once there are any."""
        averaged: Any = self.averaged.module
        return averaged if int(self.averaged.n_averaged) > 0 else self.reconstructor.encoder

    def explain(self, images: Tensor, masks: Tensor) -> tuple[ClothingAttributes, ClothingRendering]:
        """The causes of photographs [b, 3, h, w] with masks, and their rendering over white, as evaluations see it."""
        attributes = self.encoder_in_use(images, masks, self.reconstructor.template_vertices)
        return attributes, self.reconstructor.render(attributes, (images.shape[2], images.shape[3]))

    def validation_step(self, batch: ClothingSample | ClothingTruthSample, batch_index: int) -> None:
        """Outlines and colours, and the cameras where they are known; shapes are for the test."""
        photo = photo_of(batch)
        attributes, rendering = self.explain(photo.image, photo.mask)
        self.validation_scores.update(photo, rendering)
        if isinstance(batch, ClothingTruthSample):
            self.validation_scores.update_truth(batch, attributes, self.reconstructor.template, shapes=False)

    def on_validation_epoch_end(self) -> None:
        self.report("val", self.validation_scores)

    def test_step(self, batch: ClothingSample | ClothingTruthSample, batch_index: int) -> None:
        photo = photo_of(batch)
        attributes, rendering = self.explain(photo.image, photo.mask)
        self.test_scores.update(photo, rendering)
        for name, turned in self.test_scores.views(photo, attributes):
            size = (photo.image.shape[2], photo.image.shape[3])
            self.test_scores.update_view(name, self.reconstructor.render(turned, size), photo)
        if isinstance(batch, ClothingTruthSample):
            self.test_scores.update_truth(batch, attributes, self.reconstructor.template)

    def on_test_epoch_end(self) -> None:
        self.report("test", self.test_scores)

    def report(self, prefix: str, scores: ClothingScores) -> None:
        figures = {f"{prefix}/{name}": torch.tensor(value) for name, value in scores.compute().items()}
        self.log_dict(figures)
        scores.reset()

    def predict_step(self, batch: ClothingSample, batch_index: int) -> dict[str, Tensor]:
        """Vertices, camera (radians), light and texture of every photograph."""
        attributes, _ = self.explain(batch.image, batch.mask)
        camera = attributes.camera._asdict()
        members = {name: getattr(attributes, name) for name in ("vertices", "light", "texture")}
        return {**camera, **members, "index": batch.index}

    def panel(self, batch: ClothingSample | ClothingTruthSample) -> Tensor:
        """A row each of the first photographs, see `clothing_panel`."""
        image, mask = (part[:PANEL_ROWS] for part in photo_of(batch)[:2])
        attributes, _ = self.explain(image, mask)
        return clothing_panel(self.reconstructor, attributes, image, mask)

    def meshes(self, batch: ClothingSample | ClothingTruthSample) -> dict[str, Mesh]:
        """The first garment of a batch with its texture, and the template; model units."""
        photo, template = photo_of(batch), self.reconstructor.template.to("cpu")
        attributes, _ = self.explain(photo.image[:1], photo.mask[:1])
        texture = attributes.texture[0].clamp(0, 1).float().cpu()
        garment = template.mesh(attributes.vertices[0].float().cpu(), texture)
        return {f"clothing-{int(photo.index[0]):05d}": garment, "template": self.template_mesh()}

    def template_mesh(self) -> Mesh:
        """The template of the moment, in model units, on the CPU; it stays as it is when the template moves on."""
        vertices = self.reconstructor.template_vertices.detach().clone().float().cpu()
        return self.reconstructor.template.to("cpu").mesh(vertices)

    # ------------------------------------------------------------------------------------------------- trainer

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuses a checkpoint of another template."""
        half_extents = self.hparams["half_extents"]
        require_first_template(checkpoint, self.reconstructor.template_vertices, half_extents)

    def configure_optimizers(self):
        def group(parameters: Sequence[nn.Parameter], share: float = 1.0) -> dict[str, Any]:
            rate = share * self.learning_rate
            return {"params": parameters, "lr": rate, "initial_lr": rate}

        encoder = self.reconstructor.encoder
        trunk, others = encoder.slow_and_fast_parameters()
        camera = list(encoder.camera.parameters())
        heads = [*encoder.shape.dense.parameters(), *encoder.texture.to_flow.parameters()]
        apart = {id(parameter) for parameter in (*camera, *heads)}
        rest = [parameter for parameter in others if id(parameter) not in apart]
        shares = [(trunk, self.trunk_rate), (camera, self.camera_rate), (heads, self.head_rate)]
        groups = [[group(rest), *(group(parameters, share) for parameters, share in shares)]]
        if self.critic is not None:
            groups.append([group(list(self.critic.parameters()))])
        return [torch.optim.Adam(each, betas=self.betas, amsgrad=self.amsgrad, fused=True) for each in groups]


def with_mask(images: Tensor, masks: Tensor) -> Tensor:
    """[b, 4, h, w]: colours and mask, what the critic judges."""
    return torch.cat([images, masks], 1)


def photo_of(batch: ClothingSample | ClothingTruthSample) -> ClothingSample:
    return batch.photo if isinstance(batch, ClothingTruthSample) else batch
