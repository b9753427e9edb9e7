"""Every stage of training at its smallest, by the project's own commands on data that it makes itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

CONFIGS = Path(__file__).parent.parent / "configs"
EVERYWHERE = (
    *("--trainer.precision", "64-true", "--trainer.deterministic", "true", "--trainer.accelerator", "cpu"),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
    *("--trainer.check_val_every_n_epoch", "2", "--trainer.limit_val_batches", "1"),
)
BY_EPOCHS = ("--trainer.max_epochs", "3", "--trainer.limit_train_batches", "4")
BY_STEPS = ("--trainer.max_steps", "10", "--trainer.limit_train_batches", "4")
MODEL, DATA = "--model.init_args", "--data.init_args"
NETWORK = f"{MODEL}.network.init_args"
ENCODER = f"{NETWORK}.encoder.init_args"


class Stage(NamedTuple):
    """One training by `threefold fit`."""

    name: str
    config: str
    """In experiments/configs."""
    data: str
    """Kind of the data it is trained on; "" for none."""
    words: tuple[str, ...]
    earlier: tuple[tuple[str, str], ...] = ()
    """Options that take the checkpoint of another stage, and that stage."""

    def command(self, run: Path, folder: Path) -> list[str]:
        """The words after `threefold`. folder: where the data and the runs of earlier stages are."""
        words = ["fit", "--config", str(CONFIGS / self.config), "--run", str(run), *EVERYWHERE, *self.words]
        if self.data:
            words += [f"{DATA}.root", str(folder / self.data)]
        for option, stage in self.earlier:
            words += [option, str(folder / "whole" / stage / "checkpoints" / "best.ckpt")]
        return words


SYNTHESIZED: dict[str, Sequence[str]] = {
    "faces": ("faces", "--num", "16", "--images_per_identity", "1", "--size", "96", "--level", "tiny"),
    "bodies": ("bodies", "--num", "6", "--size", "64", "--yaws", "4", "--mesh_resolution", "64", "--held_out", "0.17"),
    "garments": ("garments", "--num", "12", "--views", "2", "--held_out", "0.2", "--height", "64"),
}
"""What `threefold synthesize` is asked for."""

TINY_FACE = (f"{MODEL}.face_model.init_args.level", "tiny")
TINY_BODY = (f"{DATA}.image_size", "64", f"{DATA}.batch_size", "1", f"{DATA}.points", "200", f"{DATA}.views", "2")
TINY_HD = (f"{DATA}.image_size", "64", f"{DATA}.batch_size", "1", f"{DATA}.points", "200")
STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            "clothing",
            "clothing/small.yaml",
            "garments",
            (*BY_EPOCHS, f"{DATA}.image_size", "[64, 32]", f"{DATA}.batch_size", "2", f"{MODEL}.averaged_epochs", "1"),
        ),
        Stage(
            "face-coarse",
            "faces/coarse_small.yaml",
            "faces",
            (
                *(*BY_STEPS, *TINY_FACE, f"{DATA}.image_size", "64", f"{MODEL}.backbone.init_args.image_size", "64"),
                *(f"{MODEL}.rendering_size", "32", f"{MODEL}.explained_pictures", "2", f"{DATA}.batch_size", "3"),
            ),
        ),
        Stage(
            "face-detail",
            "faces/detail_small.yaml",
            "faces",
            (*BY_STEPS, f"{MODEL}.uv_size", "64", f"{DATA}.image_size", "64", f"{DATA}.batch_size", "2"),
            ((f"{MODEL}.coarse_checkpoint", "face-coarse"),),
        ),
        Stage(
            "face-identity",
            "faces/identity_small.yaml",
            "",
            (*BY_EPOCHS, *TINY_FACE, f"{MODEL}.people", "4", f"{MODEL}.batches", "4", f"{MODEL}.side", "32"),
        ),
        Stage("body-pifu", "bodies/pifu_small.yaml", "bodies", (*BY_STEPS, *TINY_BODY)),
        Stage("body-multiscale", "bodies/multiscale_small.yaml", "bodies", (*BY_EPOCHS, *TINY_BODY)),
        Stage(
            "body-normals",
            "bodies/normals_small.yaml",
            "bodies",
            (*BY_EPOCHS, f"{DATA}.image_size", "64", f"{DATA}.batch_size", "1"),
        ),
        Stage(
            "body-pifuhd-coarse",
            "bodies/pifuhd_coarse_small.yaml",
            "bodies",
            (*BY_STEPS, *TINY_HD, f"{NETWORK}.image_size", "32"),
            ((f"{NETWORK}.normals.init_args.checkpoint", "body-normals"),),
        ),
        Stage(
            "body-pifuhd-fine",
            "bodies/pifuhd_fine_small.yaml",
            "bodies",
            (*BY_STEPS, *TINY_HD, f"{NETWORK}.window", "32"),
            ((f"{NETWORK}.coarse.init_args.checkpoint", "body-pifuhd-coarse"),),
        ),
        Stage(
            "body-superresolution",
            "bodies/superresolution_small.yaml",
            "bodies",
            (
                *(*BY_STEPS, *TINY_BODY, f"{NETWORK}.resolution", "32", f"{DATA}.voxels", "32"),
                *(f"{MODEL}.kept_grids", "2", "--trainer.limit_val_batches", "0"),  # its panels take long
            ),
            ((f"{MODEL}.stage_one.init_args.checkpoint", "body-multiscale"),),
        ),
    )
}
"""In an order in which none comes before what it needs."""
