"""300W-LP as it is downloaded, to the layout of `face_folder`."""

import hashlib
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

SUBSETS = ("AFW", "HELEN", "IBUG", "LFPW")
Progress = Callable[[int, int], None]


def prepare_300w_lp(
    raw: str | Path,
    out: str | Path,
    *,
    copy: bool = False,
    with_flips: bool = False,
    progress: Progress | None = None,
) -> Prepared:
    """Pictures, the 68 points on the visible outline, and poses/NAME.json (`pose_of`); `raw` is only read.

    Reads {AFW,HELEN,IBUG,LFPW}[_Flip]/NAME.{jpg,mat} and landmarks/SUBSET/NAME_pts.mat (pts_2d; without that file,
    pt2d of the .mat where the subset has no such folder). The mirrored copies are left out unless asked for:
    training mirrors by itself. All turned versions of one photograph (NAME_0, NAME_1, …) go to the same split: 90 %
    train, 5 % val, 5 % test by a hash.

    Raises FileNotFoundError when none of the subsets is there.
    """
    raw, out = Path(raw), Path(out)
    raw = raw / "300W_LP" if (raw / "300W_LP").is_dir() else raw
    subsets = [raw / (name + flip) for name in SUBSETS for flip in ("", "_Flip") if with_flips or not flip]
    subsets = [subset for subset in subsets if subset.is_dir()]
    if not subsets:
        raise FileNotFoundError(f"{raw} holds none of {', '.join(SUBSETS)}: give the folder 300W_LP of the download.")
    open_layout(out, ("images", "landmarks", "poses"))
    pictures = [path for subset in subsets for path in sorted(subset.glob("*.jpg"))]
    splits: dict[str, Split] = {}
    left_out = []
    for done, path in enumerate(pictures, 1):
        name = path.stem + ("_flip" if path.parent.name.endswith("_Flip") else "")
        try:
            size = read_picture(path).size
            stored, annotation = _points(raw, path)
            points = landmarks_of(stored, annotation)
            require_in_picture(points, size, annotation)
            pose = pose_of(read_annotation(path.with_suffix(".mat"), ("Pose_Para",))["Pose_Para"], size)
        except ValueError as error:
            left_out.append(str(error))
            continue
        place_picture(path, out, name, copy=copy)
        place_landmarks(points, out, name)
        place_json(pose, out / "poses" / f"{name}.json")
        splits[name] = _split_of(path.stem)
        if progress is not None:
            progress(done, len(pictures))
    left_out += [sentence for subset in subsets for sentence in without_picture(subset.glob("*.mat"), ".jpg")]
    write_split(out / "split.txt", splits)
    return require_some(Prepared(out, len(splits), tuple(left_out)), raw)


def _points(raw: Path, picture: Path):
    separate = raw / "landmarks" / picture.parent.name / f"{picture.stem}_pts.mat"
    if separate.parent.is_dir():
        return read_annotation(separate, ("pts_2d",))["pts_2d"], separate
    annotation = picture.with_suffix(".mat")
    return read_annotation(annotation, ("pt2d",))["pt2d"], annotation


def _split_of(stem: str) -> Split:
    photograph = stem.rpartition("_")[0] or stem
    rank = int.from_bytes(hashlib.sha256(photograph.encode()).digest()[:8]) / 2**64
    return "train" if rank < 0.9 else "val" if rank < 0.95 else "test"
