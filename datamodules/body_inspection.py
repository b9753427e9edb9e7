"""What a data set of bodies holds and everything that is wrong with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from datamodules.body_dataset import BodySource
from datamodules.body_records import BodyLayout, BodyRecord, BodyView
from datamodules.cape_files import evenly_chosen
from models.geometry.view_cameras import HALF_EXTENT_CM

CHECKED_SIZE = 128
PANEL_BODIES, PANEL_VIEWS = 16, 4
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class BodyInspection:
    """Counts of a data set and one sentence for each problem."""

    root: Path
    bodies: int
    subjects: int
    sequences: int
    views: int
    checked: int
    splits: dict[str, int]
    problems: tuple[str, ...]

    def report(self) -> str:
        """A few lines to print, problems last."""
        sequences = f", {self.sequences} sequences" if self.sequences > 1 else ""
        bodies, subjects = _counted(self.bodies, "body", "bodies"), _counted(self.subjects, "subject", "subjects")
        lines = [f"{self.root}: {bodies} of {subjects}{sequences}, {_counted(self.views, 'view', 'views')}"]
        if self.splits:
            lines.append("splits: " + ", ".join(f"{name} {count}" for name, count in self.splits.items()))
        if self.checked < self.bodies:
            lines.append(f"read whole: {self.checked} of the bodies, evenly chosen")
        lines.append(_counted(len(self.problems), "problem", "problems") if self.problems else "no problems")
        return "\n".join([*lines, *(f"- {problem}" for problem in self.problems)])


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def inspect_bodies(
    open_layout: Callable[[], BodyLayout],
    root: Path,
    *,
    limit: int | None = None,
    panel: Path | None = None,
    progress: Progress | None = None,
) -> BodyInspection:
    """Reads meshes, pictures, masks and cameras as training would and names every one that it would stumble over.

    limit: read only that many bodies whole, evenly chosen; None reads all. panel: where to write a PNG of sample
    pictures with the masks' outlines, or None.

    Raises FileNotFoundError when the data set is missing altogether.
    """
    try:
        layout = open_layout()
    except ValueError as error:  # an empty val.txt or a broken calibration: nothing can be matched
        return BodyInspection(root, 0, 0, 0, 0, 0, {}, tuple(str(error).splitlines()))
    problems = list(layout.problems())
    source = BodySource(layout, 1 << 28)
    chosen = [layout.records[k] for k in evenly_chosen(len(layout.records), limit or len(layout.records))]
    shown: list[list[BodyView]] = []
    kept = set(evenly_chosen(len(chosen), PANEL_BODIES))
    for done, record in enumerate(chosen):
        views: list[BodyView] = []
        problems += _problems_of(source, record, views)
        if done in kept and views:
            shown.append([views[k] for k in evenly_chosen(len(views), PANEL_VIEWS)])
        if progress is not None:
            progress(done + 1, len(chosen))
    if panel is not None and shown:
        _write_panel(shown, panel)
    return BodyInspection(
        root,
        len(layout.records),
        len({record.subject for record in layout.records}),
        len({record.sequence for record in layout.records}),
        sum(len(record.views) for record in layout.records),
        len(chosen),
        {name: len(names) for name, names in layout.splits.items()},
        tuple(dict.fromkeys(problems)),
    )


def _problems_of(source: BodySource, record: BodyRecord, views: list[BodyView]) -> Iterator[str]:
    try:
        body = source.body(record)
    except (OSError, ValueError) as error:
        yield str(error)
        return
    if not body.inside.closed:
        yield (
            f"The mesh {record.mesh} is not watertight: its labels come from winding numbers and are a guess near the "
            "holes; close them if they are large."
        )
    reach = float(body.vertices_cm.abs().max())
    if reach > HALF_EXTENT_CM:
        yield (
            f"The mesh {record.mesh} reaches {reach:.0f} cm from the middle of the body where pictures and volumes end "
            f"at {HALF_EXTENT_CM}: leave the pose out or expect it to be cut."
        )
    for view in record.views:
        try:
            shown = source.view(record, view, CHECKED_SIZE)
        except (OSError, ValueError) as error:
            yield str(error)
            continue
        views.append(shown)
        border = shown.mask[0].clone()
        border[1:-1, 1:-1] = 0
        if bool(border.any()):
            yield f"The person in {view.picture} is cut by the border of the picture: leave the view out."


def _write_panel(shown: list[list[BodyView]], path: Path) -> None:
    rows = []
    for views in shown:
        tiles = [_outlined(view) for view in views]
        tiles += [torch.zeros_like(tiles[0])] * (PANEL_VIEWS - len(tiles))
        rows.append(torch.cat(tiles, 2))
    columns = 1 + (len(rows) > 4)
    rows += [torch.zeros_like(rows[0])] * (-len(rows) % columns)
    sheet = torch.cat([torch.cat(rows[k : k + columns], 2) for k in range(0, len(rows), columns)], 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet.permute(1, 2, 0).numpy()).save(path, format="PNG")


def _outlined(view: BodyView) -> torch.Tensor:
    inside = view.mask[None].float()
    core = -torch.nn.functional.max_pool2d(-inside, 3, stride=1, padding=1)
    line = (inside - core)[0, 0] > 0
    picture = view.image.clone()
    picture[:, line] = torch.tensor([255, 255, 0], dtype=torch.uint8)[:, None]
    return picture
