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


class BodySample(NamedTuple):
    """Pictures of one body from n sides, and labelled points around it."""

    images: Tensor
    """[n, 3, h, w] RGB in [0, 1], background included."""
    masks: Tensor
    """[n, 1, h, w] 1 where the person is, 0 elsewhere."""
    view_from_body: Tensor
    """[n, 4, 4] calibrations, see `models.geometry.view_cameras`."""
    points_cm: Tensor
    """[p, 3] in the body frame: centimetres of a person of 180 cm around the middle of the body, +y up, +z front."""
    occupancy: Tensor
    """[p] 1 inside the body, 0 outside."""
    index: Tensor
    """[] int64 position of the record in the data set's sorted list."""


class BandTruth(NamedTuple):
    """The folds of a procedural garment, taken apart by wavelength; q = 0 where the body is not procedural."""

    points_cm: Tensor
    """[q, 3] on the true surface."""
    normals: Tensor
    """[q, 3] outward, unit length."""
    shifts_cm: Tensor
    """[s] along the normals."""
    smooth_field_cm: Tensor
    """[q, s] signed distance to the body without folds, at points + shift * normal."""
    heights_cm: Tensor
    """[q, 3] by how much each of the three bands displaces the surface there."""


class BodyTruthSample(NamedTuple):
    """A body with its true surface; batches hold one body."""

    body: BodySample
    vertices_cm: Tensor
    """[v, 3] in the body frame."""
    faces: Tensor
    """[f, 3] int64."""
    bands: BandTruth


class BodyNormalSample(NamedTuple):
    """A picture of a body with its normals as the camera sees them: x right, y up, z towards the camera."""

    image: Tensor
    """[3, h, w] RGB in [0, 1]."""
    mask: Tensor
    """[1, h, w]"""
    front: Tensor
    """[3, h, w] unit normals of the near surface; 0 outside."""
    back: Tensor
    """[3, h, w] unit normals of the far surface in the same picture (z is negative on most of it); 0 outside."""
    index: Tensor
    """[] int64"""


class BodyGridSample(NamedTuple):
    """A body with the truth on a grid, to train what reads grids."""

    body: BodySample
    grid: Tensor
    """[1, r, r, r] uint8: 1 where the centre of the voxel is inside; axes z, y, x (`models.geometry.voxel_cube`)."""


class ClothingSample(NamedTuple):
    """One photograph with the outline of its object (a person, a bird), or a batch of them."""

    image: Tensor
    """[3, h, w] RGB in [0, 1], background included."""
    mask: Tensor
    """[1, h, w] 1 where the object is, 0 elsewhere."""
    ratio: Tensor
    """[] share of the whole mask file that is foreground, as the data set's index holds it; augmentation leaves it."""
    index: Tensor
    """[] int64 position of the photograph in the data set's sorted list of records."""


class ClothingTruthSample(NamedTuple):
    """A synthetic photograph with the 3D truth behind it; batches are padded (`counts`)."""

    photo: ClothingSample
    vertices: Tensor
    """[v, 3] in the family's world frame: +y up, +z towards the viewer at azimuth 0; 0 where padded."""
    faces: Tensor
    """[f, 3] int64, counter-clockwise seen from outside; the degenerate face (0, 0, 0) where padded."""
    colours: Tensor
    """[v, 3] RGB in [0, 1] of the surface without light, also of the side that the photograph does not show."""
    counts: Tensor
    """[2] int64: how many of the vertices and how many of the faces are true, the others are padding."""
    azimuth: Tensor
    """[] radians; positive moves the camera to +x."""
    elevation: Tensor
    """[] radians; positive is above."""
    distance: Tensor
    """[] from the camera's centre to the origin."""
    offset: Tensor
    """[2] x and y of the point on the plane z = 0 that the camera looks at."""
