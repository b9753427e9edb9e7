"""AFLW2000-3D as it is downloaded, to the layout of `face_folder`."""

from collections.abc import Callable
from pathlib import Path

from datamodules.face_records import Split, write_split
from datamodules.pictures import read_picture
from datamodules.preparation.morphable_annotations import (
    landmarks_of,
    pose_of,
    read_annotation,
    require_in_picture,
    without_picture,
)
from datamodules.preparation.neutral_layout import (
    Prepared,
    open_layout,
    place_json,
    place_landmarks,
    place_picture,
    require_some,
)

Progress = Callable[[int, int], None]


def prepare_aflw2000(
    raw: str | Path, out: str | Path, *, copy: bool = False, progress: Progress | None = None
) -> Prepared:
    """Pictures, the 68 points of `pt3d_68` (the physical jaw, also where it is hidden) and poses/NAME.json (`pose_of`).

    Reads imageNNNNN.jpg and imageNNNNN.mat; `raw` is only read. Everything is test data. Raises FileNotFoundError when
    there are no such pictures.
    """
    raw, out = Path(raw), Path(out)
    raw = raw / "AFLW2000" if (raw / "AFLW2000").is_dir() else raw
    pictures = sorted(raw.glob("image*.jpg"))
    if not pictures:
        raise FileNotFoundError(f"{raw} holds no image*.jpg: give the folder AFLW2000 of the download.")
    open_layout(out, ("images", "landmarks", "poses"))
    splits: dict[str, Split] = {}
    left_out = []
    for done, path in enumerate(pictures, 1):
        annotation = path.with_suffix(".mat")
        try:
            size = read_picture(path).size
            entries = read_annotation(annotation, ("pt3d_68", "Pose_Para"))
            points = landmarks_of(entries["pt3d_68"], annotation)
            require_in_picture(points, size, annotation)
        except ValueError as error:
            left_out.append(str(error))
            continue
        place_picture(path, out, path.stem, copy=copy)
        place_landmarks(points, out, path.stem)
        place_json(pose_of(entries["Pose_Para"], size), out / "poses" / f"{path.stem}.json")
        splits[path.stem] = "test"
        if progress is not None:
            progress(done, len(pictures))
    left_out += without_picture(raw.glob("image*.mat"), ".jpg")
    write_split(out / "split.txt", splits)
    return require_some(Prepared(out, len(splits), tuple(left_out)), raw)
