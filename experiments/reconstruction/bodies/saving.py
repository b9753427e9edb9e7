"""The folder of a reconstructed body."""

from pathlib import Path

from datamodules.body_maps import write_depth_map, write_normal_map
from experiments.reconstruction.bodies.outputs import BodyOutputs
from experiments.reconstruction.saving import MARK, save_animation, save_mesh_files, whole_folder, write_json
from models.geometry.files import write_mesh


def save_body(outputs: BodyOutputs, folder: Path) -> None:
    """Writes everything into a folder of its own, whole or not at all (see `whole_folder` for errors)."""
    with whole_folder(folder) as target:
        save_mesh_files(outputs.mesh, target, "mesh")
        write_mesh(outputs.mesh_picture, target / "mesh_picture.ply")
        if outputs.mesh_world is not None:
            write_mesh(outputs.mesh_world, target / "mesh_world.ply")
        for name, picture in outputs.pictures.items():
            picture.save(target / f"{name}.png")
        for name, normals in outputs.normals.items():
            write_normal_map(normals, target / f"{name}.png")
        write_depth_map(*outputs.depth, target / "depth.png")
        save_animation(outputs.turntable, target / "turntable.gif")
        write_json(outputs.values, target / MARK)
