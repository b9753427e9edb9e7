"""CAPE (Ma et al., CVPR 2020): registrations of clothed people in motion, photographed by our own rasterizer."""

import hashlib
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from datamodules.band_files import no_bands
from datamodules.body_augmentation import BodyAugmentation
from datamodules.body_data_module import BodyDataModule
from datamodules.body_frame import body_from_vertices, facing_front, moved_points, upright
from datamodules.body_normals import rendered_normals
from datamodules.body_normals_data_module import BodyNormalsDataModule
from datamodules.body_records import BodyMesh, BodyNormals, BodyRecord, BodyView, ViewRecord
from datamodules.body_rendering import rendered_view
from datamodules.body_splits import HELD_OUT_SHARE, hashed_splits
from datamodules.cape_colours import CapeColours, cape_colours
from datamodules.cape_files import UNSTEADY_FRAMES, cape_sequences, evenly_chosen, read_frame, read_triangles
from datamodules.occupancy_sampling import PointSampling
from datamodules.samples import BandTruth
from datamodules.synthetic.body_light import draw_light
from models.geometry.view_cameras import orthographic_views, perspective_views

CapeSplit = Literal["frame", "sequence", "subject"]
CapeCamera = Literal["orthographic", "perspective"]
PAPER_FRAMES = 2910
CAMERA_DISTANCE_CM = 400.0
FRAMES_FOR_UP = 5


class CapeLayout:
    """sequences/<subject>/<cloth>_<motion>/*.npz and misc/smpl_tris.npy.

    Li et al. do not say which 2910 frames they took. Here all frames, sorted by subject, sequence and frame and without
    the first and last two of each sequence, are thinned out evenly to `frames`.

    split: held out are frames by a hash of their names (near the paper's; neighbours of training frames, so that scores
    flatter), whole sequences, or subjects. sides: virtual cameras, equally spaced around the person; camera: parallel,
    or pinholes at 4 m. colours: random for each garment, or one grey. Light and colours depend on names alone.

    Bodies are turned upright by the mean posture of their sequence, face +z at yaw 0, and are centred and scaled to
    180 cm each by itself.

    Raises FileNotFoundError when files are missing, ValueError when nothing can be held out.
    """

    mask_border = 0.0

    def __init__(
        self,
        root: str | Path,
        split: CapeSplit = "frame",
        held_out: float = HELD_OUT_SHARE,
        frames: int = PAPER_FRAMES,
        sides: int = 8,
        camera: CapeCamera = "orthographic",
        colours: CapeColours = "parts",
    ) -> None:
        self.root = Path(root)
        self.camera: CapeCamera = camera
        self.colours: CapeColours = colours
        self.faces = torch.from_numpy(read_triangles(self.root))
        self.sequences = cape_sequences(self.root)
        every = [(subject, name, path) for (subject, name), paths in self.sequences.items() for path in paths]
        self.records = [_record(*every[k], sides) for k in evenly_chosen(len(every), frames)]
        keys = {"frame": lambda r: r.name, "sequence": lambda r: r.sequence, "subject": lambda r: r.subject}
        self.splits = hashed_splits(self.records, keys[split], held_out)
        self._upright: dict[str, np.ndarray] = {}

    def mesh(self, record: BodyRecord) -> BodyMesh:
        frame = read_frame(record.mesh)
        turn = self._turn_upright(record)
        forward = turn @ Rotation.from_rotvec(frame.root).apply([0.0, 0, 1])
        matrix = body_from_vertices(frame.vertices, facing_front(forward) @ turn)
        return BodyMesh(torch.from_numpy(moved_points(matrix, frame.vertices)).float(), self.faces)

    def view(self, record: BodyRecord, view: ViewRecord, size: int) -> BodyView:
        frame = read_frame(record.mesh)
        albedo = cape_colours(frame.canonical, record.subject, record.sequence.split("/")[1], self.colours)
        return rendered_view(self.mesh(record), albedo, self._camera(view), size, _light(record))

    def normals(self, record: BodyRecord, view: ViewRecord, size: int) -> BodyNormals:
        return rendered_normals(self.mesh(record), self._camera(view), size)

    def bands(self, record: BodyRecord) -> BandTruth:
        return no_bands()

    def problems(self) -> Iterator[str]:
        """Gaps in the numbers of a sequence's frames, and sequences without a steady one."""
        for folder in sorted(path for path in (self.root / "sequences").glob("*/*") if path.is_dir()):
            if (folder.parent.name, folder.name) not in self.sequences:
                yield (
                    f"The sequence {folder.parent.name}/{folder.name} has no frame beside its first and last "
                    f"{UNSTEADY_FRAMES}, which are never used: unpack it again."
                )
        for (subject, name), paths in self.sequences.items():
            numbers = [number for path in paths if (number := _number(path)) is not None]
            gaps = [b for a, b in itertools.pairwise(numbers) if b != a + 1]
            if gaps:
                yield (
                    f"The sequence {subject}/{name} lacks the frame before {gaps[0]} ({len(gaps)} gaps): unpack it "
                    "again if it should be whole."
                )

    def _camera(self, view: ViewRecord) -> Tensor:
        parallel = orthographic_views(torch.tensor([math.radians(view.yaw_degrees)]))
        if self.camera == "orthographic":
            return parallel[0]
        return perspective_views(parallel, torch.tensor([CAMERA_DISTANCE_CM]))[0]

    def _turn_upright(self, record: BodyRecord) -> np.ndarray:
        """People stand more than they lie: the mean of where their heads point to is up."""
        if record.sequence not in self._upright:
            subject, name = record.sequence.split("/")
            paths = self.sequences[subject, name]
            roots = [read_frame(paths[k]).root for k in evenly_chosen(len(paths), FRAMES_FOR_UP)]
            self._upright[record.sequence] = upright(Rotation.from_rotvec(roots).apply([0.0, 1, 0]).sum(0))
        return self._upright[record.sequence]


