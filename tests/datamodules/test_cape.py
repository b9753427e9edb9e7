"""CAPE: which frames, upright and facing front, rendered pictures, and broken files."""

from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.body_dataset import BodyDataset
from datamodules.cape import CapeDataModule, CapeLayout, CapeNormalsDataModule
from datamodules.cape_colours import cape_colours
from datamodules.cape_files import evenly_chosen
from datamodules.projection_guard import projected, share_in_mask
from datamodules.samples import BodySample
from models.geometry.view_cameras import orthographic_views
from tests.datamodules.body_trees import write_cape_tree

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "smpl_topology"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cape_tree(tmp_path_factory.mktemp("cape") / "data")


def test_the_first_and_last_two_frames_are_left_out(tree: Path) -> None:
    layout = CapeLayout(tree)
    assert [record.frame for record in layout.records] == [3, 4, 5] * 2
    assert layout.records[0].name == "00096/shortlong_walk/shortlong_walk.000003"


def test_frames_are_thinned_out_evenly() -> None:
    assert evenly_chosen(10, 20) == list(range(10))
    chosen = evenly_chosen(148_000, 2910)
    assert len(set(chosen)) == 2910
    assert set(np.diff(chosen)) <= {50, 51}


def test_number_of_frames(tree: Path) -> None:
    assert len(CapeLayout(tree, frames=4).records) == 4


def test_bodies_stand_upright_and_face_front(tree: Path) -> None:
    """The figure's arm points to +x and its nose to +z in every frame, although it turns."""
    layout = CapeLayout(tree)
    first = layout.mesh(layout.records[0]).vertices_cm
    for record in layout.records:
        vertices = layout.mesh(record).vertices_cm
        assert float((vertices - first).abs().max()) < 0.05
    assert float(first[:, 0].max()) > 1.3 * float(-first[:, 0].min())
    assert (float(first[:, 1].min()), float(first[:, 1].max())) == pytest.approx((-90, 90), abs=1e-3)


def test_z_up_recordings_are_turned(tmp_path: Path) -> None:
    from scipy.spatial.transform import Rotation

    root = write_cape_tree(tmp_path / "data")
    upright = [CapeLayout(root).mesh(record).vertices_cm for record in CapeLayout(root).records]
    turn = Rotation.from_euler("x", 90, degrees=True)
    for path in (root / "sequences").glob("*/*/*.npz"):
        arrays = dict(np.load(path))
        arrays["v_posed"] = turn.apply(arrays["v_posed"])
        arrays["pose"][:3] = (turn * Rotation.from_rotvec(arrays["pose"][:3])).as_rotvec()
        np.savez(path, **arrays)
    layout = CapeLayout(root)
    for record, expected in zip(layout.records, upright):
        assert float((layout.mesh(record).vertices_cm - expected).abs().max()) < 0.05


@pytest.mark.parametrize("camera", ["orthographic", "perspective"])
def test_rendered_pictures(tree: Path, camera: str) -> None:
    dataset = BodyDataset(CapeLayout(tree, camera=camera), image_size=64, views=4, points=100)  # type: ignore[arg-type]
    sample = dataset[0]
    assert isinstance(sample, BodySample)
    points = dataset.source.body(dataset.record(0)).surface_points(2000, np.random.default_rng(0))
    for mask, view in zip(sample.masks[:, 0].numpy(), sample.view_from_body.double().numpy()):
        assert share_in_mask(mask, projected(view, points, (64, 64))) > 0.995
    assert float((sample.images * (1 - sample.masks)).max()) == 0
    inside = sample.images.mean(1)[sample.masks[:, 0] > 0]
    assert 0.1 < float(inside.mean()) < 0.9
    if camera == "orthographic":
        expected = orthographic_views(torch.tensor([0.0, 90, 180, 270]).deg2rad())
        assert torch.allclose(sample.view_from_body, expected, atol=1e-6)


def test_pictures_depend_on_names_alone(tree: Path) -> None:
    record = CapeLayout(tree).records[0]
    one, other = CapeLayout(tree), CapeLayout(tree, "subject", frames=3, sides=4)
    assert torch.equal(one.view(record, record.views[0], 48).image, other.view(record, record.views[0], 48).image)


