"""The procedural face by truths that need no fixture: topology, symmetry, spectrum, places of landmarks."""

import inspect
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.geometry.topology import boundary_loops, euler_characteristic, unique_edges
from models.morphable.linear import MorphableModel
from models.morphable.mouth_interior import mouth_interior
from models.morphable.procedural_face import build_arrays, procedural_face
from models.morphable.procedural_grid import GRID_SIZE, face_grid
from models.morphable.procedural_surface import column_of, mean_surface, row_of_height
from models.morphable.procedural_texture import procedural_albedo_texture


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def face(cache: Path) -> MorphableModel:
    return procedural_face("tiny", cache=cache)


def area_vectors(vertices: Tensor, faces: Tensor) -> Tensor:
    a, b, c = (vertices[:, faces[:, k]] for k in range(3))
    return torch.linalg.cross(b - a, c - a)


@pytest.mark.parametrize("level", ["tiny", "default", "fine"])
def test_topology_is_a_disc_with_a_mouth(level: str) -> None:
    grid = face_grid(level)  # type: ignore[arg-type]
    faces = torch.from_numpy(grid.faces)
    topology = unique_edges(faces)
    assert int(topology.face_count.max()) == 2, "not a manifold"
    assert len(torch.unique(faces)) == len(grid.uv), "a vertex in no face"
    loops = boundary_loops(faces)
    slit = int(grid.upper_lip.sum())
    assert len(loops) == 2
    assert len(loops[1]) == 2 * slit + 2
    assert euler_characteristic(faces) == 0
    directed = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    assert len(torch.unique(directed, dim=0)) == len(directed), "two neighbours wind differently"


def test_sizes_are_those_of_the_table() -> None:
    counts = {level: (len(face_grid(level).uv), len(face_grid(level).faces)) for level in GRID_SIZE}
    expected = {"tiny": (3371, 6472), "default": (7635, 14864), "fine": (13252, 25964), "bfm_like": (40650, 80380)}
    for level, (vertices, triangles) in counts.items():
        assert vertices == pytest.approx(expected[level][0], rel=0.01)
        assert triangles == pytest.approx(expected[level][1], rel=0.01)


@pytest.mark.parametrize("level", ["tiny", "default"])
def test_every_triangle_points_outward(level: str) -> None:
    grid = face_grid(level)  # type: ignore[arg-type]
    position = torch.from_numpy(mean_surface(grid.uv[:, 0], grid.uv[:, 1]).position_mm)[None]
    faces = torch.from_numpy(grid.faces)
    normals = area_vectors(position, faces)[0]
    centres = position[0, faces].mean(1)
    # outward of the head, seen from its inside a little behind the middle
    assert ((normals * (centres - torch.tensor([0.0, 0.0, -10.0]))).sum(1) > 0).all()
    assert float(normals.norm(dim=1).min()) > 0.1


def test_texture_coordinates_wind_like_the_surface(face: MorphableModel) -> None:
    a, b, c = (face.uv[face.faces[:, k]] for k in range(3))
    twice_area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    assert (twice_area > 0).all()
    assert 0 <= float(face.uv.min()) < float(face.uv.max()) <= 1
    # u grows to the right, v upward: no mirrored and no upside-down texture
    assert float(torch.corrcoef(torch.stack([face.uv[:, 0], face.mean_mm[:, 0]]))[0, 1]) > 0.9
    assert float(torch.corrcoef(torch.stack([face.uv[:, 1], face.mean_mm[:, 1]]))[0, 1]) > 0.9


def test_the_mean_is_symmetric() -> None:
    grid = face_grid("tiny")
    points = mean_surface(grid.uv[:, 0], grid.uv[:, 1])
    mirrored = points.position_mm[grid.mirror] * (-1, 1, 1)
    assert np.abs(mirrored - points.position_mm).max() < 1e-9
    faces = {tuple(sorted(face)) for face in grid.faces.tolist()}
    assert {tuple(sorted(face)) for face in grid.mirror[grid.faces].tolist()} == faces


def test_each_lip_keeps_its_own_side_of_the_slit() -> None:
    grid = face_grid("tiny")
    upper = set(np.flatnonzero(grid.upper_lip).tolist())
    lip_v = grid.uv[grid.upper_lip, 1][0]
    for corners in grid.faces.tolist():
        centre_v = grid.uv[corners, 1].mean()
        if upper & set(corners):
            assert centre_v > lip_v


def test_spectrum_is_near_the_documented_one(face: MorphableModel) -> None:
    per_mode = face.identity_basis_mm.square().sum((1, 2)).div(face.number_of_vertices).sqrt()
    expected = {0: 2.57, 1: 1.64, 2: 1.32, 3: 1.18, 4: 1.01, 5: 0.88, 9: 0.46, 19: 0.26, 49: 0.10, 79: 0.05}
    for mode, rms in expected.items():
        assert float(per_mode[mode]) == pytest.approx(rms, rel=0.12, abs=0.01), mode
    assert float(per_mode.square().sum().sqrt()) == pytest.approx(4.25, rel=0.05)
    assert (per_mode[1:] <= per_mode[:-1] + 1e-5).all()


