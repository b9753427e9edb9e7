"""The data modules: what each loader gives, filters, repeatability, truth, and broken files by name."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from jsonargparse import ArgumentParser
from PIL import Image

from datamodules.atr import AtrDataModule
from datamodules.clothing_data_module import ClothingDataModule
from datamodules.clothing_dataset import ClothingDataset
from datamodules.clothing_pictures import BoxAugmentation
from datamodules.clothing_truth import clothing_batch, read_clothing_truth, truth_sample
from datamodules.cub import CubDataModule
from datamodules.market_hq import MarketHqDataModule, market_hq_layout
from datamodules.samples import ClothingSample, ClothingTruthSample
from tests.datamodules.clothing_trees import (
    saved,
    silhouette,
    write_atr_tree,
    write_cub_tree,
    write_market_tree,
    write_truths,
)


def test_batches_of_the_three_data_sets(tmp_path: Path) -> None:
    write_market_tree(tmp_path / "market")
    write_atr_tree(tmp_path / "atr", [f"fash_{number}" for number in range(12)])
    write_cub_tree(tmp_path / "cub")
    market = MarketHqDataModule(str(tmp_path / "market"), batch_size=2)
    atr = AtrDataModule(str(tmp_path / "atr"), batch_size=2)
    cub = CubDataModule(str(tmp_path / "cub"), batch_size=2)
    for module, size in ((market, (128, 64)), (atr, (160, 96)), (cub, (128, 128))):
        module.prepare_data()
        for loader in (module.train_dataloader(), module.val_dataloader(), module.predict_dataloader()):
            batch = next(iter(loader))
            assert isinstance(batch, ClothingSample)
            assert batch.image.shape[1:] == (3, *size)
            assert batch.mask.shape[1:] == (1, *size)
            assert batch.image.min() >= 0
            assert 0.5 < batch.image.max() <= 1
            assert set(batch.mask.unique().tolist()) == {0.0, 1.0}
            assert batch.ratio.shape == batch.index.shape == batch.image.shape[:1]
    assert len(cub.train_dataloader()) == 3  # three birds, twice
    assert market.photographs("val").record(0).name.startswith("train_all/")


def test_the_picture_and_its_mask_belong_together(tmp_path: Path) -> None:
    write_market_tree(tmp_path)
    module = MarketHqDataModule(str(tmp_path), batch_size=8)
    for loader in (module.train_dataloader(), module.val_dataloader()):
        for batch in loader:
            red = (batch.image[:, 0] > 0.7) & (batch.image[:, 1:] < 0.25).all(1)
            assert (red == batch.mask[:, 0].bool()).float().mean() > 0.97


def image_of(photographs: ClothingDataset, epoch: int) -> torch.Tensor:
    """Of the second photograph."""
    sample = photographs[epoch, 1]
    assert isinstance(sample, ClothingSample)
    return sample.image


def test_an_item_depends_on_seed_epoch_and_record_alone(tmp_path: Path) -> None:
    write_cub_tree(tmp_path, birds=6)
    module = CubDataModule(str(tmp_path))
    one, again = module.photographs("train"), module.photographs("train")
    assert torch.equal(image_of(one, 3), image_of(again, 3))
    assert not torch.equal(image_of(one, 3), image_of(one, 4))
    other = CubDataModule(str(tmp_path), seed=1).photographs("train")
    assert not torch.equal(image_of(one, 3), image_of(other, 3))
    forgetful = CubDataModule(str(tmp_path), memory_gib=0.0).photographs("train")
    assert torch.equal(image_of(one, 3), image_of(forgetful, 3))
    plain = CubDataModule(str(tmp_path), augmentation=None).photographs("train")
    assert torch.equal(image_of(plain, 3), image_of(plain, 4))


def test_indices_name_records_whatever_the_split(tmp_path: Path) -> None:
    write_market_tree(tmp_path)
    module = MarketHqDataModule(str(tmp_path))
    seen = set()
    for role in ("train", "val", "test"):
        photographs = module.photographs(role)
        for k in range(len(photographs)):
            sample = photographs[k]
            assert isinstance(sample, ClothingSample)
            position = int(sample.index)
            assert photographs.records[position] == photographs.record(k)
            seen.add(position)
    assert len(seen) == len(module.layout.records)


def masks_of_ratios(root: Path, ratios: list[float]) -> MarketHqDataModule:
    """Train masks of the given ratios on 10 x 20 pixels... as the files' names do not say."""
    hq = write_market_tree(root, people=len(ratios), size=(40, 80))
    for person, ratio in enumerate(ratios):
        for mask in (hq / f"seg_hmr/train_all/{person:04d}").iterdir():
            values = np.zeros(3200, np.uint8)
            values[: round(ratio * 3200)] = 255
            Image.fromarray(values.reshape(80, 40)).save(mask)
    return MarketHqDataModule(str(root), batch_size=2, validation_share=0.01)


