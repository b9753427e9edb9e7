"""`threefold reconstruct`: photographs to textured meshes."""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from experiments.commands.parsing import call
from experiments.errors import UserError
from experiments.quiet import silence_the_training_library


def reconstruct(
    pictures: list[Path],
    run: Path,
    out: Path,
    landmarks: Path | None = None,
    box: tuple[float, float, float, float] | None = None,
    mask: Path | None = None,
    person: int | None = None,
    refine: int = 0,
    texture_size: int = 512,
) -> None:
    """Finds the face in each picture and writes OUT/NAME/ with coarse and detailed meshes (glb, obj, ply), texture,
    displacement map, normal maps, overlays on the picture, landmarks, turntable, parameters and camera.

    Args:
        pictures: photographs, each with a face.
        run: folder of a trained run, such as runs/face-detail.
        out: folder for the results; each picture gets a folder of its own in it.
        landmarks: file of 68 rows "x y" in pixels of the picture, or a folder with NAME.txt for each picture.
        box: X Y WIDTH HEIGHT of the face from brows to chin and ear to ear, instead of detecting it.
        mask: picture of class indices in CelebAMask-HQ's numbering, or a folder with NAME.png for each picture.
        person: which face to take where a picture shows several, counted from the left, from 1.
        refine: steps of optimisation on each picture itself; 0 takes the network's answer, 200 is a good number.
        texture_size: side of the texture in texels.
    """
    from experiments.reconstruction.faces.explanation import explain, load_networks
    from experiments.reconstruction.faces.outputs import face_outputs
    from experiments.reconstruction.faces.photos import Hints, face_in_photo
    from experiments.reconstruction.faces.saving import save_outputs

    refuse_bad_numbers(pictures, box, landmarks, mask, refine, texture_size)
    hints = Hints(landmarks, box, mask, person)
    one = len(pictures) == 1
    # every mistake is told before the work begins; the photographs themselves are not kept, they may be many
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


def refuse_bad_numbers(
    pictures: Sequence[Path],
    box: object,
    landmarks: Path | None,
    mask: Path | None,
    refine: int,
    texture_size: int,
) -> None:
    """Options that no picture can satisfy.

    Raises:
        UserError: naming the option and what it takes.
    """
    for path in pictures:
        if path.is_dir():
            raise UserError(f"{path} is a folder; name the pictures in it, such as {path / '*.jpg'}")
    stems = [path.stem for path in pictures]
    doubled = next((stem for stem in stems if stems.count(stem) > 1), None)
    if doubled is not None:
        raise UserError(f"two pictures are named {doubled}, and the results are filed by name; rename one of them")
    for option, value in (("--landmarks", landmarks), ("--mask", mask)):
        if value is not None and not value.exists():
            raise UserError(f"{option} {value} does not exist; check the path")
        if value is not None and value.is_file() and len(pictures) > 1:
            raise UserError(
                f"{option} {value} is one file for {len(pictures)} pictures; give a folder of files named alike"
            )
    if box is not None and len(pictures) > 1:
        raise UserError(
            f"--box is one box for {len(pictures)} pictures; run the command for each picture, or leave it out"
        )
    if box is not None and landmarks is not None:
        raise UserError("--box and --landmarks both say where the face is; give one of them")
    if refine < 0:
        raise UserError(f"--refine {refine} is negative; give a number of steps such as 200, or 0 for none")
    if not 16 <= texture_size <= 8192:
        raise UserError(f"--texture_size {texture_size} is not between 16 and 8192; 512 and 1024 are good sizes")


def run(verb: str, arguments: Sequence[str]) -> int:
    silence_the_training_library()
    call(reconstruct, arguments, verb=verb)
    return 0
