"""Makes the pictures to try the page with: `python -m experiments.demo.example_pictures`, half a minute of one core."""

import tempfile
from pathlib import Path

from PIL import Image

from experiments.cli import main
from experiments.demo.examples import FOLDER

SEED = 5
QUALITY = 88


def make_pictures(folder: Path) -> list[Path]:
    """Writes two pictures for each method, from the scenes that the synthesizers make of one seed."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary)
        one_core = ("--workers", "1", "--seed", str(SEED))
        faces = ("--num", "6", "--images_per_identity", "1", "--size", "384")
        main(["synthesize", "faces", "--out", str(data / "faces"), *faces, *one_core])
        people = ("--num", "6", "--views", "1", "--height", "384")
        main(["synthesize", "garments", "--out", str(data / "garments"), *people, *one_core])
        bodies = ("--num", "3", "--size", "512", "--yaws", "1")
        main(["synthesize", "bodies", "--out", str(data / "bodies"), *bodies, *one_core])
        return [*face_pictures(data, folder), *clothing_pictures(data, folder), *body_pictures(data, folder)]


def face_pictures(data: Path, folder: Path) -> list[Path]:
    return [
        as_jpeg(data / "faces" / "images" / f"{number:06d}.jpg", folder / f"face-{name}.jpg")
        for number, name in ((0, "calm"), (5, "talking"))
    ]


def clothing_pictures(data: Path, folder: Path) -> list[Path]:
    pictures = sorted((data / "garments" / "hq" / "pytorch").rglob("*.jpg.png"))
    chosen = {"0006": "blue", "0005": "backpack"}
    return [
        as_jpeg(path, folder / f"clothing-{chosen[path.name[:4]]}.jpg") for path in pictures if path.name[:4] in chosen
    ]


def body_pictures(data: Path, folder: Path) -> list[Path]:
    """Cut out, as the network has seen people."""
    made = []
    for number, name in ((0, "dress"), (1, "skirt")):
        person = f"person_{number:04d}"
        (picture,) = (data / "bodies" / "RENDER" / person).iterdir()
        (mask,) = (data / "bodies" / "MASK" / person).iterdir()
        with Image.open(picture) as colours, Image.open(mask) as covered:
            cut_out = colours.convert("RGB")
            cut_out.putalpha(covered.convert("L"))
        made.append(folder / f"body-{name}.png")
        cut_out.save(made[-1], optimize=True)
    return made


def as_jpeg(source: Path, target: Path) -> Path:
    with Image.open(source) as picture:
        picture.convert("RGB").save(target, quality=QUALITY)
    return target


if __name__ == "__main__":
    for written in make_pictures(FOLDER):
        print(written)
