"""Scores of a perfect reconstruction, of worse ones, and of two processes."""

import math
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch import Tensor, multiprocessing

from datamodules.samples import ClothingSample, ClothingTruthSample
from lightning_modules.clothing_scores import ClothingScores, camera_centre
from models.clothing.attributes import ClothingAttributes, ClothingCamera, with_azimuth
from models.clothing.renderer import ClothingRendering, render_attributes
from models.clothing.template import ClothingTemplate, ellipsoid_template
from models.geometry.normals import face_normals, vertex_normals
from models.networks.stand_in_features import StandInFeatures
from models.rendering.textures import sample_texture, uv_rasterization

SIZE = (48, 24)
TEMPLATE = ellipsoid_template(subdivisions=2)


def lopsided(template: ClothingTemplate, count: int) -> Tensor:
    """Shapes that look different from every side, no two alike."""
    x, y, z = template.vertices.unbind(1)
    growth = torch.linspace(0.1, 0.3, count)[:, None]
    radius = 1 + growth * (3 * z + y + (4 * x).sin())
    return template.vertices * radius[..., None]


def attributes_of(count: int) -> ClothingAttributes:
    generator = torch.Generator().manual_seed(count)
    vertices = lopsided(TEMPLATE, count)
    half = torch.nn.functional.interpolate(torch.rand(count, 3, 6, 6, generator=generator), size=(64, 64))
    camera = ClothingCamera(
        torch.linspace(-2.5, 2.8, count),
        torch.linspace(-0.2, 0.2, count),
        torch.full((count,), 2.6),
        torch.zeros(count, 2),
        torch.zeros(count, 2),
    )
    light = torch.zeros(count, 9)
    light[:, 0] = 3.5
    return ClothingAttributes(camera, vertices - TEMPLATE.vertices, vertices, half, light, torch.zeros(count, 3, *SIZE))


def seen(attributes: ClothingAttributes) -> ClothingRendering:
    return render_attributes(attributes, TEMPLATE, SIZE, background=False)


def photographed(attributes: ClothingAttributes, index: list[int]) -> ClothingTruthSample:
    """What was photographed is what will be predicted; over grey, with padding behind the true vertices."""
    rendering = seen(attributes)
    image = torch.where(rendering.hard_mask > 0, rendering.image, 0.4)
    count, number = len(index), len(TEMPLATE.vertices)
    corner_uv = TEMPLATE.uv[TEMPLATE.face_uv].flatten(0, 1)
    read = sample_texture(attributes.texture, corner_uv.T[None, :, None].expand(count, -1, -1, -1))[:, :, 0]
    colours = torch.zeros(count, number, 3).index_copy(1, TEMPLATE.faces.flatten(), read.mT)
    photo = ClothingSample(image, rendering.hard_mask, torch.zeros(count), torch.tensor(index))
    return ClothingTruthSample(
        photo,
        torch.cat([attributes.vertices, torch.zeros(count, 5, 3)], 1),
        torch.cat([TEMPLATE.faces, torch.zeros(3, 3, dtype=torch.int64)]).expand(count, -1, -1),
        torch.cat([colours, torch.zeros(count, 5, 3)], 1),
        torch.tensor([number, len(TEMPLATE.faces)]).expand(count, -1),
        *attributes.camera[:4],
    )


def fill(
    scores: ClothingScores, truth: ClothingTruthSample, predicted: ClothingAttributes, *, shapes: bool = True
) -> None:
    scores.update(truth.photo, seen(predicted))
    for name, attributes in scores.views(truth.photo, predicted):
        scores.update_view(name, seen(attributes), truth.photo)
    scores.update_truth(truth, predicted, TEMPLATE, shapes=shapes)


@pytest.fixture(scope="module")
def perfect() -> dict[str, float]:
    attributes = attributes_of(3)
    scores = ClothingScores(StandInFeatures(), twelve_views=False)
    fill(scores, photographed(attributes, [0, 1, 2]), attributes)
    return scores.compute()


