"""`threefold transfer` and `threefold relight`: a reconstruction changed by another one."""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands.parsing import call
from experiments.quiet import silence_the_training_library


def transfer(face: Path, expression: Path, out: Path, run: Path | None = None) -> None:
    """Puts the expression of one reconstruction on the face of another: OUT/transfer.png over the photograph, and
    meshes.

    Args:
        face: folder of the reconstruction that keeps its identity, wrinkles, pose and light.
        expression: folder of the reconstruction that gives the expression.
        out: folder for the results.
        run: the run that made both; the one named in the first reconstruction when left out.
    """
    from experiments.reconstruction.faces.editing import with_expression_of
    from experiments.reconstruction.faces.outputs import coarse_mesh, fine_mesh, on_screen
    from experiments.reconstruction.faces.overlay import draw_on_photo
    from experiments.reconstruction.faces.reading import read_face
    from experiments.reconstruction.saving import refuse_to_replace

    refuse_to_replace((face, expression), out)
    kept = read_face(face, run)
    given = read_face(expression, networks=kept.face.networks)
    changed = with_expression_of(kept.face, given.face)
    coarse = coarse_mesh(changed, kept.texture)
    mesh = fine_mesh(changed, kept.texture) or coarse
    picture = draw_on_photo(kept.photo, changed, coarse, on_screen(changed, coarse))
    save_edit(out, "transfer", mesh, picture, {"face": str(face), "expression": str(expression)})


def relight(face: Path, light: Path, out: Path, run: Path | None = None) -> None:
    """Shows one reconstruction in the light of another: OUT/relight.png over the photograph, and meshes with the
    relit texture.

    Args:
        face: folder of the reconstruction to show.
        light: folder of the reconstruction that gives the light.
        out: folder for the results.
        run: the run that made both; the one named in the first reconstruction when left out.
    """
    from experiments.reconstruction.faces.editing import relit_texture
    from experiments.reconstruction.faces.outputs import coarse_mesh, fine_mesh, on_screen
    from experiments.reconstruction.faces.overlay import draw_on_photo
    from experiments.reconstruction.faces.reading import read_face
    from experiments.reconstruction.saving import refuse_to_replace

    refuse_to_replace((face, light), out)
    shown = read_face(face, run)
    lamp = read_face(light, networks=shown.face.networks)
    texture = relit_texture(shown.face, shown.texture, lamp.face.parameters.light)
    coarse = coarse_mesh(shown.face, texture)
    mesh = fine_mesh(shown.face, texture) or coarse
    picture = draw_on_photo(shown.photo, shown.face, coarse, on_screen(shown.face, coarse))
    save_edit(out, "relight", mesh, picture, {"face": str(face), "light": str(light)})


def save_edit(out: Path, name: str, mesh, picture, values: dict[str, str]) -> None:
    """Writes OUT/NAME.png, NAME.glb, NAME.obj and the turntable, whole or not at all."""
    from experiments.reconstruction.saving import MARK, save_animation, save_mesh_files, whole_folder, write_json
    from experiments.reconstruction.turntable import turntable

    with whole_folder(out) as folder:
        save_mesh_files(mesh, folder, name)
        picture.save(folder / f"{name}.png")
        save_animation(turntable(mesh), folder / "turntable.gif")
        write_json(values, folder / MARK)
    print(f"{out}/{name}.png and {name}.glb")


def run(verb: str, arguments: Sequence[str]) -> int:
    silence_the_training_library()
    call({"transfer": transfer, "relight": relight}[verb], arguments, verb=verb)
    return 0
