"""ICT-FaceKit (Li et al., Learning Formation of Physically-Based Face Attributes, CVPR 2020; MIT licence)."""

import json
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from models.geometry.array_files import read_archive
from models.geometry.plain_text import read_plain_text
from models.morphable.assembly import FileArrays, assemble, landmark_vertices
from models.morphable.linear import MorphableModel
from models.morphable.model_files import file_hash, require_file
from models.morphable.orthogonal_modes import combine, principal_mixing, without_similarity
from models.morphable.procedural_expressions import NOMINAL_WEIGHT
from models.morphable.wavefront_parser import read_polygons, read_vertices

MM_PER_CM = 10.0
LARGEST_CM = 1e3
NARROW_FACE_VERTICES = 6706
"""The front of the face comes first in the files' order of vertices."""
_WHERE = "clone https://github.com/USC-ICT/ICT-FaceKit (MIT licence; its folder FaceXModel)"


class _Source(NamedTuple):
    mean_cm: Float[ndarray, "v 3"]
    identity_cm: Float[ndarray, "k v 3"]
    expression_cm: Float[ndarray, "n v 3"]
    expression_names: tuple[str, ...]
    faces: Int[ndarray, "f 3"]
    uv: Float[ndarray, "t 2"]
    """Tile number plus place in the tile (UDIM)."""
    face_uv: Int[ndarray, "f 3"]
    landmarks: Int[ndarray, " 68"]


def ict_face(
    path: Path, *, identity_size: int | None = None, crop: Literal["narrow", "face", "all"] = "narrow"
) -> MorphableModel:
    """The face of ICT-FaceKit from a clone (or its folder FaceXModel) or from an npz conversion of it.

    `crop`: `narrow` keeps the front of the face (6 706 vertices; where the landmarks of the clone's version lie
    in it, else `face`), `face` all of the face's texture tile, `all` everything in the file. Modes are made
    orthogonal again after cropping, with the seven similarity motions taken out, and truncated to
    `identity_size` (all by default). The files' centimetres become millimetres. The named expressions (weights
    0..1) and their orthogonal modes are both kept. Texture coordinates are those of the face tile in the unit
    square.

    The light version ships no albedo. The model therefore wears the procedural face's skin, lips and brows with
    its modes (laid over the mesh by the 68 landmarks), so that photometric training works; no colour in it was
    measured on people.

    npz keys: mean [v 3], id_basis [k v 3], ex_basis [n v 3] (centimetres), ex_names, faces, uv, face_uv, landmarks68.

    Raises:
        FileNotFoundError: when the folder or file is missing; says where to get it.
        ValueError: when it is damaged or holds fewer than `identity_size` modes.
    """
    if path.suffix == ".npz":
        files = [require_file(path, "an npz conversion of ICT-FaceKit", _WHERE)]
        source = _read_npz(path)
    else:
        folder = path / "FaceXModel" if (path / "FaceXModel").is_dir() else path
        source, files = _read_folder(folder)
    try:
        source = _cropped(_checked(source), crop)
    except ValueError as error:
        raise ValueError(f"{' and '.join(map(str, files[:2]))}: {error}") from None
    if identity_size is not None and identity_size > len(source.identity_cm):
        raise ValueError(f"{path} holds {len(source.identity_cm)} identity modes but {identity_size} were asked for.")

    mean = MM_PER_CM * source.mean_cm
    fields, _ = without_similarity(MM_PER_CM * source.identity_cm, mean)
    identity = combine(principal_mixing(fields, identity_size or len(fields)), fields)
    shapes = MM_PER_CM * source.expression_cm
    mixing = principal_mixing(NOMINAL_WEIGHT * shapes, len(shapes))
    landmark_faces, landmark_barycentrics = landmark_vertices(source.landmarks)
    arrays = FileArrays(
        mean_mm=mean,
        identity_mm=identity,
        expression_mm=combine(mixing, NOMINAL_WEIGHT * shapes),
        faces=source.faces,
        landmark_faces=landmark_faces,
        landmark_barycentrics=landmark_barycentrics,
        uv=source.uv - _tiles(source.uv, source.face_uv)[:, None] * (1.0, 0.0),
        face_uv=source.face_uv,
        blendshape_names=source.expression_names,
        blendshapes_mm=shapes,
        to_expression=mixing.T / NOMINAL_WEIGHT,
    )
    return assemble(arrays, f"ict_face[{crop}]", file_hash(*files), licensed=False, files=files[:2])


def _read_npz(path: Path) -> _Source:
    try:
        file = read_archive(path, ("mean", "id_basis", "ex_basis", "ex_names", "faces", "uv", "face_uv", "landmarks68"))
        return _Source(
            file["mean"].astype(np.float64),
            file["id_basis"].astype(np.float64),
            file["ex_basis"].astype(np.float64),
            tuple(str(name) for name in file["ex_names"]),
            file["faces"].astype(np.int64),
            file["uv"].astype(np.float64),
            file["face_uv"].astype(np.int64),
            file["landmarks68"].astype(np.int64),
        )
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is not an npz conversion of ICT-FaceKit ({error}); expected the arrays mean, id_basis, ex_basis, "
            "ex_names, faces, uv, face_uv and landmarks68."
        ) from error


