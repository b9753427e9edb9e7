"""From the arrays of a model file to a MorphableModel: frame, winding, outline rows, regions and missing colours."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from models.morphable.contour_rows import contour_rows
from models.morphable.feature_registration import painted_albedo, recentring_shift, register_features
from models.morphable.linear import Blendshapes, MorphableModel, VertexRegions
from models.morphable.vertex_regions import region_weights

PAINTED_MODES = 40
LARGEST_MM, LARGEST_NUMBER = 1e4, 1e3
"""Above every length of a face, and every colour, weight and texture coordinate: a flipped bit multiplies by powers."""


@dataclasses.dataclass(frozen=True)
class FileArrays:
    """What the model files hold, already in millimetres, 0-based, and multiplied by the standard deviations."""

    mean_mm: Float[ndarray, "v 3"]
    identity_mm: Float[ndarray, "ki v 3"]
    expression_mm: Float[ndarray, "ke v 3"]
    faces: Int[ndarray, "f 3"]
    landmark_faces: Int[ndarray, "68 3"]
    landmark_barycentrics: Float[ndarray, "68 3"]
    albedo_mean: Float[ndarray, "v 3"] | None = None
    """None: painted."""
    albedo_basis: Float[ndarray, "ka v 3"] | None = None
    uv: Float[ndarray, "t 2"] | None = None
    """None: the cylinder layout."""
    face_uv: Int[ndarray, "f 3"] | None = None
    blendshape_names: tuple[str, ...] = ()
    blendshapes_mm: Float[ndarray, "n v 3"] | None = None
    to_expression: Float[ndarray, "n k"] | None = None


def landmark_vertices(ids: Int[ndarray, " 68"]) -> tuple[Int[ndarray, "68 3"], Float[ndarray, "68 3"]]:
    """Corners and barycentrics of landmarks that sit on vertices."""
    return np.repeat(np.asarray(ids)[:, None], 3, axis=1), np.tile([1.0, 0.0, 0.0], (68, 1))


def cylinder_uv(mean_mm: Float[ndarray, "v 3"]) -> Float[ndarray, "v 2"]:
    """The layout of Chen et al. 2020 (released code): of 512 texels, column 256 + 160 atan(x/z), row 220-2.2 y.

    u spans +-91 degrees of azimuth, v from y = -133 to +100 mm; points behind the ears are clamped to the border.
    """
    column = 256.0 + 160.0 * np.arctan2(mean_mm[:, 0], mean_mm[:, 2])
    row = 220.0 - 2.2 * mean_mm[:, 1]
    return np.clip(np.stack([column / 512.0, 1.0 - row / 512.0], -1), 0.0, 1.0)


def assemble(
    arrays: FileArrays, name: str, provenance: str, *, licensed: bool, files: Sequence[Path]
) -> MorphableModel:
    """The model, recentred, wound outward, with outline rows and regions derived from its landmarks.

    files: where the arrays are from, for the sentence of an error.

    Raises:
        ValueError: when triangles or landmarks refer to vertices that do not exist, arrays do not fit each other, or
            numbers are not finite or larger than any face.
    """
    try:
        _require_sound(arrays)
    except ValueError as error:
        raise ValueError(f"{name} from {', '.join(map(str, files))}: {error}") from None
    landmarks = (arrays.mean_mm[arrays.landmark_faces] * arrays.landmark_barycentrics[..., None]).sum(1)
    shift = recentring_shift(landmarks)
    mean, landmarks = arrays.mean_mm + shift, landmarks + shift
    turned = _points_inward(mean, arrays.faces)
    uv = cylinder_uv(mean) if arrays.uv is None else arrays.uv
    face_uv = arrays.faces if arrays.face_uv is None else arrays.face_uv
    faces = arrays.faces
    if turned:
        faces, face_uv = faces[:, ::-1], face_uv[:, ::-1]

    points = register_features(mean, landmarks)
    albedo_mean, albedo_basis = arrays.albedo_mean, arrays.albedo_basis
    if albedo_mean is None or albedo_basis is None:
        albedo_mean, albedo_basis = painted_albedo(points, PAINTED_MODES)
    blendshapes = None
    if arrays.blendshapes_mm is not None and arrays.to_expression is not None:
        blendshapes = Blendshapes(
            arrays.blendshape_names, _floats(arrays.blendshapes_mm), _floats(arrays.to_expression)
        )
    return MorphableModel(
        mean_mm=_floats(mean),
        identity_basis_mm=_floats(arrays.identity_mm),
        expression_basis_mm=_floats(arrays.expression_mm),
        albedo_mean=_floats(albedo_mean),
        albedo_basis=_floats(albedo_basis),
        faces=_integers(faces),
        uv=_floats(uv),
        face_uv=_integers(face_uv),
        landmark_faces=_integers(arrays.landmark_faces),
        landmark_barycentrics=_floats(arrays.landmark_barycentrics),
        contour_candidates=_integers(contour_rows(mean, landmarks[:17])),
        regions=VertexRegions(**{part: _floats(w) for part, w in region_weights(points, faces).items()}),
        name=name,
        provenance=provenance,
        blendshapes=blendshapes,
        licensed=licensed,
    )


def _require_sound(arrays: FileArrays) -> None:
    count = len(arrays.mean_mm)
    for what, ids in (("triangles", arrays.faces), ("landmarks", arrays.landmark_faces)):
        if ids.size == 0 or ids.min() < 0 or ids.max() >= count:
            raise ValueError(
                f"the {what} do not fit the {count} vertices (ids from 0 on); "
                "check whether the file counts from one and is whole."
            )
    if arrays.landmark_faces.shape != (68, 3) or arrays.landmark_barycentrics.shape != (68, 3):
        raise ValueError(f"there are {len(arrays.landmark_faces)} landmarks where 68 were expected; fetch it again.")
    if arrays.face_uv is not None and arrays.uv is not None:
        ids = arrays.face_uv
        if ids.shape != arrays.faces.shape or ids.min() < 0 or ids.max() >= len(arrays.uv):
            raise ValueError("the texture coordinates do not fit the triangles; fetch it again.")
    for field in dataclasses.fields(arrays):
        values = getattr(arrays, field.name)
        if not isinstance(values, ndarray) or values.dtype.kind != "f":
            continue
        largest = np.abs(values).max(initial=0)
        if not largest <= (LARGEST_MM if field.name.endswith("_mm") else LARGEST_NUMBER):  # NaN is not
            raise ValueError(f"{field.name} holds numbers up to {largest:.3g}, which no face has; fetch it again.")
        if field.name.endswith("_mm") and values.shape[-2:] != (count, 3):
            raise ValueError(f"{field.name} has the shape {values.shape} for {count} vertices; fetch it again.")


def _points_inward(mean: ndarray, faces: ndarray) -> bool:
    """True when triangles wind clockwise: their area vectors then point into the head, towards the origin."""
    a, b, c = (mean[faces[:, k]] for k in range(3))
    return float((np.cross(b - a, c - a) * (a + b + c)).sum()) < 0.0


def _floats(array: ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _integers(array: ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64))
