"""Everything around the face that photographs show: hair, skull, ears, neck and clothes, as one simple mesh.

None of it belongs to the morphable model; it is there so that a network meets outlines, colours and occlusions as in
photographs, and so that the segmentation means something.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from models.geometry.normals import vertex_normals
from models.morphable.procedural_surface import mean_surface

LEFT_EAR, RIGHT_EAR, HAIR, NECK, CLOTH = 8, 9, 13, 17, 18
HEAD_COLUMNS, HEAD_ROWS = 96, 26
CURTAIN_COLUMNS, CURTAIN_ROWS = 40, 8
BODY_COLUMNS, BODY_ROWS = 28, 9
EAR_COLUMNS, EAR_ROWS = 10, 7


@dataclass(frozen=True)
class HeadStyle:
    """One person's hair and clothes; lengths in mm, colours [3] in 0..1."""

    hair_colour: np.ndarray
    hair_thickness: float
    hairline_degrees: float
    """Elevation of the hairline over the forehead: 24 hangs over the brows, 50 is a high forehead."""
    sideburn_degrees: float
    """Elevation of the hairline in front of the ears."""
    hair_length: float
    """How far below the origin hair falls beside the head; 0 for short hair."""
    hair_waves: np.ndarray
    """[4] phases and strengths of the hairline's irregularity."""
    cloth_colour: np.ndarray
    collar: float
    """How far below the origin the neck is bare; 118 to 168."""


class HeadShape(NamedTuple):
    """What all heads share: p points of the mean, their triangles and how they follow the face."""

    points_mm: Tensor
    """[p, 3] hair, curtains of hair, ears, neck and chest around the mean face."""
    outward: Tensor
    """[p, 3] the direction in which hair is thick."""
    anchors: Tensor
    """[p] the face's vertex that a point moves with, and"""
    follow: Tensor
    """[p] how much."""
    faces: Tensor
    """[f, 3]"""
    azimuth: Tensor
    """[head rows x columns] radians, and"""
    elevation: Tensor
    body: Tensor
    """[p] bool: neck and chest, which do not turn with the head."""


class Heads(NamedTuple):
    """A batch of heads in the model's frame."""

    points_mm: Tensor
    """[b, p, 3]"""
    normals: Tensor
    """[b, p, 3]"""
    albedo: Tensor
    """[b, p, 3]"""
    classes: Tensor
    """[b, p] uint8"""


def head_shape(mean_mm: Tensor) -> HeadShape:
    """The shape around a mean face [v, 3]."""
    elevation = np.deg2rad(np.linspace(-62, 89.5, HEAD_ROWS))[:, None].repeat(HEAD_COLUMNS, 1)
    azimuth = np.linspace(-np.pi, np.pi, HEAD_COLUMNS, endpoint=False)[None].repeat(HEAD_ROWS, 0)
    head = mean_surface(
        np.rad2deg(azimuth).ravel() / 208 + 0.5, (np.rad2deg(elevation).ravel() + 64) / 120
    ).position_mm.reshape(HEAD_ROWS, HEAD_COLUMNS, 3)
    head[..., 2] = np.where(head[..., 2] < 0, head[..., 2] * 1.15, head[..., 2])  # heads are longer behind than before
    around = np.deg2rad(np.linspace(88, 272, CURTAIN_COLUMNS))
    curtain = np.stack([76 * np.sin(around), 0 * around, 100 * np.cos(around) * (np.cos(around) < 0)], -1)
    curtain = curtain[None].repeat(CURTAIN_ROWS, 0)
    curtain[..., 1] = np.linspace(60, -60, CURTAIN_ROWS)[:, None]  # stretched to the hair's length later
    parts = [
        (head, True),
        (curtain, False),
        *((_ear(side), True) for side in (-1.0, 1.0)),
        (_body(), True),
    ]
    points = np.concatenate([part.reshape(-1, 3) for part, _ in parts])
    faces, start = [], 0
    for part, closed in parts:
        faces.append(_tube_triangles(*part.shape[:2], closed=closed) + start)
        start += part.shape[0] * part.shape[1]
    distance, anchors = KDTree(mean_mm.numpy()).query(points)
    body = torch.arange(len(points)) >= len(points) - BODY_ROWS * BODY_COLUMNS
    outward = points * np.array([1, 0.7, 1]) / np.linalg.norm(points * np.array([1, 0.7, 1]), axis=-1, keepdims=True)
    return HeadShape(
        points_mm=torch.from_numpy(points).float(),
        outward=torch.from_numpy(outward).float(),
        anchors=torch.from_numpy(anchors),
        follow=torch.from_numpy(np.exp(-((distance / 50) ** 2))).float() * ~body,
        faces=torch.from_numpy(np.concatenate(faces)),
        azimuth=torch.from_numpy(azimuth.ravel()).float(),
        elevation=torch.from_numpy(elevation.ravel()).float(),
        body=body,
    )


