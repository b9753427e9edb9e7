"""What a data set of bodies consists of, whatever its layout on disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from torch import Tensor

from datamodules.samples import BandTruth


class ViewRecord(NamedTuple):
    """One picture of a body. Where the layout renders instead of reading, its paths are those of the mesh."""

    name: str
    """As errors call it: the camera's or the file's name."""
    yaw_degrees: float
    """Where the camera stands around the body, for choosing views equally spaced; 0 to 360."""
    picture: Path
    mask: Path
    camera: Path


class BodyRecord(NamedTuple):
    """One body, standing still: a person of a scan, a frame of a sequence."""

    name: str
    subject: str
    sequence: str
    """Empty where a subject has one pose only."""
    frame: int
    mesh: Path
    views: tuple[ViewRecord, ...]
    """Sorted by yaw, then by name."""


class BodyView(NamedTuple):
    """A picture as it is kept in memory, shown on size x size pixels."""

    image: Tensor
    """[3, size, size] uint8 RGB."""
    mask: Tensor
    """[1, size, size] uint8, 1 where the person is."""
    view_from_body: Tensor
    """[4, 4] float32 calibration of exactly this picture."""


class BodyMesh(NamedTuple):
    vertices_cm: Tensor
    """[v, 3] float32 in the body frame."""
    faces: Tensor
    """[f, 3] int64."""


class BodyNormals(NamedTuple):
    """Unit normals in camera axes, 0 outside the mask; see `datamodules.samples.BodyNormalSample`."""

    front: Tensor
    """[3, size, size] float32."""
    back: Tensor


class BodyLayout(Protocol):
    """A data set on disk. Reading raises ValueError or FileNotFoundError with one sentence that names the file."""

    root: Path
    records: list[BodyRecord]
    splits: dict[str, frozenset[str]]
    """"train", "val" and "test" to the names of their records."""
    mask_border: float
    """How far a true mesh may stand out of its mask, as a share of the picture's side; at least a pixel is allowed."""

    def mesh(self, record: BodyRecord) -> BodyMesh: ...

    def view(self, record: BodyRecord, view: ViewRecord, size: int) -> BodyView: ...

    def normals(self, record: BodyRecord, view: ViewRecord, size: int) -> BodyNormals: ...

    def bands(self, record: BodyRecord) -> BandTruth: ...

    def problems(self) -> Iterator[str]:
        """What is missing or left over, one sentence each, beyond what reading a record would say."""
        ...
