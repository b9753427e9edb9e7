"""What a working process tells the server while it works: one line of JSON each."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import ZIP_DEFLATED, ZipFile

from PIL import Image

from experiments.demo.work.sentences import for_visitors
from experiments.reconstruction.saving import without_texture
from models.geometry.files import write_mesh
from models.geometry.mesh import Mesh

QUICK = 1
"""Of zlib's levels: pictures are looked at once, on the same computer."""


class LineStream(Protocol):
    def write(self, text: str, /) -> Any: ...
    def flush(self) -> None: ...


@dataclass(frozen=True)
class Slider:
    """One number that a visitor may change on a result."""

    name: str
    label: str
    least: float
    greatest: float
    step: float
    value: float
    unit: str = ""


@dataclass(frozen=True)
class Teller:
    """Writes results into a folder and says that they are there."""

    stream: LineStream
    folder: Path

    def say(self, **message: Any) -> None:
        self.stream.write(json.dumps(message) + "\n")
        self.stream.flush()

    def doing(self, share: float, words: str) -> None:
        """How far the work is, 0 to 1, and what comes next."""
        self.say(share=share, doing=words)

    def picture(self, name: str, label: str, picture: Image.Image) -> None:
        picture.save(self.folder / f"{name}.png", compress_level=QUICK)
        self.say(file=f"{name}.png", role="picture", label=label)

    def mesh(self, mesh: Mesh) -> None:
        """The mesh to turn, at once, and then its other formats to download."""
        write_mesh(mesh, self.folder / "mesh.glb")
        self.say(file="mesh.glb", role="mesh", label="glb")
        write_mesh(mesh, self.folder / "mesh.obj")
        zipped(self.folder, "mesh_obj.zip", [path for path in self.folder.glob("mesh.*") if path.suffix != ".glb"])
        self.say(file="mesh_obj.zip", role="download", label="obj")
        write_mesh(without_texture(mesh), self.folder / "mesh.ply")
        self.say(file="mesh.ply", role="download", label="ply")

    def sliders(self, sliders: Sequence[Slider], wear: bool = False) -> None:
        """What can be changed now; `wear`: whether the result can wear the texture of another one."""
        self.say(sliders=[asdict(slider) for slider in sliders], wear=wear)

    def note(self, sentence: str) -> None:
        self.say(note=for_visitors(sentence))


def zipped(folder: Path, name: str, paths: Sequence[Path]) -> None:
    """obj names its material and texture as files beside it."""
    with ZipFile(folder / name, "w", ZIP_DEFLATED, compresslevel=QUICK) as archive:
        for path in sorted(paths):
            archive.write(path, path.name)
