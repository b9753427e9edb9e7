"""Tiny data sets in the layouts of Market-HQ, ATR and CUB as they are downloaded."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.io import savemat

from datamodules.clothing_truth import ClothingTruth, write_clothing_truth


def photograph(size: tuple[int, int], seed: int) -> Image.Image:
    """Noise of the given (width, height) with a red figure where `silhouette` is."""
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    ImageDraw.Draw(picture).rectangle(figure_box(size), fill=(200, 30, 30))
    return picture


def silhouette(size: tuple[int, int], value: int = 255) -> Image.Image:
    """A rectangle of 40 % of the picture: half as wide, four fifths as high."""
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rectangle(figure_box(size), fill=value)
    return mask


def figure_box(size: tuple[int, int]) -> tuple[float, float, float, float]:
    width, height = size
    return width // 4, height // 10, width // 4 + width // 2 - 1, height // 10 + height * 4 // 5 - 1


def saved(picture: Image.Image, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return path


def write_market_tree(root: Path, people: int = 4, queried: int = 2, size: tuple[int, int] = (32, 64)) -> Path:
    """Two pictures of each person in train_all, one in query; returns the folder hq."""
    for part, first, count, pictures in (("train_all", 0, people, 2), ("query", 100, queried, 1)):
        for person in range(first, first + count):
            for number in range(pictures):
                stem = f"{person:04d}_c{number + 1}s1_{person:06d}_00.jpg"
                folder = f"{part}/{person:04d}"
                saved(photograph(size, 10 * person + number), root / "hq/pytorch" / folder / f"{stem}.png")
                saved(silhouette(size), root / "hq/seg_hmr" / folder / f"{stem}_0.40.png")
    return root / "hq"


def write_atr_tree(
    root: Path, names: Sequence[str] = ("997_1", "997_2", "fash_3", "dataset10k_4"), size: tuple[int, int] = (36, 60)
) -> Path:
    """Photographs with label maps, one label a garment; returns the folder humanparsing."""
    base = root / "humanparsing"
    for seed, name in enumerate(names):
        saved(photograph(size, seed), base / "JPEGImages" / f"{name}.jpg")
        labels = silhouette(size, 4)
        left, top, right, bottom = figure_box(size)
        ImageDraw.Draw(labels).rectangle((left, top + 20, right, bottom), fill=17)
        saved(labels, base / "SegmentationClassAug" / f"{name}.png")
    return base


def write_cub_tree(root: Path, birds: int = 4, tested: int = 2, size: tuple[int, int] = (48, 36)) -> Path:
    """The authors' crops with the ratio in the masks' names; returns the folder CUB_Data."""
    base = root / "CUB_Data"
    for part, count in (("train", birds), ("test", tested)):
        for number in range(count):
            stem = f"Bird_{part}_{number:04d}"
            folder = base / part / f"{number % 2 + 1:03d}.Finch"
            saved(photograph(size, number), folder / f"{stem}.jpg")
            saved(silhouette(size), folder / f"{stem}_0.40.png")
    return base


def write_official_cub(root: Path, birds: int = 4, size: tuple[int, int] = (60, 50)) -> Path:
    """CUB_200_2011 with its text files and the segmentations beside it; the last bird is for test."""
    base = root / "CUB_200_2011"
    images, boxes, parts = [], [], []
    left, top, right, bottom = figure_box(size)
    for number in range(1, birds + 1):
        name = f"001.Finch/Finch_{number:04d}_{number}"
        saved(photograph(size, number), base / "images" / f"{name}.jpg")
        mask = silhouette(size, 255)
        ImageDraw.Draw(mask).rectangle((left, top, left + 3, bottom), fill=153)  # three of five annotators
        saved(mask, root / "segmentations" / f"{name}.png")
        images.append(f"{number} {name}.jpg\n")
        boxes.append(f"{number} {left:.1f} {top:.1f} {right - left + 1:.1f} {bottom - top + 1:.1f}\n")
        parts.append(f"{number} {int(number < birds)}\n")
    for file, rows in (("images.txt", images), ("bounding_boxes.txt", boxes), ("train_test_split.txt", parts)):
        (base / file).write_text("".join(rows))
    return base


def write_cmr_caches(folder: Path, base: Path, splits: dict[str, Sequence[int]]) -> None:
    """CMR's .mat files of birds of `write_official_cub`, by number."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, numbers in splits.items():
        rows = []
        for number in numbers:
            path = f"001.Finch/Finch_{number:04d}_{number}.jpg"
            with Image.open(base / "images" / path) as opened:
                size = opened.size
            left, top, right, bottom = (float(edge) + 1 for edge in figure_box(size))
            mask = (np.asarray(silhouette(size)) > 0).astype(np.uint8)
            box = {"x1": left, "y1": top, "x2": right, "y2": bottom}
            rows.append({"rel_path": path, "mask": mask, "bbox": box, "parts": np.ones((3, 15))})
        kinds = [(name, object) for name in rows[0]]
        struct = np.array([tuple(row.values()) for row in rows], dtype=kinds)
        savemat(folder / f"{split}_cub_cleaned.mat", {"images": struct})


def write_truths(base: Path, stems: Sequence[str]) -> None:
    """A mesh of 4 + k vertices beside picture k."""
    for k, stem in enumerate(stems):
        vertices = np.random.default_rng(k).normal(size=(4 + k, 3)).astype(np.float32)
        faces = np.array([(0, 1, 2), (0, 2, 3), (0, 3, 1), (1, 3, 2)][: 3 + k % 2], np.int32)
        truth = ClothingTruth(
            vertices, faces, np.full((4 + k, 3), 0.5, np.float32), 0.1 * k, 0.2, 3.0, np.array([0.1, -0.1])
        )
        write_clothing_truth(truth, base / "TRUTH" / f"{stem}.npz")
