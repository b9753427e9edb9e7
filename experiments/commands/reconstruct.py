"""`threefold reconstruct`: pictures to coloured meshes, of faces, bodies or clothing as the run was trained."""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands.parsing import call
from experiments.errors import UserError
from experiments.quiet import silence_the_training_library

TEXTURE_SIZE = 512
RESOLUTION = 256


def reconstruct(
    pictures: list[Path] | None = None,
    *,
    run: Path | None = None,
    method: str | None = None,
    out: Path,
    mask: Path | None = None,
    box: tuple[float, float, float, float] | None = None,
    person: int | None = None,
    landmarks: Path | None = None,
    refine: int = 0,
    texture_size: int | None = None,
    yaws: list[float] | None = None,
    views: Path | None = None,
    frame: int | None = None,
    resolution: int | None = None,
    height_cm: float | None = None,
) -> None:
    """Finds the face or the person in each picture and writes OUT/NAME/ with meshes (glb, obj, ply), overlays on the
    picture, turntable, parameters and camera; of faces and bodies normal maps too, of clothing strips of other views
    and, for several pictures, every texture on every shape. What is reconstructed, the run decides.

    Args:
        pictures: photographs, each with a face or an upright person.
        run: folder of a trained run, such as runs/face-detail, runs/body-multiscale or runs/clothing.
        method: face, clothing or body, instead of a run: the small model of this family that comes with the program.
        out: folder for the results; each picture gets a folder of its own in it.
        mask: a picture, or a folder with NAME.png for each picture. Faces: class indices in CelebAMask-HQ's numbering.
            Bodies and clothing: bright where the person is (or, for runs of birds or garments, the bird or garment);
            without it, the picture's transparency or background tells, or people are searched for.
        box: X Y WIDTH HEIGHT of the face from brows to chin and ear to ear, or of the person, instead of detecting it.
        person: which one to take where a picture shows several, counted from the left, from 1; the largest when not
            given.
        landmarks: faces: file of 68 rows "x y" in pixels of the picture, or a folder with NAME.txt for each picture.
        refine: faces: steps of optimisation on each picture itself; 0 takes the network's answer, 200 is a good number.
        texture_size: faces: side of the texture in texels; 512 when not given.
        yaws: bodies: the pictures show one person from several sides, turned by these degrees; 0 is the front, at 90 it
            looks to the right edge of the picture.
        views: bodies: JSON file of one person's pictures and calibrations, instead of pictures; README has its form. Or
            a folder with images/, silhouettes/ and calibration/ as the Articulated Mesh Animation data has them.
        frame: bodies: which frame of such a folder; the first when not given.
        resolution: bodies: cells along the 205 cm of the box in which the surface is sought; 256 when not given.
        height_cm: bodies: the person's height, which scales the mesh; 180 when not given.
    """
    run = chosen_run(run, method)
    from experiments.runs import checkpoint_of, class_of, read_checkpoint
    from lightning_modules.clothing import Clothing
    from lightning_modules.face_coarse import FaceCoarse
    from lightning_modules.face_detail import FaceDetail

    given = pictures or []
    refuse_bad_pictures(given, {"--landmarks": landmarks, "--mask": mask}, several_views=bool(yaws or views))
    checkpoint = checkpoint_of(run)
    trained = class_of(read_checkpoint(checkpoint), checkpoint)
    of_bodies = {
        "--yaws": yaws,
        "--views": views,
        "--frame": frame,
        "--resolution": resolution,
        "--height_cm": height_cm,
    }
    of_faces = {"--landmarks": landmarks, "--refine": refine or None, "--texture_size": texture_size}
    if issubclass(trained, Clothing):
        refuse_options_of_others(of_faces, run, "clothing", "faces")
        refuse_options_of_others(of_bodies, run, "clothing", "bodies")
        refuse_one_box(box, given)
        from experiments.reconstruction.bodies.people import Hints as ClothingHints
        from experiments.reconstruction.clothing.reconstruct import reconstruct_clothing

        reconstruct_clothing(given, run, out, ClothingHints(mask, box, person))
        return
    if issubclass(trained, (FaceCoarse, FaceDetail)):
        refuse_options_of_others(of_bodies, run, "faces", "bodies")
        refuse_bad_face_numbers(given, box, landmarks, refine, texture_size or TEXTURE_SIZE)
        from experiments.reconstruction.faces.photos import Hints as FaceHints
        from experiments.reconstruction.faces.reconstruct import reconstruct_faces

        hints = FaceHints(landmarks, box, mask, person)
        reconstruct_faces(given, run, out, hints, refine=refine, texture_size=texture_size or TEXTURE_SIZE)
        return
    refuse_options_of_others(of_faces, run, "bodies", "faces")
    from experiments.reconstruction.bodies.people import Hints
    from experiments.reconstruction.bodies.reconstruct import reconstruct_from_views, reconstruct_people

    cells = RESOLUTION if resolution is None else resolution
    if frame is not None and (views is None or not views.is_dir()):
        raise UserError(f"--frame {frame} is for --views FOLDER; leave it out")
    if yaws is None and views is None:
        refuse_one_box(box, given)
        reconstruct_people(given, run, out, Hints(mask, box, person), resolution=cells, height_cm=height_cm)
        return
    refuse_bad_views(given, yaws, views, mask, box, person)
    reconstruct_from_views(
        given,
        run,
        out,
        Hints(mask, box, person),
        yaws=yaws,
        calibration=views,
        frame_number=frame,
        resolution=cells,
        height_cm=height_cm,
    )