def heads(shape: HeadShape, mean_mm: Tensor, faces_mm: Tensor, skin: Tensor, styles: list[HeadStyle]) -> Heads:
    """Heads around faces [b, v, 3] whose mean skin colours are skin [b, 3]."""
    moved = (faces_mm - mean_mm)[:, shape.anchors] * shape.follow[:, None]
    points = shape.points_mm + moved
    built = [_styled(shape, one, colour, style) for one, colour, style in zip(points, skin, styles)]
    points = torch.stack([part[0] for part in built])
    normals = vertex_normals(points, shape.faces)
    return Heads(points, normals, torch.stack([part[1] for part in built]), torch.stack([part[2] for part in built]))


def _styled(shape: HeadShape, points: Tensor, skin: Tensor, style: HeadStyle) -> tuple[Tensor, Tensor, Tensor]:
    count = len(shape.azimuth)
    curtain = slice(count, count + CURTAIN_ROWS * CURTAIN_COLUMNS)
    ears = slice(curtain.stop, curtain.stop + 2 * EAR_ROWS * EAR_COLUMNS)
    hair_share = _hair_share(shape, style)
    face_window = torch.sigmoid((np.deg2rad(97) - shape.azimuth.abs()) / 0.03)
    sunk = -14.0 * face_window * torch.sigmoid((np.deg2rad(47) - shape.elevation) / 0.03)
    phase = style.hair_waves[0] + 9 * shape.azimuth + style.hair_waves[1] * shape.elevation
    ripple = 1 + 0.12 * torch.sin(phase)
    lift = torch.lerp(sunk, style.hair_thickness * ripple, hair_share)
    points = points.clone()
    points[:count] += lift[:, None] * shape.outward[:count]

    streaks = 1 + 0.18 * torch.sin(31 * shape.azimuth + style.hair_waves[2]) * torch.sin(7 * shape.elevation)
    hair = torch.from_numpy(style.hair_colour).float()
    albedo = (skin * torch.tensor([0.97, 0.95, 0.95])).expand_as(points).clone()
    classes = torch.zeros(len(points), dtype=torch.uint8)
    is_hair = hair_share > 0.5
    albedo[:count][is_hair] = hair * streaks[is_hair, None]
    classes[:count] = torch.where(is_hair, HAIR, NECK)

    points[curtain], albedo[curtain] = _curtain(points[curtain], hair, style)
    classes[curtain] = HAIR
    half = EAR_ROWS * EAR_COLUMNS
    classes[ears.start : ears.start + half], classes[ears.start + half : ears.stop] = LEFT_EAR, RIGHT_EAR
    if style.hair_length > 0:  # ears under the hair
        points[ears] = points[ears] * torch.tensor([0.8, 1.0, 1.0])
    points[shape.body] = _with_collar(points[shape.body], -style.collar)
    dressed = torch.arange(BODY_ROWS * BODY_COLUMNS) < (_COLLAR_ROWS[0] + 1) * BODY_COLUMNS
    shadow = 0.7 + 0.28 * torch.sigmoid((-points[shape.body, 1] - 130) / 12)  # of the chin
    cloth = torch.from_numpy(style.cloth_colour).float()
    albedo[shape.body] = torch.where(dressed[:, None], cloth, albedo[shape.body] * shadow[:, None])
    classes[shape.body] = torch.where(dressed, CLOTH, NECK).to(torch.uint8)
    return points, albedo.clamp(0.01, 1), classes


