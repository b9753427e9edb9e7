"""FLAME from small pickles, its jaw against a plain float64 skinning, and pickles that mean harm."""

import os
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray
from scipy.sparse import csc_matrix
from scipy.spatial.transform import Rotation

from models.morphable.flame import JAW_SIGMA_RADIANS, flame
from models.morphable.restricted_pickle import read_arrays
from tests.models.morphable.file_faces import file_face
from tests.models.morphable.test_bfm import check_frame, close


def content() -> dict[str, Any]:
    face = file_face()
    generator = np.random.default_rng(0)
    count = len(face.mean_mm)
    weights = generator.uniform(size=(count, 5))
    regressor = generator.uniform(size=(5, count)) * (generator.uniform(size=(5, count)) < 0.01)
    return {
        "v_template": face.mean_mm / 1000.0,
        "f": face.faces.astype(np.uint32),
        "shapedirs": generator.normal(size=(count, 3, 400)) * 1e-3,
        "posedirs": generator.normal(size=(count, 3, 36)) * 1e-3,
        "J_regressor": csc_matrix(regressor / regressor.sum(1, keepdims=True)),
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.array([[4294967295, 0, 1, 1, 1], [0, 1, 2, 3, 4]], dtype=np.uint32),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }


def write_embedding(path: Path, number: int = 68) -> None:
    face = file_face()
    ids = np.array([int((face.faces == vertex).any(1).argmax()) for vertex in face.landmarks])
    corners = face.faces[ids] == face.landmarks[:, None]
    if number == 68:
        whole = {"full_lmk_faces_idx": ids[None], "full_lmk_bary_coords": corners[None].astype(np.float64)}
        # the real file keeps torch tensors beside
        whole["dynamic_lmk_faces_idx"] = torch.zeros(3, dtype=torch.int64)  # type: ignore[assignment]
        np.save(path, np.array(whole, dtype=object), allow_pickle=True)
    else:
        with path.open("wb") as file:
            pickle.dump({"lmk_face_idx": ids[17:], "lmk_b_coords": corners[17:].astype(np.float64)}, file, protocol=2)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder, arrays = tmp_path_factory.mktemp("flame"), content()
    with (folder / "generic_model.pkl").open("wb") as file:
        pickle.dump(arrays, file, protocol=2)
    write_embedding(folder / "landmark_embedding.npy")
    return folder / "generic_model.pkl", arrays


def test_flame_round_trips(written: tuple[Path, dict[str, Any]]) -> None:
    path, arrays = written
    model = flame(path, identity_size=6, expression_size=4)
    face = file_face()
    close(model.mean_mm - model.mean_mm[0], face.mean_mm - face.mean_mm[0], 1e-3)
    close(model.identity_basis_mm, 1000 * arrays["shapedirs"][..., :6].transpose(2, 0, 1))
    close(model.expression_basis_mm, 1000 * arrays["shapedirs"][..., 300:304].transpose(2, 0, 1))
    close(model.landmarks_mm(model.mean_mm[None])[0], model.mean_mm[face.landmarks].numpy(), 1e-3)
    assert model.expression_size == 7
    assert model.albedo_size == 40
    check_frame(model)


def slow_vertices(
    arrays: dict[str, Any], mean_mm: ndarray, identity: ndarray, expression: ndarray, jaw: ndarray
) -> ndarray:
    """FLAME as its paper writes it: all five joints, rotations of 4 x 4, no shortcut. [v 3] mm."""
    shaped = mean_mm + 1000 * (arrays["shapedirs"][..., : len(identity)] @ identity)
    shaped = shaped + 1000 * (arrays["shapedirs"][..., 300 : 300 + len(expression)] @ expression)
    joints = arrays["J_regressor"].toarray() @ shaped
    rotations = [np.eye(3), np.eye(3), Rotation.from_rotvec(jaw).as_matrix(), np.eye(3), np.eye(3)]
    feature = np.concatenate([(rotation - np.eye(3)).ravel() for rotation in rotations[1:]])
    posed = shaped + 1000 * (arrays["posedirs"] @ feature)
    world = []
    for joint, parent in enumerate([None, 0, 1, 1, 1]):
        local = np.eye(4)
        local[:3, :3] = rotations[joint]
        local[:3, 3] = joints[joint] - (joints[parent] if parent is not None else 0)
        world.append(local if parent is None else world[parent] @ local)
    moved = np.zeros_like(posed)
    for joint in range(5):
        at_rest = np.eye(4)
        at_rest[:3, 3] = -joints[joint]
        transform = world[joint] @ at_rest
        moved += arrays["weights"][:, joint, None] * (posed @ transform[:3, :3].T + transform[:3, 3])
    return moved


