"""Articulated Mesh Animation (Vlasic et al., SIGGRAPH 2008): sequences of meshes with eight calibrated videos."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from datamodules.articulated_cameras import camera_centre, picture_up, read_clean_silhouette, read_projection
from datamodules.articulated_files import SequenceFiles, sequence_files
from datamodules.articulated_problems import broken_cameras, sequence_problems
from datamodules.band_files import no_bands
from datamodules.body_augmentation import BodyAugmentation
from datamodules.body_data_module import BodyDataModule
from datamodules.body_frame import body_from_vertices, moved_points, upright
from datamodules.body_meshes import read_body_mesh
from datamodules.body_normals import rendered_normals
from datamodules.body_normals_data_module import BodyNormalsDataModule
from datamodules.body_pictures import Silhouette, person_crop, read_photo, shown
from datamodules.body_records import BodyMesh, BodyNormals, BodyRecord, BodyView, ViewRecord
from datamodules.body_splits import HELD_OUT_SHARE, hashed_splits
from datamodules.crops import Crop
from datamodules.occupancy_sampling import PointSampling
from datamodules.samples import BandTruth
from models.geometry.view_cameras import view_from_projection

ArticulatedSplit = Literal["frame", "sequence", "subject"]


class ArticulatedLayout:
    """<SEQUENCE>/{meshes,images,silhouettes,calibration}: every mesh with at least one picture is a record.

    A view needs its picture, its silhouette and its camera; those that lack one are left out (`threefold inspect` names
    them). Bodies are turned upright by the cameras' own vertical, centred and scaled to 180 cm, each by itself. The
    cameras are used as they are, in true perspective; pictures are cropped to the person.

    split: held out are single frames (as in the paper; neighbours of training frames, so that scores flatter), whole
    sequences, or performers (the letter before the underscore).

    Raises FileNotFoundError when there is no such sequence, ValueError when nothing can be held out or cameras cannot
    be read (a line for each of them).
    """

    mask_border = 0.02
    """The meshes are templates fitted to the silhouettes: they may stand out by this share of the picture's side."""

    def __init__(self, root: str | Path, split: ArticulatedSplit = "frame", held_out: float = HELD_OUT_SHARE) -> None:
        self.root = Path(root)
        self.sequences = articulated_sequences(self.root)
        broken = [problem for files in self.sequences.values() for problem in broken_cameras(files)]
        if broken:
            raise ValueError("\n".join(broken))
        self.records = [record for files in self.sequences.values() for record in _records(files)]
        if not self.records:
            raise FileNotFoundError(
                f"The sequences of {self.root} have no frame with a mesh, a picture, a silhouette and a camera: unpack "
                "meshes, images, silhouettes and calibration."
            )
        keys = {"frame": lambda r: r.name, "sequence": lambda r: r.sequence, "subject": lambda r: r.subject}
        self.splits = hashed_splits(self.records, keys[split], held_out)
        self._body_from_world: dict[str, np.ndarray] = {}

    def mesh(self, record: BodyRecord) -> BodyMesh:
        world = read_body_mesh(record.mesh)
        vertices = world.vertices_cm.double().numpy()
        turn = upright(self._up(record.sequence))
        self._body_from_world[record.name] = matrix = body_from_vertices(vertices, turn)
        return BodyMesh(torch.from_numpy(moved_points(matrix, vertices)).float(), world.faces)

    def view(self, record: BodyRecord, view: ViewRecord, size: int) -> BodyView:
        silhouette = read_clean_silhouette(view.mask, record.sequence, int(view.name))
        crop = person_crop(silhouette)
        photo = read_photo(view.picture, silhouette, view.mask, size=round(size * photo_share(silhouette, crop)))
        if record.name not in self._body_from_world:
            self.mesh(record)
        projection = read_projection(view.camera) @ np.linalg.inv(self._body_from_world[record.name])
        width, height = silhouette.pixels.size
        try:
            camera = view_from_projection(torch.from_numpy(projection), (height, width))
        except ValueError as error:
            raise ValueError(f"{view.camera}: {error}") from None
        return shown(photo, silhouette, crop, camera, size)

    def normals(self, record: BodyRecord, view: ViewRecord, size: int) -> BodyNormals:
        return rendered_normals(self.mesh(record), self.view(record, view, size).view_from_body, size)

    def bands(self, record: BodyRecord) -> BandTruth:
        return no_bands()

    def problems(self) -> Iterator[str]:
        """Missing frames and calibrations, lenses that disagree, people cut by the border."""
        for files in self.sequences.values():
            yield from sequence_problems(files)
        for files in map(sequence_files, _folders(self.root)):
            if files.pictures and not files.meshes:
                yield f"The sequence {files.name} has pictures but no meshes: it is left out."

    def _up(self, sequence: str) -> np.ndarray:
        """[3] the direction of the world that points up in all pictures together."""
        return _up(self.sequences[sequence])


