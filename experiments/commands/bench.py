"""`threefold bench`: competing implementations timed side by side in one process, the parts of a training step, and
trials of what must not fail."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from experiments.commands.synthesize import run_kind
from experiments.errors import UserError


def rasterizer(
    json: Path | None = None,
    repeats: int = 7,
    slow_repeats: int = 1,
    threads: int | None = None,
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Times every available rasterizer on three scenes, forward and forward with backward, and checks that they agree.

    Args:
        json: file for the numbers, with commit and hardware.
        repeats: rounds; each runs every rasterizer once.
        slow_repeats: rounds in which PyTorch3D takes part on the CPU, up to minutes a call; 0 leaves it out.
        threads: of torch and of the compiled loops; 1 where others use the machine too.
        device: cpu or cuda.
    """
    from experiments.benchmarks.rasterizer import benchmark_rasterizer

    for name, value, least in (
        ("repeats", repeats, 1),
        ("slow_repeats", slow_repeats, 0),
        ("threads", 1 if threads is None else threads, 1),
    ):
        if value < least:
            raise UserError(f"--{name} {value} is too small; give {least} or more")
    if device == "cuda" and not cuda_is_available():
        raise UserError("--device cuda was asked for, but torch finds no CUDA device here; take --device cpu")
    benchmark_rasterizer(json, repeats=repeats, slow_repeats=slow_repeats, threads=threads, device=device)