def test_identity_holds_no_similarity_motion_and_orthogonal_modes(face: MorphableModel) -> None:
    centred = (face.mean_mm - face.mean_mm.mean(0)).double()
    axes = torch.eye(3, dtype=torch.float64)
    motions = [axis.expand_as(centred) for axis in axes]
    motions += [torch.linalg.cross(axis.expand_as(centred), centred) for axis in axes] + [centred]
    modes = face.identity_basis_mm.double().flatten(1)
    for motion in motions:
        share = modes @ motion.flatten() / motion.norm() / modes.norm(dim=1)
        assert float(share.abs().max()) < 1e-4
    gram = modes @ modes.T
    scale = gram.diagonal().sqrt()
    off = (gram / scale / scale[:, None] - torch.eye(len(gram))).abs()
    assert float(off.max()) < 1e-3


def test_coefficients_mean_the_same_at_every_level(cache: Path, face: MorphableModel) -> None:
    default = procedural_face("default", cache=cache)
    generator = torch.Generator().manual_seed(0)
    identity, expression = torch.randn(4, 80, generator=generator), torch.randn(4, 24, generator=generator)
    coarse = face.landmarks_mm(face.vertices_mm(identity, expression))
    fine = default.landmarks_mm(default.vertices_mm(identity, expression))
    # the same points of the same surface: what differs is the flatness of larger triangles
    assert float((coarse - fine).norm(dim=2).median()) < 0.5
    moved = (coarse - face.landmarks_mm(face.mean_mm[None])).norm(dim=2).median()
    assert float(moved) > 2.0


def test_landmarks_are_where_they_are_called(face: MorphableModel) -> None:
    points = face.landmarks_mm(face.mean_mm[None])[0]
    x, y, z = points.unbind(1)
    assert (x[:8] < 0).all()
    assert (x[9:17] > 0).all()
    assert (y[:8] > y[1:9]).all()
    assert int(z.argmax()) == 30, "the tip of the nose comes out farthest"
    assert y[36:48].min() > y[27:36].min() > y[48:68].max() > y[8], "eyes, nose, mouth, chin from top to bottom"
    assert y[17:27].min() > y[36:48].max(), "brows above eyes"
    for left, right in (
        (0, 16),
        (17, 26),
        (21, 22),
        (31, 35),
        (36, 45),
        (39, 42),
        (48, 54),
        (60, 64),
        (61, 63),
        (67, 65),
    ):
        torch.testing.assert_close(points[left] * torch.tensor([-1.0, 1.0, 1.0]), points[right], atol=2e-3, rtol=0)
    assert float(x[45] - x[36]) == pytest.approx(92.0, abs=4.0), "outer eye distance of an adult"


def test_inner_lip_landmarks_sit_on_their_own_lips(face: MorphableModel) -> None:
    weights = torch.zeros(1, 24)
    weights[0, face.blendshape_names.index("jawOpen")] = 1.0
    neutral = face.landmarks_mm(face.mean_mm[None])[0]
    opened = face.landmarks_mm(face.vertices_mm(torch.zeros(1, 80), face.expression_from_blendshapes(weights)))[0]
    drop = (neutral - opened)[:, 1]
    assert float(drop[[61, 62, 63]].max()) < 3.0
    assert float(drop[[65, 66, 67]].min()) > 15.0
    assert float(drop[8]) > 20.0
    assert float(drop[27:48].abs().max()) < 1.0


def test_feature_abscissa_is_inverted() -> None:
    x, y = np.array([-50.0, -17.0, 0.0, 31.0]), np.array([44.0, 30.0, -15.0, -39.0])
    u, v = column_of(x, y), row_of_height(y)
    points = mean_surface(u, v)
    np.testing.assert_allclose(points.x, x, atol=1e-6)
    np.testing.assert_allclose(points.y, y, atol=1e-6)


def test_faces_within_two_sigma_do_not_fold(face: MorphableModel) -> None:
    before = area_vectors(face.mean_mm[None], face.faces)
    neutral = torch.zeros(1, face.expression_size)
    for mode in range(10):
        for sign in (-2.0, 2.0):
            identity = torch.zeros(1, face.identity_size)
            identity[0, mode] = sign
            after = area_vectors(face.vertices_mm(identity, neutral), face.faces)
            assert float(((before * after).sum(2) <= 0).float().mean()) < 0.002, (mode, sign)