def chosen_run(run: Path | None, method: str | None) -> Path:
    """The run that the user gave, or the one that comes with the program.

    Raises:
        UserError: both or neither of them are given.
    """
    from experiments.shipped import METHODS, shipped_run

    if run is not None and method is not None:
        raise UserError("--run and --method both say what reconstructs; give one of them")
    if method is not None:
        return shipped_run(method)
    if run is None:
        raise UserError(
            f"reconstruct: nothing says what reconstructs; give --method {' or '.join(METHODS)}, or --run RUN"
        )
    return run


def refuse_bad_pictures(pictures: Sequence[Path], companions: dict[str, Path | None], *, several_views: bool) -> None:
    """Pictures and files beside them that no run can take.

    Raises:
        UserError: naming the option and what it takes.
    """
    if not pictures and not several_views:
        raise UserError("reconstruct: no picture is given; name one or more, such as photo.jpg")
    for path in pictures:
        if path.is_dir():
            raise UserError(f"{path} is a folder; name the pictures in it, such as {path / '*.jpg'}")
    stems = [path.stem for path in pictures]
    doubled = next((stem for stem in stems if stems.count(stem) > 1), None)
    if doubled is not None and not several_views:
        raise UserError(f"two pictures are named {doubled}, and the results are filed by name; rename one of them")
    for option, value in companions.items():
        if value is not None and not value.exists():
            raise UserError(f"{option} {value} does not exist; check the path")
        if value is not None and value.is_file() and len(pictures) > 1:
            raise UserError(
                f"{option} {value} is one file for {len(pictures)} pictures; give a folder of files named alike"
            )


def refuse_options_of_others(options: dict[str, object], run: Path, these: str, others: str) -> None:
    """Raises UserError for the first option that was given although it is not for runs of this kind."""
    given = next((name for name, value in options.items() if value is not None), None)
    if given is not None:
        raise UserError(f"{given} is for runs of {others}, and {run} was trained on {these}; leave it out")


def refuse_one_box(box: object, pictures: Sequence[Path]) -> None:
    if box is not None and len(pictures) > 1:
        raise UserError(
            f"--box is one box for {len(pictures)} pictures; run the command for each picture, or leave it out"
        )


def refuse_bad_face_numbers(
    pictures: Sequence[Path], box: object, landmarks: Path | None, refine: int, texture_size: int
) -> None:
    """Options that no picture of a face can satisfy.

    Raises:
        UserError: naming the option and what it takes.
    """
    refuse_one_box(box, pictures)
    if box is not None and landmarks is not None:
        raise UserError("--box and --landmarks both say where the face is; give one of them")
    if refine < 0:
        raise UserError(f"--refine {refine} is negative; give a number of steps such as 200, or 0 for none")
    if not 16 <= texture_size <= 8192:
        raise UserError(f"--texture_size {texture_size} is not between 16 and 8192; 512 and 1024 are good sizes")


def refuse_bad_views(
    pictures: Sequence[Path],
    yaws: list[float] | None,
    views: Path | None,
    mask: Path | None,
    box: object,
    person: int | None,
) -> None:
    """Raises UserError where --yaws, --views and the pictures do not go together."""
    if yaws is not None and views is not None:
        raise UserError("--yaws and --views both say where the pictures were taken from; give one of them")
    if views is not None and pictures:
        raise UserError(f"--views {views} names its own pictures; leave {pictures[0]} out")
    if views is not None and mask is not None:
        raise UserError(f"--views {views} names its own masks; write them there instead of --mask")
    if views is not None and person is not None:
        raise UserError(f"--person {person} does not say in which of the pictures; write 'person' into the view in it")
    if yaws is not None and not pictures:
        raise UserError("--yaws needs the pictures that it is about; name one for each angle")
    if box is not None:
        raise UserError("--box is for one picture, and several views are given; give masks instead")


def run(verb: str, arguments: Sequence[str]) -> int:
    silence_the_training_library()
    call(reconstruct, arguments, verb=verb)
    return 0