def test_a_perfect_reconstruction(perfect: dict[str, float]) -> None:
    assert perfect["pictures"] == 3
    assert perfect["mask_iou"] == 1
    assert 0.8 < perfect["mask_iou_soft"] < 1  # the fringe
    assert perfect["ssim"] == pytest.approx(1, abs=1e-5)
    assert perfect["fid_stand_in_reconstruction"] == pytest.approx(0, abs=1e-6)
    assert perfect["fid_stand_in_quarter_turns"] > 1e-3
    assert perfect["iou_volume"] > 0.99
    assert perfect["chamfer_percent"] < 0.05
    assert perfect["azimuth_error_degrees"] == 0
    assert perfect["distance_error_percent"] == pytest.approx(0, abs=1e-4)
    # colours of vertices against a texture: they differ within triangles
    assert perfect["hidden_colour_error_grey"] < 0.6 * perfect["hidden_plain_colour_error_grey"]
    assert all(isinstance(value, float) for value in perfect.values())
    assert "lpips" not in perfect
    assert not any("twelve" in name for name in perfect)


def test_a_worse_reconstruction_scores_worse(perfect: dict[str, float]) -> None:
    attributes = attributes_of(3)
    truth = photographed(attributes, [0, 1, 2])
    camera = attributes.camera._replace(
        azimuth=attributes.camera.azimuth + 0.5, distance=2 * attributes.camera.distance
    )
    guess = attributes._replace(
        vertices=TEMPLATE.vertices.expand(3, -1, -1), texture=0.2 + 0 * attributes.texture, camera=camera
    )
    scores = ClothingScores(StandInFeatures(), twelve_views=False)
    fill(scores, truth, guess)
    worse = scores.compute()
    for name in ("mask_iou", "mask_iou_soft", "mask_iou_cmr", "ssim", "iou_volume"):
        assert worse[name] < perfect[name], name
    for name in (
        "chamfer_percent",
        "hidden_colour_error_grey",
        "visible_colour_error_grey",
        "fid_stand_in_reconstruction",
    ):
        assert worse[name] > perfect[name], name
    assert worse["azimuth_error_degrees"] == pytest.approx(28.65, abs=0.01)
    assert worse["azimuth_error_offset_degrees"] == pytest.approx(0, abs=1e-3)
    assert worse["distance_error_percent"] == pytest.approx(0, abs=1e-3)  # one factor for all


def test_predictions_that_are_no_numbers_are_the_worst_and_stay_in_the_means() -> None:
    attributes = attributes_of(2)
    truth = photographed(attributes, [0, 1])
    vertices = attributes.vertices.clone()
    vertices[0] = torch.nan
    azimuth = attributes.camera.azimuth.clone()
    azimuth[0] = torch.nan
    broken = with_azimuth(attributes._replace(vertices=vertices), azimuth)
    scores = ClothingScores()
    scores.update_truth(truth, broken, TEMPLATE)
    found = scores.compute()
    assert found["shape_failed"] == 0.5
    assert found["iou_volume"] == pytest.approx(0.5, abs=0.01)
    assert found["azimuth_error_degrees"] == pytest.approx(90, abs=1e-2)
    assert found["hidden_colour_error_grey"] > 127


def test_only_what_was_measured_is_reported_and_all_is_forgotten() -> None:
    attributes = attributes_of(2)
    truth = photographed(attributes, [0, 1])
    scores = ClothingScores()
    assert scores.views(truth.photo, attributes) == []
    scores.update(truth.photo, seen(attributes))
    assert set(scores.compute()) == {"mask_iou", "mask_iou_soft", "mask_iou_cmr", "ssim", "pictures"}
    scores.update_truth(truth, attributes, TEMPLATE, shapes=False)
    assert "azimuth_error_degrees" in scores.compute()
    assert "iou_volume" not in scores.compute()
    scores.reset()
    assert scores.compute() == {"pictures": 0.0}
    assert not scores.state_dict()


def test_twelve_views_are_one_mean() -> None:
    attributes = attributes_of(2)
    truth = photographed(attributes, [0, 1])
    scores = ClothingScores(StandInFeatures())
    fill(scores, truth, attributes, shapes=False)
    found = scores.compute()
    distances = scores.distances
    assert distances is not None
    each = [value for name, value in distances.compute().items() if "view_" in name]
    assert len(each) == 12
    assert found["fid_stand_in_twelve_views"] == pytest.approx(sum(each) / 12)
    counts = {name: statistics.compute().count for name, statistics in distances.rendered.items()}  # type: ignore[operator]
    assert counts == {**dict.fromkeys(counts, 2), "rotation": 4, "quarter_turns": 4}
    assert distances.real.compute().count == 2


