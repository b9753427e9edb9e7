"""A batch of clothing: who learns from photographs, where gradients stop, and that it learns at all."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lightning_modules.clothing import Clothing
from models.clothing.attributes import ClothingAttributes
from models.clothing.encoder import ENCODER_LOOP
from models.losses.mesh_regularisers import deformation_loss
from models.losses.silhouettes import soft_iou_loss
from tests.lightning_modules.clothing_scenes import photographs, tiny_clothing, weights


class WithoutTrainer(Clothing):
    """A stage whose batches are called by hand."""

    made: tuple[Any, Any]

    def both_optimizers(self) -> tuple[Any, Any]:
        return self.made

    def warmth(self, batch_index: int = 0) -> float:
        return 1.0

    def manual_backward(self, loss: Tensor, *arguments: Any, **options: Any) -> None:
        loss.backward()

    def toggle_optimizer(self, optimizer: Any) -> None:
        for parameter in self.critic.parameters() if self.critic is not None else ():
            parameter.requires_grad_(False)

    def untoggle_optimizer(self, optimizer: Any) -> None:
        for parameter in self.critic.parameters() if self.critic is not None else ():
            parameter.requires_grad_(True)

    def log(self, *arguments: Any, **options: Any) -> None:
        pass

    def log_dict(self, *arguments: Any, **options: Any) -> None:
        pass


def by_hand(**options: Any) -> WithoutTrainer:
    module = tiny_clothing(**options)
    module.__class__ = WithoutTrainer
    optimizers = module.configure_optimizers()
    module.made = tuple(optimizers) if isinstance(optimizers, list) else (optimizers, None)  # type: ignore[assignment]
    return module.train()  # type: ignore[return-value]


def learns(module: nn.Module) -> bool:
    """Whether any of its weights has a gradient that is not 0."""
    return any(weight.grad is not None and bool(weight.grad.any()) for weight in module.parameters())


def attributes_of_both_passes(module: WithoutTrainer) -> list[ClothingAttributes]:
    """Fills, when a batch is learned, with what was encoded; their gradients are kept."""
    passes: list[ClothingAttributes] = []
    forward = module.reconstructor.forward

    def kept(*arguments: Any, **options: Any) -> ClothingAttributes:
        attributes = forward(*arguments, **options)
        for part in (*attributes.camera, *attributes[1:]):
            if part.requires_grad:
                part.retain_grad()
        passes.append(attributes)
        return attributes

    module.reconstructor.forward = kept  # type: ignore[method-assign]
    return passes


@pytest.mark.parametrize("batch_index", [0, 1, 2, 3])
def test_exactly_one_encoder_learns_from_photographs(batch_index: int) -> None:
    """Without what the second pass says; light goes with texture, and the background always learns."""
    module = by_hand(weights=weights(image=2.0, silhouette=2.0))
    module.learn(photographs(), batch_index)
    encoder = module.reconstructor.encoder
    found = {name for name in ("camera", "shape", "texture", "light", "background") if learns(getattr(encoder, name))}
    expected = {"shape": {"shape"}, "texture_and_light": {"texture", "light"}, "camera": {"camera"}}
    assert found == expected[ENCODER_LOOP[batch_index % 3]] | {"background"}


def test_without_interventions_all_learn_at_once() -> None:
    module = by_hand(weights=weights(image=2.0, silhouette=2.0), interventions="none")
    module.learn(photographs(), 0)
    encoder = module.reconstructor.encoder
    assert all(learns(each) for each in (encoder.camera, encoder.shape, encoder.texture, encoder.light))


@pytest.mark.parametrize("batch_index", [0, 1, 2])
def test_the_second_pass_trains_all_but_the_background_whatever_is_held(batch_index: int) -> None:
    module = by_hand(weights=weights(cycle_camera=1.0, cycle_shape=1.0, cycle_texture=1.0, cycle_light=0.1))
    passes = attributes_of_both_passes(module)
    module.learn(photographs(), batch_index)
    encoder = module.reconstructor.encoder
    assert all(learns(each) for each in (encoder.camera, encoder.shape, encoder.texture, encoder.light))
    encoded, recovered = passes
    for part in (*encoded.camera, *encoded[1:]):
        assert not part.requires_grad or part.grad is None or not part.grad.any(), "the truth of the cycle has moved"
    assert recovered.camera.azimuth.grad is not None
    assert bool(recovered.camera.azimuth.grad.any())


def test_regularisers_reach_the_photographs_shapes_through_the_mixed_ones_too() -> None:
    module = by_hand(weights=weights(deformation=1.0), interventions="none")
    passes = attributes_of_both_passes(module)
    with torch.no_grad():  # else all offsets are 0
        module.reconstructor.encoder.shape.dense.weight.normal_(0, 0.02)
    module.learn(photographs(), 0)
    offsets = passes[0].offsets
    alone = offsets.detach().requires_grad_()
    (deformation_loss(alone) / 2).backward()
    assert offsets.grad is not None
    assert alone.grad is not None
    by_the_mixed = offsets.grad - alone.grad
    assert float(by_the_mixed.norm()) > 0.1 * float(alone.grad.norm())


def test_the_critic_reaches_every_cause_but_the_azimuth() -> None:
    module = by_hand(weights=weights(adversarial=1.0), interventions="none")
    assert module.critic is not None
    last: Any = module.critic.layers[-1]
    nn.init.normal_(last.weight)  # it starts at about 0
    passes = attributes_of_both_passes(module)
    module.learn(photographs(), 0)
    encoded = passes[0]
    assert not encoded.camera.azimuth.grad.any()  # type: ignore[union-attr]
    reached = {
        **{name: getattr(encoded.camera, name) for name in ("elevation", "distance", "offset")},
        **{name: getattr(encoded, name) for name in ("offsets", "texture", "light", "background")},
    }
    for name, part in reached.items():
        assert part.grad is not None, name
        assert bool(part.grad.any()), name


def test_the_critic_reaches_only_what_the_encoder_loop_lets_learn() -> None:
    module = by_hand(weights=weights(adversarial=1.0))
    assert module.critic is not None
    last: Any = module.critic.layers[-1]
    nn.init.normal_(last.weight)
    module.learn(photographs(), 1)
    encoder = module.reconstructor.encoder
    found = {name for name in ("camera", "shape", "texture", "light", "background") if learns(getattr(encoder, name))}
    assert found == {"texture", "light", "background"}


def test_the_encoders_step_leaves_the_critic_and_the_critics_step_the_encoders() -> None:
    module = by_hand(weights=weights(adversarial=1.0), interventions="none")
    assert module.critic is not None
    steps: list[dict[str, Any]] = []
    make_step = module.make_step

    def noted(optimizer: Any, loss: Tensor) -> None:
        make_step(optimizer, loss)
        steps.append({
            "critic": [weight.grad.clone() for weight in module.critic.parameters()],  # type: ignore[union-attr]
            "encoders": learns(module.reconstructor.encoder),
        })  # fmt: skip

    module.make_step = noted  # type: ignore[method-assign]
    module.learn(photographs(), 0)
    by_critic, by_encoders = steps
    assert any(bool(gradient.any()) for gradient in by_critic["critic"])
    assert not by_critic["encoders"]
    for before, after in zip(by_critic["critic"], by_encoders["critic"], strict=True):
        torch.testing.assert_close(before, after, rtol=0, atol=0)


def test_on_white_and_with_smrs_fakes_the_critic_sees_reconstructed_and_mixed() -> None:
    module = by_hand(background=False, fakes="reconstructed_and_mixed", interventions="none")
    seen: list[Tensor] = []
    assert module.critic is not None
    module.critic.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    batch = photographs()
    module.learn(batch, 0)
    judged = seen[0]
    assert len(judged) == 4 * len(batch.image)  # the photographs twice, and two renderings of each
    outside = (batch.mask == 0).expand(-1, 3, -1, -1)
    assert bool((judged[: len(batch.image), :3][outside] == 1).all())


def test_a_held_encoders_statistics_stay() -> None:
    module = by_hand(norm="batch", weights=weights(image=1.0))
    camera = module.reconstructor.encoder.camera
    seen = []
    norm = next(part for part in camera.modules() if isinstance(part, nn.BatchNorm2d))
    module.reconstructor.encoder.register_forward_hook(lambda *_: seen.append(int(norm.num_batches_tracked or 0)))
    module.learn(photographs(), 0)
    assert seen == [0, 1], "the photographs' pass moved what is held, or the second pass moved nothing"


def test_outlines_are_learned() -> None:
    """By gradients of edges: the paper's fringe is thinner than a pixel of so small a picture."""
    module = by_hand(outline_gradients="edge", learning_rate=2e-3, framed=True)
    batch = photographs()

    def overlap() -> float:
        _, rendering = module.explain(batch.image, batch.mask)
        return 1 - float(soft_iou_loss(rendering.soft_mask, batch.mask))

    with torch.no_grad():
        module.reconstructor.move_template(0.6 * module.reconstructor.template_vertices)
        before = overlap()
    for step in range(70):
        torch.manual_seed(step)
        module.learn(batch, step)
    with torch.no_grad():
        assert overlap() > max(before + 0.2, 0.75), (before, overlap())
