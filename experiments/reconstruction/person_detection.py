"""People in photographs, found without a download: a plain background gives them away, else the gradient histograms of
Dalal and Triggs (CVPR 2005), which come inside OpenCV's wheel, say where they stand and GrabCut (Rother et al.,
SIGGRAPH 2004) cuts them out.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image
from scipy import ndimage

from datamodules.face_records import Box

LARGEST_SIDE = 1600
"""Larger photographs are cut out at this size, and the mask is enlarged."""
BORDER_SHARE = 0.01
PLAIN_BORDER_SHARE = 0.72
"""So much of the picture's border must fit the background; the rest may be a person whom the border cuts."""
PLAIN_SPREAD = 4.0
"""Largest deviation of a plain background from a smooth gradient, in units of Lab (1 is just visible)."""
SMALLEST_DIFFERENCE = 2.5
EXACT_SPREAD, EXACT_DIFFERENCE = 0.2, 0.4
"""A background that deviates no more than this is drawn, not photographed, and dark clothes may be as near to it."""
NOTICEABLE_NOISE = 0.3
"""Of a camera, in the same units: it is averaged away, at the price of a softer outline."""
DEVIATIONS = 5.0
FRINGE_PIXELS = (2, 6)
FRINGE_SHARE = 0.1
"""Of the pixels at this distance around a person, those beside which an exact background was compressed with loss."""
WIDEST_EDGE = 3
"""Pixels over which an outline at most is mixed with the background."""
SHARP = 0.85
"""A rim that differs from the background by this share of what lies deeper is no mixture."""
SEARCH_HEIGHTS = (256, 400, 640)
"""Heights at which a photograph is searched: the detector's window is 128 pixels high, people in it 96."""
SEARCH_MARGIN = 0.25
"""The photograph is continued by this share of its height, for people who fill it."""
SURE = 0.35
SURE_SHARE = 0.6
"""A window counts as a person from this margin of the detector, and from this share of the surest one's."""
PERSON_IN_WINDOW = (0.17, 0.08, 0.83, 0.92)
GRABCUT_SIDE = 480
GRABCUT_ROUNDS = 6
BYSTANDER_SHARE = 0.5
"""What has less than this share of the tallest person's height is a bystander, or a thing."""
SMALLEST_PART = 0.05
"""Share of the largest part's area that a part of a person has at least; what is smaller is a speck."""


@dataclass(frozen=True)
class FoundPeople:
    """The people of a photograph from left to right."""

    masks: list[np.ndarray]
    """[h, w] bool each."""
    how: str
    """By which rule, in words for the user."""


def find_people(photo: Image.Image) -> FoundPeople:
    """Everyone upright and large in an RGB photograph; no masks when there is nobody."""
    small = reduced(photo)
    foreground = plain_background_foreground(small)
    if foreground is not None:
        how, masks = "plain background", people_of(foreground, whole=False)
    else:
        how, masks = "people detector", [cut_out(small, box) for box in detect_people(small)]
        masks = [mask for mask in masks if mask.any()]
    return FoundPeople([enlarged(mask, photo.size) for mask in masks], how)


def cut_out_box(photo: Image.Image, box: Box) -> np.ndarray:
    """[h, w] bool: the person inside a box (left, top, right, bottom) that the user gave."""
    small = reduced(photo)
    scale = small.width / photo.width
    left, top, right, bottom = (value * scale for value in box)
    foreground = plain_background_foreground(small)
    if foreground is not None:
        inside = np.zeros_like(foreground)
        inside[max(0, round(top)) : round(bottom), max(0, round(left)) : round(right)] = True
        mask = foreground & inside
    else:
        mask = cut_out(small, (left, top, right, bottom))
    return enlarged(mask, photo.size)


def reduced(photo: Image.Image) -> Image.Image:
    shrink = min(1.0, LARGEST_SIDE / max(photo.size))
    size = (max(1, round(photo.width * shrink)), max(1, round(photo.height * shrink)))
    return photo if size == photo.size else photo.resize(size, Image.Resampling.BOX)


def enlarged(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if mask.shape == (size[1], size[0]):
        return mask
    return np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR)) > 127


