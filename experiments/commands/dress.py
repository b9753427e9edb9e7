"""`threefold dress`: one reconstruction of clothing in the colours of another."""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands.parsing import call
from experiments.quiet import silence_the_training_library


def dress(shape: Path, texture: Path, out: Path) -> None:
    """Puts the texture of one reconstruction of clothing, and its light, on the shape of another: OUT/dress.png from
    the shape's own view, the mesh (glb, obj, ply), strips of other views and a turntable.

    Args:
        shape: folder of the reconstruction that gives shape and camera.
        texture: folder of the reconstruction that gives texture and light.
        out: folder for the results.
    """
    from experiments.reconstruction.clothing import views
    from experiments.reconstruction.clothing.reading import read_garment
    from experiments.reconstruction.clothing.tryon import wearing
    from experiments.reconstruction.saving import (
        MARK,
        refuse_to_replace,
        save_animation,
        save_mesh_files,
        whole_folder,
        write_json,
    )

    refuse_to_replace((shape, texture), out)
    body, worn = read_garment(shape), read_garment(texture)
    dressed = wearing(body.attributes, worn.attributes)
    size = views.shown_size(body.size)
    with whole_folder(out) as folder:
        save_mesh_files(body.template.mesh(dressed.vertices[0], dressed.texture[0]), folder, "mesh")
        views.row(views.coloured(dressed, body.template, size)).save(folder / "dress.png")
        round_about = views.coloured(views.turned(dressed, views.all_round()), body.template, size)
        views.row(round_about).save(folder / "rotation_azimuth.png")
        save_animation(views.turntable(dressed, body.template, size), folder / "turntable.gif")
        write_json({"shape": str(shape.resolve()), "texture": str(texture.resolve())}, folder / MARK)
    print(f"{out}/dress.png and mesh.glb")


def run(verb: str, arguments: Sequence[str]) -> int:
    silence_the_training_library()
    call(dress, arguments, verb=verb)
    return 0
