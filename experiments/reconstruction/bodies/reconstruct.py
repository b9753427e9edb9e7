"""Pictures of people to folders of results, by a trained run."""

import sys
from pathlib import Path

from tqdm import tqdm

from experiments.errors import UserError
from experiments.reconstruction.bodies.agreement import disagreement
from experiments.reconstruction.bodies.body_frame import BodyFrame
from experiments.reconstruction.bodies.calibration import articulated_views, described_views, turned_views
from experiments.reconstruction.bodies.occupancy import BodyRun, body_surface, load_body_run, refuse_resolution
from experiments.reconstruction.bodies.outputs import body_outputs
from experiments.reconstruction.bodies.people import Hints, person_in_picture
from experiments.reconstruction.bodies.saving import save_body
from experiments.reconstruction.bodies.views import BodyView, parallel_view, warnings_of
from experiments.shipped import limits_of, tell_limits

PLAUSIBLE_HEIGHTS_CM = (40.0, 260.0)


def reconstruct_people(
    pictures: list[Path], run: Path, out: Path, hints: Hints, *, resolution: int, height_cm: float | None = None
) -> None:
    """Writes OUT/NAME/ for every picture, each of which shows another person; mistakes are told before the work."""
    refuse_numbers(resolution, height_cm)
    one = len(pictures) == 1
    # the pictures themselves are not kept, they may be many
    with tqdm(pictures, desc="find", unit="person", disable=one) as bar:
        for path in bar:
            views = [parallel_view(person_in_picture(path, hints))]
            refuse_cut_people(views)
            tell(views)
    body_run = load_body_run(run)
    with tqdm(pictures, desc="reconstruct", unit="person", disable=one) as bar:
        for path in bar:
            views = [parallel_view(person_in_picture(path, hints))]
            write_body(body_run, views, out / path.stem, resolution, height_cm)
    print(f"{len(pictures)} person(s) in {out}: mesh.glb opens in any viewer, strip.png shows it at a glance")
    tell_limits(limits_of(run))


def reconstruct_from_views(
    pictures: list[Path],
    run: Path,
    out: Path,
    hints: Hints,
    *,
    yaws: list[float] | None,
    calibration: Path | None,
    frame_number: int | None = None,
    resolution: int,
    height_cm: float | None = None,
) -> None:
    """Writes OUT/NAME/ for one person in several pictures, named after the first picture or the calibration file."""
    refuse_numbers(resolution, height_cm)
    frame: BodyFrame | None = None
    if calibration is None:
        views, name = turned_views(pictures, yaws or [], hints), pictures[0].stem
    elif calibration.is_dir():
        views, frame = articulated_views(calibration, frame_number)
        name = f"{calibration.resolve().name}_{views[0].person.path.stem.split('_')[-1]}"
    else:
        (views, frame), name = described_views(calibration), calibration.stem
    refuse_cut_people(views)
    tell(views)
    warning = disagreement(views)
    if warning is not None:
        warn(warning)
    write_body(load_body_run(run), views, out / name, resolution, height_cm, frame)
    print(f"one person from {len(views)} picture(s) in {out / name}: mesh.glb opens in any viewer")
    tell_limits(limits_of(run))


def write_body(
    run: BodyRun,
    views: list[BodyView],
    folder: Path,
    resolution: int,
    height_cm: float | None,
    frame: BodyFrame | None = None,
) -> None:
    if len(views) < run.views:
        warn(f"{run.path} was trained with {run.views} pictures of each person, {len(views)} given; expect less of it")
    surface = body_surface(run, views, resolution)
    save_body(body_outputs(run, views, surface, resolution, height_cm=height_cm, frame=frame), folder)


def tell(views: list[BodyView]) -> None:
    """Where the people were found, and what is likely to go wrong with them."""
    for view in views:
        left, top, right, bottom = view.person.box
        size = f"{right - left} x {bottom - top} pixels"
        print(f"{view.person.path}: {view.person.found}; {size}, mask by {view.person.how}")
        for warning in warnings_of(view):
            warn(warning)


def refuse_cut_people(views: list[BodyView]) -> None:
    """The height of what is seen is taken for the whole body's: half a person would become a dwarf without legs.

    Raises:
        UserError: the border of a picture cuts somebody.
    """
    for person in (view.person for view in views):
        if person.cut_sides:
            raise UserError(
                f"{person.path}: the person touches the {' and '.join(person.cut_sides)} border of the picture; give a "
                "picture of the whole person, with a mask if the background was taken for a part of them, or widen the "
                "picture by a margin if nothing is cut off"
            )


def warn(sentence: str) -> None:
    sys.stderr.write(f"warning: {sentence}\n")


def refuse_numbers(resolution: int, height_cm: float | None) -> None:
    """Raises UserError for numbers that no person can have."""
    refuse_resolution(resolution)
    lowest, highest = PLAUSIBLE_HEIGHTS_CM
    if height_cm is not None and not lowest <= height_cm <= highest:
        raise UserError(
            f"--height_cm {height_cm:g} is not between {lowest:g} and {highest:g}; give the person's height in "
            "centimetres"
        )
