"""The three layouts as downloaded: what is matched, what is split, and every mismatch by name."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.atr import AtrDataModule, atr_layout, listed_stems, person_of_labels
from datamodules.clothing_records import ClothingRecord, split_names, without_ratio
from datamodules.cub import cub_layout
from datamodules.market_hq import market_hq_layout
from tests.datamodules.clothing_trees import saved, silhouette, write_atr_tree, write_cub_tree, write_market_tree


def test_market_is_found_from_every_folder_above(tmp_path: Path) -> None:
    hq = write_market_tree(tmp_path / "Market")
    for root in (hq, tmp_path / "Market", tmp_path):
        layout = market_hq_layout(root)
        assert layout.base == hq
        assert layout.problems == ()
        assert len(layout.records) == 10
    first = layout.records[0]
    assert first.name == "train_all/0000/0000_c1s1_000000_00"
    assert (first.group, first.part, first.truth) == ("0000", "train", None)
    assert first.picture.name == "0000_c1s1_000000_00.jpg.png"
    assert first.mask.name == "0000_c1s1_000000_00.jpg_0.40.png"
    assert [record.part for record in layout.records] == ["train"] * 8 + ["test"] * 2


def test_other_folders_of_market_are_not_looked_at(tmp_path: Path) -> None:
    hq = write_market_tree(tmp_path)
    saved(silhouette((32, 64)), hq / "pytorch/gallery/0001/x.jpg.png")
    assert market_hq_layout(tmp_path).problems == ()


def test_atr_reads_label_maps_where_nothing_is_prepared(tmp_path: Path) -> None:
    base = write_atr_tree(tmp_path)
    layout = atr_layout(tmp_path)
    assert [record.name for record in layout.records] == ["997_1", "997_2", "dataset10k_4", "fash_3"]
    record = layout.records[0]
    assert record.mask == base / "SegmentationClassAug/997_1.png"
    assert layout.foreground(record.mask)[:6].sum() == 20  # the figure begins in row 6: widened by one pixel
    saved(silhouette((36, 60)), base / "Seg/997_1_0.40.png")
    problems = atr_layout(tmp_path).problems
    assert len(problems) == 3
    assert "997_2.jpg has no mask" in problems[0]


def test_atr_below_folders_called_like_its_own(tmp_path: Path) -> None:
    root = tmp_path / "Seg" / "JPEGImages_Seg"
    base = write_atr_tree(root)
    for record in atr_layout(root).records:
        assert record.picture.is_file()
        assert record.picture.parent == base / "JPEGImages"


def test_the_person_in_a_label_map_is_widened_and_filled_as_the_authors_do() -> None:
    labels = np.random.default_rng(0).random((23, 17)) > 0.93
    person = np.where(labels, 255.0, 0.0)
    for _ in range(5):  # with floating-point means, pixel by pixel
        grown = np.zeros_like(person)
        for i in range(23):
            for j in range(17):
                around = person[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2].sum() / 9
                grown[i, j] = person[i, j] + around > 4 / 9 + 1e-9
        person = grown
    np.testing.assert_array_equal(person_of_labels(labels), person > 0)
    assert person_of_labels(labels).sum() > 2 * labels.sum()


def test_lists_are_matched_by_stem(tmp_path: Path) -> None:
    write_atr_tree(tmp_path)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets/ATR_train.txt").write_text("997_1_0.13.png\n997_2.jpg\n")
    (tmp_path / "datasets/ATR_test.txt").write_text("fash_3_0.99.png\n\n")
    parts = {record.name: record.part for record in atr_layout(tmp_path).records}
    assert parts == {"997_1": "train", "997_2": "train", "fash_3": "test", "dataset10k_4": None}
    (tmp_path / "datasets/ATR_train.txt").unlink()
    parts = {record.name: record.part for record in atr_layout(tmp_path).records}
    assert parts == {"997_1": "train", "997_2": "train", "fash_3": "test", "dataset10k_4": "train"}


def test_lists_are_found_beside_the_folder_that_is_given(tmp_path: Path) -> None:
    base = write_atr_tree(tmp_path)
    (tmp_path / "ATR_train.txt").write_text("997_1.jpg\n997_2.jpg\n")
    (tmp_path / "ATR_test.txt").write_text("fash_3.jpg\ndataset10k_4.jpg\n")
    parts = {record.name: record.part for record in atr_layout(base).records}
    assert parts == {"997_1": "train", "997_2": "train", "fash_3": "test", "dataset10k_4": "test"}


def test_without_lists_training_and_test_share_no_subject(tmp_path: Path) -> None:
    names = [f"fash_{number}" for number in range(24)]
    base = write_atr_tree(tmp_path, names)
    (base / "TRUTH").mkdir()
    rows = [f"{name},{number // 4}\n" for number, name in enumerate(names)]
    (base / "subjects.csv").write_text("".join(["name,subject\n", *rows]))
    found = atr_layout(tmp_path).records
    subjects = {part: {record.group for record in found if record.part == part} for part in ("train", "test")}
    assert len(subjects["test"]) == 1
    assert len(subjects["train"]) == 5
    assert not subjects["train"] & subjects["test"]


def test_lists_that_cannot_be_right_are_named(tmp_path: Path) -> None:
    base = write_atr_tree(tmp_path)
    (base / "ATR_train.txt").write_text("997_1.jpg\n997_2.jpg\nabsent_0.30.png\n")
    (base / "ATR_test.txt").write_text("997_2.jpg\n")
    absent, shared = atr_layout(tmp_path).problems
    assert "ATR_train.txt names absent (1 such rows) but there is no such picture" in absent
    assert "ATR_test.txt names 997_2 (1 such rows), which the other list names too" in shared
    with pytest.raises(ValueError, match=r"names absent .*\(1 more: `threefold inspect`"):
        assert AtrDataModule(str(tmp_path)).layout


def test_without_lists_a_tenth_is_test(tmp_path: Path) -> None:
    write_atr_tree(tmp_path, [f"fash_{number}" for number in range(60)])
    parts = [record.part for record in atr_layout(tmp_path).records]
    assert (parts.count("train"), parts.count("test")) == (54, 6)


def test_cub_matches_masks_with_any_number_of_ratios(tmp_path: Path) -> None:
    base = write_cub_tree(tmp_path)
    folder = base / "train/001.Finch"
    (folder / "Bird_train_0000_0.40.png").rename(folder / "Bird_train_0000_0.40_0.40.png")
    (folder / "Bird_train_0002_0.40.png").rename(folder / "Bird_train_0002.png")
    layout = cub_layout(tmp_path)
    assert layout.problems == ()
    assert [record.part for record in layout.records] == ["train"] * 4 + ["test"] * 2
    saved(silhouette((48, 36)), folder / "Bird_train_0002_0.41.png")
    (problem,) = cub_layout(tmp_path).problems
    assert "Bird_train_0002.png" in problem
    assert "belong to one picture" in problem


def test_four_of_five_annotators_make_a_bird_and_one_makes_a_ratio(tmp_path: Path) -> None:
    base = write_cub_tree(tmp_path)
    mask = base / "train/001.Finch/Bird_train_0000_0.40.png"
    values = np.zeros((36, 48), np.uint8)
    for annotators in range(6):
        values[6 * annotators : 6 * annotators + 6] = 51 * annotators
    Image.fromarray(values).save(mask)
    layout = cub_layout(tmp_path)
    assert layout.foreground(mask).mean() == pytest.approx(2 / 6)
    assert layout.coverage()["train/001.Finch/Bird_train_0000"].ratio == pytest.approx(5 / 6)


def test_lonely_pictures_and_masks_are_named(tmp_path: Path) -> None:
    hq = write_market_tree(tmp_path)
    (hq / "seg_hmr/train_all/0001/0001_c1s1_000001_00.jpg_0.40.png").unlink()
    (hq / "pytorch/query/0101/0101_c1s1_000101_00.jpg.png").unlink()
    layout = market_hq_layout(tmp_path)
    no_mask, no_picture = layout.problems
    assert "train_all/0001/0001_c1s1_000001_00.jpg.png has no mask" in no_mask
    assert "query/0101/0101_c1s1_000101_00.jpg_0.40.png has no picture" in no_picture
    with pytest.raises(ValueError, match=r"has no mask.*\(1 more: `threefold inspect`"):
        layout.require_sound()


def test_two_pictures_of_one_name_are_named(tmp_path: Path) -> None:
    market = write_market_tree(tmp_path / "market") / "pytorch/query/0100/0100_c1s1_000100_00.jpg"
    atr = write_atr_tree(tmp_path / "atr") / "JPEGImages/997_1.png"
    cub = write_cub_tree(tmp_path / "cub") / "train/001.Finch/Bird_train_0000.jpeg"
    for open_layout, path in ((market_hq_layout, market), (atr_layout, atr), (cub_layout, cub)):
        saved(silhouette((36, 60)).convert("RGB"), path)
        (problem,) = open_layout(tmp_path / path.relative_to(tmp_path).parts[0]).problems
        assert str(path) in problem
        assert "differ in their endings alone: take one of them away" in problem


@pytest.mark.parametrize("open_layout", [market_hq_layout, atr_layout, cub_layout])
def test_a_folder_of_something_else_is_named(open_layout, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*nowhere: give"):
        open_layout(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="does not hold"):
        open_layout(tmp_path)
    for folder in ("pytorch", "seg_hmr", "JPEGImages", "Seg", "train"):
        (tmp_path / folder).mkdir()
    with pytest.raises(FileNotFoundError, match="holds no pictures"):
        open_layout(tmp_path)


def test_ratios_at_the_end_of_names() -> None:
    assert without_ratio("bird_0.31") == "bird"
    assert without_ratio("bird_0.31_0.3") == "bird"
    assert without_ratio("997_1") == "997_1"
    assert without_ratio("a_0.31_b") == "a_0.31_b"


def test_lists_may_hold_folders_and_windows_line_ends(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"JPEGImages/a.jpg\r\nb_0.12.png\r\n\r\nc\r\n")
    assert listed_stems(tmp_path / "list.txt") == ["a", "b", "c"]


def records(groups: int, each: int = 3) -> list[ClothingRecord]:
    some = Path("x")
    return [
        ClothingRecord(f"{group}/{number}", some, some, None, str(group), "test" if group == 0 else "train")
        for group in range(groups)
        for number in range(each)
    ]


def test_validation_takes_whole_groups_of_training_and_nothing_of_test() -> None:
    splits = split_names(records(41), 0.1)
    assert {name: len(names) for name, names in splits.items()} == {"train": 108, "val": 12, "test": 3}
    assert splits["test"] == {"0/0", "0/1", "0/2"}
    groups = {split: {name.split("/")[0] for name in names} for split, names in splits.items()}
    assert not groups["train"] & groups["val"]
    more = split_names(records(42), 0.1)["val"]
    assert len(more - splits["val"]) in (0, 3)  # one more person moves at most one group


def test_what_cannot_be_split_is_said() -> None:
    with pytest.raises(ValueError, match="has 1 group of pictures"):
        split_names(records(2), 0.1)
    with pytest.raises(ValueError, match="validation_share is 0"):
        split_names(records(9), 0)
