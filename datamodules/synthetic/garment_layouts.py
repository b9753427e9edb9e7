"""Photographs of garments as the files of Market-HQ, ATR and CUB, and the truth beside them."""

import io
import zipfile
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from datamodules.synthetic.garment_photographs import GarmentPhotograph
from datamodules.synthetic.garment_subjects import SPECIES
from models.geometry.mesh import Mesh

Layout = Literal["market-hq", "atr", "cub"]
LATTICE = 1 << 12
"""Vertices lie on a lattice of this many nodes a unit (0.24 mm of a person), which halves the files."""
SHADES = 256
"""Colours are written in steps of 1 / 256, for the same reason."""
JPEG_QUALITY = 95
MARKET_CAMERAS = 6
PERSON_LABEL = 5
"""Any of ATR's 17 labels: all but 0 are the person."""


class PictureName(NamedTuple):
    """Whose picture it is, the how-manieth of the subject, and in which part of the data set."""

    subject: int
    view: int
    test: bool


def write_market_hq(root: Path, name: PictureName, photo: GarmentPhotograph, mesh: Mesh) -> None:
    """hq/pytorch and hq/seg_hmr, train_all or query, a folder for each person; mask names end in the ratio."""
    stem = picture_stem("market-hq", name)
    part, person = "query" if name.test else "train_all", f"{name.subject + 1:04d}"
    pictures, masks = (root / "hq" / kind / part / person for kind in ("pytorch", "seg_hmr"))
    for folder in (pictures, masks):
        folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo.pixels).save(pictures / f"{stem}.jpg.png", compress_level=1)
    _save_mask(photo.mask, masks / f"{stem}.jpg_{photo.mask.mean():.2f}.png")
    write_truth(root / "hq" / "TRUTH", stem, name, photo, mesh)


def write_atr(root: Path, name: PictureName, photo: GarmentPhotograph, mesh: Mesh) -> None:
    """humanparsing/JPEGImages, SegmentationClassAug (labels) and Seg (masks whose names end in the ratio)."""
    stem = picture_stem("atr", name)
    folders = [root / "humanparsing" / kind for kind in ("JPEGImages", "SegmentationClassAug", "Seg")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    pictures, labels, masks = folders
    Image.fromarray(photo.pixels).save(pictures / f"{stem}.jpg", quality=JPEG_QUALITY)
    Image.fromarray(photo.mask.astype(np.uint8) * PERSON_LABEL).save(labels / f"{stem}.png", compress_level=1)
    _save_mask(photo.mask, masks / f"{stem}_{photo.mask.mean():.2f}.png")
    write_truth(root / "humanparsing" / "TRUTH", stem, name, photo, mesh)


def write_cub(root: Path, name: PictureName, photo: GarmentPhotograph, mesh: Mesh) -> None:
    """train or test, a folder for each species, the picture beside its mask whose name ends in the ratio."""
    stem = picture_stem("cub", name)
    species = name.subject % SPECIES
    folder = root / ("test" if name.test else "train") / f"{species + 1:03d}.Procedural_Bird_{species + 1}"
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo.pixels).save(folder / f"{stem}.jpg", quality=JPEG_QUALITY)
    _save_mask(photo.mask, folder / f"{stem}_{photo.mask.mean():.2f}.png")
    write_truth(root / "TRUTH", stem, name, photo, mesh)


WRITERS = {"market-hq": write_market_hq, "atr": write_atr, "cub": write_cub}


def picture_stem(layout: Layout, name: PictureName) -> str:
    """A picture's name without its suffixes; unique in the data set, and what truth and subjects.csv call it."""
    if layout == "market-hq":
        camera = name.view % MARKET_CAMERAS + 1
        return f"{name.subject + 1:04d}_c{camera}s1_{name.subject * 100 + name.view + 1:06d}_00"
    if layout == "atr":
        return f"dataset10k_{name.subject * 100 + name.view + 1}"
    return f"Procedural_Bird_{name.subject + 1:04d}_{name.view + 1:06d}"


def write_truth(folder: Path, stem: str, name: PictureName, photo: GarmentPhotograph, mesh: Mesh) -> None:
    """folder/<stem>.npz: vertices [v, 3] in the frame of the camera, faces [f, 3], colours [v, 3] unlit in 0..1,
    azimuth, elevation, distance, offset [2] (`garment_cameras`), light [9, 3] (MAGIC_MIRROR) and the subject."""
    assert mesh.vertex_colors is not None
    arrays = {
        "vertices": mesh.vertices.numpy(),
        "faces": mesh.faces.numpy().astype(np.int32),
        "colours": np.round(mesh.vertex_colors.numpy() * SHADES) / np.float32(SHADES),
        "azimuth": np.float32(photo.camera.azimuth),
        "elevation": np.float32(photo.camera.elevation),
        "distance": np.float32(photo.camera.distance),
        "offset": np.array(photo.camera.offset, np.float32),
        "light": photo.light.astype(np.float32),
        "subject": np.int64(name.subject),
    }
    folder.mkdir(parents=True, exist_ok=True)
    # as numpy.savez_compressed, at a level that takes a fifth of the time
    with zipfile.ZipFile(folder / f"{stem}.npz", "w") as archive:
        for key, values in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asanyarray(values), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{key}.npy"), member.getbuffer(), zipfile.ZIP_DEFLATED, compresslevel=1)


def _save_mask(mask: np.ndarray, path: Path) -> None:
    Image.fromarray(mask.astype(np.uint8) * 255).save(path, compress_level=1)
