"""THuman2.0 and 2.1 (Yu et al., CVPR 2021), an obtainable replacement of RenderPeople, to PIFu's layout."""

from collections.abc import Callable
from pathlib import Path

from datamodules.preparation.neutral_layout import Prepared
from datamodules.preparation.scans import ScanFiles, prepare_scans


def prepare_thuman(
    raw: str | Path,
    out: str | Path,
    *,
    size: int = 512,
    yaws: int = 36,
    progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Reads <id>/<id>.obj with its material, anywhere below `raw`, which is only read.

    The scans are in metres and face anywhere. Where the SMPL-X fits lie beside them (<id>/smplx_param.pkl, read without
    running it), people are turned to face front at yaw 0. Meshes need not be watertight: labels come from winding
    numbers.

    Raises FileNotFoundError when there are no such scans, ValueError when none could be converted.
    """
    raw = Path(raw)
    meshes = sorted(path for path in raw.rglob("*.obj") if path.stem == path.parent.name)
    if not meshes:
        raise FileNotFoundError(f"{raw} holds no <id>/<id>.obj: give the folder of the unpacked THuman download.")
    postures = {path.parent.name: path for path in sorted(raw.rglob("smplx_param.pkl"))}
    scans = [ScanFiles(path.stem, path, None, postures.get(path.stem)) for path in meshes]
    names = {mesh.stem for mesh in meshes}
    strays = [path for path in sorted(raw.rglob("*.mtl")) if path.parent.name not in names]
    prepared = prepare_scans(scans, Path(out), size=size, yaws=yaws, progress=progress)
    return prepared.with_left_out(
        f"The material {path} has no scan {path.parent.name}.obj: unpack its folder again." for path in strays
    )
