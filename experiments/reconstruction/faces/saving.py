"""The folder of a reconstructed face."""

from pathlib import Path

import numpy as np

from datamodules.landmarks import write_landmarks
from experiments.reconstruction.faces.outputs import FaceOutputs, landmark_rows
from experiments.reconstruction.overlay import picture_of
from experiments.reconstruction.saving import MARK, save_animation, save_mesh_files, whole_folder, write_json
from models.geometry.files import write_mesh


def save_outputs(outputs: FaceOutputs, folder: Path) -> None:
    """Writes everything into a folder of its own, whole or not at all (see `whole_folder` for errors)."""
    with whole_folder(folder) as target:
        save_mesh_files(outputs.coarse, target, "coarse")
        if outputs.fine is not None:
            save_mesh_files(outputs.fine, target, "fine")
        write_mesh(outputs.neutral, target / "neutral.ply")
        np.savetxt(target / "neutral.txt", outputs.neutral_landmarks.double().cpu().numpy(), fmt="%.7f")
        picture_of(outputs.texture.image).save(target / "texture.png")
        picture_of(outputs.texture.observed.expand(3, -1, -1)).convert("L").save(target / "texture_observed.png")
        if outputs.displacement is not None:
            outputs.displacement.picture().save(target / "displacement.png")
            np.save(target / "displacement_mm.npy", outputs.displacement.millimetres.cpu().numpy())
            write_json(outputs.displacement.description(), target / "displacement.json")
        for name, picture in outputs.pictures.items():
            picture.save(target / f"{name}.png")
        save_animation(outputs.turntable, target / "turntable.gif")
        write_landmarks(landmark_rows(outputs.landmarks), target / "landmarks.txt")
        write_json(outputs.values, target / MARK)
