"""What a folder of faces holds and everything that is wrong with it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from datamodules.face_folder import FaceFolder
from datamodules.face_records import FaceRecord, face_records, read_boxes, split_names
from datamodules.face_truth import read_face_truth
from datamodules.landmarks import read_landmarks
from datamodules.pictures import read_picture, read_segmentation
from datamodules.samples import FaceSample

PANEL_TILE = 160
_COMPANIONS = (("landmarks", ".txt"), ("masks", ".png"), ("truth", ".npz"))


@dataclass(frozen=True)
class FaceInspection:
    """Counts of a folder and one sentence for each problem."""

    root: Path
    pictures: int
    splits: dict[str, int]
    companions: dict[str, int]
    sizes: str
    problems: tuple[str, ...]

    def report(self) -> str:
        """A few lines to print, problems last."""
        lines = [f"{self.root}: {self.pictures} pictures, {self.sizes}"]
        lines += (
            ["splits: " + ", ".join(f"{name} {count}" for name, count in self.splits.items())] if self.splits else []
        )
        lines += ["beside them: " + ", ".join(f"{count} {name}" for name, count in self.companions.items())]
        lines += [f"{len(self.problems)} problems" if self.problems else "no problems"]
        return "\n".join([*lines, *(f"- {problem}" for problem in self.problems)])


def inspect_faces(root: str | Path, *, panel: Path | None = None) -> FaceInspection:
    """Reads every file of a folder of faces (`face_records`) and names every one that training would stumble over.

    panel: where to write a PNG of sample crops with landmarks and masks drawn in, or None.

    Raises FileNotFoundError when the folder or its pictures are missing altogether.
    """
    root = Path(root)
    problems: list[str] = []
    try:
        records = face_records(root)
    except ValueError as error:  # two pictures of one name, or a broken boxes.json: nothing can be matched
        return FaceInspection(root, 0, {}, {}, "not read", (str(error),))
    sizes: list[tuple[int, int]] = []
    for record in records:
        problems += _problems_of(record, sizes)
    problems += _strays(root, records)
    splits: Counter[str] = Counter()
    try:
        for names in split_names(root, [record.name for record in records]).values():
            splits.update(names)
    except ValueError as error:
        problems.append(str(error))
    if panel is not None and splits:
        write_face_panel(root, panel)
    return FaceInspection(
        root=root,
        pictures=len(records),
        splits={name: splits[name] for name in ("train", "val", "test") if splits[name]},
        companions={
            "landmark files": sum(record.landmarks is not None for record in records),
            "masks": sum(record.segmentation is not None for record in records),
            "boxes": sum(record.box is not None for record in records),
            "truth files": sum(record.truth is not None for record in records),
        },
        sizes=_size_range(sizes),
        problems=tuple(problems),
    )


def write_face_panel(root: Path, path: Path, *, count: int = 24) -> None:
    """A PNG of `count` crops spread over the folder: plain above, landmarks and mask outlines drawn in below."""
    faces = FaceFolder(root, image_size=PANEL_TILE)
    chosen = np.unique(np.linspace(0, len(faces) - 1, min(count, len(faces))).round().astype(int))
    pairs = []
    for index in chosen:
        try:
            sample = faces[int(index)]
        except ValueError:  # named in the report
            continue
        assert isinstance(sample, FaceSample)
        plain = (sample.image.permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        pairs.append(np.concatenate([plain, _drawn(plain, sample)]))
    if not pairs:
        return
    columns = min(8, len(pairs))
    pairs += [np.zeros_like(pairs[0])] * (-len(pairs) % columns)
    rows = [np.concatenate(pairs[start : start + columns], 1) for start in range(0, len(pairs), columns)]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows)).save(path, format="PNG")


def _problems_of(record: FaceRecord, sizes: list[tuple[int, int]]) -> Iterator[str]:
    size = None
    try:
        size = read_picture(record.picture).size
        sizes.append(size)
    except (OSError, ValueError) as error:
        yield str(error)
    if record.landmarks is not None:
        try:
            points = read_landmarks(record.landmarks)
            if size is not None:
                yield from _misplaced(points, size, record)
        except ValueError as error:
            yield str(error)
    if record.segmentation is not None and size is not None:
        try:
            read_segmentation(record.segmentation, size)
        except ValueError as error:
            yield str(error)
    if record.truth is not None:
        try:
            read_face_truth(record.truth)
        except ValueError as error:
            yield str(error)


def _misplaced(points: np.ndarray, size: tuple[int, int], record: FaceRecord) -> Iterator[str]:
    outside = ((points < 0) | (points > np.asarray(size))).any(1).sum()
    if outside > len(points) // 2:
        yield (
            f"{outside} of 68 landmarks in {record.landmarks} lie outside their picture of {size[0]} x {size[1]} "
            "pixels: write them in pixels of that picture, origin at the top left."
        )


def _strays(root: Path, records: list[FaceRecord]) -> Iterator[str]:
    """Companions without a picture, which a misspelt name leaves behind."""
    names = {record.name for record in records}
    for folder, suffix in _COMPANIONS:
        if (root / folder).is_dir():
            for path in sorted((root / folder).iterdir()):
                if path.suffix != suffix or path.stem not in names:
                    yield f"{path} belongs to no picture: name it after its picture, ending in {suffix}, or delete it."
    for name in sorted(set(read_boxes(root)) - names):
        yield f"{root / 'boxes.json'} has a box for {name} but there is no such picture: take it out."


def _size_range(sizes: list[tuple[int, int]]) -> str:
    if not sizes:
        return "none readable"
    sides = sorted(sizes, key=lambda size: size[0] * size[1])
    (w0, h0), (w1, h1) = sides[0], sides[-1]
    return f"{w0} x {h0} pixels" if sides[0] == sides[-1] else f"{w0} x {h0} to {w1} x {h1} pixels"


def _drawn(plain: np.ndarray, sample: FaceSample) -> np.ndarray:
    classes = sample.segmentation
    picture = plain
    if int(classes.max()) >= 0:
        border = torch.zeros_like(classes, dtype=torch.bool)
        border[1:] |= classes[1:] != classes[:-1]
        border[:, 1:] |= classes[:, 1:] != classes[:, :-1]
        picture = np.where(border.numpy()[..., None], np.array([255, 255, 0], np.uint8), plain)
    canvas = Image.fromarray(picture)
    pen = ImageDraw.Draw(canvas)
    for (x, y), known in zip(sample.landmarks.tolist(), sample.landmark_weights.tolist()):
        if known:
            pen.ellipse([x - 1.5, y - 1.5, x + 0.5, y + 0.5], fill=(0, 255, 0))
    return np.asarray(canvas)
