from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from datamodules import face_folder
from datamodules.face_augmentation import FaceAugmentation
from datamodules.face_folder import AugmentedFaces, FaceFolder, FaceFolderDataModule
from datamodules.landmarks import write_landmarks
from datamodules.samples import FaceSample
from models.morphable.procedural_face import procedural_face

PHOTOS = Path(__file__).parents[2].parent / "shared/data/face_photos"
NAMES = [f"face{number:02d}" for number in range(12)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve noise pictures with the mean face's landmarks somewhere in them, nine of them masked."""
    model = procedural_face("tiny")
    points = model.landmarks_mm(model.mean_mm[None])[0, :, :2].numpy() * (1, -1)
    random = np.random.default_rng(0)
    for part in ("images", "landmarks", "masks"):
        (tmp_path / part).mkdir()
    for number, name in enumerate(NAMES):
        width, height = 120 + number, 150
        noise = random.integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "images" / f"{name}.png")
        write_landmarks(points * 0.5 + (60 + number, 70), tmp_path / "landmarks" / f"{name}.txt")
        if number % 4:
            mask = random.integers(0, 19, (height, width), dtype=np.uint8)
            Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path


def batches(module: FaceFolderDataModule) -> list[FaceSample]:
    return list(module.train_dataloader())


def test_a_sample_has_the_promised_shapes(folder: Path) -> None:
    sample = FaceFolder(folder, image_size=64)[5]
    assert isinstance(sample, FaceSample)
    assert sample.image.shape == (3, 64, 64)
    assert sample.image.dtype == torch.float32
    assert 0 <= sample.image.min() < 0.2 < 0.8 < sample.image.max() <= 1
    assert sample.segmentation.shape == (64, 64)
    assert sample.segmentation.dtype == torch.int64
    assert (sample.landmark_weights == 1).all()
    assert sample.index == 5
    # spec of the crop: the box of the points lies in its middle columns, its top at 0.1 of the side or lower
    left, right = sample.landmarks[:, 0].min(), sample.landmarks[:, 0].max()
    assert left + right == pytest.approx(64, abs=1e-3)


def test_a_missing_mask_is_told_from_background(folder: Path) -> None:
    faces = FaceFolder(folder, image_size=32)
    masked = [sample.segmentation for sample in (faces[index] for index in range(12)) if isinstance(sample, FaceSample)]
    assert [(mask == -1).all().item() for mask in masked] == [number % 4 == 0 for number in range(12)]
    module = FaceFolderDataModule(str(folder), image_size=32, batch_size=12)
    batch = batches(module)[0]
    for index, mask in zip(batch.index, batch.segmentation):
        assert ((mask == -1).all() if index % 4 == 0 else (mask >= 0).all()).item()


def test_splits_do_not_overlap_and_indices_are_global(folder: Path) -> None:
    module = FaceFolderDataModule(str(folder), image_size=32, batch_size=12)
    train = {int(index) for batch in module.train_dataloader() for index in batch.index}
    held_out = {int(index) for batch in module.val_dataloader() for index in batch.index}
    assert train | held_out == set(range(12))
    assert not train & held_out
    assert {int(index) for batch in module.test_dataloader() for index in batch.index} == held_out
    assert [int(index) for batch in module.predict_dataloader() for index in batch.index] == list(range(12))


def test_training_without_augmentation_shows_the_plain_crop(folder: Path) -> None:
    module = FaceFolderDataModule(str(folder), image_size=48, batch_size=3, augmentation=None)
    faces = FaceFolder(folder, image_size=48)
    batch = batches(module)[0]
    for row, index in enumerate(batch.index.tolist()):
        plain = faces[index]
        assert isinstance(plain, FaceSample)
        torch.testing.assert_close(batch.landmarks[row], plain.landmarks, atol=1e-4, rtol=0)
        assert (batch.image[row] - plain.image).abs().mean() < 0.06  # resampled once more, from noise


