"""`threefold export`: a trained run as a folder of a few megabytes that is used like the run."""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands.parsing import call
from experiments.errors import UserError
from experiments.quiet import silence_the_training_library


def export(
    run: list[Path], *, out: Path, data: list[Path] | None = None, limits: Path | None = None, largest_mb: float = 8.0
) -> None:
    """Writes OUT with weights.safetensors (half precision, without what only training needs), config.yaml,
    provenance.json, limits.txt and README.md; with --data also scores.json, measured with these very weights. OUT is
    used wherever a run is.

    Args:
        run: folder of a trained run.
        out: folder to write, such as experiments/weights/face.
        data: data sets on whose test pictures it is measured.
        limits: text file that says in plain words what the run is and is not good for; that of OUT when not given.
        largest_mb: refuses weights of more than so many million bytes.
    """
    from experiments.export.folder import export_run
    from experiments.export.scores import measure, write_page

    if len(run) != 1:
        raise UserError(f"export: one run is exported, {len(run)} were given; run the command for each")
    export_run(run[0], out, limits, round(largest_mb * 1e6))
    if data:
        measure(out, data)
    write_page(out)
    print(f"{out}: use it like a run, for example `threefold reconstruct photo.jpg --run {out} --out out`")


def run(verb: str, arguments: Sequence[str]) -> int:
    silence_the_training_library()
    call(export, arguments, verb=verb)
    return 0
