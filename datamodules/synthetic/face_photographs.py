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
from models.rendering.interpolate import interpolate
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
    maps: FaceTruthMaps


@torch.no_grad()
def photograph(face: DenseFace, shape: HeadShape, scenes: list[FaceScene], size: int) -> list[FacePhotograph]:
    """One picture of size x size pixels for each scene.

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

    samples = _samples(face, shape, surfaces, around, displacement, pose, scenes, size * SUPERSAMPLING)
    landmarks = project_scaled_orthographic(sliding, pose, size)[..., :2].numpy()
    fixed = project_scaled_orthographic(model.landmarks_mm(surfaces.coarse_mm), pose, size)[..., :2].numpy()
    photographs = []
    for number, scene in enumerate(scenes):
        random = np.random.default_rng(scene.overlay_seed)
        picture, classes = _composed(samples, number, scene, random, pose[number], landmarks[number], skin[number], sliding[number])
        photographs.append(
            FacePhotograph(
                pixels=_developed(_pooled(picture), scene, random),
                classes=(labels := _voted(classes)),
                landmarks=landmarks[number],
                fixed_landmarks=fixed[number],
                expression=expression[number].numpy(),
                pose=pose[number].numpy(),
                maps=_maps(samples, number, displacement[number, 0], labels),
            )
        )
    return photographs


class _Samples(NamedTuple):
    """What the camera sees at every sample; S samples a side."""

    colour: np.ndarray
    """[b, S, S, 3]"""
    classes: np.ndarray
    """[b, S, S] uint8"""
    covered: np.ndarray
    """[b, S, S] bool: face or head, not background."""
    face: np.ndarray
    """[b, S, S] bool: the morphable face."""
    normals: np.ndarray
    """[b, 3, S, S]"""
    depth_mm: np.ndarray
    """[b, S, S]"""
    displaced_mm: np.ndarray
    """[b, S, S]"""


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
) -> _Samples:
    body_pose = pose.clone()
    body_pose[:, :2] *= BODY_TURN
    turn, body_turn = rotation_from_face_angles(pose[:, :3]), rotation_from_face_angles(body_pose[:, :3])
    face_screen = project_scaled_orthographic(surfaces.points_mm, pose, side)
    head_screen = project_scaled_orthographic(around.points_mm, pose, side)
    joint = torch.tensor(NECK_JOINT_MM).expand(len(pose), 1, 3)
    step = project_scaled_orthographic(joint, pose, side) - project_scaled_orthographic(joint, body_pose, side)
    body_screen = project_scaled_orthographic(around.points_mm[:, shape.body], body_pose, side) + step
    head_screen[:, shape.body] = body_screen
    head_normals = around.normals @ turn.mT
    head_normals[:, shape.body] = around.normals[:, shape.body] @ body_turn.mT

    screen = torch.cat([face_screen, head_screen], 1)
    normals = torch.cat([surfaces.normals @ turn.mT, head_normals], 1)
    colours = torch.cat([surfaces.albedo, around.albedo], 1)
    depth = displacement.flatten(1)[:, face.grid.valid.flatten()]
    relief = torch.cat([depth, depth.new_zeros(len(depth), screen.shape[1] - depth.shape[1])], 1)[..., None]
    faces = torch.cat([face.faces, shape.faces + surfaces.points_mm.shape[1]])
    fragments = rasterize(screen, faces, (side, side), perspective=False)
    attributes = interpolate(torch.cat([colours, normals, relief], -1), faces, fragments)
    seen_normals = torch.nn.functional.normalize(attributes[:, 3:6], dim=1)
    light = torch.from_numpy(np.stack([scene.light for scene in scenes])).float()
    colour = shade_chen2020(attributes[:, :3].contiguous(), seen_normals, light)

    classes = torch.cat([face.classes.expand(len(pose), -1), around.classes], 1)
    nearest = fragments.barycentrics.argmax(-1)
    covered = fragments.face_index >= 0
    corner = faces[fragments.face_index.clamp(min=0)].gather(-1, nearest[..., None]).squeeze(-1)
    seen_classes = classes.gather(1, corner.flatten(1)).view_as(corner) * covered
    pixels_per_mm = side / 200 * pose[:, 5].exp()
    depth_mm = (fragments.depth - FACE_DEPTH_OFFSET_SIDES * side) / pixels_per_mm[:, None, None]
    return _Samples(
        colour=colour.permute(0, 2, 3, 1).numpy(),
        classes=seen_classes.numpy().astype(np.uint8),
        covered=covered.numpy(),
        face=(covered & (corner < len(face.corners))).numpy(),
        normals=seen_normals.numpy(),
        depth_mm=depth_mm.numpy(),
        displaced_mm=attributes[:, 6].numpy(),
    )


def _composed(
    samples: _Samples,
    number: int,
    scene: FaceScene,
    random: np.random.Generator,
    pose: Tensor,
    landmarks: np.ndarray,
    skin: Tensor,
    points_mm: Tensor,
) -> tuple[np.ndarray, np.ndarray]:
    """[S, S, 3] colours with the background behind and the overlays in front, and [S, S] classes."""
    side = samples.classes.shape[-1]
    picture = np.where(samples.covered[number, ..., None], samples.colour[number], background(random, side))
    classes = samples.classes[number].copy()
    scale = side * SUPERSAMPLING / side
    box = np.concatenate([landmarks.min(0), landmarks.max(0)]) * scale
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
    """The most frequent of each 2 x 2 samples; of equal counts, the one that holds the two middle ranks or the lower."""
    four = np.stack([classes[::2, ::2], classes[1::2, ::2], classes[::2, 1::2], classes[1::2, 1::2]])
    four.sort(axis=0)
    return np.where((four[0] == four[1]) | (four[1] == four[2]), four[1], four[2])


def _developed(picture: np.ndarray, scene: FaceScene, random: np.random.Generator) -> np.ndarray:
    """Blur of the lens and noise of the sensor; [s, s, 3] uint8."""
    if scene.blur_px > 0.2:
        picture = gaussian_filter1d(gaussian_filter1d(picture, scene.blur_px, axis=0), scene.blur_px, axis=1)
    noisy = picture + np.float32(scene.noise) * random.standard_normal(picture.shape, dtype=np.float32)
    return np.clip(np.round(noisy * 255), 0, 255).astype(np.uint8)


def _maps(samples: _Samples, number: int, displacement: Tensor, classes: np.ndarray) -> FaceTruthMaps:
    shown = np.isin(classes, FACE_CLASSES_SHOWN)
    face = samples.face[number].astype(np.float32)
    share = _pooled(face)
    shown &= share >= 0.5
    divisor = np.maximum(share, 0.25)
    normals = _pooled(samples.normals[number].transpose(1, 2, 0) * face[..., None]) / divisor[..., None]
    normals = normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)
    depth = _pooled(np.where(samples.face[number], samples.depth_mm[number], 0)) / divisor
    relief = _pooled(samples.displaced_mm[number] * face) / divisor
    return FaceTruthMaps(
        normals=np.where(shown[..., None], normals, 0).transpose(2, 0, 1).astype(np.float16),
        depth_mm=np.where(shown, depth, np.inf).astype(np.float16),
        displacement_mm=displacement.numpy().astype(np.float16),
        wrinkles=shown & np.isin(classes, (1, 2)) & (np.abs(relief) > WRINKLE_THRESHOLD_MM),
    )
