"""What is written is read again by plain readers of this test, and the surface projects into the pictures' masks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.body_maps import read_depth_map, read_normal_map
from datamodules.projection_guard import share_in_mask
from datamodules.synthetic.bodies import synthesize_bodies
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_parameters import HumanParameters
from models.geometry.components import signed_volume
from models.geometry.topology import euler_characteristic, is_watertight
from models.geometry.view_cameras import body_points_from_view, orthographic_views
from models.geometry.wavefront import read_obj

SIZE, YAWS, RESOLUTION, HEIGHT = 96, 4, 96, 72


@pytest.fixture(scope="module")
def pifu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bodies") / "pifu"
    return synthesize_bodies(out, number=3, size=SIZE, yaws=YAWS, mesh_resolution=RESOLUTION, uv=True)


@pytest.fixture(scope="module")
def articulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bodies") / "articulated"
    return synthesize_bodies(out, number=2, frames=2, size=HEIGHT, mesh_resolution=64, layout="articulated")


@pytest.fixture(scope="module")
def cape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize_bodies(tmp_path_factory.mktemp("bodies") / "cape", number=2, frames=5, layout="cape")


def pifu_matrix(param: dict, size: int) -> np.ndarray:
    """[4, 4] PIFu's own chain: trans · uv · scale · extrinsic."""
    extrinsic, scale, uv = np.eye(4), np.eye(4), np.eye(4)
    extrinsic[:3, :3], extrinsic[:3, 3] = param["R"], -param["R"] @ param["center"]
    factor = param["scale"] / param["ortho_ratio"]
    scale[[0, 1, 2], [0, 1, 2]] = factor, -factor, factor
    uv[[0, 1, 2], [0, 1, 2]] = 1 / (size / 2)
    return uv @ scale @ extrinsic


def test_pifu_surfaces_project_into_their_masks(pifu: Path) -> None:
    assert (pifu / "val.txt").read_text() == "person_0001\n"
    assert (pifu / "test.txt").read_text() == "person_0002\n"
    for person in ("person_0000", "person_0001", "person_0002"):
        scan = read_obj(pifu / "GEO" / "OBJ" / person / f"{person}_100k.obj")
        assert abs(float(scan.vertices[:, 1].min())) < 1.5, "feet on the ground"
        assert 120 < float(np.ptp(scan.vertices[:, 1].numpy())) < 200, "centimetres"
        params = sorted((pifu / "PARAM" / person).iterdir())
        assert [path.stem for path in params] == sorted(f"{360 * k // YAWS}_0_00" for k in range(YAWS))
        for path in params:
            param = np.load(path, allow_pickle=True).item()
            assert param["sh"].shape == (9, 3)
            assert param["ortho_ratio"] == pytest.approx(0.4 * 512 / SIZE)
            h = np.c_[scan.vertices.numpy(), np.ones(len(scan.vertices))] @ pifu_matrix(param, SIZE).T
            mask = np.array(Image.open(pifu / "MASK" / person / f"{path.stem}.png")) > 0
            assert share_in_mask(mask, (h[:, :2] + 1) * SIZE / 2) > 0.995
            assert abs(float(np.median(h[:, 2]))) < 0.1


def test_pifu_normals_and_depth_are_those_of_the_field(pifu: Path) -> None:
    person = "person_0000"
    field = HumanField(HumanParameters.from_json((pifu / "TRUTH" / person / "subject.json").read_text()))
    for yaw in (0, 90):
        view = orthographic_views(torch.deg2rad(torch.tensor([float(yaw)])))[0]
        stem = f"{yaw}_0_00"
        mask = torch.from_numpy(np.array(Image.open(pifu / "MASK" / person / f"{stem}.png")))[None].float() / 255
        for side, sign in (("front", 1), ("back", -1)):
            depth, covered = read_depth_map(pifu / "DEPTH" / person / f"{stem}_{side}.png")
            assert bool((covered == mask).all())
            normals = read_normal_map(pifu / "NORMAL" / person / f"{stem}_{side}.png", mask)
            assert bool(((normals.norm(dim=0, keepdim=True) > 0.5) == (mask > 0.5)).all())
            inside = mask[0] > 0.5
            assert float(normals[2][inside].mean()) * sign > 0.4
            row, column = (inside & (normals[2].abs() > 0.7)).nonzero().unbind(1)
            position = torch.stack([(2 * column + 1) / SIZE - 1, (2 * row + 1) / SIZE - 1], 1)
            points = body_points_from_view(view, position, depth[0, row, column])
            assert float(field(points).abs().median()) < 0.15
            assert float(field(points + sign * 2 * _towards(view)).median()) > 1, "before the surface is outside"


def _towards(view: torch.Tensor) -> torch.Tensor:
    return view[2, :3] / view[2, :3].norm()


