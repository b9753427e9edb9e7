"""A folder of synthetic face pictures with landmarks, masks, splits and 3D truth, in the layout of `face_folder`."""

import json
import math
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from datamodules.face_records import Split, write_split
from datamodules.face_truth import FaceTruth, write_face_truth
from datamodules.landmarks import write_landmarks
from datamodules.synthetic.dense_faces import DenseFace, dense_face
from datamodules.synthetic.face_photographs import FacePhotograph, photograph
from datamodules.synthetic.face_scenes import FaceScene, sample_scene
from datamodules.synthetic.heads import HeadShape, head_shape
from models.morphable.procedural_face import procedural_face
from models.morphable.procedural_grid import Level

SETTINGS_FILE = "dataset.json"
CHUNK = 8
"""Pictures rendered together: a constant, so that the number of workers cannot change a byte."""
RECIPE = 1
"""Raise whenever the same settings would give other pictures."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class FaceSettings:
    """Everything that decides the bytes of a synthetic data set."""

    number: int
    seed: int
    size: int
    level: Level
    uv_size: int
    images_per_identity: int
    splits: tuple[float, float, float]
    model: str
    recipe: int = RECIPE

    def split_of(self, person: int) -> Split:
        """By person, so that validation and test show people never seen in training."""
        people = math.ceil(self.number / self.images_per_identity)
        train, val, _ = self.splits
        place = (person + 0.5) / people
        return "train" if place < train else "val" if place < train + val else "test"


def synthesize_faces(
    out: str | Path,
    *,
    number: int = 4000,
    seed: int = 0,
    size: int = 144,
    level: Level = "default",
    uv_size: int = 256,
    images_per_identity: int = 2,
    splits: tuple[float, float, float] = (0.9, 0.05, 0.05),
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Writes `number` pictures of size x size pixels and returns `out`.

    Beside images/, landmarks/ (68 points, the jaw on the visible outline), masks/ (CelebAMask-HQ's classes) and
    split.txt stands truth/: coefficients of `procedural_face(level)`, pose, light and the fixed jaw for every picture;
    normals, depth, displacement (uv_size x uv_size) and wrinkle mask for validation and test. A face's crop covers 80
    to 98 % of its picture. Each person appears in `images_per_identity` pictures, in one split only.

    Picture i depends on (seed, i, images_per_identity, size, level, uv_size) alone, whatever `number` and `workers`.
    The work is done beside `out` and moved there when it is whole; an interrupted run continues where it stopped, and a
    finished one is not repeated. `progress(done, number)` is called after every few pictures. workers: processes, one
    thread each.

    Raises ValueError when `out` already holds something else or a setting makes no sense.
    """
    _require_sane(number, size, uv_size, images_per_identity, splits)
    out = Path(out)
    model = procedural_face(level)
    settings = FaceSettings(number, seed, size, level, uv_size, images_per_identity, splits, model.provenance)
    if _already_there(out, settings):
        if progress is not None:
            progress(number, number)
        return out
    partial = out.with_name(f".{out.name}.partial")
    _prepare_partial(partial, settings)
    chunks = [list(range(start, min(start + CHUNK, number))) for start in range(0, number, CHUNK)]
    missing = [chunk for chunk in chunks if not _marker(partial, chunk).exists()]
    done = number - sum(map(len, missing))
    for finished in _written_chunks(partial, settings, missing, workers):
        done += finished
        if progress is not None:
            progress(done, number)
    by_name: dict[str, Split] = {
        f"{index:06d}": settings.split_of(index // images_per_identity) for index in range(number)
    }
    write_split(partial / "split.txt", by_name)
    shutil.rmtree(partial / "done")
    if out.exists():
        out.rmdir()  # empty: `_already_there` has looked
    os.replace(partial, out)
    return out


def _require_sane(number: int, size: int, uv_size: int, images_per_identity: int, splits: tuple[float, ...]) -> None:
    if number < 1 or size < 32 or uv_size < 64 or images_per_identity < 1:
        raise ValueError(
            f"number {number}, size {size}, uv_size {uv_size} and images_per_identity {images_per_identity} were "
            f"given: "
            "at least 1, 32, 64 and 1 are needed."
        )
    if len(splits) != 3 or min(splits) < 0 or abs(sum(splits) - 1) > 1e-6:
        raise ValueError(f"The splits are {splits}: give three shares (train, val, test) that add up to 1.")


def _already_there(out: Path, settings: FaceSettings) -> bool:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        found = json.loads((out / SETTINGS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if found == _as_json(settings):
        return True
    raise ValueError(f"{out} already holds something else: delete it or choose another folder for the synthetic faces.")


def _as_json(settings: FaceSettings) -> dict:
    return json.loads(json.dumps(asdict(settings)))


def _prepare_partial(partial: Path, settings: FaceSettings) -> None:
    try:
        unfinished = json.loads((partial / SETTINGS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        unfinished = None
    if unfinished != _as_json(settings) and partial.exists():
        shutil.rmtree(partial)
    for folder in ("images", "landmarks", "masks", "truth", "done"):
        (partial / folder).mkdir(parents=True, exist_ok=True)
    (partial / SETTINGS_FILE).write_text(json.dumps(asdict(settings), indent=2), encoding="utf-8")


def _marker(partial: Path, chunk: list[int]) -> Path:
    return partial / "done" / f"{chunk[0]:06d}"


def _written_chunks(partial: Path, settings: FaceSettings, chunks: list[list[int]], workers: int) -> Iterator[int]:
    """Yields the number of pictures of every finished chunk."""
    if not chunks:
        return
    if workers <= 1:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sums depend on the number of threads
        try:
            studio = Studio.opened(settings)
            for chunk in chunks:
                yield studio.write(partial, chunk)
        finally:
            torch.set_num_threads(threads)
        return
    Studio.opened(settings)  # fills the cache that the workers read
    context = multiprocessing.get_context("spawn")  # a forked torch may hang
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=_open_studio, initargs=(settings, partial)
    ) as pool:
        waiting: set[Future[int]] = {pool.submit(_write_chunk, chunk) for chunk in chunks}
        try:
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        finally:
            for future in waiting:
                future.cancel()


@dataclass(frozen=True)
class Studio:
    """What one process needs to take pictures."""

    settings: FaceSettings
    face: DenseFace
    shape: HeadShape

    @classmethod
    def opened(cls, settings: FaceSettings) -> "Studio":
        model = procedural_face(settings.level)
        face = dense_face(model, settings.level, settings.uv_size)
        return cls(settings, face, head_shape(model.mean_mm))

    def scene(self, index: int) -> FaceScene:
        model, settings = self.face.model, self.settings
        return sample_scene(model, settings.seed, index, images_per_identity=settings.images_per_identity)

    def split_of(self, scene: FaceScene) -> Split:
        return self.settings.split_of(scene.person.number)

    def write(self, root: Path, indices: list[int]) -> int:
        scenes = [self.scene(index) for index in indices]
        with_maps = any(self.split_of(scene) != "train" for scene in scenes)
        pictures = photograph(self.face, self.shape, scenes, self.settings.size, with_maps=with_maps)
        for scene, picture in zip(scenes, pictures):
            if self.split_of(scene) == "train":
                picture = picture._replace(maps=None)
            _write(root, scene, picture, self.settings)
        _marker(root, indices).touch()
        return len(indices)


def _write(root: Path, scene: FaceScene, picture: FacePhotograph, settings: FaceSettings) -> None:
    name = f"{scene.index:06d}"
    Image.fromarray(picture.pixels).save(root / "images" / f"{name}.jpg", quality=scene.jpeg_quality)
    Image.fromarray(picture.classes).save(root / "masks" / f"{name}.png", compress_level=1)
    write_landmarks(picture.landmarks, root / "landmarks" / f"{name}.txt")
    truth = FaceTruth(
        identity=scene.person.identity,
        expression=picture.expression,
        albedo=scene.person.albedo,
        blendshape_weights=scene.blendshape_weights,
        age=scene.person.age,
        pose=picture.pose,
        light=scene.light.astype(np.float32),
        fixed_landmarks=picture.fixed_landmarks,
        person=scene.person.number,
        side=settings.size,
        model=settings.model,
        maps=picture.maps,
    )
    write_face_truth(truth, root / "truth" / f"{name}.npz")


_studio: Studio | None = None
_root: Path | None = None


def _open_studio(settings: FaceSettings, partial: Path) -> None:
    global _studio, _root
    torch.set_num_threads(1)
    _studio, _root = Studio.opened(settings), partial


def _write_chunk(chunk: list[int]) -> int:
    assert _studio is not None
    assert _root is not None
    return _studio.write(_root, chunk)