def _hair_share(shape: HeadShape, style: HeadStyle) -> Tensor:
    """1 under hair: above a hairline that falls from the forehead to the ears and to the nape."""
    degrees = shape.azimuth.abs() * (180 / torch.pi)
    forehead = torch.sigmoid((62 - degrees) / 6)
    nape = torch.sigmoid((degrees - 118) / 6)
    line = style.sideburn_degrees + (style.hairline_degrees - style.sideburn_degrees) * forehead
    line = torch.lerp(line, torch.tensor(-38.0), nape)
    wobble = style.hair_waves[3] * torch.sin(5 * shape.azimuth + style.hair_waves[1])
    return torch.sigmoid((shape.elevation * (180 / torch.pi) - line - wobble) / 1.5)


def _curtain(points: Tensor, hair: Tensor, style: HeadStyle) -> tuple[Tensor, Tensor]:
    if style.hair_length <= 0:  # shrunk into the head
        return points * 0.3, hair.expand_as(points)
    share = (60 - points[:, 1]).clamp(0, 120) / 120
    spread = 1 + (style.hair_thickness * 0.8 + 8 * share) / 76
    column = torch.arange(CURTAIN_COLUMNS).repeat(CURTAIN_ROWS)
    streaks = 1 + 0.25 * torch.sin(1.9 * column + style.hair_waves[2])
    y = 60 - share * (60 + style.hair_length)
    moved = torch.stack([points[:, 0] * spread, y, points[:, 2] * spread - 4], -1)
    return moved, hair * streaks[:, None]


def _ear(side: float) -> np.ndarray:
    elevation = np.linspace(-1.5, 1.5, EAR_ROWS)[:, None]
    around = np.linspace(0, 2 * np.pi, EAR_COLUMNS, endpoint=False)[None] * side
    flat = np.cos(elevation)
    x = side * (76 + 9 * flat * np.sin(around) * side)
    return np.stack([x, 12 + 30 * np.sin(elevation) + 0 * around, -14 + 15 * flat * np.cos(around)], -1)


def _body() -> np.ndarray:
    around = np.linspace(-np.pi, np.pi, BODY_COLUMNS, endpoint=False)
    half_width, half_depth = _girth(_BODY_HEIGHTS)
    x = half_width[:, None] * np.sin(around)
    z = half_depth[:, None] * np.cos(around) - 24
    return np.stack([x, _BODY_HEIGHTS[:, None].repeat(BODY_COLUMNS, 1), z], -1)


_BODY_HEIGHTS = np.array([-300, -235, -205, -185, -170, -169.5, -115, -85, -55.0])
_COLLAR_ROWS = (4, 5)
"""Cloth ends at the first, skin begins at the second; both move to the collar's height."""


def _girth(height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half width and half depth of neck and chest."""
    at = [-300, -235, -205, -185, -170, -150, -115, -85, -55]
    width = np.interp(height, at, [215, 200, 165, 110, 72, 54, 49, 49, 50])
    return width, np.interp(height, at, [100, 95, 84, 72, 64, 57, 53, 52, 52])


def _with_collar(body: Tensor, height: float) -> Tensor:
    """Neck and chest [r c, 3] with the pair of rows between skin and cloth at a height; cloth stands off a little."""
    rows = body.view(BODY_ROWS, BODY_COLUMNS, 3).clone()
    for row, standoff in zip(_COLLAR_ROWS, (3.0, 0.0)):
        new_width, new_depth = _girth(np.array(height))
        old_width, old_depth = _girth(_BODY_HEIGHTS[row])
        rows[row, :, 0] *= float((new_width + standoff) / old_width)
        rows[row, :, 1] = height
        rows[row, :, 2] = (rows[row, :, 2] + 24) * float((new_depth + standoff) / old_depth) - 24
    return rows.flatten(0, 1)


def _tube_triangles(rows: int, columns: int, *, closed: bool) -> np.ndarray:
    """Outward triangles of a grid whose rows go up and whose columns run counter-clockwise seen from above."""
    ids = np.arange(rows * columns).reshape(rows, columns)
    following = np.roll(ids, -1, axis=1)
    if not closed:
        ids, following = ids[:, :-1], following[:, :-1]
    a, b, c, d = (part.ravel() for part in (ids[:-1], following[:-1], following[1:], ids[1:]))
    return np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)])
