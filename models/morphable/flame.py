"""FLAME (Li et al., Learning a model of facial shape and expression from 4D scans, 2017): licensed, the user's
own file."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from models.morphable.assembly import FileArrays, assemble
from models.morphable.feature_registration import NamedLandmarks, complete_landmarks
from models.morphable.linear import MorphableModel, VertexRegions
from models.morphable.model_files import file_hash, require_file
from models.morphable.restricted_pickle import read_arrays
from models.morphable.wavefront_parser import read_polygons

REGISTER = "register at https://flame.is.tue.mpg.de and download generic_model.pkl"
LANDMARKS = (
    "take landmark_embedding.npy (68 points) from the DECA pages or flame_static_embedding.pkl (51 points) from FLAME's"
)
MM_PER_METRE = 1000.0
LARGEST_METRES = 100.0
"""Above every number in the file: a flipped bit multiplies by powers."""
JAW_JOINT = 2
JAW_SIGMA_RADIANS = 0.1
"""What one unit of a jaw coefficient turns the jaw by."""
NUMBER_OF_IDENTITY_MODES = 300
"""In the file's shapedirs, before the expressions."""


class FlameModel(MorphableModel):
    """FLAME with a jaw: the last three expression coefficients turn the jaw (axis-angle, in units of 0.1 rad).

    The first `expression_size - 3` are FLAME's expressions. The jaw moves by linear blend skinning with its
    pose correctives; neck, head and eyes stay at rest (the head's pose is the camera's business).
    Differentiable in all coefficients.
    """

    joint_regressor: Tensor
    jaw_weights: Tensor
    jaw_correctives_mm: Tensor

    def __init__(
        self, *, joint_regressor: Tensor, jaw_weights: Tensor, jaw_correctives_mm: Tensor, **model: Any
    ) -> None:
        super().__init__(**model)
        self.register_buffer("joint_regressor", joint_regressor, persistent=False)
        self.register_buffer("jaw_weights", jaw_weights, persistent=False)
        self.register_buffer("jaw_correctives_mm", jaw_correctives_mm, persistent=False)

    @property
    def expression_size(self) -> int:
        return self.expression_basis_mm.shape[0] + 3

    def modes_at(self, vertex_ids: Int[Tensor, " n"]) -> Float[Tensor, "k n 3"]:
        """The linear modes, and central differences for the jaw's three angles."""
        step = 0.1
        angles = step * torch.eye(3).to(self.mean_mm)
        expression = torch.cat([angles.new_zeros(3, self.expression_size - 3), angles], 1)
        identity = angles.new_zeros(3, self.identity_size)
        jaw = (self.vertices_mm(identity, expression) - self.vertices_mm(identity, -expression)) / (2 * step)
        return torch.cat([super().modes_at(vertex_ids), jaw[:, vertex_ids]])

    def vertices_mm(self, identity: Float[Tensor, "b ki"], expression: Float[Tensor, "b ke"]) -> Float[Tensor, "b v 3"]:
        """Vertices of each face: v = u + w_jaw (R - I)(u - j), u = shaped vertices + correctives(R), j = the
        jaw joint.

        Raises:
            ValueError: when the number of coefficients is not the size of the basis.
        """
        self._check_size("identity", identity, self.identity_size)
        self._check_size("expression", expression, self.expression_size)
        neutral = torch.addmm(self.mean_mm.flatten(), identity, self.identity_basis_mm.flatten(1))
        shaped = torch.addmm(neutral, expression[:, :-3], self.expression_basis_mm.flatten(1))
        turn = _rotation_minus_identity(JAW_SIGMA_RADIANS * expression[:, -3:])
        # joints follow the identity and the expression alone, as in FLAME
        joint = torch.einsum("v,bvx->bx", self.joint_regressor, shaped.unflatten(1, (-1, 3)))
        posed = torch.addmm(shaped, turn.flatten(1), self.jaw_correctives_mm.flatten(1)).unflatten(1, (-1, 3))
        moved = torch.einsum("bxy,bvy->bvx", turn, posed - joint[:, None])
        return posed + self.jaw_weights[:, None] * moved


