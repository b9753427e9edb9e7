"""Drawing people from seeds: every number first, in a fixed order, then where the person stands."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from datamodules.synthetic.human_colours import draw_colours
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_mesh import human_mesh
from datamodules.synthetic.human_parameters import (
    FOLD_PHASES,
    FOLD_REGIONS,
    BodyShape,
    Family,
    Folds,
    HumanParameters,
    Lower,
    Normalisation,
    Outfit,
    Pose,
)
from datamodules.synthetic.human_poses import FAMILY_SHARES, draw_pose
from datamodules.synthetic.human_skeleton import SIDES, distance_to_segment, posed_skeleton
from datamodules.synthetic.human_torso import Trunk

HEIGHT_CM = 180.0
WIDEST_CM = 99.0
DEEPEST_OVERLAP_CM = 1.0
"""How far the middle of a hand or a forearm may lie inside the trunk; its surface is 2 to 4 cm farther."""
CHILD_SHARE = 0.1
_UNPLACED = Normalisation(1.0, (0.0, 0.0, 0.0), (-130.0, -130.0, -130.0), (130.0, 130.0, 130.0))


def draw_human(seed: int, *, family: Family | None = None, lower: Lower | None = None) -> HumanParameters:
    """The person of a seed.

    family: a pose family instead of a random one; lower: trousers, shorts, skirt or dress instead of random ones. What
    else is drawn stays the same. Poses that put a hand into the trunk or reach out of the box are drawn again.
    """
    for person in unplaced_humans(seed, family=family, lower=lower):
        placed = placed_human(person)
        reach = np.abs([placed.normalisation.lower_cm, placed.normalisation.upper_cm]).max()
        if reach <= WIDEST_CM + 1:
            return placed
    raise AssertionError("unreachable: there is always another pose")


def unplaced_humans(
    seed: int, *, family: Family | None = None, lower: Lower | None = None
) -> Iterator[HumanParameters]:
    """The person of a seed in one pose after the other whose hands are outside the trunk; see `draw_human`.

    In natural size and with the pelvis in the origin: nothing is measured, which takes most of the time.
    """
    shapes, outfits, poses, folds, colours = (
        np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, topic]))) for topic in range(5)
    )
    drawn_family = str(poses.choice(list(FAMILY_SHARES), p=list(FAMILY_SHARES.values())))
    chosen_family: Family = family or drawn_family  # pyright: ignore[reportAssignmentType]
    outfit = draw_outfit(outfits, chosen_family)
    if lower is not None:
        outfit = replace(outfit, lower=lower, trouser_end=38.0 if lower == "trousers" else 28.0)
    parameters = HumanParameters(
        seed=seed,
        shape=draw_shape(shapes),
        pose=draw_pose(poses, chosen_family),
        outfit=outfit,
        folds=draw_folds(folds),
        colours=draw_colours(colours),
        normalisation=_UNPLACED,
    )
    while True:
        if not _collides(parameters.shape, parameters.pose):
            yield parameters
        parameters = replace(parameters, pose=draw_pose(poses, chosen_family))


def draw_shape(random: np.random.Generator) -> BodyShape:
    """Proportions; a tenth are children."""
    u = random.uniform
    child = random.random() < CHILD_SHARE
    shape = BodyShape(
        girth=float(u(0.90, 1.15)),
        shoulders=float(u(0.92, 1.10)),
        head=float(u(0.94, 1.06)),
        torso=float(u(0.95, 1.05)),
        arms=float(u(0.93, 1.06)),
        legs=float(u(0.92, 1.08)),
        belly_cm=float(u(0, 5) * (u() < 0.5)),
        bust_cm=float(u(0, 4.5) * (u() < 0.5)),
        nose=float(u(0.75, 1.15)),
        jaw=float(u(0.92, 1.12)),
        eye_distance=float(u(0.94, 1.08)),
    )
    if not child:
        return shape
    return replace(
        shape,
        head=shape.head * 1.15,
        arms=shape.arms * 0.8,
        legs=shape.legs * 0.8,
        bust_cm=0.0,
        torso=shape.torso * 0.92,
    )


def draw_outfit(random: np.random.Generator, family: Family) -> Outfit:
    """Garments, hair and bag. Squatting people wear no apron."""
    u, yes = random.uniform, lambda share: bool(random.random() < share)
    upper = str(random.choice(["t_shirt", "long_sleeve", "hoodie", "jacket"], p=[0.35, 0.3, 0.15, 0.2]))
    lower = str(random.choice(["trousers", "shorts", "skirt", "dress"], p=[0.55, 0.2, 0.14, 0.11]))
    if family == "squatting" and lower == "dress":
        lower = "trousers"
    hair = str(random.choice(["bald", "short", "bob", "long", "bun", "ponytail"], p=[0.06, 0.38, 0.14, 0.2, 0.1, 0.12]))
    hat = str(random.choice(["none", "cap", "beanie"], p=[0.76, 0.12, 0.12]))
    backpack, scarf, apron = yes(0.18), yes(0.10), yes(0.06)
    draws = {
        "pocket": yes(0.35),
        "buttons": yes(0.4),
        "collar": yes(0.5),
        "belt": yes(0.35),
        "emboss": int(random.choice([-1, 0, 1], p=[0.15, 0.7, 0.15])),
        "emboss_on_back": yes(0.3),
        "emboss_shape": int(random.integers(3)),
        "sleeve": float(u(11, 24) if upper == "t_shirt" else u(15, 24)),
        "hem": float(u(0, 6.5)),
        "trouser_end": float(u(35, 39) if lower == "trousers" else u(16, 36)),
        "looseness": float(u(0.0, 1.2)),
        "flare": float(u(0.0, 3.5)),
        "skirt_length": float(u(0.55, 1.15)),
        "skirt_flare": float(u(1.0, 5.0)),
        "pleats": int(random.integers(10, 25)),
        "pleat_depth": float(u(0.2, 0.9)),
        "jacket_gap": float(u(3.0, 7.0)),
    }
    if yes(0.25):
        draws["hem"] = -3.0
    if upper == "hoodie":
        draws |= {"buttons": False, "collar": False}
        hair = "short" if hair in ("long", "ponytail") else hair
    if hat != "none" and hair == "bun":
        hair = "ponytail"
    apron = apron and family != "squatting" and not backpack and not scarf
    carried = {"backpack": backpack, "scarf": scarf and not backpack and upper != "hoodie", "apron": apron}
    return Outfit(upper=upper, lower=lower, hair=hair, hat=hat, **carried, **draws)  # pyright: ignore[reportArgumentType]


def draw_folds(random: np.random.Generator) -> Folds:
    """Phases of all folds."""
    phases = random.uniform(0, 2 * np.pi, (len(FOLD_REGIONS), FOLD_PHASES))
    return Folds(float(random.uniform(0.9, 1.1)), tuple(tuple(float(x) for x in row) for row in phases))


def placed_human(parameters: HumanParameters) -> HumanParameters:
    """The person with the normalisation that makes it 180 cm high and centred, measured on a coarse mesh."""
    field = HumanField(replace(parameters, normalisation=_UNPLACED))
    vertices = human_mesh(field, 160, newton_steps=2).vertices.double()
    low, high = (_extreme(field, vertices, sign) for sign in (-1.0, 1.0))
    scale = HEIGHT_CM / (high - low)
    middle = vertices.median(0).values
    centre = np.array([float(middle[0]), (low + high) / 2, float(middle[2])])
    corners = (np.stack([vertices.amin(0).numpy(), vertices.amax(0).numpy()]) - centre) * scale
    margin = 2.0
    return replace(
        parameters,
        normalisation=Normalisation(
            scale,
            _triple(centre),
            _triple(corners[0] - margin),
            _triple(corners[1] + margin),
        ),
    )


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _extreme(field: HumanField, vertices: torch.Tensor, sign: float) -> float:
    """The highest (1) or lowest (−1) y inside, searched on a fine grid around the outermost vertex."""
    outermost = vertices[(vertices[:, 1] * sign).argmax()].float()
    steps = torch.linspace(-1.5, 1.5, 31)
    around = torch.cartesian_prod(steps, steps, steps) + outermost
    inside = around[field(around) < 0]
    return float((inside[:, 1] * sign).max()) * sign if len(inside) else float(outermost[1])


def _collides(shape: BodyShape, pose: Pose) -> bool:
    """Whether a hand or a forearm lies in the trunk, the head or a thigh."""
    skeleton = posed_skeleton(shape, pose)
    points = []
    for side, sign in SIDES:
        elbow, wrist = skeleton.position[f"{side}_elbow"], skeleton.position[f"{side}_wrist"]
        points += [elbow, (elbow + wrist) / 2, wrist]
        points += [skeleton.point(f"{side}_wrist", sign * along * shape.arms, 0, 0) for along in (5, 10, 15)]
    trunk = Trunk(shape, skeleton, np.zeros(3), torch.zeros((), dtype=torch.float64))
    overlap = -float(trunk(torch.from_numpy(np.stack(points, 1))).min())
    head = skeleton.point("head", 0, 6 * shape.head, 0)
    thighs = [(skeleton.position[f"{side}_hip"], skeleton.position[f"{side}_knee"]) for side, _ in SIDES]
    return (
        overlap > DEEPEST_OVERLAP_CM
        or min(float(np.linalg.norm(point - head)) for point in points) < 14 * shape.head
        or min(distance_to_segment(point, *thigh) for point in points for thigh in thighs) < 7 * shape.girth
    )
