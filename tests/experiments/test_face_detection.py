"""Finding faces: what the detector promises, and how it does on real portraits where they are at hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.crops import box_crop, face_crop
from experiments.reconstruction.face_detection import BACKGROUND_SHARE, detect_faces, find_face, landmark_box

PHOTOS = Path(__file__).parents[2].parent / "shared" / "data" / "face_photos"
needs_photos = pytest.mark.skipif(not PHOTOS.is_dir(), reason="../shared/data/face_photos is absent")


def test_plain_and_noisy_pictures_hold_no_face() -> None:
    assert detect_faces(Image.new("RGB", (300, 200))) == []
    for seed in range(5):
        noise = np.random.default_rng(seed).integers(0, 256, (200, 150, 3), dtype=np.uint8)
        assert detect_faces(Image.fromarray(noise)) == []
    with pytest.raises(ValueError, match="no upright face"):
        find_face(Image.new("RGB", (300, 200)))


def test_the_landmarks_box_scales_with_the_detectors_square() -> None:
    small, large = landmark_box(np.array([10, 20, 50])), landmark_box(np.array([20, 40, 100]))
    assert [2 * value for value in small] == pytest.approx(list(large))
    assert small.right - small.left == pytest.approx(0.85 * 50)


@needs_photos
def test_every_portrait_has_its_one_face_where_its_landmarks_are() -> None:
    names = [*sorted(PHOTOS.glob("*.jpg"))[:12], PHOTOS / "astronaut.png"]
    shifts, sizes = [], []
    for path in names:
        faces = detect_faces(Image.open(path).convert("RGB"))
        assert len(faces) == 1, path.name
        found = box_crop(*faces[0])
        expected = face_crop(np.loadtxt(PHOTOS / "landmarks" / f"{path.stem}.txt"))
        shift = (found.center_x - expected.center_x, found.center_y - expected.center_y)
        shifts.append(np.hypot(*shift) / expected.side)
        sizes.append(found.side / expected.side)
    assert np.mean(shifts) < 0.06
    assert 0.93 < np.mean(sizes) < 1.07


@needs_photos
def test_two_faces_are_counted_from_the_left_and_bystanders_left_out() -> None:
    portrait = Image.open(PHOTOS / "astronaut.png").convert("RGB")
    pair = Image.new("RGB", (1024, 512))
    pair.paste(portrait, (0, 0))
    pair.paste(portrait, (512, 0))
    faces = detect_faces(pair)
    assert len(faces) == 2
    assert faces[0].left < 512 < faces[1].left
    with pytest.raises(ValueError, match="2 faces"):
        find_face(pair)
    small = round(512 * BACKGROUND_SHARE * 0.8)
    pair.paste(Image.new("RGB", (512, 512)), (512, 0))
    pair.paste(portrait.resize((small, small)), (600, 100))
    assert len(detect_faces(pair)) == 1


@needs_photos
def test_a_leaning_head_is_found() -> None:
    portrait = Image.open(PHOTOS / "astronaut.png").convert("RGB")
    assert len(detect_faces(portrait.rotate(30))) == 1
