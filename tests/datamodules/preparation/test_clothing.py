"""Downloads of the clothing data sets to what training reads: twice the same, nothing lost, the broken named."""

import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.atr import AtrDataModule, atr_layout
from datamodules.clothing_inspection import inspect_clothing
from datamodules.cub import cub_layout
from datamodules.foreground_index import read_index
from datamodules.market_hq import MarketHqDataModule, market_hq_layout
from datamodules.preparation import cub
from datamodules.preparation.atr import prepare_atr
from datamodules.preparation.cub import crop_box, prepare_cub
from datamodules.preparation.market_hq import prepare_market_hq
from tests.datamodules.clothing_trees import (
    figure_box,
    silhouette,
    write_atr_tree,
    write_cmr_caches,
    write_cub_tree,
    write_market_tree,
    write_official_cub,
    write_truths,
)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_market_is_linked_and_counted_twice_alike(tmp_path: Path) -> None:
    hq = write_market_tree(tmp_path / "raw")
    (hq / "seg_hmr/train_all/0001/0001_c1s1_000001_00.jpg_0.40.png").unlink()
    Image.new("L", (32, 64)).save(hq / "seg_hmr/train_all/0002/0002_c1s1_000002_00.jpg_0.40.png")
    raw, out = contents(tmp_path / "raw"), tmp_path / "out"
    prepared = prepare_market_hq(tmp_path / "raw", out)
    assert prepared.pictures == 8
    assert len(prepared.left_out) == 2
    assert "has no mask" in prepared.left_out[0]
    assert "is empty" in prepared.left_out[1]
    first = contents(out)
    assert prepare_market_hq(tmp_path / "raw", out).pictures == 8
    assert contents(out) == first
    assert contents(tmp_path / "raw") == raw
    layout = market_hq_layout(out)
    assert layout.problems == ()
    assert read_index(layout.index_file) == {record.name: layout.coverage()[record.name] for record in layout.records}
    assert (out / "hq/pytorch/query/0100/0100_c1s1_000100_00.jpg.png").is_symlink()
    assert len(MarketHqDataModule(str(out), batch_size=2).train_dataloader())
    prepare_market_hq(tmp_path / "raw", tmp_path / "copied", copy=True)
    assert not any(path.is_symlink() for path in (tmp_path / "copied").rglob("*"))


@pytest.mark.parametrize("copy", [False, True])
def test_truth_and_subjects_come_along(copy: bool, tmp_path: Path) -> None:
    """Lest pictures of one subject come into training and validation."""
    names = ("997_1", "997_2", "fash_3", "dataset10k_4")
    base = write_atr_tree(tmp_path / "raw", names)
    hq = write_market_tree(tmp_path / "raw")
    stems = [Path(record.name).name for record in market_hq_layout(hq).records]
    for folder, known in ((base, names), (hq, stems)):
        write_truths(folder, known)
        (folder / "subjects.csv").write_text("name,subject\n" + "".join(f"{name},somebody\n" for name in known))
    raw = contents(tmp_path / "raw")
    for _ in range(2):
        prepare_atr(tmp_path / "raw", tmp_path / "atr", copy=copy)
        prepare_market_hq(tmp_path / "raw", tmp_path / "market", copy=copy)
    assert contents(tmp_path / "raw") == raw
    for layout in (atr_layout(tmp_path / "atr"), market_hq_layout(tmp_path / "market")):
        assert all(record.truth is not None and record.truth.is_file() for record in layout.records)
        assert (layout.base / "subjects.csv").is_symlink() != copy
    assert {record.group for record in atr_layout(tmp_path / "atr").records} == {"somebody"}


def test_preparing_in_place_adds_the_index_alone(tmp_path: Path) -> None:
    write_market_tree(tmp_path)
    before = contents(tmp_path)
    prepare_market_hq(tmp_path, tmp_path)
    after = contents(tmp_path)
    assert set(after) - set(before) == {"hq/foreground.csv"}
    assert {name: after[name] for name in before} == before


