"""Downloads of bodies to the layouts that are read: archives, links, scans in metres, fits beside them."""

import io
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.articulated import ArticulatedLayout
from datamodules.body_dataset import BodyDataset
from datamodules.body_inspection import inspect_bodies
from datamodules.cape import CapeLayout
from datamodules.preparation.articulated import prepare_articulated
from datamodules.preparation.cape import prepare_cape
from datamodules.preparation.renderpeople import prepare_renderpeople
from datamodules.preparation.thuman import prepare_thuman
from datamodules.renderpeople import PifuLayout
from models.geometry.files import write_mesh
from models.geometry.mesh import Mesh
from tests.datamodules.body_trees import figure, write_articulated_tree, write_cape_tree


def scan(turn: np.ndarray | None = None) -> Mesh:
    """The figure in metres, with colours."""
    mesh = figure()
    vertices = mesh.vertices / 105 if turn is None else mesh.vertices / 105 @ torch.from_numpy(turn).float().T
    shades = (figure().vertices / 180 + 0.5).clamp(0.1, 0.9)
    return Mesh(vertices + torch.tensor([0.3, 0.8, 0.1]), mesh.faces, vertex_colors=shades)


def about_y(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


class TestScans:
    def test_thuman_becomes_pifu_s_layout(self, tmp_path: Path) -> None:
        for name, degrees in (("0000", 0.0), ("0001", 70.0), ("0002", 200.0)):
            write_mesh(scan(about_y(degrees)), tmp_path / "raw" / name / f"{name}.obj")
            pose = {"global_orient": np.array([[0, np.radians(degrees), 0]]), "scale": np.ones(1)}
            (tmp_path / "raw" / name / "smplx_param.pkl").write_bytes(pickle.dumps(pose, protocol=4))
        out = tmp_path / "out"
        prepared = prepare_thuman(tmp_path / "raw", out, size=64, yaws=4)
        assert (prepared.pictures, prepared.left_out) == (3, ())
        assert not (out / ".unfinished").exists()
        assert inspect_bodies(lambda: PifuLayout(out), out).problems == ()
        layout = PifuLayout(out)
        assert len(layout.splits["val"]) == 1
        for record in layout.records:  # all face front, whatever their heading was
            assert float((layout.mesh(record).vertices_cm - figure().vertices).abs().max()) < 0.1
        dataset = BodyDataset(layout, image_size=64, points=50)
        image, other = dataset[0].images, dataset[1].images  # type: ignore[union-attr]
        covered = dataset[0].masks * dataset[1].masks  # type: ignore[union-attr]
        assert float(covered.sum()) > 1000
        ratio = (image * covered).mean((2, 3)) / (other * covered).mean((2, 3))  # they differ in their light alone
        assert float(ratio.min()) > 0.3

    def test_without_fits_the_heading_stays(self, tmp_path: Path) -> None:
        write_mesh(scan(about_y(90)), tmp_path / "raw/0001/0001.obj")
        write_mesh(scan(), tmp_path / "raw/0002/0002.obj")
        prepare_thuman(tmp_path / "raw", tmp_path / "out", size=32, yaws=2)
        layout = PifuLayout(tmp_path / "out")
        turned = figure().vertices @ torch.from_numpy(about_y(90)).float().T
        assert float((layout.mesh(layout.records[0]).vertices_cm - turned).abs().max()) < 0.5

    def test_renderpeople_with_its_texture(self, tmp_path: Path) -> None:
        from models.geometry.primitives import icosphere

        folder = tmp_path / "raw" / "rp_anna"
        mesh = figure()
        uv = icosphere(3).vertices[:, :2] / 2 + 0.5
        uv = uv.repeat(4, 1)
        vertices = mesh.vertices @ torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # z up, in centimetres
        write_mesh(Mesh(vertices, mesh.faces, uv=uv, face_uv=mesh.faces), folder / "rp_anna_100k.obj")
        (folder / "tex").mkdir()
        Image.new("RGB", (16, 16), (200, 40, 40)).save(folder / "tex/rp_anna_dif_2k.jpg")
        write_mesh(scan(), tmp_path / "raw" / "rp_ben" / "rp_ben_100k.obj")
        prepared = prepare_renderpeople(tmp_path / "raw", tmp_path / "out", size=64, yaws=2)
        assert prepared.pictures == 2
        layout = PifuLayout(tmp_path / "out")
        assert float((layout.mesh(layout.records[0]).vertices_cm - figure().vertices).abs().max()) < 0.1
        shown = layout.view(layout.records[0], layout.records[0].views[0], 64)
        red, green, _ = shown.image.float()[:, shown.mask[0] > 0].mean(1)
        assert float(red) > 2 * float(green)

    def test_faults_are_left_out_by_name_and_whole_people_are_not_written_again(self, tmp_path: Path) -> None:
        for name in ("0000", "0001", "0002", "0003"):
            write_mesh(scan(), tmp_path / "raw" / name / f"{name}.obj")
        broken = scan()
        write_mesh(Mesh(broken.vertices, broken.faces.flip(1)), tmp_path / "raw/0001/0001.obj")
        (tmp_path / "raw/0002/0002.obj").write_text("v 1 2\n")
        first = prepare_thuman(tmp_path / "raw", tmp_path / "out", size=32, yaws=1)
        assert first.pictures == 2
        assert any("0001.obj" in sentence and "inside-out" in sentence for sentence in first.left_out)
        assert any("0002.obj" in sentence for sentence in first.left_out)
        assert sorted(path.name for path in (tmp_path / "out/RENDER").iterdir()) == ["0000", "0003"]
        picture = tmp_path / "out/RENDER/0000/0_0_00.png"
        before = picture.stat().st_mtime_ns
        prepare_thuman(tmp_path / "raw", tmp_path / "out", size=32, yaws=1)
        assert picture.stat().st_mtime_ns == before

    def test_nothing_to_convert(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"no <id>/<id>\.obj"):
            prepare_thuman(tmp_path, tmp_path / "out")
        with pytest.raises(FileNotFoundError, match=r"no <name>_100k\.obj"):
            prepare_renderpeople(tmp_path, tmp_path / "out")
        write_mesh(scan(), tmp_path / "1/1.obj")
        with pytest.raises(ValueError, match="yaws 0: give at least"):
            prepare_thuman(tmp_path, tmp_path / "out", yaws=0)


class TestArchives:
    def test_sequences_packed_in_every_way(self, tmp_path: Path) -> None:
        source, raw, out = tmp_path / "source", tmp_path / "raw", tmp_path / "out"
        write_articulated_tree(source, sequences=("I_crane", "D_march", "T_swing"), frames=1)
        raw.mkdir()
        with tarfile.open(raw / "D_march.tar", "w") as archive:
            archive.add(source / "D_march", "D_march")
        for kind in ("meshes", "images", "silhouettes", "calibration"):
            (raw / "I_crane").mkdir(exist_ok=True)
            with tarfile.open(raw / "I_crane" / f"{kind}.tgz", "w:gz") as archive:
                archive.add(source / "I_crane" / kind, kind)
        (raw / "T_swing").symlink_to(source / "T_swing")
        (raw / "T_swing").unlink()
        (source / "T_swing").rename(raw / "T_swing")
        prepared = prepare_articulated(raw, out)
        assert prepared.left_out == ()
        layout = ArticulatedLayout(out)
        assert [record.sequence for record in layout.records] == ["D_march", "I_crane", "T_swing"]
        assert all(len(record.views) == 4 for record in layout.records)
        assert (out / "T_swing/meshes/mesh_0000.obj").is_symlink()
        assert prepare_articulated(raw, out).pictures == prepared.pictures  # again: everything is there

    def test_cape_packed_and_unpacked(self, tmp_path: Path) -> None:
        source = write_cape_tree(tmp_path / "source")
        raw = tmp_path / "raw"
        raw.mkdir()
        with zipfile.ZipFile(raw / "cape_release.zip", "w") as archive:
            for path in sorted((source / "sequences/00096").rglob("*.npz")):
                archive.write(path, f"cape_release/{path.relative_to(source)}")
        with zipfile.ZipFile(raw / "03223.zip", "w") as archive:
            for path in sorted((source / "sequences/03223").rglob("*.npz")):
                archive.write(path, str(path.relative_to(source / "sequences")))
        (source / "misc").rename(raw / "misc")
        prepare_cape(raw, tmp_path / "out", copy=True)
        assert [record.subject for record in CapeLayout(tmp_path / "out").records] == ["00096"] * 3 + ["03223"] * 3

    def test_hostile_and_broken_archives(self, tmp_path: Path) -> None:
        raw, out = tmp_path / "raw", tmp_path / "out"
        write_articulated_tree(raw, sequences=("I_crane",), frames=1)
        with tarfile.open(raw / "bad.tar", "w") as archive:
            info = tarfile.TarInfo("../X/meshes/mesh_0000.obj")
            info.size = 3
            archive.addfile(info, io.BytesIO(b"bad"))
            link = tarfile.TarInfo("Y/meshes/mesh_0000.obj")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
        with tarfile.open(raw / "cut.tgz", "w:gz") as archive:
            archive.add(raw / "I_crane" / "meshes", "Z/meshes")
        whole = (raw / "cut.tgz").read_bytes()
        (raw / "cut.tgz").write_bytes(whole[: len(whole) // 2])
        prepared = prepare_articulated(raw, out)
        assert [path.name for path in sorted(out.iterdir())] in (["I_crane"], ["I_crane", "Z"])
        assert not list(out.glob("Z/meshes/*.obj"))
        (sentence,) = prepared.left_out
        assert "cut.tgz cannot be read to its end" in sentence
        assert not (tmp_path / "X").exists()

    def test_nothing_to_unpack(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="give the folder of the download"):
            prepare_articulated(tmp_path / "nothing", tmp_path / "out")
        (tmp_path / "raw").mkdir()
        with pytest.raises(ValueError, match="holds nothing of a sequence's"):
            prepare_articulated(tmp_path / "raw", tmp_path / "out")
        with pytest.raises(ValueError, match="give the folder with CAPE's archives"):
            prepare_cape(tmp_path / "raw", tmp_path / "out")
