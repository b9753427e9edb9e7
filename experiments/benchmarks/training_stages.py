"""The training stages as the small configurations have them, on few data that the project makes itself."""

from pathlib import Path
from typing import NamedTuple

CONFIGS = Path(__file__).parent.parent / "configs"
MODEL, DATA = "--model.init_args", "--data.init_args"
NETWORK = f"{MODEL}.network.init_args"


class MeasuredStage(NamedTuple):
    """One training stage."""

    name: str
    config: str
    """In experiments/configs."""
    data: str
    """Kind of the data it is trained on."""
    words: tuple[str, ...] = ()
    """What differs from the configuration."""
    earlier: tuple[tuple[str, str], ...] = ()
    """Options that take the checkpoint of another stage, and that stage."""

    def command(self, folder: Path, workers: int) -> list[str]:
        """The words after `threefold fit`. folder: where the data and the checkpoints of earlier stages are."""
        words = ["--config", str(CONFIGS / self.config), *self.words]
        words += [f"{DATA}.root", str(folder / self.data), f"{DATA}.workers", str(workers)]
        for option, stage in self.earlier:
            words += [option, str(checkpoint_of(folder, stage))]
        return words


def checkpoint_of(folder: Path, stage: str) -> Path:
    """Where the checkpoint of a stage lies that a later one needs."""
    return folder / "earlier" / f"{stage}.ckpt"


SYNTHESIZED = {
    "faces": ("faces", "--num", "96", "--size", "192"),
    "bodies": ("bodies", "--num", "8", "--size", "128", "--held_out", "0.25"),
    "bodies-hd": (
        *("bodies", "--num", "4", "--size", "512", "--yaws", "4", "--mesh_resolution", "384", "--held_out", "0.5"),
    ),
    "garments": ("garments", "--num", "48", "--views", "4"),
}
"""What `threefold synthesize` is asked for: as the configurations say, but fewer."""

STAGES = {
    stage.name: stage
    for stage in (
        MeasuredStage("clothing", "clothing/small.yaml", "garments"),
        MeasuredStage(
            "face_coarse",
            "faces/coarse_small.yaml",
            "faces",
            # the last, dearest part of the training: faces are fitted and rendered from the first step
            (f"{MODEL}.shape_start", "0", f"{MODEL}.colour_start", "0", f"{MODEL}.colour_shape_start", "0"),
        ),
        MeasuredStage(
            "face_detail", "faces/detail_small.yaml", "faces", (), ((f"{MODEL}.coarse_checkpoint", "face_coarse"),)
        ),
        MeasuredStage("body_pifu", "bodies/pifu_small.yaml", "bodies"),
        MeasuredStage("body_multiscale", "bodies/multiscale_small.yaml", "bodies"),
        MeasuredStage("body_normals", "bodies/normals_small.yaml", "bodies-hd"),
        MeasuredStage(
            "body_pifuhd_coarse",
            "bodies/pifuhd_coarse_small.yaml",
            "bodies-hd",
            (),
            ((f"{NETWORK}.normals.init_args.checkpoint", "body_normals"),),
        ),
        MeasuredStage(
            "body_pifuhd_fine",
            "bodies/pifuhd_fine_small.yaml",
            "bodies-hd",
            (),
            ((f"{NETWORK}.coarse.init_args.checkpoint", "body_pifuhd_coarse"),),
        ),
        MeasuredStage(
            "body_superresolution",
            "bodies/superresolution_small.yaml",
            "bodies",
            (),
            ((f"{MODEL}.stage_one.init_args.checkpoint", "body_multiscale"),),
        ),
    )
}
"""In an order in which none comes before what it needs."""
