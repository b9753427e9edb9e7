"""Photographs of faces to folders of results, by a trained run."""

from pathlib import Path

from tqdm import tqdm

from experiments.reconstruction.faces.explanation import explain, load_networks
from experiments.reconstruction.faces.outputs import face_outputs
from experiments.reconstruction.faces.photos import Hints, face_in_photo
from experiments.reconstruction.faces.saving import save_outputs
from experiments.shipped import limits_of, tell_limits


def reconstruct_faces(
    pictures: list[Path], run: Path, out: Path, hints: Hints, *, refine: int = 0, texture_size: int = 512
) -> None:
    """Writes OUT/NAME/ for every picture; every mistake is told before the work begins."""
    one = len(pictures) == 1
    # the photographs themselves are not kept, they may be many
    with tqdm(pictures, desc="find", unit="face", disable=one) as bar:
        places = [face_in_photo(path, hints).place for path in bar]
    for path, place in zip(pictures, places):
        print(f"{path}: {place.found}; the network looks at a square of {place.crop.side:.0f} pixels around it")
    networks = load_networks(run)
    limits = limits_of(run)
    with tqdm(pictures, desc="reconstruct", unit="face", disable=one) as bar:
        for path, place in zip(bar, places):
            found = face_in_photo(path, hints, place)
            outputs = face_outputs(explain(networks, found, refine=refine), found, texture_size=texture_size)
            outputs.values.update({"run": str(run.resolve()), "limits": limits})
            save_outputs(outputs, out / path.stem)
    print(
        f"{len(pictures)} face(s) in {out}: fine.glb or coarse.glb opens in any viewer, strip.png shows it at a glance"
    )
    tell_limits(limits)
