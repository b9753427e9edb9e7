"""The data modules, each on a small synthetic data set in its layout."""

import functools
import re
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from datamodules.articulated import ArticulatedDataModule, ArticulatedLayout, ArticulatedNormalsDataModule
from datamodules.atr import AtrDataModule, atr_layout
from datamodules.body_data_module import BodyDataModule
from datamodules.body_inspection import inspect_bodies
from datamodules.body_normals_data_module import BodyNormalsDataModule
from datamodules.cape import CapeDataModule, CapeLayout, CapeNormalsDataModule
from datamodules.clothing_data_module import ClothingDataModule
from datamodules.clothing_inspection import inspect_clothing
from datamodules.cub import CubDataModule, cub_layout
from datamodules.face_folder import FaceFolderDataModule
from datamodules.inspection import inspect_faces
from datamodules.market_hq import MarketHqDataModule, market_hq_layout
from datamodules.renderpeople import PifuLayout, RenderPeopleDataModule, RenderPeopleNormalsDataModule
from datamodules.synthetic.bodies import synthesize_bodies
from datamodules.synthetic.faces import synthesize_faces
from datamodules.synthetic.garments import synthesize_garments
from experiments.benchmarks.corruption_loader import Loader, every_sample

CLOTHING = {
    "market-hq": (MarketHqDataModule, market_hq_layout, (32, 16)),
    "atr": (AtrDataModule, atr_layout, (32, 19)),
    "cub": (CubDataModule, cub_layout, (32, 32)),
}
ALL: dict[str, Any] = {"train_ratio": (0.01, 0.99), "clean_ratio": (0.01, 0.99)}
CAMERAS, CAMERA_FILE = 3, re.compile(r"(?:Image|Camera|Silhouette)(\d)", re.IGNORECASE)
WIDE: dict[str, Any] = {"train_ratio": None, "clean_ratio": None, "test_ratio": None}


def clothing(name: str) -> Loader:
    module_class, open_layout, size = CLOTHING[name]

    def make(root: Path) -> None:
        synthesize_garments(root, number=6, layout=name, height=32, views=2, held_out=0.34)  # type: ignore[arg-type]

    def load(root: Path) -> Any:
        module: ClothingDataModule = module_class(
            str(root), image_size=size, batch_size=2, validation_share=0.4, seed=0, **WIDE
        )
        module.setup("fit")
        return {
            "names": [record.name for record in module.layout.records],
            "every": every_sample(module.predict_dataloader()),
            "splits": every_sample(module.train_dataloader(), module.val_dataloader(), module.test_dataloader()),
        }

    return Loader(
        name,
        make,
        load,
        unread=("dataset.json", "humanparsing/SegmentationClassAug/*"),
        optional=("*foreground.csv", "*subjects.csv", "ATR_*.txt"),
        inspect=lambda root: said(lambda: inspect_clothing(open_layout(root), size, **ALL).problems),
        named_by=lambda path: [path.stem.split("_0.")[0]],
    )


def make_faces(root: Path) -> None:
    """Small faces, every third of which has a box in the place of its landmarks."""
    from datamodules.preparation.neutral_layout import write_boxes

    synthesize_faces(root, number=6, size=64, level="tiny", uv_size=64, images_per_identity=1, splits=(0.4, 0.3, 0.3))
    for name in ("000001", "000004"):
        (root / "landmarks" / f"{name}.txt").unlink()
    write_boxes(dict.fromkeys(("000001", "000004"), (12.0, 14.0, 50.0, 58.0)), root)


def load_faces(root: Path) -> Any:
    module = FaceFolderDataModule(str(root), image_size=32, batch_size=2)
    return {
        "names": [record.name for record in module.folder(None).records],
        "every": every_sample(module.predict_dataloader()),
        "splits": every_sample(module.train_dataloader(), module.val_dataloader(), module.test_dataloader()),
    }


def said(look: Any) -> list[str]:
    """The sentences of an inspection, or the one with which it ends."""
    try:
        return list(look())
    except (OSError, ValueError) as error:
        return [str(error)]


