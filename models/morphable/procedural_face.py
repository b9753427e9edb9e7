"""A complete morphable face that needs no file and no licence."""

from pathlib import Path
from typing import Any

import torch
from numpy import ndarray

from models.morphable.array_cache import cached_arrays
from models.morphable.contour_rows import contour_rows
from models.morphable.linear import Blendshapes, MorphableModel, VertexRegions
from models.morphable.procedural_albedo import albedo_model
from models.morphable.procedural_expressions import BLENDSHAPE_NAMES, blendshape_displacements, expression_basis
from models.morphable.procedural_grid import GRID_SIZE, Level, face_grid, landmark_uv, locate
from models.morphable.procedural_identity import identity_basis
from models.morphable.procedural_surface import mean_surface
from models.morphable.vertex_regions import region_weights

REFERENCE_LEVEL: Level = "tiny"
"""Modes are made orthogonal on this level's vertices, so that coefficients mean the same at all levels."""
RECIPE = (
    "contour_rows",
    "gaussian_fields",
    "orthogonal_modes",
    "procedural_albedo",
    "procedural_expressions",
    "procedural_face",
    "procedural_grid",
    "procedural_identity",
    "procedural_surface",
    "smooth_fields",
    "vertex_regions",
)
LARGEST_IDENTITY, LARGEST_ALBEDO = 200, 100


def procedural_face(
    level: Level = "default", *, identity_size: int = 80, albedo_size: int = 40, cache: Path | None = None
) -> MorphableModel:
    """The procedural face at a level of detail: tiny, default, fine or bfm_like (3 400 to 40 700 vertices).

    Coefficients mean the same at every level. Texture coordinates are per vertex (face_uv equals faces) over
    the whole unit square. Built in seconds and kept as an npz file under `cache` (default `$THREEFOLD_CACHE`,
    else `~/.cache/threefold`), keyed by a hash of the recipe; an unreadable file is built anew. Nothing in it
    derives from a scan or a licensed model.

    The mouth is a slit that opens on nothing, as in the usual cropped scans: a bag behind it would need a place
    of its own in the texture square and would close the boundary that other models have (see `mouth_interior`
    for pictures).

    Raises:
        ValueError: for an unknown level, or more modes than there are.
    """
    if level not in GRID_SIZE:
        raise ValueError(f"level was {level!r}; choose one of {', '.join(GRID_SIZE)}.")
    if not 1 <= identity_size <= LARGEST_IDENTITY or not 1 <= albedo_size <= LARGEST_ALBEDO:
        raise ValueError(
            f"identity_size {identity_size} and albedo_size {albedo_size} were asked for; choose 1 to "
            f"{LARGEST_IDENTITY} identity modes and 1 to {LARGEST_ALBEDO} albedo modes."
        )
    arrays, provenance = cached_arrays(
        f"procedural_face_{level}_{identity_size}_{albedo_size}",
        RECIPE,
        lambda: build_arrays(level, identity_size, albedo_size),
        cache,
    )
    return _model_of(arrays, f"procedural_face[{level}]", provenance)


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
        **{f"region_{part}": weight for part, weight in region_weights(points, grid.faces).items()},
    }


def _model_of(arrays: dict[str, ndarray], name: str, provenance: str) -> MorphableModel:
    tensors: dict[str, Any] = {key: torch.from_numpy(value) for key, value in arrays.items()}
    regions = VertexRegions(*(tensors.pop(f"region_{part}") for part in VertexRegions._fields))
    blendshapes = Blendshapes(BLENDSHAPE_NAMES, tensors.pop("blendshapes_mm"), tensors.pop("to_expression"))
    return MorphableModel(
        **tensors,
        face_uv=tensors["faces"],
        regions=regions,
        name=name,
        provenance=provenance,
        blendshapes=blendshapes,
    )
