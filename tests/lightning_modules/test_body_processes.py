"""Two processes that test bodies report what one would, wherever the bodies with folds are."""

from datetime import timedelta
from pathlib import Path

import torch
from torch import Tensor, multiprocessing

from datamodules.samples import BandTruth, BodyTruthSample
from lightning_modules.body_scores import OccupancyScores
from tests.lightning_modules.body_scenes import RADII_CM, ellipsoid_truth


def field(points_cm: Tensor) -> Tensor:
    """A little larger than the truth."""
    return 1.05 - (points_cm / RADII_CM).square().sum(1)


def body(folds: bool) -> BodyTruthSample:
    truth = ellipsoid_truth(views=1, size=16)
    if not folds:
        return truth
    angle = torch.linspace(0, 6, 400)
    normals = torch.stack([angle.sin(), torch.zeros(400), angle.cos()], 1)
    points = normals * RADII_CM
    shifts = torch.linspace(-3, 3, 7)
    heights = torch.stack([(k * angle).sin() / 10 for k in (5, 20, 60)], 1)
    bands = (points, normals, shifts, shifts + heights.sum(1, keepdim=True), heights)
    return truth._replace(bands=BandTruth(*(part[None] for part in bands)))


def report_of(*bodies: BodyTruthSample) -> dict[str, Tensor]:
    scores = OccupancyScores(hull=False, normal_size=16)
    scores.meshes.points, scores.meshes.volume_points = 500, 2000
    for each in bodies:
        scores.update(each, field, 24)
        scores.points.update(field(each.body.points_cm[0])[None], each.body.occupancy)
    return scores.compute()


def report_from(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    store, limit = f"file://{folder}/store", timedelta(seconds=30)
    torch.distributed.init_process_group("gloo", store, limit, rank=rank, world_size=2)
    torch.save(report_of(body(folds=rank == 0)), Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def test_scores_of_two_processes_are_those_of_one(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=report_from, args=(rank, str(tmp_path))) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
        process.kill()
        process.join()
    assert [process.exitcode for process in processes] == [0, 0], "they did not ask for the same figures"
    alone = report_of(body(folds=True), body(folds=False))
    assert alone["bands_points"] == 400
    for rank in (0, 1):
        together = torch.load(tmp_path / f"{rank}.pt")
        assert together.keys() == alone.keys()
        for name, value in alone.items():
            torch.testing.assert_close(together[name], value, rtol=1e-4, atol=1e-4, equal_nan=True, msg=name)