def test_a_link_to_a_download_that_moved_is_mended(tmp_path: Path) -> None:
    write_market_tree(tmp_path / "raw")
    prepare_market_hq(tmp_path / "raw", tmp_path / "out")
    (tmp_path / "raw").rename(tmp_path / "moved")
    prepare_market_hq(tmp_path / "moved", tmp_path / "out")
    assert len(contents(tmp_path / "out")) == 2 * 10 + 1


def test_atr_gets_masks_and_lists_of_what_is_there(tmp_path: Path) -> None:
    raw = tmp_path / "Seg" / "JPEGImages"  # parents that are called like folders of the layout
    base = write_atr_tree(raw)
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "ATR_train.txt").write_text("997_1_0.31.png\n997_2_0.50.png\nabsent_0.20.png\n")
    (lists / "ATR_test.txt").write_text("fash_3_0.11.png\n")
    before, out = contents(raw), tmp_path / "out"
    prepared = prepare_atr(raw, out, lists=lists)
    assert prepared.pictures == 4
    (absent,) = prepared.left_out
    assert "ATR_train.txt names absent" in absent
    assert contents(raw) == before
    assert (out / "ATR_train.txt").read_text() == "997_1.jpg\n997_2.jpg\n"
    first = contents(out)
    prepare_atr(raw, out, lists=lists)
    assert contents(out) == first
    layout = atr_layout(out)
    assert layout.problems == ()
    assert {record.name: record.part for record in layout.records}["fash_3"] == "test"
    for record in layout.records:  # the masks of 0 and 255 mean what the label maps mean
        assert record.mask.parent == out / "Seg"
        labels = base / "SegmentationClassAug" / record.mask.name
        np.testing.assert_array_equal(layout.foreground(record.mask), atr_layout(raw).foreground(labels))
        assert set(np.unique(np.asarray(Image.open(record.mask)))) == {0, 255}
    assert len(AtrDataModule(str(out), batch_size=1).train_dataloader()) == 1


