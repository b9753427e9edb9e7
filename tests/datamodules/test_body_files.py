"""Small parts of reading bodies: meshes in bulk, bounded memory, splits by hash, masks and decoding."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.body_meshes import _triangles_in_bulk, read_body_mesh
from datamodules.body_pictures import person_crop, read_photo, read_silhouette, shown
from datamodules.body_records import BodyRecord
from datamodules.body_splits import hashed_splits
from datamodules.bounded_memory import BoundedMemory
from datamodules.crops import Crop
from datamodules.occupancy_sampling import PointSampling, SolidBody, sample_points
from models.geometry.files import read_mesh, write_mesh
from models.geometry.mesh import Mesh
from models.geometry.primitives import cube, icosphere

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "human_bodies"


class TestMeshes:
    @pytest.mark.parametrize("mesh", [icosphere(2), cube()], ids=["plain", "with uv"])
    @pytest.mark.parametrize("suffix", [".obj", ".ply", ".glb"])
    def test_bulk_reading_is_plain_reading(self, tmp_path: Path, mesh: Mesh, suffix: str) -> None:
        path = tmp_path / f"m{suffix}"
        write_mesh(mesh, path)
        read, expected = read_body_mesh(path), read_mesh(path)
        assert torch.equal(read.vertices_cm, expected.vertices)
        assert torch.equal(read.faces, expected.faces)

    @pytest.mark.parametrize(
        "text",
        [
            "v 0 0 0 1 0 0\r\nv 1 0 0 1 0 0\r\nv 0 1 0 1 0 0\r\nf 1//1 2//2 3//3\r\n",
            "# comment\no name\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvn 0 0 1\nf 1 2 3 \n",
        ],
    )
    def test_dialects(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "m.obj").write_bytes(text.encode())
        assert _triangles_in_bulk(text.encode(), Path("a.obj")) is not None
        read = read_body_mesh(tmp_path / "m.obj")
        assert read.faces.tolist() == [[0, 1, 2]]
        assert read.vertices_cm[1].tolist() == [1, 0, 0]

    @pytest.mark.parametrize(
        "text", ["v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3 4\n", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\n"]
    )
    def test_polygons_and_negative_indices_take_the_slow_way(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "m.obj").write_text(text)
        assert _triangles_in_bulk(text.encode(), Path("a.obj")) is None
        assert len(read_body_mesh(tmp_path / "m.obj").faces) in (1, 2)

    def test_bad_meshes(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"no mesh .*m\.obj"):
            read_body_mesh(tmp_path / "m.obj")
        (tmp_path / "m.stl").write_text("solid")
        with pytest.raises(ValueError, match=r"m\.stl cannot be read: convert it"):
            read_body_mesh(tmp_path / "m.stl")
        (tmp_path / "m.obj").write_text("v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
        with pytest.raises(ValueError, match="1 vertices that are not finite"):
            read_body_mesh(tmp_path / "m.obj")


def test_memory_forgets_the_least_recently_used() -> None:
    made: list[str] = []

    def get(memory: BoundedMemory[str], key: str) -> str:
        return memory.get(key, lambda: made.append(key) or key)

    memory: BoundedMemory[str] = BoundedMemory(6, len)
    for key in ("aa", "bb", "cc", "aa", "dd"):
        assert get(memory, key) == key
    assert made == ["aa", "bb", "cc", "dd"]
    assert memory.used == 6
    get(memory, "aa")
    get(memory, "bb")
    assert made == ["aa", "bb", "cc", "dd", "bb"]
    get(memory, "much too long")
    assert memory.used == 6


def test_hashed_splits_are_stable_and_whole() -> None:
    records = [BodyRecord(f"{s}/{k}", s, s, k, Path(), ()) for s in "abcde" for k in range(20)]
    splits = hashed_splits(records, lambda record: record.name)
    assert len(splits["test"]) == 20
    assert splits["train"] | splits["test"] == {record.name for record in records}
    by_subject = hashed_splits(records, lambda record: record.subject)
    assert len(by_subject["test"]) == 20
    assert hashed_splits(records[::-1], lambda record: record.name) == splits
    with pytest.raises(ValueError, match="only a to split"):
        hashed_splits(records[:20], lambda record: record.subject)


class TestPictures:
    def test_masks_of_any_kind(self, tmp_path: Path) -> None:
        person = np.zeros((20, 30), bool)
        person[4:18, 10:20] = True
        kinds = {
            "bytes": Image.fromarray(person.astype(np.uint8) * 255),
            "ones": Image.fromarray(person.astype(np.uint8)),
            "rgb": Image.fromarray(np.repeat(person.astype(np.uint8)[..., None] * 255, 3, 2)),
            "deep": Image.fromarray(person.astype(np.uint16) * 65535),
        }
        for name, picture in kinds.items():
            picture.save(tmp_path / f"{name}.png")
            silhouette = read_silhouette(tmp_path / f"{name}.png")
            assert (np.asarray(silhouette.pixels) > 0).tolist() == person.tolist()
            assert silhouette.box == (10, 4, 20, 18)

    def test_crops_follow_the_calibration(self, tmp_path: Path) -> None:
        """The mean position of a blob, in the view frame of the crop, is where the calibration puts it."""
        person = np.zeros((120, 160), np.uint8)
        person[30:70, 100:130] = 255
        Image.fromarray(person).save(tmp_path / "m.png")
        Image.fromarray(np.repeat(person[..., None], 3, 2)).save(tmp_path / "p.png")
        silhouette = read_silhouette(tmp_path / "m.png")
        photo = read_photo(tmp_path / "p.png", silhouette, tmp_path / "m.png", size=64)
        for crop in (person_crop(silhouette), Crop(120, 40, 90), Crop(80, 60, 300)):
            view = shown(photo, silhouette, crop, torch.eye(4), 256)
            at = torch.tensor([(100 + 130) / 160 - 1, (30 + 70) / 120 - 1, 0, 1])
            expected = (view.view_from_body @ at)[:2]
            rows, columns = (view.mask[0] > 0).nonzero().float().T
            found = torch.stack([columns.mean() + 0.5, rows.mean() + 0.5]) / 128 - 1
            assert torch.allclose(found, expected, atol=0.01)
            assert float((view.image[0].float() / 255 - view.mask[0].float()).abs().mean()) < 0.02

    def test_jpeg_is_decoded_small_and_lands_at_the_same_place(self, tmp_path: Path) -> None:
        person = np.zeros((512, 512), np.uint8)
        person[100:400, 200:300] = 255
        Image.fromarray(person).save(tmp_path / "m.png")
        Image.fromarray(np.repeat(person[..., None], 3, 2)).save(tmp_path / "p.jpg", quality=95)
        silhouette = read_silhouette(tmp_path / "m.png")
        photo = read_photo(tmp_path / "p.jpg", silhouette, tmp_path / "m.png", size=64)
        assert photo.width < 512
        view = shown(photo, silhouette, Crop(256, 256, 512), torch.eye(4), 64)
        assert float((view.image[0].float() / 255 - view.mask[0].float()).abs().mean()) < 0.02


@pytest.mark.skipif(not DATA.is_dir(), reason="no scanned bodies beside the repository")
@pytest.mark.parametrize("name", ["mh_anna_fused", "mh_chidi_fused", "mh_emil_fused"])
def test_real_bodies_are_plausible_and_labelled(name: str) -> None:
    mesh = read_body_mesh(DATA / f"{name}.obj")
    vertices = mesh.vertices_cm
    low, high = vertices.amin(0), vertices.amax(0)
    body = SolidBody((vertices - (low + high) / 2) * (180 / (high - low)[1]), mesh.faces, name)
    body.require_plausible()
    drawn = sample_points(body, PointSampling(hull=0), 5000, np.random.default_rng(0))
    from models.geometry.inside import winding_numbers_reference

    some = slice(0, 40)
    truth = winding_numbers_reference(body.vertices_cm, body.faces, drawn.points_cm[some]) > 0.5
    assert torch.equal(truth.float(), drawn.occupancy[some])
    assert 0.25 < float(drawn.occupancy.mean()) < 0.55
