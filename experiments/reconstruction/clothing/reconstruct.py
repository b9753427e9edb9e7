"""Photographs of clothing to folders of results, by a trained run."""

from pathlib import Path

from tqdm import tqdm

from experiments.reconstruction.bodies.people import Hints
from experiments.reconstruction.clothing import tryon
from experiments.reconstruction.clothing.explanation import ExplainedGarment, explain, load_clothing_run
from experiments.reconstruction.clothing.outputs import garment_outputs
from experiments.reconstruction.clothing.photos import GarmentPhoto, garment_in_picture
from experiments.reconstruction.clothing.saving import save_garment
from experiments.shipped import limits_of, tell_limits


def reconstruct_clothing(pictures: list[Path], run: Path, out: Path, hints: Hints) -> None:
    """Writes OUT/NAME/ for every picture, and OUT/tryon.png and .gif for several; every mistake is told before the
    work."""
    one = len(pictures) == 1
    clothing = load_clothing_run(run)
    # the pictures themselves are not kept, they may be many
    with tqdm(pictures, desc="find", unit="picture", disable=one) as bar:
        for path in bar:
            tell(garment_in_picture(path, hints, clothing.size))
    shown: list[ExplainedGarment] = []
    with tqdm(pictures, desc="reconstruct", unit="picture", disable=one) as bar:
        for path in bar:
            garment = explain(clothing, garment_in_picture(path, hints, clothing.size))
            save_garment(garment_outputs(garment), out / path.stem)
            if len(shown) < tryon.MOST:
                shown.append(garment)
    print(f"{len(pictures)} reconstruction(s) in {out}: mesh.glb opens in any viewer, strip.png shows it at a glance")
    if not one:
        tryon.write_grid(shown, out)
        rest = "" if len(shown) == len(pictures) else f" (the first {len(shown)} of {len(pictures)})"
        print(f"{out / 'tryon.png'}: every texture on every shape{rest}")
    tell_limits(limits_of(run))


def tell(photo: GarmentPhoto) -> None:
    """Where the object was found, and what of the picture the network sees."""
    left, top, right, bottom = photo.person.box
    part = "the whole picture" if photo.whole else f"a window of {photo.window.width:.0f} x {photo.window.height:.0f}"
    size = f"{right - left} x {bottom - top} pixels"
    print(f"{photo.person.path}: {photo.person.found}; {size}, mask by {photo.person.how}; seen in {part}")
