"""RenderPeople as PIFu prepares it, and everything else that is written in that layout."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from datamodules.band_files import no_bands, read_bands
from datamodules.body_data_module import BodyDataModule
from datamodules.body_maps import read_normal_map
from datamodules.body_meshes import read_body_mesh
from datamodules.body_normals import rendered_normals, resized_normals
from datamodules.body_normals_data_module import BodyNormalsDataModule
from datamodules.body_pictures import read_photo, read_silhouette, shown
from datamodules.body_records import BodyMesh, BodyNormals, BodyRecord, BodyView, ViewRecord
from datamodules.body_splits import listed_splits
from datamodules.crops import Crop
from datamodules.pictures import PICTURE_SUFFIXES
from datamodules.pifu_params import body_from_scan, read_param, view_of_param
from datamodules.samples import BandTruth

VIEW_NAME = re.compile(r"(-?\d+)_(-?\d+)_(\d+)$")


class PifuLayout:
    """RENDER, MASK, PARAM/<subject>/<yaw>_<pitch>_<light>, GEO/OBJ/<subject>/<subject>_100k.obj and val.txt.

    Every subject with pictures is a record; one light a line of sight is a view, several are variants of it. test.txt,
    NORMAL/, TRUTH/<subject>/bands.npz are read where they exist.

    Raises FileNotFoundError when the folder is no such layout or has no val.txt, ValueError when val.txt is empty.
    """

    mask_border = 0.0

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.records = pifu_records(self.root)
        self.splits = listed_splits(self.records, self.root / "val.txt", self.root / "test.txt")

    def mesh(self, record: BodyRecord) -> BodyMesh:
        scan = read_body_mesh(record.mesh)
        matrix = torch.from_numpy(self._body_from_scan(record))
        return BodyMesh((scan.vertices_cm.double() @ matrix[:3, :3].T + matrix[:3, 3]).float(), scan.faces)

    def view(self, record: BodyRecord, view: ViewRecord, size: int) -> BodyView:
        silhouette = read_silhouette(view.mask)
        photo = read_photo(view.picture, silhouette, view.mask, size=size)
        width, height = silhouette.pixels.size
        if width != height:
            raise ValueError(
                f"The picture {view.picture} is {width} x {height} pixels, but pictures of this layout are square: "
                "render it again."
            )
        whole = Crop(width / 2, width / 2, float(width))
        return shown(photo, silhouette, whole, self._camera(record, view, width), size)

    def normals(self, record: BodyRecord, view: ViewRecord, size: int) -> BodyNormals:
        front, back = (self.root / "NORMAL" / record.subject / f"{view.name}_{side}.png" for side in ("front", "back"))
        if not (front.is_file() and back.is_file()):
            return rendered_normals(self.mesh(record), self.view(record, view, size).view_from_body, size)
        mask = torch.from_numpy(np.asarray(read_silhouette(view.mask).pixels) > 0)[None].float()
        return BodyNormals(*(resized_normals(read_normal_map(path, mask), mask, size) for path in (front, back)))

    def bands(self, record: BodyRecord) -> BandTruth:
        path = self.root / "TRUTH" / record.subject / "bands.npz"
        return read_bands(path) if path.is_file() else no_bands()

    def problems(self) -> Iterator[str]:
        """Views that other subjects have, and masks and cameras without a picture."""
        usual = Counter(view.name for record in self.records for view in record.views)
        for record in self.records:
            names = {view.name for view in record.views}
            missing = sorted(
                name for name, count in usual.items() if count > len(self.records) / 2 and name not in names
            )
            if missing:
                yield (
                    f"{self.root / 'RENDER' / record.subject} lacks the view {missing[0]} that most subjects have "
                    f"({len(missing)} such views): render it again."
                )
            for kind in ("MASK", "PARAM"):
                strays = sorted(p for p in (self.root / kind / record.subject).glob("*") if p.stem not in names)
                if strays:
                    yield f"{strays[0]} belongs to no picture ({len(strays)} such files): render it again or delete it."

    def _camera(self, record: BodyRecord, view: ViewRecord, side: int) -> Tensor:
        return view_of_param(read_param(view.camera), side, self._body_from_scan(record))

    def _body_from_scan(self, record: BodyRecord) -> np.ndarray:
        """The body frame is that of the first view; the others are put into it."""
        first = record.views[0]
        return body_from_scan(read_param(first.camera), *view_angles(first.name), first.camera)


def view_angles(name: str) -> tuple[float, float]:
    """Yaw and pitch in degrees of a view's file name."""
    found = VIEW_NAME.match(name)
    assert found is not None
    return float(found[1]), float(found[2])


def pifu_records(root: Path) -> list[BodyRecord]:
    """Every subject of RENDER in the order of their names, its views sorted by yaw.

    Pictures whose names are not YAW_PITCH_LIGHT are passed over. Raises FileNotFoundError when there is nothing.
    """
    if not (root / "RENDER").is_dir():
        raise FileNotFoundError(
            f"There is no folder {root / 'RENDER'}: give the folder that holds RENDER, MASK, PARAM and GEO."
        )
    records = []
    for folder in sorted(path for path in (root / "RENDER").iterdir() if path.is_dir()):
        subject = folder.name
        views = sorted(_views(root, folder), key=lambda view: (view.yaw_degrees, view.name))
        if views:
            mesh = root / "GEO" / "OBJ" / subject / f"{subject}_100k.obj"
            records.append(BodyRecord(subject, subject, "", 0, mesh, tuple(views)))
    if not records:
        raise FileNotFoundError(f"{root / 'RENDER'} holds no pictures <subject>/<yaw>_<pitch>_<light>: add some.")
    return records


def _views(root: Path, folder: Path) -> list[ViewRecord]:
    views = []
    for picture in folder.iterdir():
        found = VIEW_NAME.match(picture.stem)
        if picture.suffix.lower() not in PICTURE_SUFFIXES or not found:
            continue
        mask = root / "MASK" / folder.name / f"{picture.stem}.png"
        camera = root / "PARAM" / folder.name / f"{picture.stem}.npy"
        views.append(ViewRecord(picture.stem, float(found[1]) % 360, picture, mask, camera))
    return views


class RenderPeopleDataModule(BodyDataModule):
    """Bodies in PIFu's layout for the trainer; see `BodyDataModule` for the arguments that all body data sets share and
    `PifuLayout` for the files. The split is PIFu's: the subjects of val.txt are held out."""

    def layout(self) -> PifuLayout:
        return PifuLayout(self.root)


class RenderPeopleNormalsDataModule(BodyNormalsDataModule):
    """Pictures in PIFu's layout with the normal maps of NORMAL/, or rendered from GEO/ where there are none."""

    def layout(self) -> PifuLayout:
        return PifuLayout(self.root)
