"""CAPE on disk: which sequences and frames there are, and what a frame holds."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.geometry.array_files import read_archive, read_array

NUMBER_OF_VERTICES = 6890
NUMBER_OF_FACES = 13776
UNSTEADY_FRAMES = 2
"""At both ends of a sequence: left out, as the data's users advise."""
LOWEST_METRES, HIGHEST_METRES = 0.5, 2.6


class CapeFrame(NamedTuple):
    """One registration, in metres."""

    vertices: np.ndarray
    """[6890, 3] posed, translation included."""
    canonical: np.ndarray
    """[6890, 3] the clothed person with arms stretched out."""
    root: np.ndarray
    """[3] rotation vector of the whole person."""


def cape_sequences(root: Path) -> dict[tuple[str, str], list[Path]]:
    """(subject, sequence) to its frames in order, without the first and last two.

    Raises FileNotFoundError when there is nothing.
    """
    folder = root / "sequences"
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}: give the folder that holds sequences/ and misc/.")
    found = {}
    for sequence in sorted(path for path in folder.glob("*/*") if path.is_dir()):
        frames = sorted(sequence.glob("*.npz"))[UNSTEADY_FRAMES:-UNSTEADY_FRAMES]
        if frames:
            found[sequence.parent.name, sequence.name] = frames
    if not found:
        raise FileNotFoundError(
            f"{folder} holds no <subject>/<cloth>_<motion>/*.npz with more than {2 * UNSTEADY_FRAMES} frames: unpack "
            "the sequences into it."
        )
    return found


def evenly_chosen(total: int, wanted: int) -> list[int]:
    """`wanted` of the numbers below `total`, evenly spread; all where there are no more."""
    return list(range(total)) if total <= wanted else [k * total // wanted for k in range(wanted)]


def read_frame(path: Path) -> CapeFrame:
    """Raises ValueError when the archive is damaged, lacks an array, has another topology, holds numbers that are not
    finite, or is not in metres."""
    try:
        stored = read_archive(path, ("v_posed", "v_cano", "pose"))
        arrays = {name: np.asarray(values, dtype=np.float64) for name, values in stored.items()}
    except (OSError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"The frame {path} cannot be read ({reason}): unpack it from the download again.") from None
    for name, shape in (("v_posed", (NUMBER_OF_VERTICES, 3)), ("v_cano", (NUMBER_OF_VERTICES, 3)), ("pose", (72,))):
        values = arrays[name]
        if values.size != np.prod(shape):
            raise ValueError(
                f"{name} in the frame {path} has the shape {values.shape}, expected {shape}: this is not CAPE's "
                "topology; unpack it from the download again."
            )
        lost = int((~np.isfinite(values)).sum())
        if lost:
            raise ValueError(
                f"{name} in the frame {path} holds {lost} numbers that are not finite: leave the frame out."
            )
    vertices = arrays["v_posed"].reshape(NUMBER_OF_VERTICES, 3)
    extent = float(np.ptp(vertices, axis=0).max())
    if not LOWEST_METRES <= extent <= HIGHEST_METRES:
        raise ValueError(
            f"The frame {path} is {extent:.3g} units large where {LOWEST_METRES} to {HIGHEST_METRES} metres were "
            "expected: convert it to metres."
        )
    return CapeFrame(vertices, arrays["v_cano"].reshape(NUMBER_OF_VERTICES, 3), arrays["pose"].reshape(72)[:3])


def read_triangles(root: Path) -> np.ndarray:
    """[13776, 3] int64 of misc/smpl_tris.npy. Raises FileNotFoundError or ValueError."""
    path = root / "misc" / "smpl_tris.npy"
    if not path.is_file():
        raise FileNotFoundError(f"There is no {path}: copy misc/ of the release beside sequences/.")
    try:
        triangles = read_array(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error}): copy it from the release again.") from None
    fits = triangles.shape == (NUMBER_OF_FACES, 3) and triangles.dtype.kind in "iu"
    if not fits or triangles.min() < 0 or triangles.max() >= NUMBER_OF_VERTICES:
        raise ValueError(
            f"{path} has the shape {triangles.shape}, expected {NUMBER_OF_FACES} triangles of {NUMBER_OF_VERTICES} "
            "vertices: copy it from the release again."
        )
    triangles = triangles.astype(np.int64)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    there, back = (np.sort(pairs @ (NUMBER_OF_VERTICES, 1)) for pairs in (edges, edges[:, ::-1]))
    if (there[1:] == there[:-1]).any() or not np.array_equal(there, back):
        raise ValueError(f"The triangles of {path} are no closed surface: copy it from the release again.")
    return triangles