def _read_folder(folder: Path) -> tuple[_Source, list[Path]]:
    neutral = require_file(folder / "generic_neutral_mesh.obj", "the mean of ICT-FaceKit", _WHERE)
    index = require_file(folder / "vertex_indices.json", "the landmark list of ICT-FaceKit", _WHERE)
    try:
        listed = json.loads(read_plain_text(index))
        landmarks = np.array(listed["idx_to_landmark_verts"], dtype=np.int64)
        names = tuple(str(name) for name in listed["expressions"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{index} does not list idx_to_landmark_verts and expressions; fetch it again.") from error
    identities = sorted(folder.glob("identity*.obj"))
    if not identities or not names:
        require_file(folder / "identity000.obj", "the first identity mode of ICT-FaceKit", _WHERE)
    for number, path in enumerate(identities):
        if path.stem != f"identity{number:03d}":
            require_file(folder / f"identity{number:03d}.obj", "an identity mode of ICT-FaceKit", _WHERE)
    expressions = [
        require_file(folder / f"{name}.obj", f"an expression that {index.name} names", _WHERE) for name in names
    ]

    mesh = read_polygons(neutral)
    offsets = []
    for path in (*identities, *expressions):
        vertices = read_vertices(path)
        if vertices.shape != mesh.vertices.shape:
            raise ValueError(
                f"{path} has {len(vertices)} vertices but {neutral.name} has {len(mesh.vertices)}; use one version."
            )
        offsets.append(vertices - mesh.vertices)
    split = len(identities)
    source = _Source(
        mesh.vertices,
        np.stack(offsets[:split]),
        np.stack(offsets[split:]),
        names,
        mesh.faces,
        mesh.uv,
        mesh.face_uv,
        landmarks,
    )
    return source, [neutral, index, *identities, *expressions]


def _checked(source: _Source) -> _Source:
    """Raises ValueError when arrays do not fit each other or hold what no face has."""
    count = len(source.mean_cm)
    if source.landmarks.shape != (68,) or source.landmarks.min() < 0 or source.landmarks.max() >= count:
        raise ValueError(f"there are no 68 landmarks among {count} vertices; fetch it again.")
    for name, ids, limit in (("faces", source.faces, count), ("face_uv", source.face_uv, len(source.uv))):
        if ids.ndim != 2 or ids.shape[1] != 3 or not len(ids) or ids.min() < 0 or ids.max() >= limit:
            raise ValueError(f"{name} are no triples of numbers below {limit}; fetch it again.")
    if source.faces.shape != source.face_uv.shape or source.uv.ndim != 2 or source.uv.shape[1] != 2:
        raise ValueError("the texture coordinates do not fit the triangles; fetch it again.")
    if len(set(source.expression_names)) != len(source.expression_cm):
        raise ValueError(
            f"there are {len(source.expression_cm)} expressions for {len(set(source.expression_names))} names; fetch "
            "it again."
        )
    for name in ("mean_cm", "identity_cm", "expression_cm", "uv"):
        values = getattr(source, name)
        if name != "uv" and values.shape[-2:] != (count, 3):
            raise ValueError(f"{name} has the shape {values.shape} for {count} vertices; fetch it again.")
        if not np.abs(values).max(initial=0) <= LARGEST_CM:  # NaN is not
            raise ValueError(f"{name} holds numbers that no face has; fetch it again.")
    return source


def _tiles(uv: Float[ndarray, "t 2"], face_uv: Int[ndarray, "f 3"]) -> Float[ndarray, " t"]:
    """The tile that each texture coordinate belongs to: its triangle's, for a corner on u = 1 ends the first tile."""
    tiles = np.floor(uv[:, 0])
    tiles[face_uv] = np.floor(uv[face_uv, 0].mean(1))[:, None]
    return tiles


def _cropped(source: _Source, crop: str) -> _Source:
    keep = np.ones(len(source.faces), dtype=bool)
    if crop != "all":
        # the face is the first tile of the texture square
        keep &= source.uv[source.face_uv, 0].mean(1) < 1.0
    if crop == "narrow" and source.landmarks.max() < NARROW_FACE_VERTICES:
        keep &= (source.faces < NARROW_FACE_VERTICES).all(1)
    faces, face_uv = source.faces[keep], source.face_uv[keep]
    used, used_uv = np.unique(faces), np.unique(face_uv)
    if not np.isin(source.landmarks, used).all():
        raise ValueError(f"with crop {crop!r} some of the 68 landmarks fall off the mesh; choose crop 'all'.")
    return source._replace(
        mean_cm=source.mean_cm[used],
        identity_cm=source.identity_cm[:, used],
        expression_cm=source.expression_cm[:, used],
        faces=np.searchsorted(used, faces),
        uv=source.uv[used_uv],
        face_uv=np.searchsorted(used_uv, face_uv),
        landmarks=np.searchsorted(used, source.landmarks),
    )
