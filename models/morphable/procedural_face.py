"""A complete morphable face that needs no file and no licence."""

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch
from numpy import ndarray

from models.morphable import (
    contour_rows as contour_rows_module,
)
from models.morphable import (
    gaussian_fields,
    orthogonal_modes,
    procedural_albedo,
    procedural_expressions,
    procedural_grid,
    procedural_identity,
    procedural_surface,
    smooth_fields,
    vertex_regions,
)
from models.morphable.contour_rows import contour_rows
from models.morphable.linear import Blendshapes, MorphableModel, VertexRegions
from models.morphable.procedural_albedo import albedo_model, brow_band, eye_opening, lips
from models.morphable.procedural_expressions import BLENDSHAPE_NAMES, blendshape_displacements, expression_basis
from models.morphable.procedural_grid import Level, face_grid, landmark_uv, locate
from models.morphable.procedural_identity import identity_basis
from models.morphable.procedural_surface import mean_surface
from models.morphable.smooth_fields import smooth_abs, smooth_step
from models.morphable.vertex_regions import soften

REFERENCE_LEVEL: Level = "tiny"
_RECIPE = (
    contour_rows_module,
    gaussian_fields,
    orthogonal_modes,
    procedural_albedo,
    procedural_expressions,
    procedural_grid,
    procedural_identity,
    procedural_surface,
    smooth_fields,
    vertex_regions,
)


def procedural_face(
    level: Level = "default", *, identity_size: int = 80, albedo_size: int = 40, cache: Path | None = None
) -> MorphableModel:
    """The procedural face at a level of detail: tiny, default, fine or bfm_like.

    Coefficients mean the same at every level. Texture coordinates are per vertex (face_uv equals faces) over the whole
    unit square. Built in seconds and kept as an npz file under `cache` (default `$THREEFOLD_CACHE`, else
    `~/.cache/threefold`), keyed by a hash of the recipe; an unreadable file is built anew. Nothing in it derives from a
    scan or a licensed model.

    Raises:
        ValueError: for an unknown level, or more modes than there are.
    """
    if level not in procedural_grid.GRID_SIZE:
        raise ValueError(f"level was {level!r}; choose one of {', '.join(procedural_grid.GRID_SIZE)}.")
    if not 1 <= identity_size <= 200 or not 1 <= albedo_size <= 100:
        raise ValueError(
            f"identity_size {identity_size} and albedo_size {albedo_size} were asked for; "
            "choose at most 200 identity modes and 100 albedo modes, at least one of each."
        )
    provenance = recipe_hash(level, identity_size, albedo_size)
    folder = cache or Path(os.environ.get("THREEFOLD_CACHE") or Path.home() / ".cache" / "threefold")
    path = folder / f"procedural_face_{level}_{provenance}.npz"
    arrays = _read_cache(path)
    if arrays is None:
        arrays = build_arrays(level, identity_size, albedo_size)
        _write_cache(path, arrays)
    return _model_of(arrays, f"procedural_face[{level}]", provenance)


def recipe_hash(level: Level, identity_size: int, albedo_size: int) -> str:
    """Sixteen hexadecimal digits that change with the code of the recipe and its options."""
    digest = hashlib.sha256(f"{level} {identity_size} {albedo_size}".encode())
    for module in (*_RECIPE, None):
        digest.update(Path(module.__file__ or "" if module else __file__).read_bytes())
    return digest.hexdigest()[:16]


def build_arrays(level: Level, identity_size: int, albedo_size: int) -> dict[str, ndarray]:
    """All arrays of the model, named as the arguments of MorphableModel."""
    reference_grid, grid = face_grid(REFERENCE_LEVEL), face_grid(level)
    reference = mean_surface(reference_grid.uv[:, 0], reference_grid.uv[:, 1])
    points = reference if level == REFERENCE_LEVEL else mean_surface(grid.uv[:, 0], grid.uv[:, 1])

    identity = identity_basis(points, reference, identity_size)
    blendshapes = blendshape_displacements(grid.uv, points, grid.upper_lip)
    reference_shapes = blendshape_displacements(reference_grid.uv, reference, reference_grid.upper_lip)
    expression, to_expression = expression_basis(blendshapes, reference_shapes)
    albedo_mean, albedo_basis = albedo_model(points, reference, albedo_size)

    landmark_faces, landmark_barycentrics = locate(grid, *landmark_uv())
    landmarks = (points.position_mm[landmark_faces] * landmark_barycentrics[..., None]).sum(1)
    x, y, azimuth = points.x, points.y, np.rad2deg(np.abs(points.azimuth))
    nose = np.where((np.abs(x) < 19.0) & (y > -17.0) & (y < 34.0), 1.0, 0.0) * (np.abs(x) < 21.0 - 0.35 * (y + 6.0))
    return {
        "mean_mm": points.position_mm,
        "identity_basis_mm": identity,
        "expression_basis_mm": expression,
        "albedo_mean": albedo_mean,
        "albedo_basis": albedo_basis,
        "faces": grid.faces,
        "uv": grid.uv,
        "landmark_faces": landmark_faces,
        "landmark_barycentrics": landmark_barycentrics,
        "contour_candidates": contour_rows(points.position_mm, landmarks[:17]),
        "blendshapes_mm": blendshapes,
        "to_expression": to_expression,
        "region_face": smooth_step(88.0, 78.0, azimuth) * smooth_step(-86.0, -78.0, y) * smooth_step(84.0, 76.0, y),
        "region_eyes": np.maximum(eye_opening(x, y), eye_opening(x, y - 0.8)),
        "region_brows": soften(brow_band(x, y, 3.2), grid.faces),
        "region_nose": soften(nose, grid.faces),
        "region_mouth": np.where((np.abs(smooth_abs(x)) < 28.0), lips(x, y), 0.0),
    }


def _model_of(arrays: dict[str, ndarray], name: str, provenance: str) -> MorphableModel:
    floats = {key: torch.as_tensor(value, dtype=torch.float32) for key, value in arrays.items()}
    whole = {
        key: torch.as_tensor(arrays[key], dtype=torch.int64)
        for key in ("faces", "landmark_faces", "contour_candidates")
    }
    return MorphableModel(
        mean_mm=floats["mean_mm"],
        identity_basis_mm=floats["identity_basis_mm"],
        expression_basis_mm=floats["expression_basis_mm"],
        albedo_mean=floats["albedo_mean"],
        albedo_basis=floats["albedo_basis"],
        faces=whole["faces"],
        uv=floats["uv"],
        face_uv=whole["faces"],
        landmark_faces=whole["landmark_faces"],
        landmark_barycentrics=floats["landmark_barycentrics"],
        contour_candidates=whole["contour_candidates"],
        regions=VertexRegions(*(floats[f"region_{part}"] for part in VertexRegions._fields)),
        name=name,
        provenance=provenance,
        blendshapes=Blendshapes(BLENDSHAPE_NAMES, floats["blendshapes_mm"], floats["to_expression"]),
    )


def _read_cache(path: Path) -> dict[str, ndarray] | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def _write_cache(path: Path, arrays: dict[str, ndarray]) -> None:
    """Whole or not at all; a folder that cannot be written to costs time, not the result."""
    small = {key: value.astype(np.float32 if value.dtype.kind == "f" else np.int32) for key, value in arrays.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
            np.savez(file, **small)  # pyright: ignore[reportArgumentType]
        os.replace(file.name, path)
    except OSError:
        return