def test_the_same_seed_gives_the_same_epoch_with_and_without_workers(folder: Path) -> None:
    settings: dict[str, Any] = {"image_size": 32, "batch_size": 4, "seed": 7}
    alone = batches(FaceFolderDataModule(str(folder), **settings))
    again = batches(FaceFolderDataModule(str(folder), **settings, cache=False))
    helped = batches(FaceFolderDataModule(str(folder), **settings, workers=2))
    for one, two, three in zip(alone, again, helped, strict=True):
        for first, second, third in zip(one, two, three, strict=True):
            assert torch.equal(first, second)
            assert torch.equal(first, third)
    other = batches(FaceFolderDataModule(str(folder), **{**settings, "seed": 8}))
    assert not torch.equal(alone[0].image, other[0].image)


def test_the_cache_stops_at_its_limit_and_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = batches(FaceFolderDataModule(str(folder), image_size=32, batch_size=4))
    window_bytes = 4 * round(32 * 1.2) ** 2
    monkeypatch.setattr(face_folder, "LARGEST_CACHE_BYTES", 3 * window_bytes + 1)
    loader = FaceFolderDataModule(str(folder), image_size=32, batch_size=4).train_dataloader()
    for one, other in zip(whole, loader, strict=True):
        assert torch.equal(one.image, other.image)
    assert isinstance(loader.dataset, AugmentedFaces)
    assert len(loader.dataset.cache) == 3


def test_epochs_differ_and_restarts_agree(folder: Path) -> None:
    class Recorder(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(()))
            self.seen: list[torch.Tensor] = []

        def training_step(self, batch: FaceSample, _: int) -> torch.Tensor:
            self.seen.append(torch.cat([batch.index.float(), batch.image.mean((1, 2, 3))]))
            return self.weight * batch.image.mean()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), 0.1)

    def run(epochs: int, resume: Path | None = None) -> Recorder:
        recorder = Recorder()
        trainer = lightning.Trainer(
            max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
            enable_checkpointing=False, default_root_dir=folder,
        )  # fmt: skip
        data = FaceFolderDataModule(str(folder), image_size=32, batch_size=4)
        trainer.fit(recorder, datamodule=data, ckpt_path=resume, weights_only=True)
        trainer.save_checkpoint(folder / f"{epochs}.ckpt")
        return recorder

    whole = run(3).seen
    run(1)
    resumed = run(3, folder / "1.ckpt").seen
    steps = len(whole) // 3
    assert not torch.equal(whole[0], whole[steps])
    assert len(resumed) == 2 * steps
    for one, two in zip(whole[steps:], resumed):
        assert torch.equal(one, two)


def test_landmarks_and_picture_stay_together_through_training_batches(tmp_path: Path) -> None:
    """Every landmark of the picture is a bright dot: after augmentation the landmarks still sit on bright dots."""
    model = procedural_face("tiny")
    points = model.landmarks_mm(model.mean_mm[None])[0, :, :2].numpy() * (1, -1) * 1.5 + 170
    canvas = np.zeros((340, 340), np.float32)
    rows, columns = np.mgrid[0:340, 0:340] + 0.5
    for x, y in points:
        canvas = np.maximum(canvas, np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8))
    (tmp_path / "landmarks").mkdir()
    for name in "abcde":
        Image.fromarray((canvas * 255).astype(np.uint8)).save(tmp_path / f"{name}.png")
        write_landmarks(points, tmp_path / "landmarks" / f"{name}.txt")
    module = FaceFolderDataModule(str(tmp_path), image_size=160, batch_size=8)
    for batch in module.train_dataloader():
        grid = batch.landmarks / 80 - 1
        light = torch.nn.functional.grid_sample(batch.image, grid[:, None], align_corners=False)[:, 0, 0]
        assert light.min() > 0.5


