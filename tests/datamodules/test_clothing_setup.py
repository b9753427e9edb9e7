"""What is refused before the work begins, and what costs nothing to look at."""

from pathlib import Path

import pytest
from PIL import ExifTags, Image

from datamodules import clothing_dataset
from datamodules.atr import AtrDataModule
from datamodules.clothing_data_module import ClothingDataModule
from datamodules.cub import CubDataModule
from datamodules.foreground_index import Coverage, read_index, write_index
from datamodules.market_hq import MarketHqDataModule, market_hq_layout
from datamodules.pictures import read_picture, size_in_header
from tests.datamodules.clothing_trees import (
    saved,
    silhouette,
    write_atr_tree,
    write_cub_tree,
    write_market_tree,
    write_truths,
)


def test_sound_data_sets_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_market_tree(tmp_path / "market")
    write_atr_tree(tmp_path / "atr", [f"fash_{number}" for number in range(12)])
    write_cub_tree(tmp_path / "cub")
    modules: list[ClothingDataModule] = [
        MarketHqDataModule(str(tmp_path / "market")),
        AtrDataModule(str(tmp_path / "atr")),
        CubDataModule(str(tmp_path / "cub")),
    ]
    for module in modules:
        module.prepare_data()
    monkeypatch.setattr(clothing_dataset, "read_photo", None)
    for module in modules:
        for stage in ("fit", "validate", "test", "predict"):
            module.setup(stage)


def pair_of(root: Path, part: str = "train") -> tuple[Path, Path]:
    """The first picture of training or test that is not held out for validation, and its mask."""
    photographs = MarketHqDataModule(str(root), train_ratio=None).photographs("train" if part == "train" else "test")
    return photographs.record(0).picture, photographs.record(0).mask


@pytest.mark.parametrize(("stage", "part"), [("fit", "train"), ("test", "test"), ("predict", "test")])
def test_what_could_not_be_shown_is_named_before_the_work(stage: str, part: str, tmp_path: Path) -> None:
    write_market_tree(tmp_path)
    picture, mask = pair_of(tmp_path, part)
    whole = picture.read_bytes(), mask.read_bytes()

    def complaint() -> str:
        with pytest.raises((ValueError, FileNotFoundError), match=picture.stem.removesuffix(".jpg")) as error:
            MarketHqDataModule(str(tmp_path), train_ratio=None).setup(stage)
        assert str(error.value).endswith("(`threefold inspect` names all that cannot be read).")
        return str(error.value)

    saved(silhouette((64, 64)).convert("RGB"), picture)
    saved(silhouette((64, 64)), mask)
    assert "stretched by a factor of 2.00" in complaint()
    mask.write_bytes(whole[1])
    assert "32 x 64 pixels but its picture" in complaint()
    picture.write_bytes(b"no picture")
    assert "cannot be read" in complaint()
    picture.write_bytes(whole[0])
    (market_hq_layout(tmp_path).index_file).unlink()
    saved(Image.new("L", (32, 64)), mask)
    assert "is empty" in complaint()
    (market_hq_layout(tmp_path).index_file).unlink()
    saved(Image.new("L", (32, 64), 255), mask)
    assert "covers the whole picture" in complaint()


def test_a_photograph_that_lies_on_its_side_is_seen_from_its_head(tmp_path: Path) -> None:
    base = write_atr_tree(tmp_path)
    picture = base / "JPEGImages" / "997_1.jpg"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    with Image.open(picture) as opened:
        opened.save(picture, exif=exif)
    assert size_in_header(picture) == read_picture(picture).size == (60, 36)
    with pytest.raises(ValueError, match=r"997_1\.png is 36 x 60 pixels but its picture .* is 60 x 36"):
        AtrDataModule(str(tmp_path)).setup("predict")


def test_what_the_filter_leaves_out_and_a_mended_mask_hinder_nobody(tmp_path: Path) -> None:
    write_market_tree(tmp_path)
    _, mask = pair_of(tmp_path)
    drawn = mask.read_bytes()
    layout = market_hq_layout(tmp_path)
    saved(Image.new("L", (32, 64)), mask)
    layout.index_file.unlink()
    MarketHqDataModule(str(tmp_path)).setup("fit")  # 0 is below 0.09
    mask.write_bytes(drawn)
    name = next(record.name for record in layout.records if record.mask == mask)
    assert read_index(layout.index_file)[name] == Coverage(0, 2048)
    MarketHqDataModule(str(tmp_path), train_ratio=None).setup("fit")
    write_index(layout.index_file, {})
    MarketHqDataModule(str(tmp_path), test_ratio=(0.9, 0.91)).setup("fit")  # an empty part that nobody asks for


def test_truth_that_would_not_fit_is_named_before_the_work(tmp_path: Path) -> None:
    names = [f"fash_{number}" for number in range(12)]
    base = write_atr_tree(tmp_path, names)
    write_truths(base, names)
    AtrDataModule(str(tmp_path)).setup("fit")
    with pytest.raises(ValueError, match="36 x 60 pixels, but the camera in its truth file holds for that ratio"):
        AtrDataModule(str(tmp_path), image_size=(128, 64)).setup("fit")
    held_out = AtrDataModule(str(tmp_path)).photographs("val").record(0).name
    (base / "TRUTH" / f"{held_out}.npz").unlink()
    with pytest.raises(FileNotFoundError, match=rf"There is no truth file .*{held_out}\.npz"):
        AtrDataModule(str(tmp_path)).setup("fit")
