"""The Articulated Mesh Animation layout with its oddities: spelling, signs, axes, patches, missing frames."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.articulated import ArticulatedDataModule, ArticulatedLayout, ArticulatedNormalsDataModule
from datamodules.articulated_cameras import (
    camera_centre,
    faulty_regions,
    intrinsics_of,
    picture_up,
    read_clean_silhouette,
    read_intrinsics,
    read_projection,
)
from datamodules.articulated_files import sequence_files
from datamodules.body_dataset import BodyDataset, BodySource
from datamodules.body_frame import body_from_vertices, facing_front, moved_points, upright
from datamodules.projection_guard import projected, share_in_mask
from datamodules.samples import BodySample
from tests.datamodules.body_trees import figure, write_articulated_tree


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("articulated")
    write_articulated_tree(root, sequences=("I_crane", "D_march"), frames=3)
    return root


@pytest.mark.parametrize("z_up", [False, True])
def test_bodies_stand_upright_and_fall_into_their_masks(tmp_path: Path, z_up: bool) -> None:
    write_articulated_tree(tmp_path, frames=1, z_up=z_up)
    layout = ArticulatedLayout(tmp_path)
    dataset = BodyDataset(layout, image_size=96, views=4, points=100)
    for index in range(2):
        sample = dataset[index]
        assert isinstance(sample, BodySample)
        body = dataset.source.body(dataset.record(index))
        low, high = body.vertices_cm.amin(0), body.vertices_cm.amax(0)
        assert (float(low[1]), float(high[1])) == pytest.approx((-90, 90), abs=1e-3)
        assert float((body.vertices_cm - figure().vertices).abs().max()) < 0.1
        points = body.surface_points(3000, np.random.default_rng(0))
        for mask, view in zip(sample.masks[:, 0].numpy(), sample.view_from_body.double().numpy()):
            assert share_in_mask(mask, projected(view, points, (96, 96))) > 0.995
            rows = np.flatnonzero(mask.any(1))
            assert len(rows) / 96 == pytest.approx(180 / 204.8, abs=0.03)


def test_yaw_0_is_the_camera_on_the_body_s_z(tree: Path) -> None:
    layout = ArticulatedLayout(tree)
    views = layout.records[0].views
    assert [view.name for view in views] == ["1", "4", "3", "2"]
    assert [view.yaw_degrees for view in views] == pytest.approx([0, 90, 180, 270], abs=5)
    dataset = BodyDataset(layout, image_size=64, views=4, points=10)
    sample = dataset[0]
    assert isinstance(sample, BodySample)
    towards = torch.nn.functional.normalize(sample.view_from_body[:, 2, :3], dim=-1)
    assert float(towards[0, 2]) > 0.95
    assert float(towards[1, 0]) < -0.95


def test_splits(tree: Path) -> None:
    for split, training in (("frame", 5), ("sequence", 3), ("subject", 3)):
        splits = ArticulatedLayout(tree, split).splits  # type: ignore[arg-type]
        assert len(splits["train"]) == training
        assert not splits["train"] & splits["test"]
    held = ArticulatedLayout(tree, "subject").splits["test"]
    assert len({name.split("_")[0] for name in held}) == 1


def test_loaders(tree: Path) -> None:
    module = ArticulatedDataModule(str(tree), image_size=48, views=2, points=50, split="sequence", held_out=0.5)
    batch = next(iter(module.train_dataloader()))
    assert batch.images.shape == (2, 2, 3, 48, 48)
    truth = next(iter(module.test_dataloader()))
    assert truth.vertices_cm.shape[2] == 3
    normals = next(iter(ArticulatedNormalsDataModule(str(tree), image_size=48, views=2).test_dataloader()))
    assert float((normals.back[:, 2] * normals.mask[:, 0]).mean()) < 0 < float((normals.front[:, 2]).mean())


def test_names_in_any_case_and_pictures_counted_from_one(tmp_path: Path) -> None:
    write_articulated_tree(tmp_path, sequences=("I_crane",), frames=3)
    folder = tmp_path / "I_crane"
    for kind, old, new in (("images", "Image", "IMAGE"), ("silhouettes", "Silhouette", "silhouette")):
        for path in sorted((folder / kind).iterdir(), reverse=True):
            camera, frame = path.stem.removeprefix(old).split("_")
            path.rename(path.with_name(f"{new}{camera}_{int(frame) + 1:04d}.PNG"))
    (folder / "images").rename(folder / "Images")
    files = sequence_files(folder)
    assert sorted({frame for _, frame in files.pictures}) == [0, 1, 2]
    layout = ArticulatedLayout(tmp_path)
    dataset = BodyDataset(layout, image_size=48, views=4, points=10)
    assert len([dataset[k] for k in range(3)]) == 3  # the guard would see a shift by a frame


def test_missing_pictures_leave_views_out(tmp_path: Path) -> None:
    write_articulated_tree(tmp_path, sequences=("I_crane",), frames=2)
    (tmp_path / "I_crane/images/Image2_0001.png").unlink()
    (tmp_path / "I_crane/silhouettes/Silhouette3_0001.png").unlink()
    layout = ArticulatedLayout(tmp_path)
    assert [len(record.views) for record in layout.records] == [4, 2]
    problems = list(layout.problems())
    assert any("no picture of camera 2 for frame 1" in problem for problem in problems)
    assert any("no silhouette of camera 3 for frame 1" in problem for problem in problems)
    with pytest.raises(ValueError, match="pictures from 2 sides, 4 were asked for"):
        BodyDataset(layout, image_size=48, views=4, points=10)[1]


class TestCameras:
    def test_projection_of_any_scale_and_sign(self, tmp_path: Path) -> None:
        cameras = write_articulated_tree(tmp_path, sequences=("I_crane",), frames=1)["I_crane"]
        for number, camera in enumerate(cameras, 1):
            path = tmp_path / f"I_crane/calibration/Camera{number}.Pmat.cal"
            projection = read_projection(path)
            assert np.linalg.norm(projection[2, :3]) == pytest.approx(1)
            assert projection[2] @ [0.2, -0.1, 0.9, 1] > 3  # z is up in this tree
            assert np.allclose(intrinsics_of(projection), camera.intrinsics, atol=1e-6)
            assert np.allclose(read_intrinsics(path.with_name(f"Camera{number}.rad")), camera.intrinsics)
            assert picture_up(projection)[2] > 0.9
        centre = camera_centre(read_projection(tmp_path / "I_crane/calibration/Camera1.Pmat.cal"))
        assert np.allclose(centre, [0, -4, 1.2], atol=1e-6)

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            ("1 2 3", "does not hold 3 x 4 finite numbers"),
            ("1 2 3 nan 5 6 7 8 9 10 11 12", "does not hold"),
            ("text", "does not hold 3 x 4 finite numbers"),
            ("1 2 3 4 2 4 6 8 1 1 1 1", "singular matrix"),
        ],
    )
    def test_broken_calibrations(self, tmp_path: Path, content: str, sentence: str) -> None:
        path = tmp_path / "Camera1.Pmat.cal"
        path.write_text(content)
        with pytest.raises(ValueError, match=rf"Camera1\.Pmat\.cal.*{sentence}|{sentence}") as error:
            read_projection(path)
        assert str(path) in str(error.value)

    def test_a_matrix_of_another_camera_is_named(self, tmp_path: Path) -> None:
        write_articulated_tree(tmp_path, sequences=("I_crane",), frames=2)
        folder = tmp_path / "I_crane/calibration"
        (folder / "Camera2.Pmat.cal").write_text((folder / "Camera1.Pmat.cal").read_text())
        layout = ArticulatedLayout(tmp_path)
        view = next(view for view in layout.records[0].views if view.name == "2")
        with pytest.raises(ValueError, match=r"camera .*Camera2\.Pmat\.cal of I_crane/0000 puts .* into its mask"):
            BodySource(layout, 0).view(layout.records[0], view, 96)


class TestSilhouettes:
    def test_regions(self) -> None:
        assert faulty_regions("I_crane", 1) == []
        assert faulty_regions("I_crane", 4) == [(slice(None), slice(1455, None))]
        assert faulty_regions("D_march", 2) == [(slice(1000, None), slice(None))]
        assert (slice(None), slice(1420, None)) in faulty_regions("D_squat", 5)
        assert (slice(None), slice(1420, None)) not in faulty_regions("I_squat", 5)

    def test_patches_in_the_region_and_small_parts_elsewhere_go(self, tmp_path: Path) -> None:
        mask = np.zeros((120, 160), np.uint8)
        mask[20:90, 60:90] = 255
        clean = mask.copy()
        mask[100:, 60:140] = 255
        mask[5:9, 5:9] = 255
        Image.fromarray(mask).save(tmp_path / "s.png")
        kept = np.asarray(read_clean_silhouette(tmp_path / "s.png", "D_march", 2).pixels)
        assert (kept == clean).all()

    def test_empty_ones_are_named(self, tmp_path: Path) -> None:
        mask = np.zeros((120, 160), np.uint8)
        mask[110:, :] = 255
        Image.fromarray(mask).save(tmp_path / "s.png")
        with pytest.raises(ValueError, match=r"s\.png is empty"):
            read_clean_silhouette(tmp_path / "s.png", "D_march", 2)


class TestBodyFrame:
    @pytest.mark.parametrize("axis", range(3))
    @pytest.mark.parametrize("sign", [-1, 1])
    def test_upright_brings_an_axis_to_y(self, axis: int, sign: int) -> None:
        up = np.full(3, 0.2)
        up[axis] = sign
        turn = upright(up)
        assert np.allclose((turn @ (sign * np.eye(3)[axis])), [0, 1, 0])
        assert np.linalg.det(turn) == pytest.approx(1)

    def test_facing_front(self) -> None:
        for angle in np.linspace(0, 2 * math.pi, 9):
            forward = np.array([math.sin(angle), 0.3, math.cos(angle)])
            turned = facing_front(forward) @ forward
            assert np.allclose(turned, [0, 0.3, 1])
        assert np.allclose(facing_front(np.array([0.0, 1, 0])), np.eye(3))

    def test_scale_and_centre(self) -> None:
        vertices = figure().vertices.double().numpy()
        moved = moved_points(body_from_vertices(vertices * 0.02 + 3, np.eye(3)), vertices * 0.02 + 3)
        assert np.abs(moved - vertices).max() < 0.1


def test_folders_without_sequences_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="give the folder that holds the sequences"):
        ArticulatedLayout(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match=r"mesh_0000\.obj"):
        ArticulatedLayout(tmp_path)
    write_articulated_tree(tmp_path, sequences=("I_crane",), frames=1)
    with pytest.raises(ValueError, match="only I_crane/0000 to split"):
        ArticulatedLayout(tmp_path)
    for path in (tmp_path / "I_crane/calibration").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="no frame with a mesh, a picture, a silhouette and a camera"):
        ArticulatedLayout(tmp_path)
