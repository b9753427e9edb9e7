"""Synthetic scenes to photographs: one rasterization of face and head, light, overlays, lens and sensor."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from datamodules.crops import face_crop
from datamodules.face_truth import WRINKLE_THRESHOLD_MM, FaceTruthMaps
from datamodules.synthetic.backgrounds import background
from datamodules.synthetic.dense_faces import DenseFace, FaceSurfaces, displaced_surfaces
from datamodules.synthetic.face_occluders import draw_glasses, draw_hand, draw_strands
from datamodules.synthetic.face_scenes import FaceScene
from datamodules.synthetic.heads import Heads, HeadShape, heads
from models.geometry.cameras import FACE_DEPTH_OFFSET_SIDES, project_scaled_orthographic
from models.geometry.rotations import rotation_from_face_angles
from models.morphable.procedural_wrinkles import wrinkle_displacement_mm
from models.rendering.lighting import shade_chen2020
from models.rendering.rasterize import rasterize

SUPERSAMPLING = 2
NECK_JOINT_MM = (0.0, -75.0, -25.0)
BODY_TURN = 0.35
"""Share of the head's pitch and yaw that neck and chest follow."""
FACE_CLASSES_SHOWN = (1, 2, 4, 5, 6, 7, 11, 12)


class FacePhotograph(NamedTuple):
    """One picture as it is written, and its truth."""

    pixels: np.ndarray
    """[s, s, 3] uint8"""
    classes: np.ndarray
    """[s, s] uint8"""
    landmarks: np.ndarray
    """[68, 2] the jaw on the visible outline; and"""
    fixed_landmarks: np.ndarray
    """[68, 2] the physical jaw."""
    expression: np.ndarray
    pose: np.ndarray
    maps: FaceTruthMaps | None


@torch.no_grad()
def photograph(
    face: DenseFace, shape: HeadShape, scenes: list[FaceScene], size: int, *, with_maps: bool = True
) -> list[FacePhotograph]:
    """One picture of size x size pixels for each scene, with the dense truth or without.

    Colours are averaged over 2 x 2 samples a pixel, classes are voted on, overlays are drawn at the samples.
    """
    model = face.model
    weights = torch.from_numpy(np.stack([scene.blendshape_weights for scene in scenes]))
    expression = model.expression_from_blendshapes(weights)
    identity = torch.from_numpy(np.stack([scene.person.identity for scene in scenes]))
    albedo = torch.from_numpy(np.stack([scene.person.albedo for scene in scenes]))
    uv_size = face.grid.valid.shape[0]
    displacement = torch.stack(
        [
            wrinkle_displacement_mm(
                uv_size, scene.person.age, row, torch.Generator().manual_seed(1_000_003 * scene.person.number + 17)
            )
            for scene, row in zip(scenes, weights)
        ]
    )
    surfaces = displaced_surfaces(face, identity, expression, albedo, displacement)
    rotation = rotation_from_face_angles(torch.from_numpy(np.stack([scene.angles for scene in scenes])))
    sliding = model.sliding_landmarks_mm(surfaces.coarse_mm, rotation)
    pose = _framed(scenes, sliding, size)
    skin = surfaces.albedo[:, : len(face.corners)].mean(1)
    around = heads(shape, model.mean_mm, surfaces.coarse_mm, skin, [scene.person.style for scene in scenes])

    side = size * SUPERSAMPLING
    samples = _samples(face, shape, surfaces, around, displacement, pose, scenes, side)
    landmarks = project_scaled_orthographic(sliding, pose, size)[..., :2].numpy()
    fixed = project_scaled_orthographic(model.landmarks_mm(surfaces.coarse_mm), pose, size)[..., :2].numpy()
    photographs = []
    for number, (scene, sample) in enumerate(zip(scenes, samples)):
        random = np.random.default_rng(scene.overlay_seed)
        picture, classes = _composed(
            sample, side, scene, random, pose[number], landmarks[number], skin[number], sliding[number]
        )
        voted = _voted(classes)
        photographs.append(
            FacePhotograph(
                pixels=_developed(_pooled(picture), scene, random),
                classes=voted,
                landmarks=landmarks[number],
                fixed_landmarks=fixed[number],
                expression=expression[number].numpy(),
                pose=pose[number].numpy(),
                maps=_maps(sample, side, displacement[number, 0], voted) if with_maps else None,
            )
        )
    return photographs


