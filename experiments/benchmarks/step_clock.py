"""Where the time of training steps goes, told from outside of the stages.

The trainer announces what it does to its profiler; renderers are wrapped while they are measured, and their backward
passes are told apart by two identities in the graph, one before and one behind them.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.profilers import Profiler
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from models.clothing.reconstructor import ClothingReconstructor
from models.faces.detail import FaceDetailer
from models.faces.reconstructor import FaceReconstructor

PARTS: tuple[str, ...] = ("data", "forward", "render", "render backward", "backward", "optimiser", "other")
"""Of a step. `forward` and `backward` are without what is rendered; `other` is what the trainer does around a step."""

ANNOUNCED = {
    ".train_dataloader_next": "data",
    ".batch_to_device": "data",
    ".training_step": "forward",
    "optimizer_step": "optimiser",
    ".optimizer_zero_grad": "optimiser",
    ".configure_gradient_clipping": "optimiser",
}
"""Ends of the trainer's names for what it does, and the part each belongs to."""

RENDERERS: dict[type[nn.Module], tuple[str, ...]] = {
    FaceReconstructor: ("deform", "render"),
    FaceDetailer: ("render",),
    ClothingReconstructor: ("render",),
}
"""Methods that turn parameters into pictures."""


class Clock(Profiler):
    """Seconds of the clock and of this process's processors, by part; each moment counts for the innermost part."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.restart()

    def restart(self) -> None:
        """Forgets what was measured so far."""
        self.wall, self.processor = dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 0.0)
        self.last = moment()

    def start(self, action_name: str) -> None:
        part = announced(action_name)
        if part is not None:
            self.enter(part)

    def stop(self, action_name: str) -> None:
        part = announced(action_name)
        if part is not None:
            self.leave(part)

    def enter(self, part: str) -> None:
        self.charge()
        self.open.append(part)

    def leave(self, part: str) -> None:
        """Ends a part and whatever was begun within it."""
        self.charge()
        while part in self.open and self.open.pop() != part:
            pass

    def charge(self) -> None:
        """Puts the time since the last change down to the innermost part."""
        now, part = moment(), self.open[-1] if self.open else "other"
        self.wall[part] += now[0] - self.last[0]
        self.processor[part] += now[1] - self.last[1]
        self.last = now


def moment() -> tuple[float, float]:
    """The clock and the processor time, when the accelerator has done what it was given."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def announced(action: str) -> str | None:
    return next((part for end, part in ANNOUNCED.items() if action.endswith(end)), None)


class Window(Callback):
    """Measures whole steps, from the end of step `warm_up` to that of step `warm_up + steps`, then ends the training.

    Backward passes are announced to callbacks only.
    """

    def __init__(self, clock: Clock, warm_up: int, steps: int) -> None:
        self.clock, self.warm_up, self.steps = clock, warm_up, steps
        self.done = 0
        self.reading: dict[str, float] = {}
        """Processor seconds of the steps before, by part: items are read for the first time."""

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        self.clock.enter("backward")

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.clock.leave("backward")

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.done += 1
        if self.done == self.warm_up:
            self.clock.charge()
            self.reading = dict(self.clock.processor)
            self.clock.restart()
        if self.done == self.warm_up + self.steps:
            self.clock.charge()
            self.wall, self.processor = dict(self.clock.wall), dict(self.clock.processor)
            trainer.should_stop = True


class Mark(torch.autograd.Function):
    """Tensors as they are, and a word on the way back."""

    @staticmethod
    def forward(ctx: Any, tell: Callable[[], None], *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.tell = tell
        ctx.set_materialize_grads(False)
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        ctx.tell()
        return (None, *gradients)


def marked(values: Any, tell: Callable[[], None]) -> Any:
    """The same values; `tell` is called when their gradients are known."""
    leaves, form = tree_flatten(values)
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor) and leaf.requires_grad]
    if places:
        for place, leaf in zip(places, Mark.apply(tell, *(leaves[place] for place in places)), strict=True):  # type: ignore[arg-type]
            leaves[place] = leaf
    return tree_unflatten(leaves, form)


@contextmanager
def rendering_told(module: nn.Module, clock: Clock) -> Iterator[None]:
    """Inside, what the module's renderers do counts as rendering, forward and backward."""
    wrapped: list[tuple[nn.Module, str]] = []
    for part in module.modules():
        for kind, methods in RENDERERS.items():
            for name in methods if isinstance(part, kind) else ():
                setattr(part, name, told(getattr(part, name), clock))
                wrapped.append((part, name))
    try:
        yield
    finally:
        for part, name in wrapped:
            delattr(part, name)


def told(method: Callable[..., Any], clock: Clock) -> Callable[..., Any]:
    def rendered(*arguments: Any, **options: Any) -> Any:
        arguments, options = marked((arguments, options), lambda: clock.leave("render backward"))
        clock.enter("render")
        try:
            made = method(*arguments, **options)
        finally:
            clock.leave("render")
        return marked(made, lambda: clock.enter("render backward"))

    return rendered
