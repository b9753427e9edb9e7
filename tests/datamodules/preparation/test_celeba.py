from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.face_folder import FaceFolder
from datamodules.inspection import inspect_faces
from datamodules.preparation.celeba import PARTS, box_from_five_points, prepare_celeba
from datamodules.samples import FACE_CLASSES, FaceSample


def mask_hq_tree(raw: Path) -> None:
    """Three pictures of 64 pixels with masks of 32; the second one's number lies in the next folder of masks."""
    (raw / "CelebA-HQ-img").mkdir(parents=True)
    for number in (0, 7, 2001):
        Image.new("RGB", (64, 64), (number % 255, 90, 90)).save(raw / "CelebA-HQ-img" / f"{number}.jpg")
        folder = raw / "CelebAMask-HQ-mask-anno" / str(number // 2000)
        folder.mkdir(parents=True, exist_ok=True)
        for part, box in {
            "skin": (6, 4, 26, 28),
            "l_brow": (8, 9, 14, 11),
            "nose": (14, 12, 18, 20),
            "hair": (4, 0, 28, 6),
        }.items():
            mask = np.zeros((32, 32), np.uint8)
            mask[box[1] : box[3], box[0] : box[2]] = 255
            Image.fromarray(mask).convert("RGB").save(folder / f"{number:05d}_{part}.png")


def test_mask_hq_parts_are_merged_in_order_at_the_size_of_the_picture(tmp_path: Path) -> None:
    mask_hq_tree(tmp_path / "CelebAMask-HQ")
    prepared = prepare_celeba(tmp_path, tmp_path / "out")
    assert prepared.pictures == 3
    assert prepared.left_out == ()
    mask = np.asarray(Image.open(tmp_path / "out" / "masks" / "02001.png"))
    assert mask.shape == (64, 64)
    assert mask[50, 30] == FACE_CLASSES.index("skin")
    assert mask[30, 32] == FACE_CLASSES.index("nose")
    assert mask[20, 20] == FACE_CLASSES.index("left brow")
    assert mask[9, 30] == FACE_CLASSES.index("hair")  # drawn over the skin
    assert mask[2, 2] == 0
    assert inspect_faces(tmp_path / "out").problems == ()
    crop = FaceFolder(tmp_path / "out").located(0)[1]
    assert (crop.center_x, crop.side) == (32.0, pytest.approx(2 * max(0.8 * 40, 0.6 * 38)))


def test_part_names_are_the_class_names() -> None:
    spelled = {
        "skin": "skin", "nose": "nose", "eye_g": "eyeglasses", "l_eye": "left eye", "r_eye": "right eye",
        "l_brow": "left brow", "r_brow": "right brow", "l_ear": "left ear", "r_ear": "right ear", "mouth": "mouth",
        "u_lip": "upper lip", "l_lip": "lower lip", "hair": "hair", "hat": "hat", "ear_r": "earring",
        "neck_l": "necklace", "neck": "neck", "cloth": "cloth",
    }  # fmt: skip
    assert tuple(spelled[part] for part in PARTS) == FACE_CLASSES[1:]


def test_mask_hq_takes_the_split_of_the_original_pictures(tmp_path: Path) -> None:
    mask_hq_tree(tmp_path)
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").write_text(
        "idx orig_idx orig_file\n0 119613 119614.jpg\n7 99094 099095.jpg\n2001 200121 200122.jpg\n"
    )
    (tmp_path / "list_eval_partition.txt").write_text("119614.jpg 0\n099095.jpg 1\n200122.jpg 2\n")
    prepare_celeba(tmp_path, tmp_path / "out")
    assert (tmp_path / "out" / "split.txt").read_text() == "00000 train\n00007 val\n02001 test\n"


def test_a_picture_without_masks_is_left_out_by_name(tmp_path: Path) -> None:
    mask_hq_tree(tmp_path)
    Image.new("RGB", (64, 64)).save(tmp_path / "CelebA-HQ-img" / "8.jpg")
    prepared = prepare_celeba(tmp_path, tmp_path / "out")
    assert prepared.pictures == 3
    assert "8.jpg" in prepared.left_out[0]


def in_the_wild_tree(raw: Path) -> None:
    for folder in ("Img/img_celeba", "Anno", "Eval"):
        (raw / folder).mkdir(parents=True)
    rows = []
    for number in range(1, 5):
        Image.new("RGB", (100, 120), (number, 9, 9)).save(raw / "Img" / "img_celeba" / f"{number:06d}.jpg")
        rows.append(f"{number:06d}.jpg  39 49  59 49  49 60  41 72  57 72")
    (raw / "Anno" / "list_landmarks_celeba.txt").write_text(
        "4\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y\n"
        + "\n".join(rows)
        + "\n"
    )
    partition = "".join(f"{number:06d}.jpg {part}\n" for number, part in zip(range(1, 5), (0, 0, 1, 2)))
    (raw / "Eval" / "list_eval_partition.txt").write_text(partition)


def test_celeba_in_the_wild_gets_boxes_and_the_official_split(tmp_path: Path) -> None:
    in_the_wild_tree(tmp_path / "raw")
    prepared = prepare_celeba(tmp_path / "raw", tmp_path / "out")
    assert prepared.pictures == 4
    assert (tmp_path / "out" / "split.txt").read_text().split() == [
        "000001", "train", "000002", "train", "000003", "val", "000004", "test",
    ]  # fmt: skip
    assert (tmp_path / "out" / "images" / "000001.jpg").is_symlink()
    sample = FaceFolder(tmp_path / "out", split="val", image_size=32)[0]
    assert isinstance(sample, FaceSample)
    assert sample.landmark_weights.sum() == 0
    assert inspect_faces(tmp_path / "out").problems == ()


def test_a_second_run_changes_nothing_and_copies_are_possible(tmp_path: Path) -> None:
    in_the_wild_tree(tmp_path / "raw")
    before = sorted(path for path in (tmp_path / "raw").rglob("*"))
    out = tmp_path / "out"
    prepare_celeba(tmp_path / "raw", out, copy=True)
    assert not (out / "images" / "000001.jpg").is_symlink()
    stamp = (out / "images" / "000001.jpg").stat().st_mtime_ns
    content = {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    prepare_celeba(tmp_path / "raw", out, copy=True)
    assert (out / "images" / "000001.jpg").stat().st_mtime_ns == stamp
    assert {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()} == content
    assert sorted(path for path in (tmp_path / "raw").rglob("*")) == before


def test_five_points_make_a_box_from_brows_to_chin() -> None:
    """The eye centres and mouth corners of the average face give back about the box of its 68 points."""
    points = np.array([[-31, -30], [31, -30], [0, 3], [-26, 33], [26, 33]], dtype=float)
    left, top, right, bottom = box_from_five_points(points)
    assert left == pytest.approx(-70, abs=4)
    assert right == pytest.approx(70, abs=4)
    assert top == pytest.approx(-51, abs=3)
    assert bottom == pytest.approx(83, abs=3)


def test_another_folder_is_explained(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds neither CelebA-HQ-img"):
        prepare_celeba(tmp_path, tmp_path / "out")
