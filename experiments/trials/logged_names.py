"""Quantities that the training stages log and that a sweep may rank its trials by."""

import difflib

STAGES = "lightning_modules."
OCCUPANCY = ("train/loss", "val/bce", "val/iou_points", "val/precision_points", "val/recall_points")
NORMALS = ("front_normal_error_degrees", "back_normal_error_degrees", "normal_error_degrees")
CLOTHING = (
    *("mask_iou_soft", "mask_iou", "mask_iou_cmr", "ssim"),
    *("azimuth_error_degrees", "azimuth_median_error_degrees", "azimuth_error_gauge_degrees"),
    *("azimuth_spread_degrees", "elevation_error_degrees", "distance_error_percent"),
)
COARSE_FACES = (
    *("landmark_nme_percent", "photometric_error_grey", "skin_coverage_percent"),
    *("shape_error_mm", "shape_gain_percent", "neutral_shape_error_mm", "neutral_shape_gain_percent"),
    *("rotation_error_degrees", "normal_error_degrees"),
)
DETAILED_FACES = (
    *("skin_error_coarse_grey", "skin_error_fine_grey", "detail_gain_percent", "relief_gain_percent"),
    *("wrinkle_normal_error_coarse_degrees", "wrinkle_normal_error_fine_degrees", "normal_error_fine_degrees"),
)


def _validated(*names: str) -> tuple[str, ...]:
    return ("train/loss", *(f"val/{name}" for name in names))


LOGGED: dict[str, tuple[str, ...]] = {
    f"{STAGES}body_occupancy.BodyOccupancy": OCCUPANCY,
    f"{STAGES}body_superresolution.BodySuperResolution": OCCUPANCY,
    f"{STAGES}body_normals.BodyNormals": _validated(*NORMALS),
    f"{STAGES}clothing.Clothing": _validated(*CLOTHING),
    f"{STAGES}face_coarse.FaceCoarse": _validated(*COARSE_FACES),
    f"{STAGES}face_detail.FaceDetail": _validated(*COARSE_FACES, *DETAILED_FACES),
    f"{STAGES}face_identity.FaceIdentity": ("train/loss", "val/loss", "val/same_person_percent"),
}


def complaint_about(metric: str, stage: str) -> str | None:
    """Why a training stage (its class path) has no such quantity, and what it has; None where it may have it."""
    known = LOGGED.get(stage)
    if known is None or metric in known:
        return None
    near = difflib.get_close_matches(metric, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it logs {', '.join(known)}"
    return f"{stage.rsplit('.', 1)[-1]} logs no {metric!r}; {hint}"
