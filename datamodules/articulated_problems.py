"""What is missing or wrong in a sequence of the Articulated Mesh Animation data."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datamodules.articulated_cameras import intrinsics_of, read_clean_silhouette, read_intrinsics, read_projection
from datamodules.articulated_files import SequenceFiles

LARGEST_LENS_DIFFERENCE = 0.02


def broken_cameras(files: SequenceFiles) -> Iterator[str]:
    """One sentence for every calibration that cannot be read."""
    for path in files.cameras.values():
        try:
            read_projection(path)
        except ValueError as error:
            yield str(error)


def sequence_problems(files: SequenceFiles) -> Iterator[str]:
    """One sentence each."""
    cameras = sorted({camera for camera, _ in (*files.pictures, *files.silhouettes)} | set(files.cameras))
    for camera in cameras:
        if camera not in files.cameras:
            yield (
                f"The sequence {files.name} has pictures of camera {camera} but no "
                f"calibration/Camera{camera}.Pmat.cal: copy it from the download."
            )
            continue
        for kind, found in (("picture", files.pictures), ("silhouette", files.silhouettes)):
            missing = [frame for frame in sorted(files.meshes) if (camera, frame) not in found]
            if missing:
                yield (
                    f"The sequence {files.name} has no {kind} of camera {camera} for frame {missing[0]} "
                    f"({len(missing)} of {len(files.meshes)} frames): these views are left out."
                )
        if camera in files.lenses:
            yield from _lens_problems(files.cameras[camera], files.lenses[camera])
    lost = sorted({frame for _, frame in files.pictures} - set(files.meshes))
    if lost:
        yield (
            f"The sequence {files.name} has pictures of frame {lost[0]:04d} ({len(lost)} such frames) but no mesh: "
            "these frames are left out."
        )
    for (camera, _), path in sorted(files.silhouettes.items()):
        yield from _cut_person(path, files.name, camera)


def _lens_problems(camera: Path, lens: Path) -> Iterator[str]:
    try:
        from_matrix, from_lens = intrinsics_of(read_projection(camera)), read_intrinsics(lens)
    except ValueError as error:
        yield str(error)
        return
    if np.abs(from_matrix - from_lens).max() > LARGEST_LENS_DIFFERENCE * from_lens[0, 0]:
        yield (
            f"The focal length in {lens} is {from_lens[0, 0]:.0f} pixels, but {camera} has {from_matrix[0, 0]:.0f}: "
            "one of them belongs to another camera or size of picture."
        )


def _cut_person(path: Path, sequence: str, camera: int) -> Iterator[str]:
    try:
        silhouette = read_clean_silhouette(path, sequence, camera)
    except (OSError, ValueError):
        return  # reading the view says so
    left, top, right, bottom = silhouette.box
    if left == 0 or top == 0 or (right, bottom) >= silhouette.pixels.size or bottom == silhouette.pixels.height:
        yield f"The person in {path} is cut by the border of the picture: leave the view out."
