"""Cuts and augmentations against slow ones that paste and slice whole pixels, as the authors' loaders do."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from datamodules.clothing_pictures import (
    BoxAugmentation,
    Framing,
    Photo,
    ShiftAugmentation,
    mirrored,
    shown,
    shrunk,
)
from tests.datamodules.clothing_trees import photograph, silhouette


def photo_of(size: tuple[int, int], seed: int = 0) -> Photo:
    return Photo(photograph(size, seed), silhouette(size), *size)


def as_tensor(picture: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)


def test_the_whole_picture_is_stretched_by_pillow_s_own_filters() -> None:
    photo = photo_of((60, 100))
    image, mask = shown(photo, photo.whole, Framing(32, 16, squared=False))
    assert torch.equal(image, as_tensor(photo.pixels.resize((16, 32), Image.Resampling.BICUBIC)))
    expected = np.asarray(photo.mask.resize((16, 32), Image.Resampling.NEAREST)) > 160
    assert torch.equal(mask[0], torch.from_numpy(expected.astype(np.uint8)))


def test_squares_are_padded_with_black() -> None:
    photo = photo_of((64, 32))
    image, mask = shown(photo, photo.whole, Framing(64, 64, squared=True))
    assert torch.equal(image[:, 16:48], as_tensor(photo.pixels))
    assert image[:, :16].sum() == image[:, 48:].sum() == mask[:, :16].sum() == mask[:, 48:].sum() == 0
    assert mask.sum() == (np.asarray(photo.mask) > 0).sum()


def test_outside_of_the_photograph_it_is_black() -> None:
    photo = photo_of((40, 40))
    image, mask = shown(photo, (-10, -10, 50, 50), Framing(60, 60, squared=False))
    padded = ImageOps.expand(photo.pixels, 10)
    assert torch.equal(image, as_tensor(padded))
    assert torch.equal(mask[0, 10:50, 10:50].bool(), torch.from_numpy(np.asarray(photo.mask) > 0))


@pytest.mark.parametrize("seed", range(8))
def test_shifts_are_windows_of_the_padded_picture(seed: int) -> None:
    photo, framing = photo_of((32, 64)), Framing(64, 32, squared=False)
    image, mask = ShiftAugmentation(padding=3).shown(photo, framing, np.random.default_rng(seed))
    padded = np.asarray(ImageOps.expand(photo.pixels, 3))
    outlines = np.asarray(ImageOps.expand(photo.mask, 3))
    windows = [(padded[i : i + 64, j : j + 32], outlines[i : i + 64, j : j + 32]) for i in range(7) for j in range(7)]
    flipped = [(picture[:, ::-1], outline[:, ::-1]) for picture, outline in windows]
    got = image.permute(1, 2, 0).numpy(), mask[0].numpy()
    matches = [
        k
        for k, (picture, outline) in enumerate(windows + flipped)
        if np.array_equal(picture, got[0]) and np.array_equal(outline > 0, got[1] > 0)
    ]
    assert len(matches) == 1


def test_every_shift_and_both_mirror_images_come_up() -> None:
    photo, framing = photo_of((32, 64)), Framing(64, 32, squared=False)
    generator = np.random.default_rng(0)
    edges = set()
    for _ in range(300):
        _, mask = ShiftAugmentation(padding=1, flip=0.0).shown(photo, framing, generator)
        rows, columns = torch.nonzero(mask[0], as_tuple=True)
        edges.add((int(rows.min()), int(columns.min())))
    assert len(edges) == 9
    lopsided = Photo(photo.pixels, Image.fromarray(np.tri(64, 32).astype(np.uint8) * 255), 32, 64)
    sides = [bool(ShiftAugmentation(0).shown(lopsided, framing, generator).mask[0, 0, 0]) for _ in range(300)]
    assert 0.4 < np.mean(sides) < 0.6


def test_boxes_are_those_of_the_authors() -> None:
    """The far edge is drawn from (side - near) to the end, on the padded picture."""
    augmentation, generator = BoxAugmentation(padding=10), np.random.default_rng(0)
    edges = np.array([augmentation._edges(380, generator) for _ in range(4000)]) + 10  # of 400 padded pixels
    near, far = edges.T
    assert near.min() == 0
    assert far.max() == 400
    assert 0 <= near.max() <= 20
    length = np.round(far - near)
    assert length.min() >= 0.95 * 400 - 2 * 20
    assert (far >= 0.95 * 400 - near - 1).all()
    assert near.mean() == pytest.approx(6, abs=0.3)  # half of the mean 3 % that are cut away


@pytest.mark.parametrize("squared", [False, True])
def test_a_box_is_cut_from_the_file_and_resized(squared: bool) -> None:
    coarse = np.random.default_rng(0).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((120, 90), Image.Resampling.BICUBIC)
    photo, framing = Photo(smooth, silhouette((120, 90)), 120, 90), Framing(40, 40, squared)
    seed = next(s for s in range(50) if np.random.default_rng(s).random() >= 0.5)  # not mirrored
    augmentation, generator = BoxAugmentation(), np.random.default_rng(seed)
    image, mask = augmentation.shown(photo, framing, generator)
    again = np.random.default_rng(seed)
    again.random()
    left, right = augmentation._edges(120, again)
    top, bottom = augmentation._edges(90, again)
    padded, outline = ImageOps.expand(photo.pixels, 10), ImageOps.expand(photo.mask, 10)
    corners = (int(left + 10), int(top + 10), int(right + 10), int(bottom + 10))
    cut, drawn = padded.crop(corners), outline.crop(corners)
    if squared:
        side = max(cut.size)
        cut, drawn = (ImageOps.pad(part, (side, side), Image.Resampling.NEAREST) for part in (cut, drawn))
    expected = as_tensor(cut.resize((40, 40), Image.Resampling.BICUBIC)).float()
    assert (image.float() - expected).abs().mean() < (4 if squared else 0.2)  # squares have borders of whole pixels
    wanted = torch.from_numpy(np.asarray(drawn.resize((40, 40), Image.Resampling.NEAREST)) > 160)
    assert (mask[0].bool() != wanted).float().mean() < (0.04 if squared else 1e-6)


def test_the_mirror_image_of_a_cut_keeps_what_lies_where() -> None:
    framing = Framing(45, 60, squared=False)
    marked = Image.new("RGB", (120, 90))
    marked.paste((255, 0, 0), (0, 0, 30, 90))  # red on the left
    photo = Photo(marked, silhouette((120, 90)), 120, 90)
    always, never = BoxAugmentation(flip=1.0), BoxAugmentation(flip=0.0)
    assert never.shown(photo, framing, np.random.default_rng(0)).image[0, 22, 10] == 255
    assert always.shown(photo, framing, np.random.default_rng(0)).image[0, 22, 50] == 255
    assert always.shown(photo, framing, np.random.default_rng(0)).image[0, 22, 10] == 0


def test_shrinking_first_changes_little() -> None:
    smooth = Image.fromarray(np.random.default_rng(0).integers(0, 255, (12, 9, 3), dtype=np.uint8))
    photo = Photo(smooth.resize((300, 400), Image.Resampling.BICUBIC), silhouette((300, 400)), 300, 400)
    framing = Framing(80, 60, squared=False)
    less = shrunk(photo, framing, 2.0)
    assert less.pixels.size == (120, 160)
    assert (less.width, less.height) == (300, 400)
    assert shrunk(less, framing, 4.0) is less
    box = (7.0, -5.0, 290.0, 380.0)
    one, other = shown(photo, box, framing), shown(less, box, framing)
    assert (one.image.float() - other.image.float()).abs().mean() < 1.0
    assert (one.mask != other.mask).float().mean() < 0.02


def test_augmentations_say_what_they_need() -> None:
    with pytest.raises(ValueError, match="flip is 2"):
        ShiftAugmentation(flip=2)
    with pytest.raises(ValueError, match="padding is -1"):
        BoxAugmentation(padding=-1)
    with pytest.raises(ValueError, match=r"smallest is 0\.99"):
        BoxAugmentation(smallest=0.99, largest=0.9)


def test_twice_mirrored_is_the_same(tmp_path: Path) -> None:
    photo = photo_of((20, 30))
    plain = shown(photo, photo.whole, Framing(30, 20, squared=False))
    twice = mirrored(mirrored(plain))
    assert torch.equal(twice.image, plain.image)
    assert not torch.equal(mirrored(plain).image, plain.image)