def test_filters_are_strict_and_read_pixels_not_names(tmp_path: Path) -> None:
    module = masks_of_ratios(tmp_path, [0.09, 0.10, 0.36, 0.37, 0.48, 0.49, 0.63, 0.64])
    held_out = {module.photographs("val").record(0).group}
    train = {module.photographs("train").record(k).group for k in range(len(module.photographs("train")))}
    clean = {module.photographs("clean").record(k).group for k in range(len(module.photographs("clean")))}
    assert train == {"0001", "0002", "0003", "0004", "0005", "0006"} - held_out
    assert clean == {"0003", "0004"} - held_out
    module.clean_ratio = (0.8, 0.9)
    with pytest.raises(ValueError, match=r"None of the 14 masks for clean .* 0\.09 to 0\.64: change clean_ratio"):
        module.photographs("clean")


def test_atr_filters_its_test_part_too_and_the_others_do_not(tmp_path: Path) -> None:
    speck = Image.new("L", (36, 60))
    speck.paste(255, (0, 0, 6, 6))  # less than 0.09 of the picture, also when it is widened
    base = write_atr_tree(tmp_path / "atr", [f"fash_{number}" for number in range(8)])
    (base / "ATR_test.txt").write_text("fash_0.jpg\nfash_1.jpg\n")
    saved(speck, base / "SegmentationClassAug/fash_0.png")
    tested = AtrDataModule(str(tmp_path / "atr")).photographs("test")
    assert [tested.record(k).name for k in range(len(tested))] == ["fash_1"]
    hq = write_market_tree(tmp_path / "market")
    saved(speck.resize((32, 64)), hq / "seg_hmr/query/0100/0100_c1s1_000100_00.jpg_0.40.png")
    assert len(MarketHqDataModule(str(tmp_path / "market")).photographs("test")) == 2


def test_the_clean_loader_shares_between_processes(tmp_path: Path) -> None:
    write_market_tree(tmp_path, people=10)
    seen = []
    for rank in range(2):
        module = MarketHqDataModule(str(tmp_path), batch_size=4, clean_ratio=None)
        trainer: Any = SimpleNamespace(world_size=2, global_rank=rank, current_epoch=3)
        module.trainer = trainer
        indices = torch.cat([batch.index for batch in module.clean_dataloader()])
        assert len(indices) == 8  # of 18 + 2 held out, two whole batches each
        seen.append(set(indices.tolist()))
    assert not seen[0] & seen[1]
    alone = MarketHqDataModule(str(tmp_path), batch_size=48, clean_ratio=None)
    assert len(next(iter(alone.clean_dataloader())).index) == 18
    assert alone.photographs("clean").augmentation is None
    assert AtrDataModule("somewhere").clean_augmented


