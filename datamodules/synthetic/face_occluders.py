"""What may stand between the camera and a synthetic face: glasses, strands of hair, a hand. Drawn over the picture."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

GLASSES, HAIR, BACKGROUND = 3, 13, 0


def draw_glasses(
    picture: np.ndarray, classes: np.ndarray, random: np.random.Generator, to_screen, eyes_mm: np.ndarray
) -> None:
    """In place. `to_screen([p, 3]) -> [p, 2]` projects points of the head's frame; eyes_mm: [2, 3] left and right eye.

    Rims and lenses are labelled as glasses, the lens lets most of the face through.
    """
    size = len(picture)
    half_width, half_height = random.uniform(20, 26), random.uniform(14, 22)
    roundness = random.uniform(2, 5)
    around = np.linspace(0, 2 * np.pi, 33)
    cosine, sine = np.cos(around), np.sin(around)
    rim = np.stack(
        [
            half_width * np.sign(cosine) * np.abs(cosine) ** (2 / roundness),
            half_height * np.sign(sine) * np.abs(sine) ** (2 / roundness),
            0 * around,
        ],
        -1,
    )
    forward = np.array([0, -1.5, 13])
    wires = [rim + eye + forward for eye in eyes_mm]
    bridge = np.stack([wires[0][0], wires[1][16]])
    temples = [np.stack([wire[at], [side * 82, 22, -5]]) for wire, at, side in zip(wires, (16, 0), (-1, 1))]
    mask, lens = _canvas(size), _canvas(size)
    width = max(1, round(size * random.uniform(0.006, 0.02)))
    screen = [to_screen(wire) for wire in wires]
    for outline in screen:
        ImageDraw.Draw(lens).polygon(_corners(outline), fill=255)
        ImageDraw.Draw(mask).line(_corners(outline), fill=255, width=width, joint="curve")
    ImageDraw.Draw(mask).line(_corners(to_screen(bridge)), fill=255, width=width)
    inner = abs(screen[1][:, 0].mean() - screen[0][:, 0].mean())
    for temple in temples:
        points = to_screen(temple)
        if abs(points[1, 0] - points[0, 0]) < 0.6 * inner and _outside(points, screen):
            ImageDraw.Draw(mask).line(_corners(points), fill=255, width=width)
    tint = random.uniform(0, 0.25) if random.random() < 0.8 else random.uniform(0.5, 0.9)
    frame = random.uniform(0.02, 0.25, 3) if random.random() < 0.8 else random.uniform(0.1, 0.8, 3)
    _blend(picture, lens, np.full(3, random.uniform(0, 0.4)), tint)
    _blend(picture, mask, frame, 1.0)
    classes[(np.asarray(mask) > 127) | (np.asarray(lens) > 127)] = GLASSES


def draw_strands(
    picture: np.ndarray, classes: np.ndarray, random: np.random.Generator, colour: np.ndarray, face_box: np.ndarray
) -> None:
    """In place: curved locks of hair from above over a part of the face; face_box: left, top, right, bottom."""
    left, top, right, bottom = face_box
    mask = _canvas(len(picture))
    pen = ImageDraw.Draw(mask)
    start, lean = random.uniform(left, right), random.normal(0, 0.2)
    for _ in range(random.integers(4, 14)):
        x0 = start + random.normal() * 0.06 * (right - left)
        drift, bend = (lean + random.normal(0, 0.08, 2)) * (right - left)
        t = np.linspace(0, 1, 12)
        y = top - 0.3 * (bottom - top) + t * random.uniform(0.4, 0.95) * (bottom - top)
        x = x0 + drift * t + bend * t * t
        pen.line(
            _corners(np.stack([x, y], -1)), fill=255, width=max(1, round((right - left) * random.uniform(0.005, 0.025)))
        )
    _blend(picture, mask, colour * random.uniform(0.7, 1.2), 1.0)
    classes[np.asarray(mask) > 127] = HAIR


def draw_hand(
    picture: np.ndarray, classes: np.ndarray, random: np.random.Generator, skin: np.ndarray, face_box: np.ndarray
) -> None:
    """In place: a palm with four fingers over a cheek or the chin, in the colour of skin, shaded by a soft gradient."""
    left, top, right, bottom = face_box
    width, height = right - left, bottom - top
    side = random.choice([-1, 1])
    palm = np.array(
        [(left + right) / 2 + side * random.uniform(0.4, 0.7) * width, bottom - random.uniform(-0.1, 0.3) * height]
    )
    towards = np.arctan2(-random.uniform(0.2, 1), -side * random.uniform(0, 1))
    mask = _canvas(len(picture))
    pen = ImageDraw.Draw(mask)
    radius = random.uniform(0.16, 0.24) * width
    pen.ellipse([*(palm - radius), *(palm + radius)], fill=255)
    for finger in range(4):
        angle = towards + (finger - 1.5) * random.uniform(0.16, 0.28)
        root = palm + 0.75 * radius * np.array([np.cos(angle), np.sin(angle)])
        tip = palm + (1.9 + 0.3 * random.random()) * radius * np.array([np.cos(angle), np.sin(angle)])
        thickness = 0.42 * radius
        pen.line(_corners(np.stack([root, tip])), fill=255, width=max(1, round(thickness)))
        pen.ellipse([*(tip - thickness / 2), *(tip + thickness / 2)], fill=255)
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(float(0.12 * radius))), np.float32) / 255
    shade = (0.55 + 0.5 * soft)[..., None] * skin * random.uniform(0.8, 1.1)
    covered = np.asarray(mask) > 127
    picture[covered] = np.clip(shade, 0, 1)[covered]
    classes[covered] = BACKGROUND


def _canvas(size: int) -> Image.Image:
    return Image.new("L", (size, size))


def _corners(points: np.ndarray) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points]


def _outside(points: np.ndarray, rims: list[np.ndarray]) -> bool:
    """Whether the temple's far end lies beyond both rims, so that it is not seen through the head."""
    low, high = min(rim[:, 0].min() for rim in rims), max(rim[:, 0].max() for rim in rims)
    return not low <= points[1, 0] <= high


def _blend(picture: np.ndarray, mask: Image.Image, colour: np.ndarray, strength: float) -> None:
    share = np.asarray(mask, np.float32)[..., None] / 255 * np.float32(strength)
    picture += share * (colour.astype(np.float32) - picture)