RED, GREEN, BLUE = (torch.tensor(colour) for colour in ([0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]))


def facing(attributes: ClothingAttributes, normals: Tensor, points: Tensor) -> Tensor:
    """Which points are seen by the first camera, by their normals."""
    return ((camera_centre(attributes.camera)[0] - points) * normals).sum(-1) > 0


@pytest.mark.parametrize("turn", [0.0, math.pi / 2])
def test_another_front_is_no_mistake_and_the_seen_side_is_the_cameras(turn: float) -> None:
    """The truth is red where the camera sees it and blue behind; the prediction, whose world is turned but which looks
    the same, is red and green: right on the side that is seen, wrong on the hidden one."""
    attributes = attributes_of(1)
    vertices, faces = attributes.vertices[0], TEMPLATE.faces
    c, s = math.cos(turn), math.sin(turn)
    turned = vertices @ torch.tensor([[c, 0, -s], [0, 1.0, 0], [s, 0, c]])  # +z goes to +x, as azimuths grow
    corners = vertices[faces]
    seen_faces = facing(attributes, face_normals(vertices[None], faces)[0], corners.mean(1))
    under_texels = uv_rasterization(TEMPLATE.uv, TEMPLATE.face_uv, (64, 64)).face_index.clamp(min=0)
    painted = torch.where(seen_faces[under_texels], RED[:, None, None], GREEN[:, None, None])[None]
    predicted = attributes._replace(
        vertices=turned[None],
        texture=painted,
        camera=attributes.camera._replace(azimuth=attributes.camera.azimuth + turn),
    )
    seen_vertices = facing(attributes, vertex_normals(vertices[None], faces)[0], vertices)
    truth = photographed(attributes, [0])
    truth.colours[0, : len(vertices)] = torch.where(seen_vertices[:, None], RED, BLUE)
    scores = ClothingScores()
    scores.update_truth(truth, predicted, TEMPLATE)
    found = scores.compute()
    wrong = 255 * float((GREEN - BLUE).abs().mean())
    assert found["iou_volume"] > 0.99
    assert found["visible_colour_error_grey"] < 0.2 * wrong  # mixed colours where the sides meet
    assert found["hidden_colour_error_grey"] > 0.8 * wrong
    assert found["azimuth_error_degrees"] == pytest.approx(math.degrees(turn), abs=1e-3)


def report(*parts: list[int]) -> dict[str, float]:
    """Of the pictures with these numbers, in batches."""
    whole = attributes_of(5)
    scores = ClothingScores(StandInFeatures(), twelve_views=False)
    for part in parts:
        attributes = ClothingAttributes(
            ClothingCamera(*(each[part] for each in whole.camera)), *(e[part] for e in whole[1:])
        )
        truth = photographed(attributes, part)
        shrunk = attributes._replace(vertices=0.9 * attributes.vertices)
        fill(scores, truth, with_azimuth(shrunk, shrunk.camera.azimuth + 0.1 * truth.photo.index), shapes=False)
    return scores.compute()


def report_from(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    store, limit = f"file://{folder}/store", timedelta(seconds=300)
    torch.distributed.init_process_group("gloo", store, limit, rank=rank, world_size=2)
    # as a sampler deals five pictures to two processes: the second gets picture 0 again
    torch.save(report(*([[0, 2], [4]], [[1, 3], [0]])[rank]), Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_report_what_one_would(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=report_from, args=(rank, str(tmp_path))) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=300)
        process.kill()
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    alone = report([0, 1, 2], [3, 4])
    assert alone["pictures"] == 5
    for rank in (0, 1):
        together = torch.load(tmp_path / f"{rank}.pt")
        assert together.keys() == alone.keys()
        for name, value in alone.items():
            assert together[name] == pytest.approx(value, rel=1e-4, abs=1e-4), name
