"""The template of every epoch, in the run's folder."""

from pathlib import Path
from types import SimpleNamespace

import torch

from lightning_modules.callbacks.templates import MOST, Templates
from models.geometry.files import read_mesh
from models.geometry.mesh import Mesh
from models.geometry.primitives import icosphere


class Growing:
    """A stage whose template grows in the epochs that it says."""

    def __init__(self, grows_in: set[int]) -> None:
        self.grows_in, self.size = grows_in, 1.0

    def template_mesh(self) -> Mesh:
        ball = icosphere(0)
        return ball.with_vertices(self.size * ball.vertices)


def train(callback: Templates, module: object, folder: Path, epochs: range, planned: int) -> list[str]:
    """What the trainer calls; the names of the files afterwards."""
    trainer = SimpleNamespace(
        default_root_dir=folder, is_global_zero=True, max_epochs=planned, current_epoch=epochs.start, fast_dev_run=False
    )
    callback.on_fit_start(trainer, module)  # type: ignore[arg-type]
    for epoch in epochs:
        trainer.current_epoch = epoch
        if epoch in getattr(module, "grows_in", ()):
            module.size += 0.1  # type: ignore[attr-defined]
        callback.on_train_epoch_end(trainer, module)  # type: ignore[arg-type]
    return sorted(path.name for path in (folder / "template").glob("*"))


def test_every_template_that_moved_is_kept(tmp_path: Path) -> None:
    names = train(Templates(), Growing({1, 2, 4}), tmp_path, range(6), 6)
    assert names == ["epoch-0000.obj", "epoch-0002.obj", "epoch-0003.obj", "epoch-0005.obj"]
    last = read_mesh(tmp_path / "template" / "epoch-0005.obj")
    torch.testing.assert_close(last.vertices, 1.3 * icosphere(0).vertices)


def test_a_resumed_training_goes_on(tmp_path: Path) -> None:
    module = Growing({1, 4})
    train(Templates(), module, tmp_path, range(3), 6)
    names = train(Templates(), module, tmp_path, range(3, 6), 6)
    assert names[:2] == ["epoch-0000.obj", "epoch-0002.obj"]
    assert names[-1] == "epoch-0005.obj"


def test_long_trainings_leave_some(tmp_path: Path) -> None:
    names = train(Templates(), Growing(set(range(250))), tmp_path, range(250), 250)
    assert len(names) <= MOST + 1
    assert names[-1] == "epoch-0250.obj"


def test_stages_without_a_template_leave_nothing(tmp_path: Path) -> None:
    assert train(Templates(), object(), tmp_path, range(2), 2) == []