def plain_background_foreground(photo: Image.Image) -> np.ndarray | None:
    """[h, w] bool: what differs from a background that is one colour or a smooth gradient; None for any other one.

    The border of the picture is fitted by a plane in every channel of Lab, without the part that does not fit.
    """
    lab = cv2.cvtColor(np.asarray(photo, dtype=np.float32) / 255, cv2.COLOR_RGB2LAB)
    height, width = lab.shape[:2]
    reach = max(2, round(BORDER_SHARE * min(height, width)))
    border = np.ones((height, width), dtype=bool)
    border[reach:-reach, reach:-reach] = False
    blurred = cv2.GaussianBlur(lab, (0, 0), max(0.8, 0.002 * max(photo.size)))
    if np.median(np.abs(lab - blurred)[border]) > NOTICEABLE_NOISE:
        lab = blurred
    rows, columns = np.nonzero(border)
    plane = np.stack([np.ones(len(rows)), rows / height - 0.5, columns / width - 0.5], 1)
    colours = lab[border].astype(np.float64)
    coefficients = np.zeros((3, 3))
    coefficients[0] = np.median(colours, 0)
    for _ in range(6):
        distance = np.linalg.norm(colours - plane @ coefficients, axis=1)
        spread = 1.4826 * np.median(distance)
        fits = distance <= max(2.5 * spread, SMALLEST_DIFFERENCE)
        coefficients = np.linalg.lstsq(plane[fits], colours[fits], rcond=None)[0]
    distance = np.linalg.norm(colours - plane @ coefficients, axis=1)
    spread = float(np.sqrt((distance[fits] ** 2).mean()))
    threshold = max(SMALLEST_DIFFERENCE, DEVIATIONS * spread)
    if spread > PLAIN_SPREAD or (distance <= threshold).mean() < PLAIN_BORDER_SHARE:
        return None
    y, x = np.mgrid[:height, :width]
    background = (
        coefficients[0]
        + (y / height - 0.5)[..., None] * coefficients[1]
        + (x / width - 0.5)[..., None] * coefficients[2]
    )
    difference = np.linalg.norm(lab - background, axis=2)
    if spread > EXACT_SPREAD or has_fringe(difference):
        return trimmed(cleaned(difference > threshold), difference, WIDEST_EDGE)
    mask = cleaned(difference > EXACT_DIFFERENCE)
    return trimmed(mask, difference, edge_width(mask, difference))


def has_fringe(difference: np.ndarray) -> bool:
    """Whether the background differs from itself around the person, as JPEG leaves it."""
    strong = (difference > SMALLEST_DIFFERENCE).astype(np.uint8)
    inner, outer = (cv2.dilate(strong, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) for reach in FRINGE_PIXELS)
    around = difference[(outer > 0) & (inner == 0)]
    return len(around) > 0 and float((around > 0.25 * EXACT_DIFFERENCE).mean()) > FRINGE_SHARE


def edge_width(mask: np.ndarray, difference: np.ndarray) -> int:
    """Pixels, 1 to `WIDEST_EDGE`, over which the picture fades from the person to the background.

    A small sharp picture has one; trimmed by more, thin or dark parts beside bright ones would be lost: ankles, hands.
    """
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * WIDEST_EDGE + 1, 2 * WIDEST_EDGE + 1))
    share = difference / np.maximum(cv2.dilate(difference.astype(np.float32), disc), 1e-6)
    depth = np.round(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5))
    within = share[(depth > WIDEST_EDGE) & (depth <= 2 * WIDEST_EDGE)]
    if not len(within):
        return 1
    faded = [np.median(share[depth == layer]) < SHARP * np.median(within) for layer in range(2, WIDEST_EDGE + 1)]
    return 1 + int(np.cumprod(faded).sum())


def trimmed(mask: np.ndarray, difference: np.ndarray, width: int) -> np.ndarray:
    """Without the rim of mixed pixels that differ less than half as much from the background as what lies within."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    rim = mask & (cv2.erode(mask.astype(np.uint8), disc) == 0)
    within = cv2.dilate(difference.astype(np.float32), disc)
    return mask & ~(rim & (difference < 0.5 * within))


def cleaned(mask: np.ndarray) -> np.ndarray:
    """Without specks and pinholes; the gaps between arms and body stay."""
    side = max(3, 2 * round(0.002 * max(mask.shape)) + 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disc)
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, disc) > 0
    holes = connected(~closed)
    sizes = np.bincount(holes.ravel())
    small = sizes < 2e-3 * max(1, closed.sum())
    small[0] = False
    return closed | small[holes]


def people_of(foreground: np.ndarray, *, whole: bool) -> list[np.ndarray]:
    """The connected parts of a mask that are as large as people, from left to right.

    Parts above each other are one person, whose clothes have the background's colour. `whole`: smaller parts belong to
    the nearest person (a mask that somebody drew); else they are dropped.
    """
    parts = connected(foreground)
    if not parts.any():
        return []
    boxes = ndimage.find_objects(parts)
    areas = np.bincount(parts.ravel())[1:]
    people: list[list[int]] = []
    for part in np.argsort(-areas):
        if areas[part] < SMALLEST_PART * areas.max():
            break
        home = next((known for known in people if any(stacked(boxes[part], boxes[other]) for other in known)), None)
        if home is None:
            people.append([int(part)])
        else:
            home.append(int(part))
    masks = [np.isin(parts, np.array(person) + 1) for person in people]
    heights = [tall(mask) for mask in masks]
    masks = [mask for mask, height in zip(masks, heights) if height >= BYSTANDER_SHARE * heights[0]]
    masks.sort(key=lambda mask: float(np.flatnonzero(mask.any(0)).mean()))
    if whole:
        centres = [float(np.nonzero(mask)[1].mean()) for mask in masks]
        rest = foreground & ~np.any(masks, axis=0)
        for part in np.unique(parts[rest]):
            column = (boxes[part - 1][1].start + boxes[part - 1][1].stop) / 2
            masks[int(np.argmin([abs(centre - column) for centre in centres]))] |= parts == part
    return masks


def connected(mask: np.ndarray) -> np.ndarray:
    """[h, w] int32: the number of each pixel's connected part, from 1; 0 outside the mask."""
    return cv2.connectedComponents(mask.astype(np.uint8))[1]


