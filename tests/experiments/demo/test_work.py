"""What the working process makes of pictures: first the overlays, then the mesh, then what the sliders change."""

import io
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from PIL import Image

from experiments.demo.limits import Limits
from experiments.demo.work.methods import LoadedRuns, runs_of
from experiments.demo.work.pictures import clean_picture
from experiments.demo.work.sentences import for_visitors
from experiments.demo.work.telling import Teller
from experiments.errors import UserError
from experiments.reconstruction.faces.editing import turned_light
from models.geometry.files import read_mesh
from models.rendering.lighting import shade_chen2020
from tests.conftest import BodyRuns, FaceRuns
from tests.experiments.conftest import ClothingRuns

TO_TRY = Path(__file__).parents[3] / "experiments" / "demo" / "pictures_to_try"


class Told:
    """A folder and what was said about it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.stream = io.StringIO()
        self.tell = Teller(self.stream, folder)
        self.folder = folder

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    @property
    def files(self) -> list[str]:
        return [message["file"] for message in self.messages if "file" in message]

    @property
    def sliders(self) -> set[str]:
        return {slider["name"] for message in self.messages for slider in message.get("sliders", ())}


def reconstructed(runs: LoadedRuns, method: str, example: str, folder: Path, **options: Any) -> Told:
    told = Told(folder)
    upload = folder / "upload"
    upload.write_bytes((TO_TRY / example).read_bytes())
    clean_picture(upload, folder, Limits())
    runs.reconstruct(method, folder / "picture.png", options, told.tell)
    return told


def test_faces_overlays_come_first_and_sliders_change_the_mesh(face_runs: FaceRuns, tmp_path: Path) -> None:
    runs = LoadedRuns({"face": face_runs.detail})
    told = reconstructed(runs, "face", "face-calm.jpg", tmp_path / "first")
    meshes = ["mesh.glb", "mesh_obj.zip", "mesh.ply"]
    assert told.files[0] == "overlay.png"
    assert "normals_camera.png" in told.files
    assert told.files[-3:] == meshes
    with ZipFile(told.folder / "mesh_obj.zip") as archive:
        assert set(archive.namelist()) == {"mesh.obj", "mesh.mtl", "mesh.png"}
    assert {"expression", "smile", "open", "yaw", "pitch", "light", "brightness"} <= told.sliders
    before = read_mesh(told.folder / "mesh.glb")

    smiling = Told(tmp_path / "smiling")
    runs.edit("face", told.folder, None, {"smile": 1.0, "open": 0.5}, smiling.tell)
    assert smiling.files == ["edited.png", *meshes]
    after = read_mesh(smiling.folder / "mesh.glb")
    moved_mm = 1000 * (after.vertices - before.vertices).norm(dim=1)
    assert 2 < float(moved_mm.max()) < 40
    with Image.open(smiling.folder / "edited.png") as drawn:
        assert drawn.size == (384, 384), "over the photograph"

    lit = Told(tmp_path / "lit")
    runs.edit("face", told.folder, None, {"light": 90.0, "brightness": 0.5}, lit.tell)
    relit = read_mesh(lit.folder / "mesh.glb")
    assert before.texture is not None
    assert relit.texture is not None
    assert float(relit.texture.mean()) < float(before.texture.mean())
    assert torch.equal(relit.vertices, before.vertices)


def test_clothing_is_seen_from_elsewhere_and_worn(clothing_runs: ClothingRuns, tmp_path: Path) -> None:
    runs = LoadedRuns({"clothing": clothing_runs.small})
    first = reconstructed(runs, "clothing", "clothing-blue.jpg", tmp_path / "first")
    second = reconstructed(runs, "clothing", "clothing-backpack.jpg", tmp_path / "second")
    assert first.files[0] == "overlay_colours.png"
    assert {"normals.png", "texture.png", "mesh.glb"} <= set(first.files)
    assert first.sliders == {"azimuth", "elevation", "distance"}

    views = []
    for name, changes in (("front", {}), ("side", {"azimuth": 90.0}), ("far", {"distance": 6.0})):
        told = Told(tmp_path / name)
        runs.edit("clothing", first.folder, None, changes, told.tell)
        assert told.files == ["edited.png"]
        with Image.open(told.folder / "edited.png") as drawn:
            views.append(np.asarray(drawn.convert("L")).astype(float))
    assert all(np.abs(views[0] - each).mean() > 1 for each in views[1:])

    worn = Told(tmp_path / "worn")
    runs.edit("clothing", first.folder, second.folder, {}, worn.tell)
    dressed = read_mesh(worn.folder / "mesh.glb")
    wardrobe = read_mesh(second.folder / "mesh.glb")
    assert torch.equal(dressed.vertices, read_mesh(first.folder / "mesh.glb").vertices)
    assert dressed.texture is not None
    assert wardrobe.texture is not None
    assert torch.equal(dressed.texture, wardrobe.texture)


def test_bodies_are_made_again_with_other_cells(body_runs: BodyRuns, tmp_path: Path) -> None:
    runs = LoadedRuns({"body": body_runs.multiscale})
    told = reconstructed(runs, "body", "body-skirt.png", tmp_path / "first", resolution=48)
    assert told.files[0] == "found.png"
    assert {"normals_front.png", "overlay.png", "mesh.glb"} <= set(told.files)
    again = Told(tmp_path / "again")
    runs.edit("body", told.folder, None, {"resolution": 64.0}, again.tell)
    coarse, fine = (read_mesh(each.folder / "mesh.glb") for each in (told, again))
    assert fine.number_of_vertices > 1.4 * coarse.number_of_vertices


def test_a_turned_light_shades_turned_normals_alike() -> None:
    generator = torch.Generator().manual_seed(0)
    light = torch.randn(1, 9, 3, generator=generator) * 0.1
    light[:, 0] = 2.0
    normals = torch.nn.functional.normalize(torch.randn(1, 3, 5, 7, generator=generator), dim=1)
    x, y, z = normals.unbind(1)
    quarter = torch.stack([z, y, -x], 1)  # +z, to the camera, becomes +x
    white = torch.full_like(normals, 0.5)
    turned = shade_chen2020(white, quarter, turned_light(light, 90.0))
    torch.testing.assert_close(turned, shade_chen2020(white, normals, light), atol=1e-5, rtol=1e-5)
    assert turned_light(light, 360.0) is light


def test_pictures_are_made_upright_small_and_clean(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (3000, 1500), (200, 10, 10, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 1500, 1500))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "taken at home"
    picture.save(tmp_path / "upload", "WEBP", exif=exif)
    notes = clean_picture(tmp_path / "upload", tmp_path, Limits())
    with Image.open(tmp_path / "picture.png") as clean:
        assert clean.size == (512, 1024)
        assert clean.getpixel((250, 100))[3] == 0  # type: ignore[index]
        assert clean.getpixel((250, 900))[3] == 255  # type: ignore[index]
        assert not clean.getexif()
    assert notes == ["Worked on at 512 x 1024 pixels."]
    assert not (tmp_path / "upload").exists()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            "/tmp/threefold-demo-x/9/picture.png: no upright face was found; say where it is with --box X Y W H",
            "no upright face was found; try another picture, or say which person under “Settings”",
        ),
        ("/tmp/a/picture.png: --person 3 was asked for; count from 1", "person 3 was asked for; count from 1"),
        ("the run /home/anna/runs/x says nothing", "the run x says nothing"),
        ("2 found; took one (--person N takes another)", "2 found; took one (“Settings” takes another)"),
        ("the person reaches 3 / 4 of the picture", "the person reaches 3 / 4 of the picture"),
    ],
)  # fmt: skip
def test_sentences_name_no_path_and_no_option(told: str, said: str) -> None:
    assert for_visitors(told) == said


def test_runs_are_named_by_method() -> None:
    assert list(runs_of(["face=a", "body=b=c"]).values()) == [Path("a").resolve(), Path("b=c").resolve()]
    for word in ("face", "face=", "nose=a"):
        with pytest.raises(UserError, match="METHOD=RUN"):
            runs_of([word])