def test_colours() -> None:
    points = np.random.default_rng(0).uniform([-0.8, -0.9, -0.2], [0.8, 0.9, 0.2], (2000, 3))
    parts = cape_colours(points, "00096", "shortlong_hips", "parts")
    assert len(parts.unique(dim=0)) == 5  # skin, hair, two garments, shoes
    assert torch.equal(parts, cape_colours(points, "00096", "shortlong_hips", "parts"))
    assert not torch.equal(parts, cape_colours(points, "00096", "longshort_hips", "parts"))
    assert len(cape_colours(points, "00096", "shortlong_hips", "uniform").unique()) == 1


def test_loaders_and_splits(tree: Path) -> None:
    module = CapeDataModule(str(tree), image_size=32, views=2, points=50, split="subject")
    batch = next(iter(module.train_dataloader()))
    assert batch.images.shape == (2, 2, 3, 32, 32)
    truth = next(iter(module.val_dataloader()))
    assert truth.vertices_cm.shape == (1, 6890, 3)
    layout = CapeLayout(tree, "subject")
    assert {name.split("/")[0] for name in layout.splits["train"]}.isdisjoint(
        name.split("/")[0] for name in layout.splits["test"]
    )
    assert len(CapeLayout(tree, "frame").splits["test"]) == 1
    normals = next(iter(CapeNormalsDataModule(str(tree), image_size=32, views=2).test_dataloader()))
    assert float((normals.back[:, 2]).mean()) < 0 < float((normals.front[:, 2]).mean())


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"v_posed": np.full((6890, 3), np.nan)}, "v_posed in the frame .* holds 20670 numbers that are not finite"),
        ({"pose": np.full(72, np.inf)}, "pose in the frame .* not finite"),
        ({"v_posed": np.zeros((10475, 3))}, r"shape \(10475, 3\), expected \(6890, 3\): this is not CAPE's"),
        ({"v_posed": np.random.default_rng(0).normal(size=(6890, 3)) * 400}, "were expected: convert it to metres"),
    ],
)
def test_broken_frames_are_named(tmp_path: Path, changed: dict[str, np.ndarray], sentence: str) -> None:
    root = write_cape_tree(tmp_path / "data", changed=changed)
    layout = CapeLayout(root)
    dataset = BodyDataset(layout, image_size=32, points=10)
    with pytest.raises(ValueError, match=sentence) as error:
        dataset[1]
    assert "000004.npz" in str(error.value)
    assert "\n" not in str(error.value)


def test_damaged_and_missing_files(tmp_path: Path) -> None:
    root = write_cape_tree(tmp_path / "data")
    broken = root / "sequences/00096/shortlong_walk/shortlong_walk.000004.npz"
    broken.write_bytes(broken.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"000004\.npz cannot be read"):
        BodyDataset(CapeLayout(root), image_size=32, points=10)[1]
    np.save(root / "misc/smpl_tris.npy", np.zeros((5, 3), int))
    with pytest.raises(ValueError, match=r"smpl_tris\.npy has the shape \(5, 3\)"):
        CapeLayout(root)
    (root / "misc/smpl_tris.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"smpl_tris\.npy: copy misc/"):
        CapeLayout(root)


def test_gaps_are_named(tmp_path: Path) -> None:
    root = write_cape_tree(tmp_path / "data", frames=9)
    (root / "sequences/00096/shortlong_walk/shortlong_walk.000005.npz").unlink()
    assert list(CapeLayout(root).problems()) == [
        "The sequence 00096/shortlong_walk lacks the frame before 6 (1 gaps): unpack it again if it should be whole."
    ]


@pytest.mark.skipif(not DATA.is_dir(), reason="no bodies in SMPL's topology beside the repository")
def test_smpl_bodies_in_cape_s_layout(tmp_path: Path) -> None:
    from models.geometry.files import read_mesh

    root = write_cape_tree(tmp_path / "data")
    mesh = read_mesh(DATA / "f_smpl_average_A40.obj", texture=False)
    assert mesh.vertices.shape == (6890, 3)
    vertices = mesh.vertices.double().numpy()
    vertices = vertices / np.ptp(vertices[:, 1]) * 1.7
    np.save(root / "misc/smpl_tris.npy", mesh.faces.numpy().astype(np.uint32))
    for path in (root / "sequences").glob("*/*/*.npz"):
        np.savez(path, v_posed=vertices, v_cano=vertices, pose=np.zeros(72), transl=np.zeros(3))
    dataset = BodyDataset(CapeLayout(root), image_size=64, points=1000)
    sample = dataset[0]
    assert isinstance(sample, BodySample)
    assert dataset.source.body(dataset.record(0)).inside.closed
    assert 0.3 < float(sample.occupancy.mean()) < 0.7
