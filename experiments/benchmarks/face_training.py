"""`threefold bench training`: where a step of the default coarse face training spends its time.

The parts of one step are run one after the other on the same batch, forward and backward, each with detached input, so
that its backward ends where the part begins. CPU time of the process: on a shared machine it tells more than the wall
clock. Rendering is everything between parameters and the colour loss: vertices, normals, rasterization, interpolation,
shading, and the backward of all of it.
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from datamodules.samples import FaceSample
from lightning_modules.callbacks.provenance import origin
from lightning_modules.face_coarse import FaceCoarse
from models.faces.landmark_encoder import LandmarkEncoder
from models.faces.parameters import FaceParameters
from models.morphable.coefficient_sampling import sample_albedo, sample_expression, sample_identity
from models.morphable.procedural_face import procedural_face
from models.networks.point_network import PointNetwork

SIDE = 128


class FullStep(FaceCoarse):
    """The stage in the last, dearest part of its training, without a trainer."""

    @property
    def progress(self) -> float:
        return 1.0


def benchmark_face_training(
    json_file: Path | None, *, batch_size: int = 32, explained: int = 12, repeats: int = 7, threads: int | None = None
) -> dict[str, float]:
    """Prints and returns the milliseconds of each part of a step, and the share of rendering in percent.

    Args:
        json_file: where the numbers go, with commit and hardware; None writes nothing.
        batch_size, explained: pictures of a batch, and how many of them are explained and rendered.
        repeats: steps; medians are reported.
        threads: of torch.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    stage = FullStep(procedural_face(), PointNetwork(SIDE), explained_pictures=explained).train()
    batch = rendered_batch(stage, batch_size)
    parts = step_parts(stage, batch, explained)
    optimizer = torch.optim.AdamW(stage.parameters(), lr=1e-4)
    parts["optimiser"] = optimizer.step
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for round_number in range(repeats + 2):
        for name, part in parts.items():
            started = time.process_time()
            part()
            if round_number >= 2:  # the first rounds warm up
                seconds[name].append(time.process_time() - started)
    figures = {f"{name} ms": 1e3 * statistics.median(values) for name, values in seconds.items()}
    total = sum(figures.values())
    figures["step ms"] = total
    figures["share of rendering percent"] = 100 * figures["rendering ms"] / total
    print("\n".join(f"{name:<32}{value:10.1f}" for name, value in figures.items()))
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        settings = {"batch": batch_size, "explained": explained, "repeats": repeats, "seed": 0}
        json_file.write_text(
            json.dumps({"origin": origin(), "settings": settings, "cpu_time": figures}, indent=2) + "\n"
        )
    return figures


def step_parts(stage: FaceCoarse, batch: FaceSample, explained: int) -> dict[str, Callable[[], object]]:
    """The parts of a step, each a forward and backward pass of its own."""
    encoder = stage.reconstructor.encoder
    assert isinstance(encoder, LandmarkEncoder)
    few = FaceSample(*(member[:explained] for member in batch))
    with torch.no_grad():
        seen = encoder.observe(few.image)
        found = encoder.explain(seen)

    def points() -> None:
        (stage.point_losses(encoder.observe(batch.image), batch)["points"]).backward()

    def fit() -> None:
        leaf = type(seen)(*(part.detach().requires_grad_() for part in seen))
        parameters = encoder.explain(leaf)
        losses = stage.landmark_losses(parameters, few) | stage.prior_losses(parameters)
        torch.stack(list(losses.values())).sum().backward()

    def rendering() -> None:
        leaf = FaceParameters(*(part.detach().requires_grad_() for part in found))
        torch.stack(list(stage.colour_losses(leaf, few).values())).sum().backward()

    return {"network and points": points, "landmarks and fit": fit, "rendering": rendering}


@torch.no_grad()
def rendered_batch(stage: FaceCoarse, count: int) -> FaceSample:
    """Pictures of random people, made by the stage's own renderer."""
    generator = torch.Generator().manual_seed(0)
    model, reconstructor = stage.face_model, stage.reconstructor
    light = torch.zeros(count, 9, 3)
    light[:, 0], light[:, 1] = 2.2, 0.5
    truth = FaceParameters(
        sample_identity(model, generator, count),
        sample_expression(model, generator, count)[1],
        sample_albedo(model, generator, count),
        0.3 * (torch.rand(count, 6, generator=generator) - 0.5),
        light,
    )
    geometry = reconstructor.deform(truth, SIDE)
    rendering = reconstructor.render(truth, geometry, SIDE)
    skin: Tensor = torch.where(rendering.skin[:, 0] > 0, 1, 0)
    return FaceSample(rendering.image, geometry.landmarks, torch.ones(count, 68), skin, torch.arange(count))
