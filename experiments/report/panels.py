"""Panels over a training, and what stands in their columns."""

from experiments.report.pictures import Gallery, Room, embedded, evenly, read_picture
from experiments.report.run_contents import RunContents, epoch_of

COLUMNS = {
    "lightning_modules.clothing.": "photograph; mask, red where the mesh misses clothing and blue where it goes "
    "beyond; reconstruction; the same from 90 and 180 degrees farther round; normals; texture",
    "lightning_modules.face_coarse.": "photograph; given (red) and found (green) landmarks; rendering over the "
    "photograph; shape",
    "lightning_modules.face_detail.": "photograph; coarse shape; detailed shape; detailed rendering over the "
    "photograph",
    "lightning_modules.body_occupancy.": "first picture; normals of the predicted shape from four sides; normals of "
    "the true shape from four sides; black where there is no surface",
    "lightning_modules.body_superresolution.": "first picture; normals of the predicted shape from four sides; "
    "normals of the true shape from four sides; the first stage above, the mended shape below",
    "lightning_modules.body_normals.": "picture; front normals and their truth; back normals and their truth",
}
"""By the beginning of the training class's name."""


def columns_of(run: RunContents) -> str:
    """What the columns of a run's panels show; empty when unknown."""
    return next((text for start, text in COLUMNS.items() if run.model_class.startswith(start)), "")


def panel_gallery(run: RunContents, count: int, room: Room) -> Gallery:
    """So many epochs' panels, evenly over the training, and those of validate and test."""
    found = run.panels()
    if not found:
        return Gallery([], ["This run holds no panels: none were drawn yet, or its method draws none."])
    epochs = [path for path in found if path.stem.startswith("epoch")]
    chosen = [*evenly(epochs, count), *(path for path in found if path not in epochs)]
    pictures, remarks, left_out = [], [], 0
    if len(epochs) > count:
        remarks.append(f"{count} of {len(epochs)} epochs are shown; the others are in {found[0].parent}.")
    for path in chosen:
        name = epoch_of(path)
        alt = (
            f"Panel of {run.name}, {name}: a row for each sample, columns: {columns_of(run) or 'as its method draws'}."
        )
        try:
            picture = embedded(read_picture(path), alt=alt, caption=name)
        except ValueError as error:
            remarks.append(str(error))
            continue
        if room.take(len(picture.source)):
            pictures.append(picture)
        else:
            left_out += 1
    if left_out:
        remarks.append(f"{left_out} panels are left out: the page would grow beyond its limit.")
    return Gallery(pictures, remarks)