class _Samples(NamedTuple):
    """What one picture's covered samples see; S samples a side, n of them covered by face or head."""

    at: np.ndarray
    """[n] position in the flattened S x S samples."""
    colour: np.ndarray
    """[n, 3]"""
    classes: np.ndarray
    """[n] uint8"""
    face: np.ndarray
    """[n] bool: the morphable face."""
    normals: np.ndarray
    """[n, 3] camera frame."""
    depth_mm: np.ndarray
    """[n]"""
    displaced_mm: np.ndarray
    """[n]"""


def _framed(scenes: list[FaceScene], landmarks_mm: Tensor, size: int) -> Tensor:
    """[b, 6] poses that put the face's crop where the scene wants it in the picture."""
    poses = torch.zeros(len(scenes), 6)
    poses[:, :3] = torch.from_numpy(np.stack([scene.angles for scene in scenes]))
    points = project_scaled_orthographic(landmarks_mm, poses, size)[..., :2].numpy()
    for pose, scene, face in zip(poses, scenes, points):
        crop = face_crop(face)
        scale = scene.crop_share * size / crop.side
        room = size * (1 - scene.crop_share)
        centre = scene.crop_share * size / 2 + scene.crop_place * room
        away = (np.array([crop.center_x, crop.center_y]) - size / 2) * scale
        shift = (centre - size / 2 - away) / size
        pose[3:] = torch.tensor([shift[0], -shift[1], np.log(scale)])
    return poses


def _samples(
    face: DenseFace,
    shape: HeadShape,
    surfaces: FaceSurfaces,
    around: Heads,
    displacement: Tensor,
    pose: Tensor,
    scenes: list[FaceScene],
    side: int,
) -> list[_Samples]:
    body_pose = pose.clone()
    body_pose[:, :2] *= BODY_TURN
    turn, body_turn = rotation_from_face_angles(pose[:, :3]), rotation_from_face_angles(body_pose[:, :3])
    head_screen = project_scaled_orthographic(around.points_mm, pose, side)
    joint = torch.tensor(NECK_JOINT_MM).expand(len(pose), 1, 3)
    step = project_scaled_orthographic(joint, pose, side) - project_scaled_orthographic(joint, body_pose, side)
    head_screen[:, shape.body] = project_scaled_orthographic(around.points_mm[:, shape.body], body_pose, side) + step
    head_normals = around.normals @ turn.mT
    head_normals[:, shape.body] = around.normals[:, shape.body] @ body_turn.mT

    screen = torch.cat([project_scaled_orthographic(surfaces.points_mm, pose, side), head_screen], 1)
    normals = torch.cat([surfaces.normals @ turn.mT, head_normals], 1)
    relief = displacement.flatten(1)[:, face.grid.valid.flatten()]
    relief = torch.nn.functional.pad(relief, (0, screen.shape[1] - relief.shape[1]))
    attributes = torch.cat([surfaces.albedo, around.albedo], 1)
    attributes = torch.cat([attributes, normals, relief[..., None]], -1)
    classes = torch.cat([face.classes.expand(len(pose), -1), around.classes], 1)
    faces = torch.cat([face.faces, shape.faces + surfaces.points_mm.shape[1]])
    fragments = rasterize(screen, faces, (side, side), perspective=False, cull="back")
    pixels_per_mm = side / 200 * pose[:, 5].exp()

    seen = []
    for number, scene in enumerate(scenes):
        face_index = fragments.face_index[number].flatten()
        at = (face_index >= 0).nonzero().squeeze(1)
        corners = faces[face_index[at]]
        weights = fragments.barycentrics[number].flatten(0, 1)[at]
        values = attributes[number].index_select(0, corners[:, 0]) * weights[:, :1]
        for k in (1, 2):
            values.addcmul_(attributes[number].index_select(0, corners[:, k]), weights[:, k : k + 1])
        planes = values.T.contiguous()[None, :, None]  # [1, 7, 1, n]: a picture of one row
        unit = planes[:, 3:6] * (planes[:, 3:6] ** 2).sum(1, keepdim=True).clamp(min=1e-12).rsqrt()
        colour = shade_chen2020(planes[:, :3], unit, torch.from_numpy(scene.light).float()[None])
        nearest = corners.gather(1, weights.argmax(1, keepdim=True)).squeeze(1)
        depth = (fragments.depth[number].flatten()[at] - FACE_DEPTH_OFFSET_SIDES * side) / pixels_per_mm[number]
        seen.append(
            _Samples(
                at=at.numpy(),
                colour=colour[0, :, 0].T.numpy(),
                classes=classes[number, nearest].numpy(),
                face=(nearest < len(face.corners)).numpy(),
                normals=unit[0, :, 0].T.numpy(),
                depth_mm=depth.numpy(),
                displaced_mm=values[:, 6].numpy(),
            )
        )
    return seen


