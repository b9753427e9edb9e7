"""RenderPeople's scans as they are bought, to PIFu's layout."""

from collections.abc import Callable
from pathlib import Path

from datamodules.preparation.neutral_layout import Prepared
from datamodules.preparation.scans import ScanFiles, prepare_scans

MESH_SUFFIX = "_100k"


def prepare_renderpeople(
    raw: str | Path,
    out: str | Path,
    *,
    size: int = 512,
    yaws: int = 360,
    progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Reads <name>_100k.obj and tex/<name>_dif_*.jpg beside it, anywhere below `raw`, which is only read.

    As PIFu's renderer, but for the light: spherical harmonics drawn for each person, without precomputed transfer.

    A scan whose folder tex lacks its texture is left out and named.

    Raises FileNotFoundError when there are no such scans, ValueError when none could be converted.
    """
    raw = Path(raw)
    meshes = sorted(raw.rglob(f"*{MESH_SUFFIX}.obj"))
    if not meshes:
        raise FileNotFoundError(f"{raw} holds no <name>{MESH_SUFFIX}.obj: give the folder of the unpacked scans.")
    scans = []
    for mesh in meshes:
        name = mesh.stem.removesuffix(MESH_SUFFIX)
        textures = sorted(mesh.parent.glob(f"tex/{name}_dif*.*"))
        without = mesh.parent / "tex" / f"{name}_dif_2k.jpg" if (mesh.parent / "tex").is_dir() else None
        scans.append(ScanFiles(name, mesh, textures[0] if textures else without, None))
    names = {scan.name for scan in scans}
    strays = [path for path in sorted(raw.rglob("tex/*_dif*.*")) if path.stem.partition("_dif")[0] not in names]
    prepared = prepare_scans(scans, Path(out), size=size, yaws=yaws, progress=progress)
    return prepared.with_left_out(f"The texture {path} has no scan: unpack its folder again." for path in strays)
