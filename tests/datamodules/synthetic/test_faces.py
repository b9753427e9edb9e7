"""The synthetic faces: every number that stands beside a picture is held against the picture itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.face_folder import FaceFolder, FaceFolderDataModule
from datamodules.face_records import face_records, split_names
from datamodules.face_truth import read_face_truth
from datamodules.inspection import inspect_faces
from datamodules.landmarks import read_landmarks
from datamodules.samples import FACE_CLASSES, FaceTruthSample
from datamodules.synthetic import faces as faces_module
from datamodules.synthetic.faces import Studio, synthesize_faces
from models.geometry.cameras import project_scaled_orthographic
from models.geometry.normals import vertex_normals
from models.geometry.rotations import rotation_from_face_angles
from models.morphable.procedural_face import procedural_face
from models.rendering.interpolate import interpolate
from models.rendering.lighting import shade_chen2020
from models.rendering.rasterize import rasterize

SETTINGS: dict[str, Any] = {"size": 112, "level": "tiny", "uv_size": 128, "images_per_identity": 2, "seed": 5}
SKIN = tuple(FACE_CLASSES.index(name) for name in ("skin", "nose"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize_faces(
        tmp_path_factory.mktemp("synthetic") / "faces", number=20, splits=(0.4, 0.0, 0.6), **SETTINGS
    )


@pytest.fixture(scope="module")
def samples(dataset: Path) -> list[FaceTruthSample]:
    folder = FaceFolderDataModule(str(dataset), image_size=96).folder("test")
    gathered = []
    for index in range(len(folder)):
        sample = folder[index]
        assert isinstance(sample, FaceTruthSample)
        gathered.append(sample)
    return gathered


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_the_layout_is_the_neutral_one(dataset: Path) -> None:
    inspection = inspect_faces(dataset)
    assert inspection.problems == ()
    assert inspection.companions == {"landmark files": 20, "masks": 20, "boxes": 0, "truth files": 20}
    assert sorted(path.name for path in dataset.iterdir()) == [
        "dataset.json", "images", "landmarks", "masks", "split.txt", "truth",
    ]  # fmt: skip


def test_people_of_the_test_split_are_never_seen_in_training(dataset: Path) -> None:
    records = face_records(dataset)
    splits = split_names(dataset, [record.name for record in records])
    people: dict[str, set[int]] = {"train": set(), "test": set()}
    for record in records:
        assert record.truth is not None
        people[splits[record.name][0]].add(read_face_truth(record.truth).person)
    assert len(people["train"]) == 4
    assert len(people["test"]) == 6
    assert not people["train"] & people["test"]


def test_only_held_out_pictures_carry_dense_maps(dataset: Path) -> None:
    for record in face_records(dataset):
        assert record.truth is not None
        truth = read_face_truth(record.truth)
        assert (truth.maps is None) == (truth.person < 4)


def test_pictures_of_one_person_share_identity_and_differ_in_pose(dataset: Path) -> None:
    one, two, other = (read_face_truth(dataset / "truth" / f"{index:06d}.npz") for index in (0, 1, 2))
    np.testing.assert_array_equal(one.identity, two.identity)
    np.testing.assert_array_equal(one.albedo, two.albedo)
    assert not np.array_equal(one.identity, other.identity)
    assert not np.allclose(one.pose, two.pose)
    assert one.model == procedural_face("tiny").provenance


def test_bytes_depend_on_the_seed_but_not_on_workers_or_number(dataset: Path, tmp_path: Path) -> None:
    again = synthesize_faces(tmp_path / "b", number=20, splits=(0.4, 0.0, 0.6), workers=2, **SETTINGS)
    assert files_of(again) == files_of(dataset)
    fewer = files_of(synthesize_faces(tmp_path / "c", number=3, splits=(1.0, 0.0, 0.0), **SETTINGS))
    assert fewer["images/000002.jpg"] == files_of(dataset)["images/000002.jpg"]
    other = files_of(synthesize_faces(tmp_path / "d", number=1, **{**SETTINGS, "seed": 6}))
    assert other["images/000000.jpg"] != fewer["images/000000.jpg"]


def test_an_interrupted_run_leaves_nothing_that_looks_whole_and_continues(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    whole = Studio.write

    def failing(self: Studio, root: Path, indices: list[int]) -> int:
        calls.append(indices[0])
        if indices[0] == 8 and len(calls) == 2:
            raise OSError("no space left on device")
        return whole(self, root, indices)

    monkeypatch.setattr(Studio, "write", failing)
    arguments: dict[str, Any] = {"number": 20, "splits": (0.4, 0.0, 0.6), **SETTINGS}
    with pytest.raises(OSError, match="no space"):
        synthesize_faces(tmp_path / "faces", **arguments)
    assert not (tmp_path / "faces").exists()
    steps = []
    synthesize_faces(tmp_path / "faces", progress=lambda done, number: steps.append((done, number)), **arguments)
    assert calls == [0, 8, 8, 16]
    assert steps == [(16, 20), (20, 20)]
    assert files_of(tmp_path / "faces") == files_of(dataset)
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


def test_a_finished_run_is_kept_and_another_one_does_not_overwrite_it(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faces_module, "photograph", None)
    assert synthesize_faces(dataset, number=20, splits=(0.4, 0.0, 0.6), **SETTINGS) == dataset
    with pytest.raises(ValueError, match="already holds something else"):
        synthesize_faces(dataset, number=21, splits=(0.4, 0.0, 0.6), **SETTINGS)


@pytest.mark.parametrize(
    "wrong", [{"number": 0}, {"size": 8}, {"images_per_identity": 0}, {"splits": (0.5, 0.5, 0.5)}, {"uv_size": 4}]
)
def test_settings_without_sense_are_refused(tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"needed|add up"):
        synthesize_faces(tmp_path / "faces", **{"number": 1, **SETTINGS, **wrong})


def test_projected_truth_lands_on_the_landmarks_inside_the_crop(samples: list[FaceTruthSample]) -> None:
    model = procedural_face("tiny")
    for sample in samples:
        vertices = model.vertices_mm(sample.identity[None], sample.expression[None])
        points = model.sliding_landmarks_mm(vertices, rotation_from_face_angles(sample.pose[None, :3]))
        projected = project_scaled_orthographic(points, sample.pose[None], 96)[0, :, :2]
        assert (projected - sample.photo.landmarks).abs().max() < 0.05


def test_fixed_landmarks_differ_from_the_outline_on_turned_faces_only(dataset: Path) -> None:
    for record in face_records(dataset):
        assert record.truth is not None
        assert record.landmarks is not None
        truth = read_face_truth(record.truth)
        apart = np.linalg.norm(truth.fixed_landmarks - read_landmarks(record.landmarks), axis=1)
        assert apart[17:].max() < 1e-3
        if abs(truth.pose[1]) > 0.5:
            assert apart[:17].max() > 1


def test_rendering_the_truth_again_gives_the_picture(samples: list[FaceTruthSample]) -> None:
    """Coarse geometry, vertex colours and stored light against the photograph: what remains is noise and wrinkles."""
    model = procedural_face("tiny")
    errors, shuffled = [], []
    for sample, other in zip(samples, samples[3:] + samples[:3]):
        for light, results in ((sample.light, errors), (other.light, shuffled)):
            image, _, depth = rendered(model, sample, light)
            mask = torch.isfinite(depth) & torch.isin(sample.photo.segmentation, torch.tensor(SKIN))
            results.append(float((image - sample.photo.image).abs()[:, mask].mean()))
    assert max(errors) < 0.06
    assert np.mean(errors) < 0.025
    assert np.mean(shuffled) > 3 * np.mean(errors)


def test_normals_and_depth_are_those_of_the_surface(samples: list[FaceTruthSample]) -> None:
    model = procedural_face("tiny")
    for sample in samples:
        _, normals, depth = rendered(model, sample, sample.light)
        face = torch.isfinite(sample.depth_mm) & torch.isfinite(depth)
        assert face.float().mean() > 0.05
        lengths = torch.linalg.vector_norm(sample.normals, dim=0)
        assert torch.allclose(lengths[torch.isfinite(sample.depth_mm)], torch.ones(()), atol=2e-3)
        assert (lengths[~torch.isfinite(sample.depth_mm)] == 0).all()
        cosine = (normals * sample.normals).sum(0)[face].clamp(-1, 1)
        assert cosine.median() > np.cos(np.deg2rad(8))
        assert (depth - sample.depth_mm)[face].abs().median() < 0.6


def test_wrinkles_lie_on_visible_skin_and_bend_the_normals(samples: list[FaceTruthSample]) -> None:
    model = procedural_face("tiny")
    within, beside = [], []
    for sample in samples:
        assert sample.displacement_mm.shape == (1, 128, 128)
        assert 0.1 < sample.displacement_mm.abs().max() < 1
        _, normals, depth = rendered(model, sample, sample.light)
        face = torch.isfinite(sample.depth_mm) & torch.isfinite(depth)
        assert not (sample.wrinkles & ~torch.isfinite(sample.depth_mm)).any()
        bent = torch.rad2deg(torch.acos((normals * sample.normals).sum(0).clamp(-1, 1)))
        within.append(bent[face & sample.wrinkles])
        skin = face & ~sample.wrinkles & torch.isin(sample.photo.segmentation, torch.tensor(SKIN))
        beside.append(bent[skin])
    assert torch.cat(within).median() > 0.7  # degrees; 0.35 if the relief did not bend them
    assert torch.cat(within).median() > 2 * torch.cat(beside).median()


def test_the_segmentation_agrees_with_the_landmarks(samples: list[FaceTruthSample]) -> None:
    """The classes around the middle of eyes, nose and lips are what they should be, unless something covers them."""
    for middle, names in {
        (27, 28, 29): ("nose", "skin"),
        (51, 62): ("upper lip",),
        (57, 66): ("lower lip",),
        (36, 37, 38, 39, 40, 41): ("left eye", "skin"),
        (42, 43, 44, 45, 46, 47): ("right eye", "skin"),
    }.items():
        allowed = {FACE_CLASSES.index(name) for name in (*names, "hair", "eyeglasses", "background", "mouth")}
        right = 0
        for sample in samples:
            x, y = sample.photo.landmarks[list(middle)].mean(0).long().clamp(0, 95).tolist()
            right += int(sample.photo.segmentation[y, x]) in allowed
        assert right >= len(samples) - 2, names


def test_pictures_are_neither_dark_nor_burnt_and_the_skin_fills_a_good_part(samples: list[FaceTruthSample]) -> None:
    levels = []
    for sample in samples:
        skin = torch.isin(sample.photo.segmentation, torch.tensor(SKIN))
        assert 0.1 < skin.float().mean() < 0.7
        levels.append(float(sample.photo.image[:, skin].mean()))
    assert min(levels) > 0.12
    assert max(levels) < 0.95
    assert 0.3 < np.mean(levels) < 0.7


def test_the_crop_lies_inside_the_picture_as_promised(dataset: Path) -> None:
    folder = FaceFolder(dataset, image_size=96)
    for index in range(len(folder)):
        _, crop, _, _ = folder.located(index)
        assert 0.79 <= crop.side / 112 <= 0.99
        for center in (crop.center_x, crop.center_y):
            assert crop.side / 2 - 0.5 <= center <= 112 - crop.side / 2 + 0.5


def test_the_settings_are_written_beside_the_pictures(dataset: Path) -> None:
    settings = json.loads((dataset / "dataset.json").read_text())
    assert settings["seed"] == 5
    assert settings["model"] == procedural_face("tiny").provenance


def rendered(model, sample: FaceTruthSample, light: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Picture [3, s, s], normals [3, s, s] and depth in mm [s, s] of the coarse truth as the sample's pose sees it."""
    vertices = model.vertices_mm(sample.identity[None], sample.expression[None])
    screen = project_scaled_orthographic(vertices, sample.pose[None], 96)
    fragments = rasterize(screen, model.faces, (96, 96), perspective=False)
    normals = vertex_normals(vertices, model.faces) @ rotation_from_face_angles(sample.pose[None, :3]).mT
    seen = torch.nn.functional.normalize(interpolate(normals, model.faces, fragments), dim=1)
    albedo = interpolate(model.albedo(sample.albedo[None]), model.faces, fragments)
    pixels_per_mm = 96 / 200 * sample.pose[5].exp()
    depth = (fragments.depth[0] - 4 * 96) / pixels_per_mm
    return shade_chen2020(albedo, seen, light[None])[0], seen[0], depth