def photo_share(silhouette: Silhouette, crop: Crop) -> float:
    """How many times the crop's side the picture's longer side is: what decoding must leave for the crop."""
    return max(max(silhouette.pixels.size) / crop.side, 1.0)


def _up(files: SequenceFiles) -> np.ndarray:
    return np.sum([picture_up(read_projection(camera)) for camera in files.cameras.values()], 0)


def articulated_sequences(root: Path) -> dict[str, SequenceFiles]:
    """The folders of `root` that hold meshes/, or `root` itself, by name.

    Raises FileNotFoundError when there is none.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}: give the folder that holds the sequences.")
    found = {}
    for folder in _folders(root):
        files = sequence_files(folder)
        if files.meshes:
            found[folder.name] = files
    if not found:
        raise FileNotFoundError(f"No folder in {root} holds meshes/mesh_0000.obj: unpack the sequences into it.")
    return found


def _folders(root: Path) -> list[Path]:
    return [root, *sorted(path for path in root.iterdir() if path.is_dir())]


def _records(files: SequenceFiles) -> list[BodyRecord]:
    yaws = _yaws(files)
    records = []
    for frame, mesh in sorted(files.meshes.items()):
        views = [
            ViewRecord(
                str(camera), yaw, files.pictures[camera, frame], files.silhouettes[camera, frame], files.cameras[camera]
            )
            for camera, yaw in yaws.items()
            if (camera, frame) in files.pictures and (camera, frame) in files.silhouettes
        ]
        if views:
            name = f"{files.name}/{frame:04d}"
            views.sort(key=lambda view: (view.yaw_degrees, view.name))
            records.append(BodyRecord(name, files.name.split("_")[0], files.name, frame, mesh, tuple(views)))
    return records


def _yaws(files: SequenceFiles) -> dict[int, float]:
    """Degrees around the vertical at which the cameras stand, seen from their middle."""
    projections = {camera: read_projection(path) for camera, path in files.cameras.items()}
    if not projections:
        return {}
    turn = upright(_up(files))
    centres = {camera: turn @ camera_centre(projection) for camera, projection in projections.items()}
    middle = np.mean(list(centres.values()), 0)
    # a camera to the body's +x sees it turned by -90 degrees
    around = {camera: math.atan2(-(at - middle)[0], (at - middle)[2]) for camera, at in centres.items()}
    return {camera: round(math.degrees(angle), 3) % 360 for camera, angle in around.items()}


class ArticulatedDataModule(BodyDataModule):
    """Articulated Mesh Animation for the trainer; see `BodyDataModule` for the arguments that all body data sets share
    and `ArticulatedLayout` for the files and for `split` and `held_out`."""

    def __init__(
        self,
        root: str,
        image_size: int = 128,
        views: int = 4,
        points: int = 2000,
        batch_size: int = 2,
        repeats: int = 1,
        sampling: PointSampling | None = None,
        augmentation: BodyAugmentation | None = None,
        workers: int = 0,
        memory_gib: float = 4.0,
        voxels: int = 0,
        seed: int = 0,
        split: ArticulatedSplit = "frame",
        held_out: float = HELD_OUT_SHARE,
    ) -> None:
        super().__init__(
            root, image_size, views, points, batch_size, repeats, sampling, augmentation, workers, memory_gib, voxels,
            seed,
        )  # fmt: skip
        self.split: ArticulatedSplit = split
        self.held_out = held_out

    def layout(self) -> ArticulatedLayout:
        return ArticulatedLayout(self.root, self.split, self.held_out)


class ArticulatedNormalsDataModule(BodyNormalsDataModule):
    """Pictures of the Articulated Mesh Animation data with normal maps rendered from its meshes; split by sequence."""

    def layout(self) -> ArticulatedLayout:
        return ArticulatedLayout(self.root, "sequence")
