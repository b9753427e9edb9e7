"""Epochs of clothing: the template moves, weights are averaged, and a resumed run goes on as if it had not stopped."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader

from lightning_modules.callbacks.templates import Templates
from lightning_modules.clothing import Clothing
from lightning_modules.clothing_averaging import refresh_statistics, share_statistics
from lightning_modules.clothing_prototype import PrototypeLoop
from models.clothing.prototype import prototype_moves
from models.geometry.files import read_mesh
from tests.lightning_modules.clothing_scenes import (
    TinyPhotographs,
    moving_prototype,
    photographs,
    rows_of,
    tiny_clothing,
    trainer,
    weights,
)

EPOCHS = 4


def checkpoints(folder: Path, at_validation: bool) -> ModelCheckpoint:
    return ModelCheckpoint(folder, "{epoch}", save_top_k=-1, save_on_train_epoch_end=not at_validation)


def offsetting(**options: Any) -> Clothing:
    """A stage whose shapes differ from the template from the start, and whose template moves."""
    module = tiny_clothing(prototype=moving_prototype(), **options)
    with torch.no_grad():
        module.reconstructor.encoder.shape.dense.weight.normal_(0, 0.01)
    return module


@pytest.fixture(scope="module", params=["at validation", "at the epoch's end"])
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Clothing, Path]:
    folder = tmp_path_factory.mktemp("finished")
    module = offsetting()
    keep = checkpoints(folder, request.param == "at validation")
    torch.manual_seed(3)
    trainer(max_epochs=EPOCHS, callbacks=[keep], enable_checkpointing=True).fit(module, datamodule=TinyPhotographs())
    return module, folder


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(finished: tuple[Clothing, Path]) -> None:
    module, folder = finished
    resumed = tiny_clothing(prototype=moving_prototype(), seed=7)
    torch.manual_seed(3)
    trainer(max_epochs=EPOCHS).fit(
        resumed, datamodule=TinyPhotographs(), ckpt_path=str(folder / "epoch=1.ckpt"), weights_only=False
    )
    theirs = resumed.state_dict()
    for name, value in module.state_dict().items():
        torch.testing.assert_close(theirs[name], value, rtol=0, atol=0, msg=name)


def test_template_steps_and_averages_are_in_the_checkpoint(finished: tuple[Clothing, Path]) -> None:
    module, folder = finished
    states = [torch.load(folder / f"epoch={k}.ckpt", weights_only=False)["state_dict"] for k in range(EPOCHS)]
    templates = [state["reconstructor.template_vertices"] for state in states]
    initial = module.reconstructor.template.vertices
    # a checkpoint holds the template that its weights were validated with; the next epoch begins with the step
    assert torch.equal(templates[0], initial)
    moved = [float((later - earlier).abs().max()) for earlier, later in pairwise(templates)]
    assert all(0 < length < 0.01 for length in moved[:2])
    assert moved[2] == 0, "the template stands still while weights are averaged"
    assert [round(float(state["prototype.step"]), 9) for state in states] == [0.1, 0.099, 0.09801, 0.09801]
    assert [int(state["averaged.n_averaged"]) for state in states] == [0, 0, 1, 2]


def test_what_is_evaluated_is_the_mean_of_the_last_weights(finished: tuple[Clothing, Path]) -> None:
    module, folder = finished
    name = "reconstructor.encoder.camera.aim.0.weight"
    last = [torch.load(folder / f"epoch={k}.ckpt", weights_only=False)["state_dict"][name] for k in (2, 3)]
    found = module.encoder_in_use.state_dict()[name.removeprefix("reconstructor.encoder.")]
    torch.testing.assert_close(found, (last[0] + last[1]) / 2)
    assert not torch.equal(
        found, module.reconstructor.encoder.state_dict()[name.removeprefix("reconstructor.encoder.")]
    )
    loaded = tiny_clothing(prototype=moving_prototype(), seed=9)
    loaded.load_state_dict(torch.load(folder / "epoch=3.ckpt", weights_only=False)["state_dict"])
    batch = photographs()
    for one, other in zip(
        module.eval().explain(*batch[:2])[0][1:], loaded.eval().explain(*batch[:2])[0][1:], strict=True
    ):
        assert torch.equal(one, other)


def test_the_templates_schedule_is_the_papers() -> None:
    """Epochs 0 to 600: 250 steps, none in the last 100, of which 101 are averaged."""
    moves = [epoch for epoch in range(601) if prototype_moves(epoch, 600, every=2, frozen_epochs=100)]
    assert (len(moves), moves[0], moves[-1]) == (250, 0, 498)


def test_learning_rates_fall_by_epochs() -> None:
    module = tiny_clothing(learning_rate=2.0, trunk_rate=0.05, camera_rate=0.3, head_rate=0.1)
    module._trainer = trainer(max_epochs=601)  # type: ignore[assignment]
    assert [module.rate_factor(epoch) for epoch in (0, 300, 600)] == pytest.approx([1, 0.505, 0.01])
    module.schedule = "restarts"
    falling = [module.rate_factor(epoch) for epoch in (0, 300, 301, 600)]
    assert falling == pytest.approx([1, 0.1, 1, 0.1], abs=1e-4)
    rates = [group["lr"] for optimizer in module.configure_optimizers() for group in optimizer.param_groups]
    assert rates == [2.0, 0.1, 0.6, 0.2, 2.0]


def test_refreshed_statistics_are_those_of_photographs_alone() -> None:
    module = tiny_clothing(norm="batch").train()
    encoder, batch = module.reconstructor.encoder, photographs(8)
    halves = [rows_of(batch, slice(0, 4)), rows_of(batch, slice(4, 8))]
    norm = next(part for part in encoder.light.modules() if isinstance(part, nn.BatchNorm2d))
    norm.running_mean.fill_(9.0)  # type: ignore[union-attr]
    seen = []
    handle = norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    refresh_statistics(encoder, module.reconstructor.template_vertices, halves, lambda part: part)
    handle.remove()
    expected = torch.stack([each.mean((0, 2, 3)) for each in seen]).mean(0)
    torch.testing.assert_close(norm.running_mean, expected)
    assert norm.momentum == 0.1
    assert encoder.training
    assert norm.training


def test_every_template_of_a_training_is_written(tmp_path: Path) -> None:
    fitting = trainer(max_epochs=EPOCHS, callbacks=[Templates()], default_root_dir=tmp_path)
    fitting.fit(offsetting(), datamodule=TinyPhotographs())
    shapes = [read_mesh(path).vertices for path in sorted((tmp_path / "template").glob("*.obj"))]
    assert len(shapes) > 2
    assert all(not torch.equal(before, after) for before, after in pairwise(shapes))


def test_processes_share_their_statistics() -> None:
    encoder = tiny_clothing(norm="batch").reconstructor.encoder
    norm = next(part for part in encoder.light.modules() if isinstance(part, nn.BatchNorm2d))
    own = norm.running_var.clone()  # type: ignore[union-attr]
    share_statistics(encoder, lambda part: (part + 3) / 2)
    torch.testing.assert_close(norm.running_var, (own + 3) / 2)


def test_averaged_weights_get_statistics_of_their_own() -> None:
    module = tiny_clothing(norm="batch", weights=weights(image=1.0), averaged_epochs=1)
    trainer(max_epochs=2).fit(module, datamodule=TinyPhotographs())
    averaged, own = (
        next(part for part in encoder.light.modules() if isinstance(part, nn.BatchNorm2d))
        for encoder in (module.encoder_in_use, module.reconstructor.encoder)
    )
    assert int(averaged.num_batches_tracked) == 3  # type: ignore[arg-type]
    assert not torch.equal(averaged.running_mean, own.running_mean)  # type: ignore[arg-type]


def test_a_template_without_clean_photographs_is_refused() -> None:
    data = TinyPhotographs()
    with pytest.raises(ValueError, match="clean_dataloader, but there is none"):
        trainer(max_epochs=1).fit(offsetting(), data.train_dataloader())


def test_nothing_clean_is_said_before_the_first_batch_and_not_after_an_epoch() -> None:
    class Unclean(TinyPhotographs):
        def clean_dataloader(self) -> DataLoader:
            raise ValueError("None of the masks is clean.")

    fitting = trainer(max_epochs=2)
    with pytest.raises(ValueError, match="None of the masks is clean"):
        fitting.fit(offsetting(), datamodule=Unclean())
    assert fitting.global_step == 0
    trainer(max_epochs=1).fit(tiny_clothing(prototype=None), datamodule=Unclean())


def test_a_template_that_moves_every_0_epochs_is_refused() -> None:
    with pytest.raises(ValueError, match="every is 0: give"):
        PrototypeLoop(every=0)


def test_training_without_epochs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"set trainer\.max_epochs"):
        trainer(max_epochs=-1, max_steps=2).fit(tiny_clothing(), datamodule=TinyPhotographs())


def test_a_checkpoint_of_another_template_is_refused() -> None:
    module = tiny_clothing()
    state = {"reconstructor.template_vertices": torch.zeros(162, 3)}
    with pytest.raises(ValueError, match="has a template of 162 vertices, but the configuration has one of 642"):
        module.on_load_checkpoint({"state_dict": state})
    with pytest.raises(ValueError, match="has no template"):
        module.on_load_checkpoint({"state_dict": {}})


def test_a_checkpoint_whose_template_began_elsewhere_is_refused() -> None:
    module = tiny_clothing()
    state, own = module.state_dict(), list(module.hparams["half_extents"])
    module.on_load_checkpoint({"state_dict": state, "hyper_parameters": {"half_extents": own}})
    other = [2 * extent for extent in own]
    with pytest.raises(ValueError, match=r"began with the half extents .*, but the configuration has one of"):
        module.on_load_checkpoint({"state_dict": state, "hyper_parameters": {"half_extents": other}})