def test_pifu_textures_show_the_surface(pifu: Path) -> None:
    person = "person_0000"
    mask = np.array(Image.open(pifu / "UV_MASK" / person / "00.png")) > 0
    render = np.array(Image.open(pifu / "UV_RENDER" / person / "0_0_00.jpg"))
    normals = np.array(Image.open(pifu / "UV_NORMAL" / person / "00.png")) / 127.5 - 1
    assert render.shape == normals.shape == (*mask.shape, 3)
    assert np.linalg.norm(normals[mask], axis=1).mean() == pytest.approx(1, abs=0.05)
    assert (pifu / "UV_POS" / person / "00.exr").stat().st_size > mask.size * 12
    scan = read_obj(pifu / "GEO" / "OBJ" / person / f"{person}_100k.obj")
    assert scan.face_uv is not None


def test_articulated_surfaces_project_into_their_silhouettes(articulated: Path) -> None:
    shown = 0
    for name, letter, image, suffix in (("S00_crane", "C", "Image", "png"), ("S01_march", "c", "Camera", "jpg")):
        folder = articulated / name
        for frame in range(2):
            vertices = read_obj(folder / "meshes" / f"mesh_{frame:04d}.obj").vertices.double().numpy()
            assert 1 < np.ptp(vertices, axis=0).max() < 2.5, "metres"
            for camera in range(1, 9):
                projection = np.loadtxt(folder / "calibration" / f"{letter}amera{camera}.Pmat.cal")
                assert projection.shape == (3, 4)
                stem = f"{camera}_{frame:04d}"
                path = folder / "silhouettes" / f"Silhouette{stem}.png"
                assert path.exists() == (folder / "images" / f"{image}{stem}.{suffix}").exists()
                if not path.exists():
                    continue
                shown += 1
                silhouette = np.array(Image.open(path))
                assert silhouette.shape == (HEIGHT, HEIGHT * 4 // 3)
                assert set(np.unique(silhouette)) == {0, 255}
                h = vertices @ projection[:, :3].T + projection[:, 3]
                assert share_in_mask(silhouette > 0, h[:, :2] / h[:, 2:]) > 0.995
                person = h[:, :2] / h[:, 2:]
                assert person[:, 0].max() < 1420 / 1600 * silhouette.shape[1], "no column that readers cut off"
                assert camera != 2 or person[:, 1].max() < 1000 / 1200 * HEIGHT
    assert 24 <= shown <= 32


def test_articulated_oddities_are_there_and_can_be_left_out(articulated: Path, tmp_path: Path) -> None:
    junk = np.array(Image.open(articulated / "S00_crane" / "silhouettes" / "Silhouette4_0000.png"))
    assert junk[:, int(1455 / 1600 * junk.shape[1]) + 1 :].any()
    intrinsics = (articulated / "S00_crane" / "calibration" / "Camera1.rad").read_text()
    assert intrinsics.startswith("K11 = ")
    assert "K33 = 1\n" in intrinsics
    third = np.loadtxt(articulated / "S00_crane" / "calibration" / "Camera7.Pmat.cal")[2, :3]
    assert abs(np.linalg.norm(third) - 1) > 0.01
    plain = synthesize_bodies(
        tmp_path / "plain", number=1, frames=1, size=64, mesh_resolution=64, layout="articulated", oddities=False
    )
    clean = np.array(Image.open(plain / "S00_crane" / "silhouettes" / "Silhouette4_0000.png"))
    assert not clean[:, int(1455 / 1600 * clean.shape[1]) :].any()
    projection = np.loadtxt(plain / "S00_crane" / "calibration" / "Camera7.Pmat.cal")
    assert np.linalg.norm(projection[2, :3]) == pytest.approx(1)


def test_cape_registrations_are_closed_and_share_their_triangles(cape: Path) -> None:
    triangles = np.load(cape / "misc" / "smpl_tris.npy")
    assert triangles.shape == (13776, 3)
    files = sorted((cape / "sequences").glob("*/*/*.npz"))
    assert len(files) == 2 * 5
    assert {path.parts[-3] for path in files} == {"90000"}, "two sequences of one person"
    for path in files:
        with np.load(path) as frame:
            assert {name: frame[name].shape for name in frame.files} == {
                "transl": (3,),
                "v_cano": (6890, 3),
                "pose": (72,),
                "v_posed": (6890, 3),
            }
            assert all(frame[name].dtype == np.float32 for name in frame.files)
            posed, faces = torch.from_numpy(frame["v_posed"]), torch.from_numpy(triangles.astype(np.int64))
        assert float(posed[:, 1].min()) == pytest.approx(0, abs=1e-4), "metres above the floor"
        assert 1.0 < float(posed[:, 1].max()) < 2.4
        assert is_watertight(faces)
        assert euler_characteristic(faces) == 2
        parameters = HumanParameters.from_json(
            (cape / "truth" / path.parts[-3] / path.parts[-2] / f"{path.stem}.json").read_text()
        )
        assert 0.03 < float(signed_volume(posed, faces)) < 0.2, "outward, a person's volume in cubic metres"
        normalisation = parameters.normalisation
        with np.load(path) as frame:
            model = (frame["v_posed"] - frame["transl"]) * 100
        body = (model - np.array(normalisation.centre)) * normalisation.scale
        distance = HumanField(parameters)(torch.from_numpy(body).float()).abs()
        assert float(distance.quantile(0.95)) < 0.2
    minimal = np.load(cape / "minimal_body_shape" / "90000" / "90000_minimal.npy")
    assert minimal.shape == (6890, 3)