def _composed(
    samples: _Samples,
    side: int,
    scene: FaceScene,
    random: np.random.Generator,
    pose: Tensor,
    landmarks: np.ndarray,
    skin: Tensor,
    points_mm: Tensor,
) -> tuple[np.ndarray, np.ndarray]:
    """[S, S, 3] colours with the background behind and the overlays in front, and [S, S] classes."""
    picture = np.ascontiguousarray(background(random, side))
    picture.reshape(-1, 3)[samples.at] = samples.colour
    classes = np.zeros((side, side), np.uint8)
    classes.reshape(-1)[samples.at] = samples.classes
    box = np.concatenate([landmarks.min(0), landmarks.max(0)]) * SUPERSAMPLING
    ambient = np.clip(scene.light[0] * 0.2821 + 0.3, 0.2, 1.2)
    if scene.strands:
        draw_strands(picture, classes, random, scene.person.style.hair_colour * ambient, box)
    if scene.glasses:
        eyes = np.stack([points_mm[36:42].numpy().mean(0), points_mm[42:48].numpy().mean(0)])
        draw_glasses(picture, classes, random, lambda points: _to_screen(points, pose, side), eyes)
    if scene.hand:
        draw_hand(picture, classes, random, skin.numpy() * ambient, box)
    return picture, classes


def _to_screen(points_mm: np.ndarray, pose: Tensor, side: int) -> np.ndarray:
    points = torch.from_numpy(np.asarray(points_mm)).float()[None]
    return project_scaled_orthographic(points, pose[None], side)[0, :, :2].numpy()


def _pooled(values: np.ndarray) -> np.ndarray:
    """Mean over 2 x 2 samples of [S, S, …]."""
    return (values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]) * np.float32(0.25)


def _voted(classes: np.ndarray) -> np.ndarray:
    """The most frequent of each 2 x 2 samples; of equal counts, the one that holds the two middle ranks or the
    lower."""
    four = np.stack([classes[::2, ::2], classes[1::2, ::2], classes[::2, 1::2], classes[1::2, 1::2]])
    four.sort(axis=0)
    return np.where((four[0] == four[1]) | (four[1] == four[2]), four[1], four[2])


def _developed(picture: np.ndarray, scene: FaceScene, random: np.random.Generator) -> np.ndarray:
    """Blur of the lens and noise of the sensor; [s, s, 3] uint8."""
    if scene.blur_px > 0.2:
        picture = gaussian_filter1d(gaussian_filter1d(picture, scene.blur_px, axis=0), scene.blur_px, axis=1)
    noisy = picture + np.float32(scene.noise) * random.standard_normal(picture.shape, dtype=np.float32)
    return np.clip(np.round(noisy * 255), 0, 255).astype(np.uint8)


def _maps(samples: _Samples, side: int, displacement: Tensor, classes: np.ndarray) -> FaceTruthMaps:
    values = np.zeros((side * side, 6), np.float32)
    relief = samples.displaced_mm[:, None]
    known = np.concatenate([samples.normals, samples.depth_mm[:, None], relief, np.ones_like(relief)], 1)
    values[samples.at[samples.face]] = known[samples.face]
    pooled = _pooled(values.reshape(side, side, 6))
    share = pooled[..., 5]
    shown = np.isin(classes, FACE_CLASSES_SHOWN) & (share >= 0.5)
    pooled /= np.maximum(share, 0.25)[..., None]
    normals = pooled[..., :3] / np.maximum(np.linalg.norm(pooled[..., :3], axis=-1, keepdims=True), 1e-6)
    wrinkled = np.isin(classes, (1, 2)) & (np.abs(pooled[..., 4]) > WRINKLE_THRESHOLD_MM)
    return FaceTruthMaps(
        normals=np.where(shown[..., None], normals, 0).transpose(2, 0, 1).astype(np.float16),
        depth_mm=np.where(shown, pooled[..., 3], np.inf).astype(np.float16),
        displacement_mm=displacement.numpy().astype(np.float16),
        wrinkles=shown & wrinkled,
    )