def test_truth_comes_in_padded_batches(tmp_path: Path) -> None:
    hq = write_market_tree(tmp_path, people=2, queried=3)
    layout = market_hq_layout(tmp_path)
    write_truths(hq, [Path(record.name).name for record in layout.records])
    module = MarketHqDataModule(str(tmp_path), batch_size=3)
    assert isinstance(next(iter(module.train_dataloader())), ClothingSample)
    assert isinstance(next(iter(module.predict_dataloader())), ClothingSample)
    batch = next(iter(module.test_dataloader()))
    assert isinstance(batch, ClothingTruthSample)
    assert batch.photo.image.shape == (3, 3, 128, 64)
    assert batch.vertices.shape == batch.colours.shape == (3, int(batch.counts[:, 0].max()), 3)
    assert batch.faces.shape == (3, int(batch.counts[:, 1].max()), 3)
    for k, position in enumerate(batch.photo.index.tolist()):
        truth = read_clothing_truth(hq / "TRUTH" / f"{Path(layout.records[position].name).name}.npz")
        v, f = batch.counts[k].tolist()
        np.testing.assert_array_equal(batch.vertices[k, :v].numpy(), truth.vertices)
        np.testing.assert_array_equal(batch.faces[k, :f].numpy(), truth.faces)
        assert batch.vertices[k, v:].abs().sum() == 0
        assert float(batch.azimuth[k]) == pytest.approx(truth.azimuth)
        np.testing.assert_allclose(batch.offset[k].numpy(), truth.offset)


def test_truth_may_lie_in_the_folder_above(tmp_path: Path) -> None:
    write_atr_tree(tmp_path)
    write_truths(tmp_path, ("997_1",))
    layout = AtrDataModule(str(tmp_path)).layout
    assert layout.has_truth
    assert layout.records[0].truth == tmp_path / "TRUTH/997_1.npz"


def test_pictures_of_one_subject_stay_together(tmp_path: Path) -> None:
    base = write_cub_tree(tmp_path, birds=12)
    stems = [path.stem for path in sorted((base / "train").glob("*/*.jpg"))]
    write_truths(base, stems)
    rows = [f"{stem},{number // 4}\n" for number, stem in enumerate(stems)]
    (base / "subjects.csv").write_text("".join(["name,subject\n", *rows]))
    module = CubDataModule(str(tmp_path))
    held_out, kept = module.photographs("val"), module.photographs("train")
    assert (len(held_out), len(kept)) == (4, 8)
    (subject,) = {held_out.record(k).group for k in range(4)}
    assert {kept.record(k).group for k in range(8)} == {"0", "1", "2"} - {subject}
    (base / "subjects.csv").write_text("stem\nx\n")
    with pytest.raises(ValueError, match=r"subjects\.csv has other columns"):
        assert CubDataModule(str(tmp_path)).layout


def test_truth_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    hq = write_market_tree(tmp_path)
    stems = [Path(record.name).name for record in market_hq_layout(tmp_path).records]
    write_truths(hq, stems[:-1])
    module = MarketHqDataModule(str(tmp_path))
    with pytest.raises(FileNotFoundError, match=rf"There is no truth file .*{stems[-1]}\.npz"):
        module.photographs("test")[1]
    broken = hq / "TRUTH" / f"{stems[0]}.npz"
    np.savez(broken, vertices=np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"The truth file .* cannot be read"):
        read_clothing_truth(broken)
    truth = read_clothing_truth(hq / "TRUTH" / f"{stems[1]}.npz")
    np.savez(broken, **{**truth._asdict(), "faces": truth.faces + 100})
    with pytest.raises(ValueError, match="faces point outside of the vertices"):
        read_clothing_truth(broken)
    for camera in ({"azimuth": np.nan}, {"offset": np.array([0.0, np.inf])}, {"distance": 0.0}):
        np.savez(broken, **{**truth._asdict(), **camera})
        with pytest.raises(ValueError, match="the camera is not finite, or not before the subject"):
            read_clothing_truth(broken)
    np.savez(broken, **{**truth._asdict(), "colours": np.nan * truth.colours})
    with pytest.raises(ValueError, match=r"colours are .* not finite"):
        read_clothing_truth(broken)
    square = MarketHqDataModule(str(tmp_path), image_size=(64, 36))
    with pytest.raises(ValueError, match="not for 36 : 64"):
        square.photographs("test")[0]