def test_a_download_that_became_more_complete_comes_into_the_lists(tmp_path: Path) -> None:
    base = write_atr_tree(tmp_path / "raw")
    (tmp_path / "ATR_train.txt").write_text("997_1.jpg\n997_2.jpg\n")
    (tmp_path / "ATR_test.txt").write_text("fash_3.jpg\ndataset10k_4.jpg\n")
    late = base / "JPEGImages/997_1.jpg"
    late.rename(tmp_path / "not yet there.jpg")
    out = tmp_path / "out"
    assert prepare_atr(tmp_path / "raw", out, lists=tmp_path).pictures == 3
    assert (out / "ATR_train.txt").read_text() == "997_2.jpg\n"
    (tmp_path / "not yet there.jpg").rename(late)
    assert prepare_atr(tmp_path / "raw", out, lists=tmp_path).left_out == ()
    assert (out / "ATR_train.txt").read_text() == "997_2.jpg\n997_1.jpg\n"
    assert None not in {record.part for record in atr_layout(out).records}
    last = contents(out)
    prepare_atr(tmp_path / "raw", out, lists=tmp_path)
    assert contents(out) == last


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xfe\x00", r"ATR_train\.txt is no text in line 1"),
        (b"\n", r"ATR_train\.txt is no list of these pictures, it names no picture"),
        (b"x.jpg\ny.jpg\n", r"ATR_train\.txt is no list of these pictures, none of its 2 names"),
    ],
)
def test_a_list_that_cannot_be_right_is_named_before_the_work(content: bytes, sentence: str, tmp_path: Path) -> None:
    base = write_atr_tree(tmp_path / "raw")
    (base / "ATR_train.txt").write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        prepare_atr(tmp_path / "raw", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_picture_in_both_lists_of_atr_is_named(tmp_path: Path) -> None:
    write_atr_tree(tmp_path / "raw")
    (tmp_path / "ATR_train.txt").write_text("997_1.jpg\n997_2.jpg\n")
    (tmp_path / "ATR_test.txt").write_text("997_2.jpg\nfash_3.jpg\n")
    prepared = prepare_atr(tmp_path / "raw", tmp_path / "out", lists=tmp_path)
    (shared,) = prepared.left_out
    assert "names 997_2 (1 such rows), which the other list names too" in shared


def test_the_authors_own_masks_are_taken_as_they_are(tmp_path: Path) -> None:
    base = write_atr_tree(tmp_path)
    (base / "Seg").mkdir()
    silhouette((36, 60)).save(base / "Seg/997_1_0.40.png")
    prepare_atr(tmp_path, tmp_path)
    layout = atr_layout(tmp_path)
    assert layout.problems == ()
    assert len(layout.records) == 4
    assert layout.records[0].mask.name == "997_1_0.40.png"
    assert layout.coverage()["997_1"].ratio == pytest.approx(18 * 48 / (36 * 60))
    assert layout.coverage()["997_2"].ratio == pytest.approx(20 * 50 / (36 * 60), abs=0.005)  # wider by a pixel
    prepare_atr(tmp_path, tmp_path / "out")
    assert len(atr_layout(tmp_path / "out").records) == 4
    assert atr_layout(tmp_path / "out").problems == ()


def test_what_is_broken_in_atr_is_left_out(tmp_path: Path) -> None:
    base = write_atr_tree(tmp_path / "raw")
    (base / "JPEGImages/997_1.jpg").write_bytes(b"\xff\xd8broken")
    Image.new("L", (36, 60), 3).save(base / "SegmentationClassAug/997_2.png")
    silhouette((60, 36)).save(base / "SegmentationClassAug/fash_3.png")
    prepared = prepare_atr(tmp_path / "raw", tmp_path / "out")
    assert prepared.pictures == 1
    cannot, covers, sizes = prepared.left_out
    assert "997_1.jpg cannot be read" in cannot
    assert "997_2.png covers the whole picture" in covers
    assert "fash_3.png is 60 x 36 pixels but its picture" in sizes
    for name in ("dataset10k_4.jpg",):
        (base / "JPEGImages" / name).write_bytes(b"")
    with pytest.raises(ValueError, match=r"No picture in .* could be used"):
        prepare_atr(tmp_path / "raw", tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="holds neither ATR_train"):
        prepare_atr(tmp_path / "raw", tmp_path / "nothing", lists=tmp_path)


def test_the_official_birds_are_cut_with_a_margin(tmp_path: Path) -> None:
    base = write_official_cub(tmp_path)
    before, out = contents(tmp_path), tmp_path / "out"
    prepared = prepare_cub(tmp_path, out)
    assert prepared.pictures == 4
    assert prepared.left_out == ()
    layout = cub_layout(out)
    assert layout.problems == ()
    assert [record.part for record in layout.records] == ["train"] * 3 + ["test"]
    left, top, right, bottom = figure_box((60, 50))
    wide, high = right - left + 1, bottom - top + 1
    with Image.open(layout.records[0].picture) as photo, Image.open(layout.records[0].mask) as mask:
        assert photo.size == mask.size == (wide + 2 * 3, high + 2 * 4)
        values = np.asarray(mask)
    assert set(np.unique(values)) == {0, 153, 255}  # agreement is kept
    np.testing.assert_array_equal(np.argwhere(values)[0], (4, 3))
    bird, anyone = layout.foreground(layout.records[0].mask), layout.coverage()[layout.records[0].name]
    assert bird.sum() == (wide - 4) * high
    assert anyone.foreground == wide * high
    first = contents(out)
    assert prepare_cub(base, out).pictures == 4
    assert contents(out) == first
    assert {name: value for name, value in contents(tmp_path).items() if not name.startswith("out/")} == before


def test_boxes_end_at_the_picture() -> None:
    assert crop_box((0.0, 5.0, 100.0, 50.0), (104, 58)) == (0, 0, 104, 58)
    assert crop_box((20.0, 30.0, 40.0, 50.0), (200, 200)) == (16, 25, 64, 85)


def test_birds_from_cmr_s_caches(tmp_path: Path) -> None:
    base = write_official_cub(tmp_path / "raw")
    write_cmr_caches(tmp_path / "cache/data", base, {"train": [1, 2], "val": [3], "test": [4]})
    prepared = prepare_cub(tmp_path / "raw", tmp_path / "out", caches=tmp_path / "cache")
    assert prepared.pictures == 4
    layout = cub_layout(tmp_path / "out")
    assert [record.part for record in layout.records] == ["train", "train", "test", "test"]
    prepare_cub(tmp_path / "raw", tmp_path / "official")
    for record in layout.records[:2]:  # the same boxes, counted from 1 there and from 0 here
        other = tmp_path / "official" / record.mask.relative_to(tmp_path / "out")
        with Image.open(record.mask) as one, Image.open(other) as two:
            np.testing.assert_array_equal(np.asarray(one) > 0, np.asarray(two) > 0)
    write_cmr_caches(tmp_path / "cache/data", base, {"testval": [4]})
    assert prepare_cub(base, tmp_path / "fewer", caches=tmp_path / "cache/data").pictures == 3


def test_the_authors_crops_are_linked(tmp_path: Path) -> None:
    write_cub_tree(tmp_path / "raw")
    assert prepare_cub(tmp_path / "raw", tmp_path / "out").pictures == 6
    layout = cub_layout(tmp_path / "out")
    assert layout.problems == ()
    assert layout.records[0].mask.is_symlink()
    found = inspect_clothing(layout, (128, 128), train_ratio=(0.16, 0.64), clean_ratio=(0.25, 0.35))
    assert (found.pictures, found.usable, found.clean, found.indexed) == (6, 6, 0, 6)


def test_what_is_missing_of_cub_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="give the folder CUB_200_2011"):
        prepare_cub(tmp_path, tmp_path / "out")
    base = write_official_cub(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"There is no .*train_cub_cleaned\.mat"):
        prepare_cub(tmp_path, tmp_path / "out", caches=tmp_path)
    (tmp_path / "train_cub_cleaned.mat").write_text("no cache")
    with pytest.raises(ValueError, match=r"The cache .* cannot be read"):
        prepare_cub(tmp_path, tmp_path / "out", caches=tmp_path)
    (base / "bounding_boxes.txt").write_text("1 2 3\n")
    with pytest.raises(ValueError, match=r"Row 1 of .*bounding_boxes\.txt reads '1 2 3'"):
        prepare_cub(tmp_path, tmp_path / "out")
    (base / "bounding_boxes.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"There is no .*bounding_boxes\.txt"):
        prepare_cub(tmp_path, tmp_path / "out")
    (tmp_path / "segmentations").rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"segmentations\.tgz"):
        prepare_cub(tmp_path, tmp_path / "out")


def test_a_full_disk_is_no_fault_of_the_birds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_official_cub(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "some.png")

    monkeypatch.setattr(cub, "place_mask", full)
    with pytest.raises(OSError, match="No space left"):
        prepare_cub(tmp_path, tmp_path / "out")


def test_a_broken_bird_is_left_out(tmp_path: Path) -> None:
    base = write_official_cub(tmp_path)
    (base / "images/001.Finch/Finch_0001_1.jpg").write_bytes(b"")
    (tmp_path / "segmentations/001.Finch/Finch_0002_2.png").unlink()
    prepared = prepare_cub(tmp_path, tmp_path / "out")
    assert prepared.pictures == 2
    assert "zero bytes" in prepared.left_out[0]
    assert "There is no mask" in prepared.left_out[1]
    assert cub_layout(tmp_path / "out").problems == ()
