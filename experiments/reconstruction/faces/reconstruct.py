"""Photographs of faces to folders of results, by a trained run."""

from pathlib import Path

from tqdm import tqdm

from experiments.reconstruction.faces.explanation import explain, load_networks
from experiments.reconstruction.faces.outputs import face_outputs
from experiments.reconstruction.faces.photos import Hints, face_in_photo
from experiments.reconstruction.faces.saving import save_outputs


def reconstruct_faces(
    pictures: list[Path], run: Path, out: Path, hints: Hints, *, refine: int = 0, texture_size: int = 512
) -> None:
    """Writes OUT/NAME/ for every picture; every mistake is told before the work begins."""
    one = len(pictures) == 1
    # the photographs themselves are not kept, they may be many
    with tqdm(pictures, desc="find", unit="face", disable=one) as bar:
        crops = [face_in_photo(path, hints).crop for path in bar]
    networks = load_networks(run)
    with tqdm(pictures, desc="reconstruct", unit="face", disable=one) as bar:
        for path, crop in zip(bar, crops):
            found = face_in_photo(path, hints, crop)
            outputs = face_outputs(explain(networks, found, refine=refine), found, texture_size=texture_size)
            outputs.values["run"] = str(run.resolve())
            save_outputs(outputs, out / path.stem)
    print(f"{len(pictures)} face(s) in {out}: fine.glb or coarse.glb opens in any viewer, overlay.png shows the fit")
