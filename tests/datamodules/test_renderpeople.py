"""PIFu's layout: cameras, splits, samples, loaders, and a sentence for everything that can be wrong."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.band_files import read_bands
from datamodules.body_augmentation import BodyAugmentation
from datamodules.body_dataset import BodyDataset, spaced_views
from datamodules.body_maps import write_normal_map
from datamodules.body_normals import rendered_normals
from datamodules.body_records import BodyMesh
from datamodules.occupancy_sampling import PIFU
from datamodules.projection_guard import projected, share_in_mask
from datamodules.renderpeople import PifuLayout, RenderPeopleDataModule, RenderPeopleNormalsDataModule
from datamodules.samples import BodySample, BodyTruthSample
from models.geometry.view_cameras import orthographic_views, project_to_views
from tests.datamodules.body_trees import figure, write_param, write_pifu_tree


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    yaws = (0, 45, 90, 135, 180, 225, 270, 315)
    return write_pifu_tree(tmp_path_factory.mktemp("people"), subjects=("anna", "ben", "cleo"), yaws=yaws).root


def bodies(root: Path, **options: Any) -> BodyDataset:
    return BodyDataset(PifuLayout(root), **{"image_size": 64, "points": 200, **options})


def test_body_frame_and_cameras_are_those_of_the_figure(tree: Path) -> None:
    layout = PifuLayout(tree)
    record = layout.records[0]
    assert torch.allclose(layout.mesh(record).vertices_cm, figure().vertices, atol=1e-3)
    for view in record.views:
        expected = orthographic_views(torch.tensor([view.yaw_degrees]).deg2rad())[0]
        assert torch.allclose(layout.view(record, view, 64).view_from_body, expected, atol=1e-5)


def test_top_of_the_head_lies_in_row_31_of_512(tmp_path: Path) -> None:
    layout = PifuLayout(write_pifu_tree(tmp_path, size=512, yaws=(0, 90)).root)
    record = layout.records[0]
    view = layout.view(record, record.views[0], 512)
    y = project_to_views(view.view_from_body[None, None], torch.tensor([[[0.0, 90, 0]]])).position[0, 0, 0, 1]
    assert float(y) == pytest.approx(-0.879, abs=1e-3)
    assert int((float(y) + 1) * 256) == 30 or int((float(y) + 1) * 256) == 31
    assert int(view.mask[0].any(1).int().argmax()) in (30, 31)


def test_z_up_scans_stand_upright(tmp_path: Path) -> None:
    root = write_pifu_tree(tmp_path, yaws=(0, 90)).root
    z_up = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # body from scan
    from models.geometry.files import read_mesh, write_mesh

    for subject in ("anna", "ben"):
        path = root / "GEO/OBJ" / subject / f"{subject}_100k.obj"
        mesh = read_mesh(path)
        write_mesh(mesh.with_vertices(mesh.vertices @ torch.from_numpy(z_up).float()), path)
        for yaw in (0, 90):
            c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
            about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
            center = np.array([0.1, 0.85, -0.2]) @ z_up
            write_param(root / "PARAM" / subject / f"{yaw}_0_00.npy", yaw, 64, 100.0, center, R=about_y @ z_up)
    dataset = bodies(root, views=2)
    assert torch.allclose(dataset.source.body(dataset.record(0)).vertices_cm, figure().vertices, atol=1e-2)
    assert len([dataset[k] for k in range(2)]) == 2  # the guard has seen the pictures


def test_perspective_pictures(tmp_path: Path) -> None:
    from models.geometry.view_cameras import perspective_views
    from tests.datamodules.body_trees import photographs

    root = write_pifu_tree(tmp_path, yaws=(0, 90)).root
    views = perspective_views(orthographic_views(torch.tensor([0.0, 90]).deg2rad()), torch.full((2,), 320.0))
    colours, masks = photographs(figure(), views, 64)
    for subject in ("anna", "ben"):
        for yaw, colour, mask in zip((0, 90), colours, masks):
            Image.fromarray(colour).save(root / "RENDER" / subject / f"{yaw}_0_00.png")
            Image.fromarray(mask).save(root / "MASK" / subject / f"{yaw}_0_00.png")
            center = np.array([0.1, 0.85, -0.2])
            write_param(root / "PARAM" / subject / f"{yaw}_0_00.npy", yaw, 64, 100.0, center, camera_distance=320.0)
    sample = bodies(root, views=2)[0]
    assert isinstance(sample, BodySample)
    assert torch.allclose(sample.view_from_body, views, atol=1e-5)


def test_samples_are_complete_and_repeat(tree: Path) -> None:
    dataset = bodies(tree, split="test", with_truth=True)
    sample = dataset[0]
    assert isinstance(sample, BodyTruthSample)
    assert sample.body.images.shape == (4, 3, 64, 64)
    assert sample.body.masks.shape == (4, 1, 64, 64)
    assert set(sample.body.masks.unique().tolist()) == {0.0, 1.0}
    assert sample.body.points_cm.shape == (200, 3)
    assert sample.bands.points_cm.shape == (0, 3)
    again: Any = bodies(tree, split="test")[0]
    assert all(torch.equal(one, other) for one, other in zip(sample.body, again))


def test_training_items_change_with_the_epoch_only(tree: Path) -> None:
    options: dict[str, Any] = {"training": True, "augmentation": BodyAugmentation(), "views": 2}
    one, other = bodies(tree, **options), bodies(tree, **options)
    one[0, 1]  # what was asked before makes no difference
    assert all(torch.equal(a, b) for a, b in zip(one[3, 0], other[3, 0]))  # type: ignore[arg-type]
    assert not torch.equal(one[3, 0].points_cm, one[4, 0].points_cm)  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [48, 64, 128])
def test_resized_pictures_keep_the_surface_in_the_masks(tree: Path, size: int) -> None:
    dataset = bodies(tree, image_size=size, views=8)
    sample = dataset[0]
    assert isinstance(sample, BodySample)
    points = dataset.source.body(dataset.record(0)).surface_points(3000, np.random.default_rng(1))
    for mask, view in zip(sample.masks[:, 0].numpy(), sample.view_from_body.double().numpy()):
        assert share_in_mask(mask, projected(view, points, (size, size))) > 0.995


def test_views_are_equally_spaced(tree: Path) -> None:
    record = PifuLayout(tree).records[0]
    assert [view.yaw_degrees for view in spaced_views(record, 4, None)] == [0, 90, 180, 270]
    starts = set()
    for seed in range(20):
        yaws = [view.yaw_degrees for view in spaced_views(record, 4, np.random.default_rng(seed))]
        assert np.allclose(np.diff(np.unwrap(yaws, period=360)), 90)
        starts.add(yaws[0])
    assert len(starts) > 4
    with pytest.raises(ValueError, match="anna has pictures from 8 sides, 9 were asked for"):
        spaced_views(record, 9, None)


@pytest.mark.parametrize("workers", [0, 2])
def test_loaders(tree: Path, workers: int) -> None:
    module = RenderPeopleDataModule(
        str(tree), image_size=32, views=2, points=64, batch_size=2, repeats=2, workers=workers, sampling=PIFU
    )
    batches = list(module.train_dataloader())
    assert [len(batch.index) for batch in batches] == [2, 2]
    assert sorted(torch.cat([batch.index for batch in batches]).tolist()) == [0, 0, 2, 2]
    assert batches[0].images.shape == (2, 2, 3, 32, 32)
    (truth,) = module.val_dataloader()
    assert truth.vertices_cm.shape[0] == 1
    assert truth.body.index.tolist() == [1]
    assert len(module.predict_dataloader()) == 3


def test_workers_change_nothing(tree: Path) -> None:
    modules = [
        RenderPeopleDataModule(str(tree), image_size=32, views=2, points=64, workers=workers) for workers in (0, 1)
    ]
    here, there = (next(iter(module.train_dataloader())) for module in modules)
    assert all(torch.equal(one, other) for one, other in zip(here, there))


def test_normals_come_from_files_or_from_the_mesh(tree: Path, tmp_path: Path) -> None:
    root = write_pifu_tree(tmp_path).root
    rendered = next(iter(RenderPeopleNormalsDataModule(str(root), image_size=64).val_dataloader()))
    mesh = BodyMesh(figure().vertices, figure().faces)
    for yaw in (0, 90, 180, 270):
        maps = rendered_normals(mesh, orthographic_views(torch.tensor([yaw]).deg2rad())[0], 64)
        for subject in ("anna", "ben"):
            (root / "NORMAL" / subject).mkdir(parents=True, exist_ok=True)
            for side, normals in (("front", maps.front), ("back", maps.back)):
                write_normal_map(normals, root / "NORMAL" / subject / f"{yaw}_0_00_{side}.png")
    read = next(iter(RenderPeopleNormalsDataModule(str(root), image_size=64).val_dataloader()))
    assert torch.equal(read.image, rendered.image)
    for one, other in ((read.front, rendered.front), (read.back, rendered.back)):
        assert float((one * other).sum(1)[read.mask[:, 0] > 0].median()) > 0.999
    assert float((read.front[:, 2] * read.mask[:, 0]).mean()) > 0
    assert float((read.back[:, 2] * read.mask[:, 0]).mean()) < 0
    batch = next(iter(RenderPeopleNormalsDataModule(str(tree), image_size=64, batch_size=2).train_dataloader()))
    assert batch.front.shape == (2, 3, 64, 64)


def test_bands_are_read_and_broken_ones_named(tmp_path: Path) -> None:
    arrays = {
        "points_cm": np.zeros((5, 3)), "normals": np.zeros((5, 3)), "shifts_cm": np.zeros(4),
        "smooth_field_cm": np.zeros((5, 4)), "heights_cm": np.zeros((5, 3)),
    }  # fmt: skip
    np.savez(tmp_path / "bands.npz", **arrays)
    assert read_bands(tmp_path / "bands.npz").smooth_field_cm.shape == (5, 4)
    np.savez(tmp_path / "bands.npz", **{**arrays, "normals": np.full((5, 3), np.nan)})
    with pytest.raises(ValueError, match=r"bands\.npz hold numbers that are not finite"):
        read_bands(tmp_path / "bands.npz")
    (tmp_path / "bands.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"bands\.npz cannot be read"):
        read_bands(tmp_path / "bands.npz")


class TestSplits:
    def test_val_and_test(self, tree: Path) -> None:
        assert PifuLayout(tree).splits == {
            "train": frozenset({"anna", "cleo"}), "val": frozenset({"ben"}), "test": frozenset({"ben"})
        }  # fmt: skip

    def test_test_file_takes_its_subjects_out_of_training(self, tmp_path: Path) -> None:
        root = write_pifu_tree(tmp_path, subjects=("a", "b", "c"), val=("b",)).root
        (root / "test.txt").write_text("c\n")
        splits = PifuLayout(root).splits
        assert [sorted(splits[name]) for name in ("train", "val", "test")] == [["a"], ["b"], ["c"]]

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            ("", r"val\.txt is empty, so that training would be judged on its own data"),
            ("  \n\n", r"val\.txt is empty"),
            ("ben\nzoe\n", "names zoe"),
            ("anna\nben\n", "leaves none for training"),
        ],
    )
    def test_bad_lists(self, tmp_path: Path, content: str, sentence: str) -> None:
        root = write_pifu_tree(tmp_path).root
        (root / "val.txt").write_text(content)
        with pytest.raises(ValueError, match=sentence):
            PifuLayout(root)

    def test_missing_list(self, tmp_path: Path) -> None:
        root = write_pifu_tree(tmp_path).root
        (root / "val.txt").unlink()
        with pytest.raises(FileNotFoundError, match=r"val\.txt: write the names"):
            PifuLayout(root)


def _param(root: Path, **changed: Any) -> None:
    given: dict[str, Any] = {"scale": 100.0, "center": np.array([0.1, 0.85, -0.2]), **changed}
    write_param(root / "PARAM/anna/0_0_00.npy", 0, 64, **given)


class _Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run",))


def _half(root: Path) -> None:
    for kind, mode in (("RENDER", "RGB"), ("MASK", "L")):
        with Image.open(root / kind / "anna/0_0_00.png") as picture:
            half = Image.new(mode, (64, 64))
            half.paste(picture.convert(mode), (-34, 0))
        half.save(root / kind / "anna/0_0_00.png")


BROKEN = {
    "missing mask": (lambda r: (r / "MASK/anna/0_0_00.png").unlink(), r"no mask .*0_0_00\.png"),
    "missing camera": (lambda r: (r / "PARAM/anna/0_0_00.npy").unlink(), r"no camera .*0_0_00\.npy"),
    "missing mesh": (lambda r: (r / "GEO/OBJ/anna/anna_100k.obj").unlink(), r"no mesh .*anna_100k\.obj"),
    "empty mask": (lambda r: Image.new("L", (64, 64)).save(r / "MASK/anna/0_0_00.png"), "is empty"),
    "no picture": (lambda r: (r / "RENDER/anna/0_0_00.png").write_bytes(b"x"), r"0_0_00\.png cannot be read"),
    "sizes": (lambda r: Image.new("L", (32, 32), 255).save(r / "MASK/anna/0_0_00.png"), "is 32 x 32 pixels but its"),
    "code": (
        lambda r: (r / "PARAM/anna/0_0_00.npy").write_bytes(pickle.dumps({"R": _Malicious()})),
        "was refused",
    ),
    "shape of R": (lambda r: _param(r, R=np.eye(4)), r"entry R of the camera .* has the shape \(4, 4\)"),
    "NaN": (lambda r: _param(r, center=np.full(3, np.nan)), "expected finite numbers"),
    "no rotation": (lambda r: _param(r, R=2 * np.eye(3)), "no rotation"),
    "another angle": (lambda r: _param(r, R=np.diag([-1.0, 1, -1])), "does not turn by the yaw"),
    "load size": (lambda r: _param(r, ortho_ratio=0.4), r"drawn 8\.\d+ times as high as the mask"),
    "centre": (lambda r: _param(r, center=np.array([0.1, 0.65, -0.2])), "check the centre"),
    "unit": (lambda r: _param(r, scale=1.0), r"is 1\.8 cm high .*metres taken for centimetres"),
    "mirrored": (
        lambda r: [
            Image.open(r / kind / "anna/0_0_00.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
                r / kind / "anna/0_0_00.png"
            )
            for kind in ("RENDER", "MASK")
        ],
        "mirrored, change the sign of x",
    ),
    "upside down": (
        lambda r: Image.open(r / "MASK/anna/0_0_00.png").transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(
            r / "MASK/anna/0_0_00.png"
        ),
        "change the sign of y",
    ),
    "cut": (_half, "cut by the border"),
    "another view": (
        lambda r: (r / "MASK/anna/0_0_00.png").write_bytes((r / "MASK/anna/90_0_00.png").read_bytes()),
        r"camera .*PARAM/anna/0_0_00\.npy of anna puts",
    ),
    "broken mesh": (
        lambda r: (r / "GEO/OBJ/anna/anna_100k.obj").write_text("v 0 0 0\nv 1 0 zero\nf 1 2 2\n"),
        r"anna_100k\.obj is broken in line 2",
    ),
    "cloud": (lambda r: (r / "GEO/OBJ/anna/anna_100k.obj").write_text("v 0 0 0\nv 1 0 0\n"), "holds no faces"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_files_are_one_sentence(tmp_path: Path, fault: str) -> None:
    root = write_pifu_tree(tmp_path).root
    break_, sentence = BROKEN[fault]
    break_(root)
    with pytest.raises((ValueError, FileNotFoundError), match=sentence) as error:
        bodies(root)[0]
    assert "\n" not in str(error.value)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="RENDER, MASK, PARAM and GEO"):
        PifuLayout(tmp_path)
    (tmp_path / "RENDER" / "anna").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="holds no pictures"):
        PifuLayout(tmp_path)


def test_an_empty_split_and_a_missing_view_are_refused(tree: Path) -> None:
    with pytest.raises(ValueError, match="views is 0"):
        RenderPeopleDataModule(str(tree), views=0)
    with pytest.raises(ValueError, match="asked for"):
        next(iter(RenderPeopleDataModule(str(tree), views=12).train_dataloader()))


def test_memory_is_bounded(tree: Path) -> None:
    small = bodies(tree, memory_bytes=30_000)
    large = bodies(tree)
    for epoch in range(2):
        for index in range(3):
            assert all(torch.equal(a, b) for a, b in zip(small[epoch, index], large[epoch, index]))  # type: ignore[arg-type]
    assert len(small.source._bodies) == 0
    assert len(large.source._bodies) == 3
