"""Birds: body, head, beak, tail, wings, legs; species by size of the parts and by plumage, individuals by pose."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from datamodules.synthetic.garment_prints import blended, step
from datamodules.synthetic.garment_shapes import GarmentShape, SolidField, shape_of
from datamodules.synthetic.human_parameters import Colour
from datamodules.synthetic.human_primitives import Ellipsoids, RoundCones, smooth_min
from datamodules.synthetic.human_skeleton import Skeleton
from models.geometry.grids import Bounds

SIDES = (("right", 1.0), ("left", -1.0))
"""The beak points to +x, so the right side is +z."""
EYE_RADIUS = 3.3


class Plumage(NamedTuple):
    """Colours of a species."""

    back: Colour
    belly: Colour
    head: Colour
    wing: Colour
    throat: Colour
    beak: Colour
    bar: Colour
    cap: Colour | None
    stripe: Colour | None
    """Through the eye."""
    spots: float
    """How much the breast is streaked with the colour of the back."""
    bars: int


class Proportions(NamedTuple):
    """Of a species, in a frame where a body is about 110 long."""

    body: tuple[float, float, float]
    head: float
    neck: float
    beak: float
    beak_drop: float
    tail: tuple[float, float, float]
    wing: tuple[float, float, float]
    legs: float


def draw_bird(random: np.random.Generator, species: np.random.Generator, cells: int) -> GarmentShape:
    """An individual of a species, about 180 long; beak towards +x, the right flank towards +z."""
    plumage, parts = draw_plumage(species), draw_proportions(species)
    pose = _pose(random)
    flying = pose["wings_out"] > 0
    like = torch.zeros(())
    skeleton = _skeleton(parts, pose)
    ellipsoids = Ellipsoids(skeleton, _masses(parts, flying), np.zeros(3), like)
    cones = RoundCones(skeleton, _cones(parts, flying), np.zeros(3), like)

    def distance(points: Tensor) -> Tensor:
        body, breast, head, tail, *wings = ellipsoids(points).unbind(0)
        neck, upper_beak, *legs = cones(points).unbind(0)
        bird = smooth_min(smooth_min(body, breast, 12.0), neck, 10.0)
        bird = smooth_min(smooth_min(bird, head, 8.0), tail, 8.0)
        for wing in wings:
            bird = smooth_min(bird, wing, 5.0 if flying else 2.0)
        for leg in legs:
            bird = smooth_min(bird, leg, 3.0)
        return smooth_min(bird, upper_beak, 2.5)

    def colour(points: Tensor) -> Tensor:
        return _plumage_at(points.T, plumage, parts, skeleton, ellipsoids, cones)

    bounds = Bounds((-150.0, -150.0, -150.0), (150.0, 150.0, 150.0))
    return shape_of(SolidField(distance, bounds), cells, colour)


def draw_plumage(random: np.random.Generator) -> Plumage:
    """Browns and greys for half of the species, blue, red, yellow, green and black for the others."""
    tones = [(0.35, 0.25, 0.17), (0.5, 0.4, 0.3), (0.45, 0.45, 0.47), (0.12, 0.11, 0.12)]
    vivid = [(0.1, 0.3, 0.75), (0.78, 0.12, 0.1), (0.9, 0.75, 0.1), (0.25, 0.5, 0.15), (0.85, 0.45, 0.1)]
    pale = [(0.93, 0.92, 0.88), (0.85, 0.76, 0.6), (0.75, 0.73, 0.7), (0.92, 0.82, 0.35), (0.8, 0.45, 0.25)]

    def pick(*choices: list[tuple[float, float, float]]) -> Colour:
        chosen = choices[int(random.integers(len(choices)))]
        colour = np.array(chosen[int(random.integers(len(chosen)))]) * random.uniform(0.8, 1.15, 3)
        red, green, blue = (float(x) for x in np.clip(colour, 0, 1))
        return red, green, blue

    back = pick(tones, vivid)
    return Plumage(
        back=back,
        belly=pick(pale, pale, vivid, tones),
        head=back if random.random() < 0.4 else pick(tones, vivid),
        wing=back if random.random() < 0.3 else pick(tones, tones, vivid),
        throat=pick(pale, vivid, tones),
        beak=pick([(0.15, 0.14, 0.14), (0.85, 0.55, 0.15), (0.6, 0.55, 0.5)]),
        bar=pick(pale, tones),
        cap=pick(tones, vivid) if random.random() < 0.4 else None,
        stripe=pick(tones, pale) if random.random() < 0.4 else None,
        spots=float(random.uniform(0, 1) * (random.random() < 0.4)),
        bars=int(random.integers(0, 4)),
    )


def draw_proportions(random: np.random.Generator) -> Proportions:
    """Finches, thrushes, ducks, gulls and crows lie in between."""
    u = random.uniform
    deep = u(22, 32)
    return Proportions(
        body=(u(38, 54), deep, deep * u(0.8, 0.95)),
        head=u(12, 18),
        neck=u(2, 24) if random.random() < 0.4 else u(0, 6),
        beak=u(7, 34) if random.random() < 0.4 else u(7, 15),
        beak_drop=u(-0.1, 0.3),
        tail=(u(14, 34), u(2.5, 4), u(6, 15)),
        wing=(u(34, 46), u(11, 17), u(3.5, 5)),
        legs=u(10, 34),
    )


def _pose(random: np.random.Generator) -> dict[str, float]:
    """Angles in degrees."""
    u = random.uniform
    flying = random.random() < 0.12
    return {
        "pitch": u(-8, 12) if flying else u(-5, 45),
        "head_turn": u(-45, 45) if random.random() < 0.4 else u(-12, 12),
        "head_nod": u(-25, 15),
        "tail": u(-15, 25),
        "wings_out": u(55, 80) if flying else 0.0,
        "wings_up": u(-25, 45),
        "stance": u(-15, 15),
    }


def _skeleton(parts: Proportions, pose: dict[str, float]) -> Skeleton:
    """Body, head, tail, wings and legs; +x to the beak."""
    long, deep, wide = parts.body
    body = Rotation.from_euler("z", pose["pitch"], degrees=True)
    head = Rotation.from_euler("yz", [pose["head_turn"], pose["head_nod"]], degrees=True)
    rotation = {"body": body, "head": head, "legs": Rotation.from_euler("z", pose["stance"], degrees=True)}
    rotation["tail"] = body * Rotation.from_euler("z", -pose["tail"], degrees=True)
    up = np.array([long * 0.62, deep * 0.75, 0.0])
    position = {"body": np.zeros(3), "legs": body.apply([0.0, -deep * 0.6, 0.0])}
    position["head"] = body.apply(up) + np.array([0.35, 0.94, 0.0]) * (parts.neck + parts.head * 0.5)
    position["tail"] = body.apply([-long * 0.85, deep * 0.15, 0.0])
    for side, sign in SIDES:
        if pose["wings_out"]:
            lifted = [-sign * pose["wings_up"], sign * (90 - pose["wings_out"])]
            rotation[f"{side}_wing"] = body * Rotation.from_euler("xy", lifted, degrees=True)
            position[f"{side}_wing"] = body.apply([long * 0.1, deep * 0.45, sign * wide * 0.5])
        else:
            tilt = Rotation.from_euler("xyz", [sign * 8, sign * 6, 7], degrees=True)
            rotation[f"{side}_wing"] = body * tilt
            position[f"{side}_wing"] = body.apply([-long * 0.22, deep * 0.2, sign * wide * 0.82])
    return Skeleton(position, {name: turn.as_matrix() for name, turn in rotation.items()})


def _masses(
    parts: Proportions, flying: bool
) -> list[tuple[str, tuple[float, float, float], tuple[float, float, float]]]:
    long, deep, wide = parts.body
    head, tail, wing = parts.head, parts.tail, parts.wing
    shapes = [
        ("body", (0.0, 0.0, 0.0), (long, deep, wide)),
        ("body", (long * 0.3, -deep * 0.05, 0.0), (long * 0.6, deep * 0.98, wide * 0.98)),
        ("head", (0.0, 0.0, 0.0), (head * 1.1, head, head * 0.95)),
        ("tail", (-tail[0] * 0.75, 0.0, 0.0), tail),
    ]
    for side, sign in SIDES:
        if flying:
            shapes.append((f"{side}_wing", (-2.0, 0.0, sign * 42.0), (wing[1] * 1.3, wing[2], 48.0)))
        else:
            shapes.append((f"{side}_wing", (0.0, 0.0, 0.0), wing))
    return shapes


def _cones(
    parts: Proportions, flying: bool
) -> list[tuple[str, tuple[float, float, float], tuple[float, float, float], float, float]]:
    deep, head = parts.body[1], parts.head
    away = head * 0.75
    tip = (away + parts.beak, -parts.beak * parts.beak_drop, 0.0)
    shapes = [
        ("head", (-head * 0.3, -head * 0.2 - parts.neck - head * 0.5, 0.0), (0.0, 0.0, 0.0), head * 1.05, head * 0.85),
        ("head", (away, -head * 0.1, 0.0), tip, head * 0.34, 1.0),
    ]
    if not flying:
        for _, sign in SIDES:
            foot = (0.0, -parts.legs - deep * 0.4, sign * 9.0)
            shapes += [
                ("legs", (0.0, 0.0, sign * 8.0), foot, 3.2, 2.2),
                ("legs", foot, (10.0, foot[1] - 1.0, sign * 11.0), 2.4, 1.6),
            ]
    return shapes


def _plumage_at(
    points: Tensor, plumage: Plumage, parts: Proportions, skeleton: Skeleton, ellipsoids: Ellipsoids, cones: RoundCones
) -> Tensor:
    """[p, 3] from points [3, p]."""
    masses, rods = ellipsoids(points), cones(points)
    local = {joint: _local(skeleton, joint, points) for joint in ("body", "head", "tail")}
    long, deep, _ = parts.body
    x, y, z = local["body"]
    wavy = y + 2.0 * torch.sin(x * 0.15)
    albedo = points.new_tensor(plumage.belly).expand(points.shape[1], 3)
    streaks = step(torch.sin(0.35 * x + torch.sin(0.3 * y)) * torch.sin(0.45 * z + 0.2 * y) - 0.25)
    albedo = blended(albedo, plumage.back, plumage.spots * streaks * (x > -long * 0.3))
    albedo = blended(albedo, plumage.back, step((wavy - deep * 0.12) / 6))
    head_x, head_y, head_z = (axis / parts.head for axis in local["head"])
    on_head = torch.minimum(masses[2], rods[0]) < masses[:2].amin(0) - 1.0
    albedo = blended(albedo, plumage.head, on_head.float())
    albedo = blended(albedo, plumage.throat, on_head * step((-0.35 - head_y) * 2))
    if plumage.cap is not None:
        albedo = blended(albedo, plumage.cap, on_head * step((head_y - 0.4) * 2))
    if plumage.stripe is not None:
        albedo = blended(albedo, plumage.stripe, on_head * step(1 - ((head_y - 0.1) / 0.2).abs()) * (head_x < 0.6))
    eye = (head_x - 0.45).square() + (head_y - 0.22).square()
    size = EYE_RADIUS / parts.head
    albedo = blended(albedo, (0.9, 0.88, 0.8), on_head * (head_z.abs() > 0.4) * step(4 * (1.5 * size - eye.sqrt())))
    albedo = blended(albedo, (0.03, 0.03, 0.03), on_head * (head_z.abs() > 0.4) * step(4 * (size - eye.sqrt())))
    trunk = masses[:3].amin(0)
    tail = masses[3] < trunk - 0.5
    end = (local["tail"][0] < -parts.tail[0] * 1.3).float()
    albedo = blended(albedo, plumage.wing, tail.float())
    albedo = blended(albedo, plumage.bar, tail * end)
    for index, (side, _) in enumerate(SIDES):
        on_wing = masses[4 + index] < torch.minimum(trunk, masses[3]) + 0.5
        along, across, _ = _local(skeleton, f"{side}_wing", points)
        albedo = blended(albedo, plumage.wing, on_wing.float())
        for bar in range(plumage.bars):
            place = (along + 8 - 11 * bar + 0.3 * across).abs()
            albedo = blended(albedo, plumage.bar, on_wing * step(1 - place / 2.6))
    beak = rods[1] < torch.minimum(masses[2], rods[0]) + 0.5
    albedo = blended(albedo, plumage.beak, beak.float())
    if len(rods) > 2:
        legs = rods[2:].amin(0) < masses[:4].amin(0) - 0.5
        albedo = blended(albedo, plumage.beak, legs.float())
    return albedo


def _local(skeleton: Skeleton, joint: str, points: Tensor) -> Tensor:
    """[3, p] in a joint's frame."""
    rotation, offset = skeleton.frame(joint, np.zeros(3))
    return torch.addmm(points.new_tensor(offset)[:, None], points.new_tensor(rotation), points)