def test_padding_does_not_depend_on_who_else_is_in_the_batch(tmp_path: Path) -> None:
    write_truths(tmp_path, ("a", "b"))
    photo = ClothingSample(torch.zeros(3, 4, 4), torch.ones(1, 4, 4), torch.tensor(0.5), torch.tensor(0))
    truths = [truth_sample(photo, read_clothing_truth(tmp_path / f"TRUTH/{name}.npz")) for name in "ab"]
    alone, both = clothing_batch(truths[:1]), clothing_batch(truths)
    assert isinstance(alone, ClothingTruthSample)
    assert isinstance(both, ClothingTruthSample)
    assert torch.equal(alone.vertices[0], both.vertices[0, :4])
    assert both.vertices.shape == (2, 5, 3)
    assert both.faces.dtype == torch.int64


def first_picture(hq: Path) -> tuple[Path, Path]:
    record = market_hq_layout(hq).records[0]
    return record.picture, record.mask


def test_broken_files_are_named_when_they_are_read(tmp_path: Path) -> None:
    picture, mask = first_picture(write_market_tree(tmp_path))
    module = MarketHqDataModule(str(tmp_path), test_ratio=None)

    def complaint() -> str:
        with pytest.raises(ValueError, match=r"0000_c1s1_000000_00") as error:
            module.photographs(None)[0]
        return str(error.value)

    whole = picture.read_bytes()
    module.prepare_data()
    picture.write_bytes(whole[:200])
    assert "cannot be read" in complaint()
    saved(silhouette((40, 40)).convert("RGB"), picture)
    assert "32 x 64 pixels but its picture" in complaint()
    saved(silhouette((40, 40)), mask)
    assert "stretched by a factor of 2.00" in complaint()
    picture.write_bytes(whole)
    saved(Image.new("L", (32, 64)), mask)
    assert "is empty" in complaint()
    saved(Image.new("L", (32, 64), 255), mask)
    assert "covers the whole picture" in complaint()


def test_a_broken_mask_is_named_when_the_index_is_made(tmp_path: Path) -> None:
    _, mask = first_picture(write_market_tree(tmp_path))
    mask.write_bytes(b"")
    with pytest.raises(ValueError, match=r"The mask .* cannot be read"):
        MarketHqDataModule(str(tmp_path)).prepare_data()


def test_a_mask_of_half_the_size_fits(tmp_path: Path) -> None:
    _, mask = first_picture(write_market_tree(tmp_path))
    saved(silhouette((16, 32)), mask)
    sample = MarketHqDataModule(str(tmp_path)).photographs(None)[0]
    assert isinstance(sample, ClothingSample)
    assert float(sample.mask.mean()) == pytest.approx(0.4, abs=0.03)


def test_a_split_without_pictures_is_named(tmp_path: Path) -> None:
    write_market_tree(tmp_path, queried=0)
    with pytest.raises(ValueError, match="has no photographs for test"):
        MarketHqDataModule(str(tmp_path)).test_dataloader()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_download_that_may_only_be_read_is_read(tmp_path: Path) -> None:
    hq = write_market_tree(tmp_path)
    hq.chmod(0o500)
    assert len(MarketHqDataModule(str(tmp_path)).photographs("train"))
    hq.chmod(0o700)


def test_configurations_choose_every_argument(tmp_path: Path) -> None:
    write_cub_tree(tmp_path)
    parser = ArgumentParser()
    parser.add_subclass_arguments(ClothingDataModule, "data")
    written = {"root": str(tmp_path), "image_size": [64, 64], "augmentation": {"padding": 2}, "clean_ratio": None}
    settings = {"class_path": "datamodules.cub.CubDataModule", "init_args": written}
    module = parser.instantiate(parser.parse_object({"data": settings})).data
    assert module.augmentation == BoxAugmentation(padding=2)
    assert module.clean_ratio is None
    assert module.train_ratio == (0.16, 0.64)
    assert next(iter(module.train_dataloader())).image.shape == (6, 3, 64, 64)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"image_size": (128, 8)}, "image_size is"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"train_ratio": (0.6, 0.1)}, "train_ratio is"),
    ],
)
def test_settings_that_cannot_be_right(settings: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MarketHqDataModule("somewhere", **settings)
