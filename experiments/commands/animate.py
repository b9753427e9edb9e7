"""`threefold animate`: how a run of clothing learned its template."""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands.parsing import call
from experiments.quiet import silence_the_training_library


def animate(run: Path, out: Path) -> None:
    """Writes OUT/template.gif, the run's template after every epoch from four sides, OUT/template.png, some of them one
    above the other, and the last one as template.glb and .obj.

    Args:
        run: folder of a run of clothing; it keeps its templates in template/.
        out: folder for the files.
    """
    from experiments.reconstruction.clothing.template_history import animation, read_history, strip
    from experiments.reconstruction.turntable import FRAME_MILLISECONDS
    from models.geometry.atomic import replace_when_complete
    from models.geometry.files import write_mesh

    history = read_history(run)
    frames = animation(history)
    # the last one stays for a while
    durations = [2 * FRAME_MILLISECONDS] * (len(frames) - 1) + [20 * FRAME_MILLISECONDS]
    with replace_when_complete(out / "template.gif", out / "template.png") as (moving, still):
        frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
        strip(history).save(still, "PNG")
    for suffix in ("glb", "obj"):
        write_mesh(history[-1].template, out / f"template.{suffix}")
    print(f"{out / 'template.gif'}: {len(history)} templates, the last after epoch {history[-1].finished}")


def run(verb: str, arguments: Sequence[str]) -> int:
    silence_the_training_library()
    call(animate, arguments, verb=verb)
    return 0