def test_the_jaw_turns_as_in_full_skinning(written: tuple[Path, dict[str, Any]]) -> None:
    path, arrays = written
    model = flame(path, identity_size=6, expression_size=4).double()
    generator = np.random.default_rng(1)
    identity, expression, jaw = generator.normal(size=6), generator.normal(size=4), generator.normal(size=3) * 2
    ours = model.vertices_mm(
        torch.from_numpy(identity)[None], torch.from_numpy(np.concatenate([expression, jaw]))[None]
    )
    truth = slow_vertices(arrays, model.mean_mm.numpy(), identity, expression, jaw * JAW_SIGMA_RADIANS)
    close(ours[0], truth, 2e-3)
    still = model.vertices_mm(torch.zeros(1, 6).double(), torch.zeros(1, 7).double())
    torch.testing.assert_close(still[0], model.mean_mm)


def test_gradients_reach_jaw_and_all_else(written: tuple[Path, dict[str, Any]]) -> None:
    model = flame(written[0], identity_size=2, expression_size=2).double()
    upstream = torch.randn(model.mean_mm.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def weighted(identity: torch.Tensor, expression: torch.Tensor) -> torch.Tensor:
        return (model.vertices_mm(identity, expression) * upstream).sum() / 100

    for scale in (0.0, 1.0):
        inputs = [scale * torch.ones(1, size, dtype=torch.float64) for size in (2, 5)]
        assert torch.autograd.gradcheck(weighted, [value.requires_grad_() for value in inputs])


def test_modes_say_how_vertices_move_with_every_coefficient_the_jaw_too(
    written: tuple[Path, dict[str, Any]],
) -> None:
    model = flame(written[0], identity_size=3, expression_size=2).double()
    ids = torch.tensor([0, 5, 9])
    zero = [torch.zeros(1, size, dtype=torch.float64) for size in (3, 5)]
    identity, expression = torch.autograd.functional.jacobian(
        lambda *coefficients: model.vertices_mm(*coefficients)[0, ids], tuple(zero)
    )
    derivative = torch.cat([identity[:, :, 0], expression[:, :, 0]], -1).movedim(-1, 0)
    close(model.modes_at(ids), derivative, 1e-4)


def test_51_landmarks_get_a_jaw_line(written: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    embedding = tmp_path / "flame_static_embedding.pkl"
    write_embedding(embedding, 51)
    model = flame(written[0], landmarks=embedding, identity_size=2)
    face = file_face()
    points, truth = model.landmarks_mm(model.mean_mm[None])[0], model.mean_mm[face.landmarks]
    assert float((points - truth)[17:].norm(dim=1).max()) < 1e-3
    assert float((points - truth)[:17].norm(dim=1).max()) < 7.0


def test_a_uv_template_is_used(written: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    face = file_face()
    lines = [f"v {x} {y} {z}" for x, y, z in face.mean_mm] + [
        f"vt {k / 1e4} {k / 2e4}" for k in range(len(face.mean_mm))
    ]
    lines += [f"f {a}/{b} {b}/{c} {c}/{a}" for a, b, c in face.faces + 1]
    template = tmp_path / "head_template_mesh.obj"
    template.write_text("\n".join(lines))
    model = flame(written[0], template=template, identity_size=2)
    assert torch.equal(model.faces, torch.from_numpy(face.faces))
    assert torch.equal(model.face_uv, torch.from_numpy(np.roll(face.faces, -1, axis=1)))
    assert float(model.uv[10, 0]) == pytest.approx(10 / 1e4)


def test_chumpy_and_python_2_pickles_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """chumpy need not be installed: what the file says of it is taken as data."""

    class Ch:
        def __init__(self, x: ndarray) -> None:
            self.x = x

        def __reduce__(self) -> Any:
            return (Ch, (), {"x": self.x, "dirty": False})

    module = types.ModuleType("chumpy.ch")
    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module.Ch = Ch  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    values = np.random.default_rng(0).normal(size=(4, 3))
    path = tmp_path / "old.pkl"
    with path.open("wb") as file:
        pickle.dump(
            {"v_template": Ch(values), "f": values.T.copy(order="F"), "J": csc_matrix(values)}, file, protocol=2
        )
    monkeypatch.delitem(sys.modules, "chumpy.ch")
    arrays = read_arrays(path, "v_template", "f", "J", "absent")
    np.testing.assert_array_equal(arrays["v_template"], values)
    np.testing.assert_array_equal(arrays["f"], values.T)
    np.testing.assert_array_equal(arrays["J"], values)
    assert "absent" not in arrays
    assert "chumpy.ch" not in sys.modules


class Evil:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def harmful(mark: Path) -> dict[str, bytes]:
    write = f"open({str(mark)!r}, 'w').close()"
    by_name = {
        "numpy.testing._private.utils": "runstring",
        "numpy.testing.utils": "runstring",
        "numpy.f2py.crackfortran": "myeval",
        "numpy.f2py.diagnose": "run_command",
        "numpy.distutils.exec_command": "exec_command",
        "numpy.lib.npyio": "load",
        "numpy": "load",
        "numpy.core.multiarray": "fromfile",
        "scipy.sparse.csc": "csc_matrix.__class__",
        "scipy.io": "loadmat",
        "chumpy": "ch",
        "copyreg": "add_extension",
        "posix": "system",
    }
    pickles = {f"{m}.{n}": f"c{m}\n{n}\n(S{write!r}\ntR.".encode() for m, n in by_name.items()}
    pickles["os.system"] = pickle.dumps(Evil(os.system, f"touch {mark}"))
    pickles["builtins.eval"] = pickle.dumps(Evil(eval, write))
    pickles["builtins.exec"] = pickle.dumps({"v_template": Evil(exec, write)})
    pickles["builtins.__import__"] = pickle.dumps({"v_template": Evil(__import__, "os")})
    # a dotted name behind an admitted module (protocol 4)
    pickles["dotted"] = pickle.dumps(Evil(os.system, f"touch {mark}"), protocol=4)
    pickles["nested"] = b"\x80\x04\x8c\x05numpy\x94\x8c\x13ndarray.__class__.x\x94\x93."
    return pickles


def test_harmful_pickles_do_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for name, content in harmful(mark).items():
        path = tmp_path / "model.pkl"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="was refused"):
            read_arrays(path, "v_template")
        with pytest.raises(ValueError, match="was refused"):
            flame(path)
        assert not mark.exists(), name
    # the pickles are truly harmful: the ordinary reader runs one
    pickle.loads(harmful(mark)["os.system"])
    assert mark.exists()


def test_admitted_names_make_only_inert_things(tmp_path: Path) -> None:
    """Even the admitted callables, called with hostile arguments, touch nothing and give no arrays."""
    path = tmp_path / "model.pkl"
    for body in (
        b"ccopy_reg\n_reconstructor\n(cnumpy\nndarray\nc__builtin__\nobject\nNtR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(S'os.system'\nI0\nS'b'\ntR.",
        b"cnumpy.core.multiarray\nscalar\n(S'O8'\nS'x'\ntR.",
        b"c_codecs\nencode\n(S'x'\nS'zlib'\ntR.",
    ):
        path.write_bytes(body)
        with pytest.raises(ValueError, match="was refused"):
            read_arrays(path, "v_template")
    # object arrays, which could smuggle pickles of their own, are no numbers
    path.write_bytes(pickle.dumps({"v_template": np.array([{"a": 1}], dtype=object)}, protocol=2))
    with pytest.raises(ValueError, match="was refused"):
        read_arrays(path, "v_template")


@pytest.mark.parametrize("damage", [b"", b"\x80\x02", b"garbage", b"\x93NUMPY\x01\x00"])
def test_damaged_pickles_are_refused(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(damage)
    with pytest.raises(ValueError, match="was refused"):
        flame(path)


def test_missing_files_are_named_with_their_source(tmp_path: Path, written: tuple[Path, dict[str, Any]]) -> None:
    with pytest.raises(FileNotFoundError, match=r"generic_model\.pkl.*register at https://flame"):
        flame(tmp_path / "generic_model.pkl")
    lone = tmp_path / "lone.pkl"
    lone.write_bytes(written[0].read_bytes())
    with pytest.raises(FileNotFoundError, match=r"landmark_embedding\.npy"):
        flame(lone)
    lone.write_bytes(pickle.dumps({"f": np.zeros((1, 3))}, protocol=2))
    with pytest.raises(ValueError, match="lacks J_regressor, posedirs, shapedirs, v_template, weights"):
        flame(lone)