def _record(subject: str, sequence: str, path: Path, sides: int) -> BodyRecord:
    views = [ViewRecord(f"yaw_{360 * k / sides:g}", 360 * k / sides, path, path, path) for k in range(sides)]
    return BodyRecord(
        f"{subject}/{sequence}/{path.stem}",
        subject,
        f"{subject}/{sequence}",
        _number(path) or 0,
        path,
        tuple(views),
    )


def _number(path: Path) -> int | None:
    """Of `shortlong_hips.000012.npz`."""
    digits = path.stem.rpartition(".")[2]
    return int(digits) if digits.isdigit() else None


def _light(record: BodyRecord) -> Tensor:
    seed = int.from_bytes(hashlib.sha256(f"light of {record.name}".encode()).digest()[:8])
    return draw_light(np.random.default_rng(seed))


class CapeDataModule(BodyDataModule):
    """CAPE for the trainer; see `BodyDataModule` for the arguments that all body data sets share and `CapeLayout` for
    the others."""

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
        split: CapeSplit = "frame",
        held_out: float = HELD_OUT_SHARE,
        frames: int = PAPER_FRAMES,
        sides: int = 8,
        camera: CapeCamera = "orthographic",
        colours: CapeColours = "parts",
    ) -> None:
        super().__init__(
            root, image_size, views, points, batch_size, repeats, sampling, augmentation, workers, memory_gib, voxels,
            seed,
        )  # fmt: skip
        self.split: CapeSplit = split
        self.held_out = held_out
        self.frames = frames
        self.sides = sides
        self.camera: CapeCamera = camera
        self.colours: CapeColours = colours

    def layout(self) -> CapeLayout:
        return CapeLayout(self.root, self.split, self.held_out, self.frames, self.sides, self.camera, self.colours)


class CapeNormalsDataModule(BodyNormalsDataModule):
    """Renderings of CAPE with the normal maps of its meshes; split by subject."""

    def layout(self) -> CapeLayout:
        return CapeLayout(self.root, "subject")
