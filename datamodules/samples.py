"""What a batch holds: one NamedTuple a kind of supervision, so that it survives collation and moves between devices."""

from typing import NamedTuple

from torch import Tensor


class FaceSample(NamedTuple):
    """One cropped photograph of a face, or a batch of them (each member with a leading batch axis)."""

    image: Tensor
    """[3, s, s] RGB in [0, 1]: the square crop."""
    landmarks: Tensor
    """[68, 2] iBUG points (x, y) in pixels of the crop; 0 where unknown."""
    landmark_weights: Tensor
    """[68] 1 where the point is known, 0 where it is not."""
    segmentation: Tensor
    """[s, s] int64 classes in CelebAMask-HQ's numbering (see `FACE_CLASSES`); -1 everywhere when there is no mask."""
    index: Tensor
    """[] int64 position of the picture in the data set's sorted list of names."""


class FaceTruthSample(NamedTuple):
    """A synthetic photograph with the 3D truth behind it.

    Coefficients belong to the morphable model that made the data.
    """

    photo: FaceSample
    identity: Tensor
    """[k] in standard deviations."""
    expression: Tensor
    """[k]"""
    albedo: Tensor
    """[k] in standard deviations."""
    pose: Tensor
    """[6] pitch, yaw, roll, x and y translation as a share of the crop's side, log scale
    (`models.faces.parameters`)."""
    light: Tensor
    """[9, 3] spherical-harmonic coefficients."""
    normals: Tensor
    """[3, s, s] unit normals of the detailed surface in the camera frame; 0 outside the face."""
    depth_mm: Tensor
    """[s, s] distance behind the plane of the model's origin; +inf outside the face."""
    displacement_mm: Tensor
    """[1, u, u] along the coarse normal, in UV; 0 outside the face."""
    wrinkles: Tensor
    """[s, s] bool: pixels of visible skin whose displacement is larger than 0.05 mm."""


FACE_CLASSES = (
    "background", "skin", "nose", "eyeglasses", "left eye", "right eye", "left brow", "right brow",
    "left ear", "right ear", "mouth", "upper lip", "lower lip", "hair", "hat", "earring", "necklace", "neck", "cloth",
)  # fmt: skip
"""Segmentation class i has the name FACE_CLASSES[i] (CelebAMask-HQ's numbering)."""