def _rotation_minus_identity(axis_angle: Float[Tensor, "b 3"]) -> Float[Tensor, "b 3 3"]:
    """Rodrigues' formula less the identity: sin a / a K + (1 - cos a) / a^2 K^2, smooth at zero."""
    x, y, z = axis_angle.unbind(1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).unflatten(1, (3, 3))
    # sinc carries both factors through zero, with finite gradients
    angle = (axis_angle.square().sum(1) + 1e-16).sqrt()[:, None, None] / torch.pi
    return torch.sinc(angle) * skew + 0.5 * torch.sinc(angle / 2).square() * (skew @ skew)


def flame(
    path: Path,
    *,
    landmarks: Path | None = None,
    template: Path | None = None,
    identity_size: int = 100,
    expression_size: int = 50,
) -> FlameModel:
    """FLAME from `generic_model.pkl` (metres there, millimetres here), read without running the pickle.

    `landmarks`: `landmark_embedding.npy` (68 points) or `flame_static_embedding.pkl` (51; the jaw line is then
    laid in), by default looked for beside the model. `template`: `head_template_mesh.obj` for FLAME's texture
    coordinates, by default the cylinder layout. Colours are painted (see `painted_albedo`): FLAME's file has
    none.

    Raises:
        FileNotFoundError: names the missing file and where to register.
        ValueError: for a file that is damaged, or holds anything but arrays.
    """
    require_file(path, "the FLAME head model", REGISTER)
    model = read_arrays(path, "v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
    _require_numbers(model, path)
    missing = {"v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights"} - model.keys()
    if missing:
        raise ValueError(f"{path} lacks {', '.join(sorted(missing))}; it is not FLAME's generic_model.pkl.")
    mean = MM_PER_METRE * model["v_template"].astype(np.float64)
    modes = MM_PER_METRE * model["shapedirs"].astype(np.float64).transpose(2, 0, 1)
    expressions = modes[NUMBER_OF_IDENTITY_MODES:][:expression_size]
    faces = model["f"].astype(np.int64)
    landmarks = _landmark_file(path, landmarks)
    landmark_faces, landmark_barycentrics = _landmarks(landmarks, mean, faces)
    polygons = read_polygons(require_file(template, "FLAME's template with UV", REGISTER)) if template else None
    if polygons is not None and not np.array_equal(np.sort(polygons.faces, axis=1), np.sort(faces, axis=1)):
        raise ValueError(f"{template} has other triangles than {path.name}; use the template of the same version.")
    arrays = FileArrays(
        mean_mm=mean,
        identity_mm=modes[:NUMBER_OF_IDENTITY_MODES][:identity_size],
        expression_mm=expressions,
        faces=faces if polygons is None else polygons.faces,
        landmark_faces=landmark_faces,
        landmark_barycentrics=landmark_barycentrics,
        uv=None if polygons is None else polygons.uv,
        face_uv=None if polygons is None else polygons.face_uv,
    )
    files = [path, landmarks, *([template] if template else [])]
    linear = assemble(arrays, "flame", file_hash(*files), licensed=True, files=files)
    # correctives of the jaw: nine numbers of its rotation among those of the four joints after the root
    jaw = slice(9 * (JAW_JOINT - 1), 9 * JAW_JOINT)
    correctives = MM_PER_METRE * model["posedirs"].astype(np.float64).transpose(2, 0, 1)[jaw]
    return FlameModel(
        joint_regressor=_tensor(model["J_regressor"][JAW_JOINT]),
        jaw_weights=_tensor(_jaw_weights(model)),
        jaw_correctives_mm=_tensor(correctives),
        **_arguments_of(linear),
    )


def _require_numbers(model: dict[str, ndarray], path: Path) -> None:
    """Raises ValueError when an array is no array of finite numbers that a face in metres can have, or too small."""
    for name, values in model.items():
        whole, real = values.dtype.kind in "iu", values.dtype.kind == "f"
        if not whole and not (real and np.abs(values).max(initial=0) <= LARGEST_METRES):  # NaN is not
            raise ValueError(f"{path} holds {name} with what is no number of a face; fetch it again.")
    count = len(model["v_template"]) if "v_template" in model else 0
    shapes = {
        "v_template": (count, 3), "f": (None, 3), "shapedirs": (count, 3, None), "posedirs": (count, 3, None),
        "J_regressor": (None, count), "weights": (count, None), "kintree_table": (2, None),
    }  # fmt: skip
    for name, values in model.items():
        shape = shapes[name]
        if len(shape) != values.ndim or any(want not in (None, size) for want, size in zip(shape, values.shape)):
            raise ValueError(f"{path} holds {name} of the shape {values.shape} for {count} vertices; fetch it again.")
    joints = len(model["J_regressor"]) if "J_regressor" in model else 0
    if "weights" in model and (joints <= JAW_JOINT or model["weights"].shape[1] != joints):
        raise ValueError(f"{path} holds weights of {model['weights'].shape[1]} joints, not {joints}; fetch it again.")
    if "posedirs" in model and model["posedirs"].shape[2] < 9 * JAW_JOINT:
        raise ValueError(f"{path} holds posedirs without those of the jaw; fetch it again.")


def _jaw_weights(model: dict[str, ndarray]) -> ndarray:
    """Skinning weights of the jaw and of whatever hangs on it (nothing, in FLAME)."""
    moving = {JAW_JOINT}
    if "kintree_table" in model:
        parents = model["kintree_table"][0].astype(np.int64)
        for joint in range(JAW_JOINT + 1, len(parents)):
            if int(parents[joint]) in moving:
                moving.add(joint)
    return model["weights"][:, sorted(moving)].sum(1)


def _landmark_file(path: Path, given: Path | None) -> Path:
    names = ("landmark_embedding.npy", "flame_static_embedding.pkl")
    beside = [path.parent / name for name in names if (path.parent / name).is_file()]
    return require_file(
        given or (beside[0] if beside else path.parent / names[0]), "the list of FLAME's landmarks", LANDMARKS
    )


def _landmarks(path: Path, mean: ndarray, faces: ndarray) -> tuple[ndarray, ndarray]:
    content = read_arrays(path, "full_lmk_faces_idx", "full_lmk_bary_coords", "lmk_face_idx", "lmk_b_coords")
    if {"full_lmk_faces_idx", "full_lmk_bary_coords"} <= content.keys():
        ids, weights = _embedded(content, "full_lmk_faces_idx", "full_lmk_bary_coords", path, len(faces))
        if len(ids) == len(weights) == 68:
            return faces[ids.astype(np.int64)], weights.astype(np.float64)
    if {"lmk_face_idx", "lmk_b_coords"} <= content.keys():
        ids, weights = _embedded(content, "lmk_face_idx", "lmk_b_coords", path, len(faces))
        if len(ids) == len(weights) == 51:
            corners = faces[ids.astype(np.int64)]
            positions = (mean[corners] * weights[..., None]).sum(1)
            nearest = complete_landmarks(mean, NamedLandmarks(np.arange(17, 68), positions))
            jaw = np.repeat(nearest[:17, None], 3, axis=1)
            return np.concatenate([jaw, corners]), np.concatenate([np.tile([1.0, 0.0, 0.0], (17, 1)), weights])
    raise ValueError(f"{path} holds neither 68 nor 51 landmarks; {LANDMARKS}.")


def _embedded(
    content: dict[str, ndarray], ids_name: str, weights_name: str, path: Path, count: int
) -> tuple[ndarray, ndarray]:
    """Faces and barycentric weights of landmarks. Raises ValueError when they cannot be that."""
    ids, weights = content[ids_name].ravel(), content[weights_name]
    sound = ids.dtype.kind in "iuf" and weights.dtype.kind == "f" and weights.size == 3 * len(ids) > 0
    if sound:
        rows = weights.reshape(-1, 3)
        sound = bool(
            0 <= ids.min() <= ids.max() < count and np.abs(rows).max() < 2 and np.abs(rows.sum(1) - 1).max() < 0.01
        )
    if not sound:
        raise ValueError(f"{path} holds landmarks that lie on none of the {count} triangles; fetch it again.")
    return ids, weights.reshape(-1, 3)


def _arguments_of(model: MorphableModel) -> dict[str, Any]:
    names = (
        "mean_mm", "identity_basis_mm", "expression_basis_mm", "albedo_mean", "albedo_basis", "faces", "uv", "face_uv",
        "landmark_faces", "landmark_barycentrics", "contour_candidates", "name", "provenance", "licensed",
    )  # fmt: skip
    regions = VertexRegions(*model.regions)
    return {name: getattr(model, name) for name in names} | {"regions": regions}


def _tensor(array: ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
