"""The folder of a reconstructed garment."""

from pathlib import Path

from experiments.reconstruction.clothing.outputs import GarmentOutputs
from experiments.reconstruction.saving import MARK, save_animation, save_mesh_files, whole_folder, write_json


def save_garment(outputs: GarmentOutputs, folder: Path) -> None:
    """Writes everything into a folder of its own, whole or not at all (see `whole_folder` for errors)."""
    with whole_folder(folder) as target:
        save_mesh_files(outputs.mesh, target, "mesh")
        for name, picture in outputs.pictures.items():
            picture.save(target / f"{name}.png")
        save_animation(outputs.turntable, target / "turntable.gif")
        write_json(outputs.values, target / MARK)
