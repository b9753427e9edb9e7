from pathlib import Path

import pytest
from PIL import Image

from datamodules.face_records import face_records, read_boxes, split_names, write_split


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20)).save(path)


def test_both_layouts_are_read_in_the_order_of_names(tmp_path: Path) -> None:
    for root, folder in ((tmp_path / "neutral", "images"), (tmp_path / "plain", "")):
        for name in ("b.png", "a.jpg", "c.JPG"):
            picture(root / folder / name)
        (root / "landmarks").mkdir()
        (root / "landmarks" / "a.txt").touch()
        (root / "notes.txt").touch()
        records = face_records(root)
        assert [record.name for record in records] == ["a", "b", "c"]
        assert [record.landmarks is not None for record in records] == [True, False, False]


def test_missing_folders_and_ambiguous_names_are_explained(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        face_records(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="holds no pictures"):
        face_records(tmp_path)
    picture(tmp_path / "a.jpg")
    picture(tmp_path / "a.png")
    with pytest.raises(ValueError, match="share the name a"):
        face_records(tmp_path)


def test_a_written_split_is_followed_and_must_fit(tmp_path: Path) -> None:
    names = ["a", "b b", "c"]
    write_split(tmp_path / "split.txt", {"a": "train", "b b": "val", "c": "test"})
    assert split_names(tmp_path, names) == {"a": ("train",), "b b": ("val",), "c": ("test",)}
    with pytest.raises(ValueError, match="names c "):
        split_names(tmp_path, ["a", "b b"])
    with pytest.raises(ValueError, match="gives no split to d"):
        split_names(tmp_path, [*names, "d"])
    (tmp_path / "split.txt").write_text("a training\n")
    with pytest.raises(ValueError, match="Row 1"):
        split_names(tmp_path, ["a"])


def test_without_a_split_about_a_fifth_is_held_out_whatever_else_is_there(tmp_path: Path) -> None:
    names = [f"photo{number}" for number in range(1000)]
    splits = split_names(tmp_path, names)
    held_out = {name for name in names if splits[name] == ("val", "test")}
    assert 150 < len(held_out) < 250
    half = split_names(tmp_path, reversed(names[::2]))
    assert all(half[name] == splits[name] for name in half)


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_small_folders_have_something_in_both(tmp_path: Path, count: int) -> None:
    for start in range(20):
        splits = split_names(tmp_path, [f"{start}_{number}" for number in range(count)])
        assert ("train",) in splits.values()
        assert ("val", "test") in splits.values()


def test_boxes_are_read_and_broken_ones_named(tmp_path: Path) -> None:
    assert read_boxes(tmp_path) == {}
    (tmp_path / "boxes.json").write_text('{"a": [1, 2, 3.5, 4]}')
    assert read_boxes(tmp_path) == {"a": (1.0, 2.0, 3.5, 4.0)}
    for text, complaint in (('{"a": [1, 2]}', "The box of a"), ("[1]", "is not a JSON object"), ("{", "is not a JSON")):
        (tmp_path / "boxes.json").write_text(text)
        with pytest.raises(ValueError, match=complaint):
            read_boxes(tmp_path)