def training(
    json: Path | None = None,
    *,
    data: Path | None = None,
    stages: list[str] | None = None,
    workers: list[int] | None = None,
    steps: int = 10,
    warm_up: int | None = None,
    rounds: int | None = None,
    processes: int = 1,
    threads: int | None = None,
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Times the training steps of every stage at the settings of its small configuration: data, forward, rendering,
    backward and optimiser, with 0, 1 and 2 loader workers. With --processes 2: one process against two that share its
    batches, in turn.

    Args:
        json: file for the numbers, with commit and hardware.
        data: folder for the data and checkpoints that the stages need, made where missing; a temporary one when left
            out.
        stages: clothing, face_coarse, face_detail, body_pifu, body_multiscale, body_normals, body_pifuhd_coarse,
            body_pifuhd_fine, body_superresolution; all when left out, with several processes clothing, face_coarse and
            body_multiscale.
        workers: processes that load data, one number or more; 0 1 2 when left out.
        steps: that are measured of each.
        warm_up: steps before them; when left out, until every item was read three times.
        rounds: each measures every stage once; 1 when left out, with several processes 3.
        processes: that share every batch; 1 tells the parts of a step instead.
        threads: of torch; 1 where others use the machine too.
        device: cpu or cuda.
    """
    for name, value, least in (
        ("steps", steps, 1),
        ("warm_up", 0 if warm_up is None else warm_up, 0),
        ("rounds", 1 if rounds is None else rounds, 1),
        ("processes", processes, 1),
        ("threads", 1 if threads is None else threads, 1),
        *(("workers", number, 0) for number in workers or ()),
    ):
        if value < least:
            raise UserError(f"--{name} {value} is too small; give {least} or more")
    if device == "cuda" and not cuda_is_available():
        raise UserError("--device cuda was asked for, but torch finds no CUDA device here; take --device cpu")
    if processes > 1:
        if device == "cuda" or workers or threads is not None:
            raise UserError(
                "--processes compares one process with several on the CPU, one thread each, without workers; leave "
                "--device, --workers and --threads out"
            )
        from experiments.benchmarks.training_processes import benchmark_processes

        benchmark_processes(
            json, processes=processes, data=data, names=stages, steps=steps, warm_up=warm_up, rounds=rounds or 3
        )
        return
    from experiments.benchmarks.training import benchmark_training

    benchmark_training(
        json,
        data=data,
        names=stages,
        workers=workers or (0, 1, 2),
        steps=steps,
        warm_up=warm_up,
        rounds=rounds or 1,
        threads=threads,
        device=device,
    )


def body_training(json: Path | None = None, *, data: Path | None = None, rounds: int = 3, threads: int = 1) -> None:
    """Times training steps of PIFu and of the multi-scale network in turn; the ratio makes equal time of the two. The
    same as `threefold bench training --stages body_pifu body_multiscale --workers 0`.

    Args:
        json: file for the numbers, with commit and hardware.
        data: folder for the data, made where missing; a temporary one when left out.
        rounds: each measures both once.
        threads: of torch; 1 where others use the machine too.
    """
    both = ["body_pifu", "body_multiscale"]
    training(json, data=data, stages=both, workers=[0], rounds=rounds, threads=threads)


def body_pipeline(json: Path | None = None, people: int = 5, resolution: int = 256) -> None:
    """Measures what calibration, extraction, export and measures lose of a perfect prediction: procedural people whose
    network is replaced by their own field.

    Args:
        json: file for the numbers, with commit and hardware.
        people: how many.
        resolution: cells along the side of the box.
    """
    from experiments.benchmarks.body_pipeline import benchmark_body_pipeline

    for name, value, least in (("people", people, 1), ("resolution", resolution, 32)):
        if value < least:
            raise UserError(f"--{name} {value} is too small; give {least} or more")
    benchmark_body_pipeline(json, people=people, resolution=resolution)


def extraction(
    json: Path | None = None,
    *,
    resolutions: list[int] | None = None,
    field: Literal["capsules", "human"] = "capsules",
    dense_up_to: int = 512,
    seed: int = 0,
    threads: int | None = None,
) -> None:
    """Counts the queries and the seconds that the mesh of a body costs: every node asked, coarse to fine from three
    first grids, and PIFu's own octree; and checks that the meshes are identical.

    Args:
        json: file for the numbers, with commit and hardware.
        resolutions: cells along the box, one number or more; 128 256 512 when left out.
        field: a body of capsules, quick to ask, or a procedural person in clothes, several times as dear.
        dense_up_to: the largest resolution at which every node is asked.
        seed: which person.
        threads: of torch; 1 where others use the machine too.
    """
    from experiments.benchmarks.extraction import benchmark_extraction

    chosen = resolutions or [128, 256, 512]
    for resolution in chosen:
        if not 16 <= resolution <= 2048:
            raise UserError(f"--resolutions {resolution} is not between 16 and 2048 cells; 128 256 512 are usual")
    benchmark_extraction(
        json, resolutions=chosen, field_name=field, dense_up_to=dense_up_to, seed=seed, threads=threads
    )


def labels(
    json: Path | None = None,
    mesh: Path | None = None,
    repeats: int = 7,
    slow_repeats: int = 1,
    slow_points: int = 1000,
    seed: int = 0,
    threads: int | None = None,
) -> None:
    """Times labelling points inside or outside of a body: our test, libigl, and trimesh's contains with embree and with
    rtree where they are installed; and counts where they differ.

    Args:
        json: file for the numbers, with commit and hardware.
        mesh: a closed body, +y up; a procedural person when left out.
        repeats: rounds; each runs every contender once.
        slow_repeats: rounds in which trimesh with rtree takes part, seconds for a thousand points; 0 leaves it out.
        slow_points: how many points it labels.
        seed: of the person and the points.
        threads: of torch and libigl; 1 where others use the machine too.
    """
    from experiments.benchmarks.labels import benchmark_labels

    for name, value, least in (
        ("repeats", repeats, 1),
        ("slow_repeats", slow_repeats, 0),
        ("slow_points", slow_points, 1),
    ):
        if value < least:
            raise UserError(f"--{name} {value} is too small; give {least} or more")
    benchmark_labels(
        json,
        mesh_file=mesh,
        repeats=repeats,
        slow_repeats=slow_repeats,
        slow_points=slow_points,
        seed=seed,
        threads=threads,
    )


def requeue(
    json: Path | None = None,
    *,
    trials: int = 30,
    stages: list[str] | None = None,
    folder: Path | None = None,
    seed: int = 0,
    patience: float = 300,
) -> int:
    """Signals trainings in two processes at random moments, as SLURM does before their time ends, and counts how many
    are requeued and resumed. SLURM is simulated. Exit status 1 when one is not.

    Args:
        json: file for the trials, with commit and hardware.
        trials: how many.
        stages: clothing, face-coarse, face-detail, body-normals, body-multiscale; all when left out.
        folder: for data and runs; a temporary one when left out.
        seed: of the moments.
        patience: seconds after which a process counts as hanging.
    """
    from experiments.benchmarks.requeue_stages import STAGES
    from experiments.benchmarks.requeue_trials import requeue_trials

    if trials < 1:
        raise UserError(f"--trials {trials} is too small; give 1 or more")
    for stage in stages or ():
        if stage not in STAGES:
            raise UserError(f"--stages {stage} is none of {', '.join(STAGES)}; give one or more of them")
    with tempfile.TemporaryDirectory(prefix="requeue-") as place:
        found = requeue_trials(trials, stages or list(STAGES), folder or Path(place), json, seed, patience)
    return int(any(trial.failure is not None for trial in found))


def cuda_is_available() -> bool:
    import torch

    return torch.cuda.is_available()


def run(verb: str, arguments: Sequence[str]) -> int:
    kinds = {
        "rasterizer": rasterizer,
        "extraction": extraction,
        "labels": labels,
        "training": training,
        "body-training": body_training,
        "body-pipeline": body_pipeline,
        "requeue": requeue,
    }
    return run_kind(verb, kinds, arguments)