def load_bodies(occupancy: type[BodyDataModule], normals: type[BodyNormalsDataModule], views: int, root: Path) -> Any:
    """Every view of every body, its normals and folds; the splits by their names alone, for a body costs much."""
    points = occupancy(str(root), image_size=48, views=views, points=20, batch_size=1)
    maps = normals(str(root), image_size=48, views=views)
    layout = points.layout()
    return {
        "names": [(record.name, [view.name for view in record.views]) for record in layout.records],
        "every": every_sample(points.predict_dataloader(), maps.predict_dataloader()),
        "folds": [layout.bands(record) for record in layout.records],
        "splits": [layout.splits, maps.layout().splits],
    }


def make_people(root: Path) -> None:
    """Two of three in pictures with loss, as PIFu's own renderings are."""
    synthesize_bodies(root, number=3, size=48, yaws=2, mesh_resolution=64)
    for subject in ("person_0000", "person_0001"):
        for picture in sorted((root / "RENDER" / subject).glob("*.png")):
            with Image.open(picture) as opened:
                opened.convert("RGB").save(picture.with_suffix(".jpg"), quality=95)
            picture.unlink()


def make_sequence(root: Path) -> None:
    """Before the first of the eight cameras only."""
    synthesize_bodies(root, number=3, size=64, layout="articulated", frames=1, mesh_resolution=64, oddities=False)
    for path in root.glob("*/*/*"):
        if (found := CAMERA_FILE.match(path.name)) and int(found[1]) > CAMERAS:
            path.unlink()


def make_registrations(root: Path) -> None:
    synthesize_bodies(root, number=4, layout="cape", frames=5)


def inspected(layout: Any, root: Path) -> list[str]:
    return said(lambda: inspect_bodies(functools.partial(layout, root), root).problems)


def frame_names(path: Path) -> list[str]:
    """By which sentences call a frame of a sequence, or the camera of its pictures."""
    camera, _, frame = path.stem.rpartition("_")
    sequence = path.parent.parent.name
    number = "".join(letter for letter in camera if letter.isdigit())
    if path.suffix == ".cal":  # the sample is every frame of the sequence
        return [f"{sequence}/"]
    return [
        path.stem,
        f"{sequence}/{frame}",
        f"The sequence {sequence} has",
        f"has pictures of camera {number}",
        f"has pictures of frame {frame}",
    ]


DATA_SETS = (
    clothing("market-hq"),
    clothing("atr"),
    clothing("cub"),
    Loader(
        "faces",
        make_faces,
        load_faces,
        unread=("dataset.json",),
        optional=("landmarks/*", "masks/*", "boxes.json", "split.txt"),
        inspect=lambda root: said(lambda: inspect_faces(root).problems),
    ),
    Loader(
        "renderpeople",
        make_people,
        functools.partial(load_bodies, RenderPeopleDataModule, RenderPeopleNormalsDataModule, 2),
        unread=("dataset.json", "DEPTH/*", "TRUTH/*/subject.json"),
        optional=("test.txt", "TRUTH/*/bands.npz", "NORMAL/*"),
        inspect=functools.partial(inspected, PifuLayout),
        named_by=lambda path: [
            path.stem.removesuffix("_front").removesuffix("_back"),
            f"{path.parent.name} has pictures",
        ],
    ),
    Loader(
        "articulated",
        make_sequence,
        functools.partial(load_bodies, ArticulatedDataModule, ArticulatedNormalsDataModule, CAMERAS),
        unread=("dataset.json", "*/truth/*", "*.rad"),
        inspect=functools.partial(inspected, ArticulatedLayout),
        named_by=frame_names,
    ),
    Loader(
        "cape",
        make_registrations,
        functools.partial(load_bodies, CapeDataModule, CapeNormalsDataModule, 1),
        unread=("dataset.json", "truth/*", "minimal_body_shape/*", "misc/subj_genders.pkl"),
        optional=("sequences/*",),
        named_by=lambda path: [path.stem, f"The sequence {path.parent.parent.name}/{path.parent.name}"],
        inspect=functools.partial(inspected, CapeLayout),
    ),
)

torch.set_num_threads(1)
