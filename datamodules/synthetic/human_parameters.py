"""All that makes one procedural person: numbers and words, no tensors. Equal parameters are equal people."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

Family = Literal["standing", "walking", "crossing", "squatting", "raised"]
Upper = Literal["t_shirt", "long_sleeve", "hoodie", "jacket"]
Lower = Literal["trousers", "shorts", "skirt", "dress"]
Hair = Literal["bald", "short", "bob", "long", "bun", "ponytail"]
Hat = Literal["none", "cap", "beanie"]
PatternKind = Literal["plain", "stripes", "checks", "noise", "logo"]
Colour = tuple[float, float, float]

GENERATOR_VERSION = 1
"""Changes whenever a seed makes another person than before."""

JOINTS = (
    *("pelvis", "spine", "chest", "neck", "head"),
    *("left_shoulder", "left_elbow", "left_wrist", "left_hip", "left_knee", "left_ankle"),
    *("right_shoulder", "right_elbow", "right_wrist", "right_hip", "right_knee", "right_ankle"),
)
"""Parents before children."""

FOLD_REGIONS = (
    *("torso", "jacket", "hips"),
    *("left_upper_arm", "left_forearm", "left_thigh", "left_shank"),
    *("right_upper_arm", "right_forearm", "right_thigh", "right_shank"),
)
FOLD_PHASES = 12


@dataclass(frozen=True)
class BodyShape:
    """Factors of the average adult unless a unit is named."""

    girth: float
    shoulders: float
    head: float
    torso: float
    arms: float
    legs: float
    belly_cm: float
    bust_cm: float
    nose: float
    jaw: float
    eye_distance: float


@dataclass(frozen=True)
class Pose:
    """How the joints are turned."""

    family: Family
    rotations: tuple[tuple[float, float, float], ...]
    """Rotation vectors in degrees, one a joint in the order of `JOINTS`, in the frame of the joint's parent."""
    finger_curl: tuple[float, float]
    """Degrees a finger's segment, left and right."""


@dataclass(frozen=True)
class Outfit:
    """Garments, hair and what is carried; lengths in cm of the unscaled body."""

    upper: Upper
    lower: Lower
    hair: Hair
    hat: Hat
    backpack: bool
    scarf: bool
    apron: bool
    pocket: bool
    buttons: bool
    collar: bool
    belt: bool
    emboss: Literal[-1, 0, 1]
    """A patch on the shirt stands out by 3 mm, or is sunk by as much; 0 for none."""
    emboss_on_back: bool
    emboss_shape: Literal[0, 1, 2]
    """Ring, cross, three bars."""
    sleeve: float
    """Where the sleeve ends: along the upper arm for t_shirt, along the forearm otherwise."""
    hem: float
    """How far below the pelvis the shirt ends; negative for a shirt that is tucked in."""
    trouser_end: float
    """Along the shank for trousers, along the thigh for shorts."""
    looseness: float
    """Added to the thickness of sleeves, trouser legs and the shirt."""
    flare: float
    """How much wider trousers get along the shank."""
    skirt_length: float
    """In thighs."""
    skirt_flare: float
    """How much wider the skirt is at its hem."""
    pleats: int
    pleat_depth: float
    jacket_gap: float
    """Half the width of the open front at the hem."""


@dataclass(frozen=True)
class Folds:
    """Random phases of the folds, so that nothing can be learnt by heart."""

    strength: float
    phases: tuple[tuple[float, ...], ...]
    """[FOLD_REGIONS, FOLD_PHASES] radians."""


@dataclass(frozen=True)
class Pattern:
    """A cloth's print. It does not follow the folds."""

    kind: PatternKind
    scale_cm: float
    angle: float
    colour: Colour
    """The second colour."""
    phases: tuple[float, ...]
    """[6] radians."""


@dataclass(frozen=True)
class Colours:
    """Albedo in 0..1."""

    skin: Colour
    hair: Colour
    upper: Colour
    outer: Colour
    lower: Colour
    shoes: Colour
    bag: Colour
    hat: Colour
    accessory: Colour
    trim: Colour
    lips: Colour
    eyes: Colour
    upper_pattern: Pattern
    lower_pattern: Pattern


@dataclass(frozen=True)
class Normalisation:
    """body = (model − centre) · scale: 180 cm high, median x and z and mid height in the origin."""

    scale: float
    centre: tuple[float, float, float]
    lower_cm: tuple[float, float, float]
    """Corners of a box around the person in the body frame, with a margin."""
    upper_cm: tuple[float, float, float]


@dataclass(frozen=True)
class HumanParameters:
    """One procedural person. Made by `draw_human`, kept as JSON beside what is made of it.

    Raises ValueError when a count of phases or rotations is wrong or a word is unknown.
    """

    seed: int
    shape: BodyShape
    pose: Pose
    outfit: Outfit
    folds: Folds
    colours: Colours
    normalisation: Normalisation

    def __post_init__(self) -> None:
        if len(self.pose.rotations) != len(JOINTS) or any(len(one) != 3 for one in self.pose.rotations):
            raise ValueError(f"A pose has {len(self.pose.rotations)} rotations, expected {len(JOINTS)} of 3 numbers.")
        counts = {len(one) for one in self.folds.phases}
        if len(self.folds.phases) != len(FOLD_REGIONS) or counts != {FOLD_PHASES}:
            raise ValueError(f"Folds need {len(FOLD_REGIONS)} regions of {FOLD_PHASES} phases: draw the person anew.")
        words = (
            (self.pose.family, Family),
            (self.outfit.upper, Upper),
            (self.outfit.lower, Lower),
            (self.outfit.hair, Hair),
            (self.outfit.hat, Hat),
            (self.colours.upper_pattern.kind, PatternKind),
            (self.colours.lower_pattern.kind, PatternKind),
        )
        for word, known in words:
            if word not in get_args(known):
                raise ValueError(f"A person has {word!r}, expected one of {', '.join(get_args(known))}.")
        if self.normalisation.scale <= 0:
            raise ValueError(f"A person has the scale {self.normalisation.scale}, expected more than 0.")

    def to_json(self) -> str:
        """Everything, and the generator's version."""
        return json.dumps({"generator_version": GENERATOR_VERSION, **asdict(self)}, indent=1)

    @staticmethod
    def from_json(text: str) -> "HumanParameters":
        """The person that `to_json` wrote. Raises ValueError for another generator's, or when something is missing."""
        content = json.loads(text)
        version = content.pop("generator_version", None)
        if version != GENERATOR_VERSION:
            raise ValueError(
                f"A person was written by version {version} of the generator, this is {GENERATOR_VERSION}: "
                "synthesize the data anew."
            )
        return _rebuilt(HumanParameters, content)


def _rebuilt(kind: Any, content: Any) -> Any:
    missing = {field.name for field in fields(kind)} ^ set(content)
    if missing:
        raise ValueError(f"{kind.__name__} in a person's JSON differs in {', '.join(sorted(missing))}: write it anew.")
    return kind(**{field.name: _value(field.type, content[field.name]) for field in fields(kind)})


def _value(kind: Any, content: Any) -> Any:
    if isinstance(content, dict):
        return _rebuilt(kind, content)
    return _frozen(content)


def _frozen(content: Any) -> Any:
    return tuple(_frozen(one) for one in content) if isinstance(content, list) else content