def test_without_landmarks_the_crop_comes_from_a_box_a_finder_or_the_whole_picture(folder: Path) -> None:
    (folder / "landmarks" / "face00.txt").unlink()
    (folder / "landmarks" / "face01.txt").unlink()
    (folder / "boxes.json").write_text('{"face01": [30, 40, 90, 110]}')
    faces = FaceFolder(folder, image_size=32)
    assert faces.located(0)[1] == (60.0, 75.0, 150.0)
    assert faces.located(1)[1].center_x == 60.0
    sample = faces[1]
    assert isinstance(sample, FaceSample)
    assert (sample.landmark_weights == 0).all()
    assert (sample.landmarks == 0).all()
    found = FaceFolder(folder, image_size=32, find_face=lambda picture: (10.0, 10.0, 50.0, 60.0))
    assert found.located(0)[1].center_x == 30.0
    assert found.located(1)[1].center_x == 60.0
    for batch in batches(FaceFolderDataModule(str(folder), image_size=32, batch_size=4)):
        unknown = torch.isin(batch.index, torch.tensor([0, 1]))
        assert (batch.landmark_weights[unknown] == 0).all()
        assert (batch.landmarks[unknown] == 0).all()
        assert (batch.landmark_weights[~unknown] == 1).all()


def test_a_finder_that_sees_no_face_is_quoted_with_the_picture(folder: Path) -> None:
    (folder / "landmarks" / "face00.txt").unlink()

    def nobody(picture: Image.Image) -> tuple[float, float, float, float]:
        raise ValueError("there is no face")

    with pytest.raises(ValueError, match=r"face00\.png: there is no face"):
        FaceFolder(folder, find_face=nobody)[0]


def test_training_stops_at_a_broken_file_and_names_it(folder: Path) -> None:
    module = FaceFolderDataModule(str(folder), image_size=32, batch_size=4)
    names = [module.folder("train").records[position].name for position in module.folder("train").positions]
    (folder / "images" / f"{names[3]}.png").write_bytes(b"")
    with pytest.raises(ValueError, match=f"{names[3]}.png has zero bytes"):
        batches(module)


def test_landmarks_of_another_picture_are_refused(folder: Path) -> None:
    write_landmarks(np.random.default_rng(0).uniform(1000, 1200, (68, 2)), folder / "landmarks" / "face02.txt")
    with pytest.raises(ValueError, match=r"face02\.txt lie far outside"):
        FaceFolder(folder)[2]


def test_an_empty_split_is_explained(folder: Path) -> None:
    (folder / "split.txt").write_text("".join(f"{name} train\n" for name in NAMES))
    with pytest.raises(ValueError, match="no pictures in the split 'val'"):
        FaceFolderDataModule(str(folder)).val_dataloader()


def test_plain_numbers_are_understood_too(folder: Path) -> None:
    """Lightning replaces the sampler when it overfits on a few batches."""
    faces = FaceFolderDataModule(str(folder), image_size=32).train_dataloader().dataset
    loader = DataLoader(faces, batch_size=3, collate_fn=lambda batch: batch)
    assert next(iter(loader)).image.shape == (3, 3, 32, 32)
    assert faces[0].image.shape == (3, 32, 32)


def test_no_augmentation_is_the_zero_augmentation(folder: Path) -> None:
    assert FaceFolderDataModule(str(folder), augmentation=None).augmentation == FaceAugmentation(0, 0, 0, 0, 0)


def test_real_photographs_load() -> None:
    if not PHOTOS.is_dir():
        pytest.skip("../shared/data is absent")
    module = FaceFolderDataModule(str(PHOTOS), image_size=64, batch_size=16)
    batch = next(iter(module.train_dataloader()))
    assert batch.image.shape == (16, 3, 64, 64)
    assert 0.2 < batch.image.mean() < 0.8
    inside = (batch.landmarks > 0) & (batch.landmarks < 64)
    assert inside.all()
    assert len(module.folder("val")) == 17