def stacked(a: tuple[slice, slice], b: tuple[slice, slice]) -> bool:
    """Whether two parts share most of the narrower one's columns."""
    shared = min(a[1].stop, b[1].stop) - max(a[1].start, b[1].start)
    return shared >= 0.5 * min(a[1].stop - a[1].start, b[1].stop - b[1].start)


def tall(mask: np.ndarray) -> int:
    rows = np.flatnonzero(mask.any(1))
    return int(rows[-1] - rows[0] + 1) if len(rows) else 0


def detect_people(photo: Image.Image) -> list[Box]:
    """Boxes (left, top, right, bottom) of upright people in pixels, from left to right, without small bystanders."""
    detector = cv2.HOGDescriptor()
    detector.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())  # type: ignore[attr-defined]
    pixels = np.ascontiguousarray(np.asarray(photo)[:, :, ::-1])
    margin = round(SEARCH_MARGIN * photo.height)
    continued = cv2.copyMakeBorder(pixels, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    found: list[tuple[float, Box]] = []
    for height in SEARCH_HEIGHTS:
        scale = height / continued.shape[0]
        size = (max(64, round(continued.shape[1] * scale)), height)
        view = cv2.resize(continued, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        windows, weights = detector.detectMultiScale(view, 0.0, (4, 4), (8, 8), 1.04, 2.0)
        for (x, y, width, tall), weight in zip(windows, np.ravel(weights)):
            shares = PERSON_IN_WINDOW
            left, right = ((x + share * width) * continued.shape[1] / size[0] - margin for share in shares[::2])
            top, bottom = ((y + share * tall) / scale - margin for share in shares[1::2])
            found.append((float(weight), (left, top, right, bottom)))
    surest = max((weight for weight, _ in found), default=0.0)
    chosen = without_overlaps([entry for entry in found if entry[0] >= max(SURE, SURE_SHARE * surest)])
    tallest = max((box[3] - box[1] for box in chosen), default=0.0)
    return sorted(box for box in chosen if box[3] - box[1] >= BYSTANDER_SHARE * tallest)


def without_overlaps(found: list[tuple[float, Box]]) -> list[Box]:
    """The surest box of every heap."""
    kept: list[Box] = []
    for _, box in sorted(found, reverse=True):
        if all(overlap(box, other) < 0.35 for other in kept):
            kept.append(box)
    return kept


def overlap(a: Box, b: Box) -> float:
    """Intersection over the smaller one."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(0.0, width) * max(0.0, height) / max(smaller, 1e-9)


def cut_out(photo: Image.Image, box: Box) -> np.ndarray:
    """[h, w] bool: the upright person in a box, by GrabCut from the prior of where people's parts are in their box."""
    scale = min(1.0, GRABCUT_SIDE / max(box[3] - box[1], 1.0))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    pixels = np.ascontiguousarray(np.asarray(photo.resize(size, Image.Resampling.BOX))[:, :, ::-1])
    left, top, right, bottom = (value * scale for value in box)
    labels = person_prior(pixels.shape[:2], (left, top, right, bottom))
    background = (labels == cv2.GC_BGD) | (labels == cv2.GC_PR_BGD)
    if not (labels == cv2.GC_FGD).any() or not background.any():
        return np.zeros((photo.height, photo.width), dtype=bool)
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(pixels, labels, None, *models, GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    mask = cleaned((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))
    parts = connected(mask)
    core = person_prior(pixels.shape[:2], (left, top, right, bottom)) == cv2.GC_FGD
    known = np.unique(parts[core & mask])
    return enlarged(np.isin(parts, known[known > 0]), photo.size)


def person_prior(shape: tuple[int, ...], box: Box) -> np.ndarray:
    """GrabCut's labels: the middle of head and trunk is the person, what is far from the box is not."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    u, v = (x - (left + right) / 2) / height, (y - top) / height
    labels = np.full(shape, cv2.GC_BGD, dtype=np.uint8)
    near = (np.abs(u) < max(0.5, 0.75 * width / height)) & (v > -0.1) & (v < 1.1)
    labels[near] = cv2.GC_PR_BGD
    trunk = (np.abs(u) < 0.11) & (v > 0.14) & (v < 0.55)
    head = (u / 0.06) ** 2 + ((v - 0.08) / 0.075) ** 2 < 1
    legs = (np.abs(u) < 0.1) & (v >= 0.55) & (v < 0.97)
    labels[trunk | head | legs] = cv2.GC_PR_FGD
    spine = (np.abs(u) < 0.045) & (v > 0.2) & (v < 0.48)
    face = (u / 0.03) ** 2 + ((v - 0.08) / 0.04) ** 2 < 1
    labels[spine | face] = cv2.GC_FGD
    return labels