def test_regions_lie_where_their_names_say(face: MorphableModel) -> None:
    regions = face.regions
    points = face.landmarks_mm(face.mean_mm[None])[0]
    for weight, landmarks in (
        (regions.eyes, [36, 39, 42, 45]),
        (regions.nose, [28, 29, 30]),
        (regions.mouth, [51, 57, 62]),
    ):
        assert float(weight.min()) >= 0.0
        assert float(weight.max()) <= 1.0 + 1e-6
        centre = (face.mean_mm * weight[:, None]).sum(0) / weight.sum()
        assert float((centre - points[landmarks].mean(0)).norm()) < 12.0
    inner = (regions.brows > 0.05) & (regions.brows < 0.9)
    assert int(inner.sum()) > 50, "brows must have soft edges"
    assert 0.5 < float(regions.face.mean()) < 0.95


def test_cached_model_is_the_built_one_and_loads_fast(cache: Path, face: MorphableModel) -> None:
    started = time.perf_counter()
    again = procedural_face("tiny", cache=cache)
    assert time.perf_counter() - started < 0.3
    assert again.provenance == face.provenance
    for name, value in face.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, atol=0, rtol=0)
    built = build_arrays("tiny", 80, 40)
    torch.testing.assert_close(again.mean_mm, torch.from_numpy(built["mean_mm"]).float())


def test_a_broken_cache_is_built_anew(tmp_path: Path) -> None:
    first = procedural_face("tiny", identity_size=3, albedo_size=2, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    for damage in (b"", b"not an archive", file.read_bytes()[:5000]):
        file.write_bytes(damage)
        again = procedural_face("tiny", identity_size=3, albedo_size=2, cache=tmp_path)
        torch.testing.assert_close(again.identity_basis_mm, first.identity_basis_mm, atol=1e-4, rtol=1e-4)
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"], "nothing half-written is left behind"


def test_an_unwritable_cache_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    model = procedural_face("tiny", identity_size=2, albedo_size=2, cache=tmp_path / "file" / "below")
    assert model.identity_size == 2


def test_a_full_disk_leaves_nothing_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert procedural_face("tiny", identity_size=2, albedo_size=2, cache=tmp_path).identity_size == 2
    assert not list(tmp_path.iterdir())


def test_bad_requests_are_explained(cache: Path) -> None:
    # past the run-time check of annotations, as a user's call is outside the tests
    unchecked = inspect.unwrap(procedural_face)
    with pytest.raises(ValueError, match="choose one of tiny, default"):
        unchecked("huge", cache=cache)
    with pytest.raises(ValueError, match="1 to 200 identity modes"):
        procedural_face("tiny", identity_size=0, cache=cache)


def test_texture_and_vertices_wear_the_same_colours(cache: Path, face: MorphableModel) -> None:
    mean, basis = procedural_albedo_texture(64, cache=cache)
    coefficients = torch.randn(1, 40, generator=torch.Generator().manual_seed(2))
    texture = mean + (coefficients[0, :, None, None, None] * basis).sum(0)
    place = torch.stack([2 * face.uv[:, 0] - 1, 1 - 2 * face.uv[:, 1]], -1)[None, None]
    at_vertices = torch.nn.functional.grid_sample(texture[None], place, align_corners=False)[0, :, 0].T
    smooth = (face.regions.eyes + face.regions.brows + face.regions.mouth) < 0.02
    difference = (at_vertices - face.albedo(coefficients)[0]).abs()[smooth]
    assert float(difference.mean()) < 0.01
    # row 0 is v = 1: brows are dark and above the eyes' whites, lips red and below both
    grey = mean.mean(0)
    brow_row = int((1 - row_of_height(np.array([49.0]))[0]) * 64)
    assert float(grey[brow_row].min()) < float(grey[brow_row - 6].min())
    redness = (mean[0] - mean[1])[:, 20:44].mean(1)
    assert int(redness.argmax()) > 32


def test_the_mouth_bag_closes_the_mouth(face: MorphableModel) -> None:
    bag = mouth_interior(face)
    joined = torch.cat([face.faces, bag.faces])
    assert len(boundary_loops(joined)) == 1
    directed = torch.cat([joined[:, [0, 1]], joined[:, [1, 2]], joined[:, [2, 0]]])
    assert len(torch.unique(directed, dim=0)) == len(directed), "the bag winds against the face"
    weights = torch.zeros(1, 24)
    weights[0, 0] = 1.0
    opened = face.vertices_mm(torch.zeros(1, 80), face.expression_from_blendshapes(weights))
    inside = bag.vertices_mm(opened)
    assert inside.shape == (1, len(bag.albedo), 3)
    # the bag opens to the viewer: in its middle the surface faces forward
    normals = area_vectors(torch.cat([opened, inside], 1), bag.faces[-len(bag.rim) :])
    assert float(normals[..., 2].mean()) > 0
